"""Names of candidates, unique in a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dcplan.perf.types import Layout
    from dcplan.sharding.types import MachineClass

PRECISIONS = ("bf16", "fp8", "int8", "fp4", "int4")
"""What is tried, where it may be, for models whose number format nobody named."""


def candidate_id(
    workload: str, machines: MachineClass, layout: Layout | str, precision: str, devices: int = 0
) -> str:
    """``chat/p5.48xlarge/tp2/bf16``, or ``pretrain/p5.48xlarge/64/tp8-pp2-dp4/bf16`` with a device count.

    A unit that is described as ``2P TP2 + 1D TP4`` is ``2p-tp2+1d-tp4``.
    """
    split = str(layout).lower().replace(" + ", "+").replace(" ", "-")
    parts = [workload, machines.name, *([str(devices)] if devices else []), split, precision]
    return "/".join(parts)


def told_apart(candidate: str, pool: str) -> str:
    """The id of a candidate whose machine is on offer with other links, too; ``pool`` has these."""
    return f"{candidate}@{pool}"


def plain_id(candidate: str) -> str:
    """The id without what tells it apart: the same however many kinds of links are on offer."""
    return candidate.partition("@")[0]
