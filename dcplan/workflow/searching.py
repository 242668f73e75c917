"""``search`` and ``estimate``: layouts of one model on one kind of hardware, without a document."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from dcplan.demand.types import Disaggregated
from dcplan.diag import Result, error
from dcplan.perf.types import Layout
from dcplan.sharding.filling import ServingLayout
from dcplan.sharding.one_serving import one_serving_layout
from dcplan.sharding.question import TrainingQuestion
from dcplan.sharding.rank_serving import ServingRanking, ranked_serving_layouts
from dcplan.sharding.rank_training import RankedLayout, TrainingRanking, best_training_layouts
from dcplan.sharding.serving_question import ServingQuestion
from dcplan.sharding.spelling import fields_named
from dcplan.workflow.asking import Asked, asked
from dcplan.workflow.profiles import efficiencies_with

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dcplan.sharding.types import MachineClass

T = TypeVar("T")

SERVED = ("tensor", "pipeline", "data", "expert", "expert_tensor")
"""Fields of a layout that serving has."""

SPLIT = ("tensor", "pipeline", "data", "expert", "expert_tensor", "context")
"""Fields of a layout that say how devices are shared out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[T]):
    """What was asked about, and the answer."""

    asked: Asked
    found: T
    prefill: MachineClass | None = None
    """Other machines for prefill workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How a model is trained, as far as it is not the layout."""

    model: str
    hardware: str
    sequence_tokens: int
    global_batch_sequences: int
    precision: str
    framework: str
    profiles: Sequence[Path] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What requests a model answers and how fast, as far as it is not the layout."""

    model: str
    hardware: str
    prompt_tokens: int
    output_tokens: int
    ttft_s: float | None = None
    tpot_s: float | None = None
    formats: tuple[str, ...] = ()
    floor: float | None = None
    engine: str = "vllm"
    profiles: Sequence[Path] = ()
    disaggregated: Disaggregated = Disaggregated.AUTO
    """Whether units of prefill and decode workers are looked at (only by a search)."""
    prefill_hardware: str | None = None
    """Where prefill workers run; None: where all others do."""

    @property
    def question(self) -> ServingQuestion:
        """The same without names."""
        return ServingQuestion(
            prompt_tokens=self.prompt_tokens,
            output_tokens=self.output_tokens,
            ttft_s=self.ttft_s,
            tpot_s=self.tpot_s,
            formats=self.formats or None,
            floor=self.floor,
            engine=self.engine,
        )


def search_serving(asking: Serving, devices: int, top: int) -> Result[Answer[ServingRanking]]:
    """The layouts on ``devices`` accelerators that serve most tokens within the SLA.

    Errors beside those of the search: ``nothing-apart`` for prefill hardware
    without disaggregated serving.
    """
    if asking.prefill_hardware and asking.disaggregated is Disaggregated.NEVER:
        detail = (
            "Hardware for prompts alone was named, and only replicas that do everything are asked for. Leave "
            "out -prefill-on, or say -disaggregated auto."
        )
        return Result(None, (error("nothing-apart", "Nothing would run on the prefill hardware", detail),))
    about = asked(asking.model, asking.hardware, devices)
    other = None if asking.prefill_hardware is None else asked(asking.model, asking.prefill_hardware, devices)
    table = efficiencies_with(asking.profiles)
    said = (*about.diagnostics, *(other.diagnostics if other else ()), *table.diagnostics)
    # Both kinds of hardware are asked about with the same model.
    said = tuple(dict.fromkeys(said))
    if about.value is None or table.value is None or (other is not None and other.value is None):
        return Result(None, said)
    prefill = other.value.machines if other is not None and other.value is not None else None
    found = ranked_serving_layouts(
        about.value.model,
        about.value.machines,
        devices,
        asking.question,
        which=asking.disaggregated,
        prefill=prefill,
        top=top,
        table=table.value,
    )
    if found.value is None:
        return Result(None, (*said, *found.diagnostics))
    return Result(Answer(asked=about.value, found=found.value, prefill=prefill), (*said, *found.diagnostics))


def estimate_serving(asking: Serving, layout: str, concurrency: int) -> Result[Answer[ServingLayout]]:
    """One replica in the layout that ``layout`` spells, with so many requests at a time."""
    spelled = fields_named(layout)
    about = asked(asking.model, asking.hardware)
    table = efficiencies_with(asking.profiles)
    said = (*spelled.diagnostics, *about.diagnostics, *table.diagnostics)
    if spelled.value is None or about.value is None or table.value is None:
        return Result(None, said)
    sizes = {name: size for name, size in spelled.value.items() if name in SERVED}
    one = replace(Layout(), **sizes)  # type: ignore[arg-type]  # the fields of ``SERVED`` are whole numbers
    found = one_serving_layout(
        about.value.model, about.value.machines, one, concurrency, asking.question, table.value
    )
    if found.value is None:
        return Result(None, (*said, *found.diagnostics))
    return Result(Answer(asked=about.value, found=found.value), (*said, *found.diagnostics))


def search_training(asking: Training, devices: int, top: int) -> Result[Answer[TrainingRanking]]:
    """The fastest training layouts on exactly ``devices`` accelerators."""
    about = asked(asking.model, asking.hardware, devices)
    table = efficiencies_with(asking.profiles)
    said = (*about.diagnostics, *table.diagnostics)
    if about.value is None or table.value is None:
        return Result(None, said)
    ranked = best_training_layouts(_question(asking, about.value, devices), table.value, top)
    if ranked.value is None:
        return Result(None, (*said, *ranked.diagnostics))
    return Result(Answer(asked=about.value, found=ranked.value), (*said, *ranked.diagnostics))


def estimate_training(asking: Training, layout: str) -> Result[Answer[RankedLayout]]:
    """One step of the layout that ``layout`` spells, such as tp8-pp2-dp4.

    A size that it leaves out is 1; of what else it leaves open, micro-batch,
    schedule, recomputing and ZeRO, the fastest that fits is taken.
    """
    spelled = fields_named(layout)
    sizes = dict.fromkeys(SPLIT, 1) | (spelled.value or {})
    devices = math.prod(int(sizes[name]) for name in ("tensor", "pipeline", "context", "data"))
    about = asked(asking.model, asking.hardware, devices)
    table = efficiencies_with(asking.profiles)
    said = (*spelled.diagnostics, *about.diagnostics, *table.diagnostics)
    if spelled.value is None or about.value is None or table.value is None:
        return Result(None, said)
    pins = {name: (value,) for name, value in sizes.items()}
    ranked = best_training_layouts(_question(asking, about.value, devices, pins), table.value, 1)
    if ranked.value is None:
        return Result(None, (*said, *ranked.diagnostics))
    return Result(Answer(asked=about.value, found=ranked.value.best[0]), (*said, *ranked.diagnostics))


def _question(
    asking: Training,
    about: Asked,
    devices: int,
    pins: Mapping[str, tuple[int | str, ...]] | None = None,
) -> TrainingQuestion:
    return TrainingQuestion(
        model=about.model,
        machines=about.machines,
        devices=devices,
        sequence_tokens=asking.sequence_tokens,
        global_batch_sequences=asking.global_batch_sequences,
        precision=asking.precision,
        software=asking.framework,
        # A layout that was spelled out is evaluated, whoever can run it.
        beyond_software=pins is not None,
        pins=pins or {},
    )
