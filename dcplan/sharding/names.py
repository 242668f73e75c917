"""Names of candidates, unique in a plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.perf.types import Layout

if TYPE_CHECKING:
    from dcplan.demand.types import WorkloadDemand
    from dcplan.sharding.types import MachineClass

PRECISIONS = ("bf16", "fp8", "int8", "fp4", "int4")
"""What is tried, where it may be, for models whose number format nobody named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What messages call things: keys of a document, or options of a command without one."""

    allow: str
    """How a number format is allowed, behind its name."""
    permit: str
    """How one is allowed, before its name."""
    floor: str
    declare: str
    """What else there is to do about a quality floor."""
    absent: str
    """Why hardware that is allowed may be missing."""
    more: str
    """What to do where no machine holds a model."""


DOCUMENT = Words(
    allow="list it in constraints.precisions",
    permit="allow {} in constraints.precisions",
    floor="the floor",
    declare=", or declare under variants what your own checkpoint keeps",
    absent="the memory or the precision, or no pool has them",
    more="Add machines with more memory, or more machines to one pool.",
)
OPTIONS = Words(
    allow="name it with -format",
    permit="allow {} with -format",
    floor="-floor",
    declare="",
    absent="the memory or the precision",
    more="Name hardware with more memory with -on, or take more of it with -devices.",
)


def words_for(demand: WorkloadDemand) -> Words:
    """The words that whoever asks knows: a workload of no document was asked for with options."""
    return DOCUMENT if demand.origin else OPTIONS


def candidate_id(
    workload: str, machines: MachineClass | str, layout: Layout | str, precision: str, devices: int | str = 0
) -> str:
    """``chat/p5.48xlarge/tp2/bf16``, or ``pretrain/p5.48xlarge/64/tp8-pp2-dp4/bf16`` with a device count.

    A unit that is described as ``2P TP2 + 1D TP4`` is ``2p-tp2+1d-tp4``; of one on two types of machines,
    ``machines`` is what it is called.
    """
    split = str(layout).lower().replace(" + ", "+").replace(" ", "-")
    parts = [
        workload,
        machines if isinstance(machines, str) else machines.name,
        *([str(devices)] if devices else []),
        split,
        precision,
    ]
    return "/".join(parts)


def training_split(layout: Layout) -> str:
    """A training layout in full: ``TP8 PP2 DP4 VP2 MBS2 full``, with what is as it is by default left out."""
    plain, words = Layout(), [str(layout)]
    words += [f"VP{layout.virtual_stages}"] if layout.virtual_stages > 1 else []
    words += [f"MBS{layout.micro_batch}"] if layout.micro_batch > 1 else []
    words += [layout.schedule] if layout.schedule != plain.schedule else []
    words += [layout.recompute] if layout.recompute != plain.recompute else []
    return " ".join(words)


def told_apart(candidate: str, pool: str) -> str:
    """The id of a candidate whose machine is on offer with other links, too; ``pool`` has these."""
    return f"{candidate}@{pool}"


def plain_id(candidate: str) -> str:
    """The id without what tells it apart: the same however many kinds of links are on offer."""
    return candidate.partition("@")[0]
