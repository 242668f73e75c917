"""``search`` and ``estimate``: layouts of one model on one kind of hardware, without a document."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from dcplan.catalog.efficiency import ANY
from dcplan.catalog.formats import engines
from dcplan.catalog.types import AcceleratorKind
from dcplan.demand.types import Disaggregated
from dcplan.diag import Diagnostic, Result, did_you_mean, error, has_errors, listed, warning
from dcplan.perf.types import Layout
from dcplan.sharding.filling import ServingLayout
from dcplan.sharding.one_serving import one_serving_layout
from dcplan.sharding.question import TrainingQuestion, lacks
from dcplan.sharding.rank_serving import ServingRanking, ranked_serving_layouts
from dcplan.sharding.rank_training import RankedLayout, TrainingRanking, best_training_layouts
from dcplan.sharding.serving_question import ServingQuestion
from dcplan.sharding.spelling import SIZES, fields_named
from dcplan.workflow.asking import Asked, asked
from dcplan.workflow.profiles import efficiencies_with

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dcplan.catalog.efficiency import Efficiencies
    from dcplan.catalog.types import Model
    from dcplan.sharding.types import MachineClass

T = TypeVar("T")

SERVED = ("tensor", "pipeline", "data", "expert", "expert_tensor")
"""Fields of a layout that serving has."""

MOST = 10**7
"""Tokens of a sequence or sequences of a step: more is a slip of the hand, and all divisors are tried."""

FRAMEWORK = "megatron"
"""What trains where nobody names a framework."""

FRAMEWORKS = {AcceleratorKind.TPU: "maxtext"}
"""The same on chips that it does not run on."""

SPLIT = ("tensor", "pipeline", "data", "expert", "expert_tensor", "context")
"""Fields of a layout that say how devices are shared out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[T]):
    """What was asked about, and the answer."""

    asked: Asked
    found: T
    prefill: MachineClass | None = None
    """Other machines for prefill workers."""
    framework: str = ""
    """What trains; empty where nothing does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How a model is trained, as far as it is not the layout."""

    model: str
    hardware: str
    sequence_tokens: int
    global_batch_sequences: int
    precision: str
    framework: str = ""
    """Empty: ``megatron``, or what stands in for it on the accelerator."""
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
    unfit = _not_an_engine(asking.engine, table.value)
    if unfit:
        return Result(None, (*said, *unfit))
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
    said = (
        *said,
        *_not_served(spelled.value, about.value.model),
        *_not_an_engine(asking.engine, table.value),
    )
    if has_errors(said):
        return Result(None, said)
    one = replace(Layout(), **spelled.value)  # type: ignore[arg-type]  # only the whole numbers of ``SERVED``
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
    asking = _with_framework(asking, about.value)
    said = (*about.diagnostics, *table.diagnostics, *_not_trainable(asking, table.value))
    if about.value is None or table.value is None or has_errors(said):
        return Result(None, said)
    ranked = best_training_layouts(_question(asking, about.value, devices), table.value, top)
    said = (*said, *ranked.diagnostics)
    if ranked.value is None:
        return Result(None, said)
    return Result(Answer(asked=about.value, found=ranked.value, framework=asking.framework), said)


def estimate_training(asking: Training, layout: str) -> Result[Answer[RankedLayout]]:
    """One step of the layout that ``layout`` spells, such as tp8-pp2-dp4.

    A size that it leaves out is 1; of what else it leaves open, micro-batch,
    schedule, recomputing and ZeRO, the fastest that fits is taken of what the
    framework has.  A layout that it is not known to run is predicted all the same,
    with the warning ``beyond-framework``.
    """
    spelled = fields_named(layout)
    sizes = dict.fromkeys(SPLIT, 1) | (spelled.value or {})
    devices = math.prod(int(sizes[name]) for name in ("tensor", "pipeline", "context", "data"))
    about = asked(asking.model, asking.hardware, devices)
    table = efficiencies_with(asking.profiles)
    asking = _with_framework(asking, about.value)
    said = (*spelled.diagnostics, *about.diagnostics, *table.diagnostics)
    said = (*said, *_not_trainable(asking, table.value))
    if spelled.value is None or about.value is None or table.value is None or has_errors(said):
        return Result(None, said)
    pins = {name: (value,) for name, value in sizes.items()}
    question = _question(asking, about.value, devices, pins)
    ranked = best_training_layouts(question, table.value, 1)
    if ranked.value is None:
        # What the framework lacks may be all that keeps the layout from being legal.
        ranked = best_training_layouts(replace(question, beyond_software=True), table.value, 1)
    said = (*said, *ranked.diagnostics)
    if ranked.value is None:
        return Result(None, said)
    best = ranked.value.best[0]
    said = (*said, *_beyond(asking.framework, best.layout))
    return Result(Answer(asked=about.value, found=best, framework=asking.framework), said)


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
        pins=pins or {},
    )


def _with_framework(asking: Training, about: Asked | None) -> Training:
    """The same with a framework, where none was named."""
    if asking.framework:
        return asking
    usual = FRAMEWORK if about is None else FRAMEWORKS.get(about.machines.accelerator.kind, FRAMEWORK)
    return replace(asking, framework=usual)


def _beyond(framework: str, layout: Layout) -> tuple[Diagnostic, ...]:
    """A warning for a layout that the framework is not known to run."""
    lacking = lacks(framework, layout)
    if not lacking:
        return ()
    detail = (
        f"{framework} is not known to have {listed(lacking)}. The step is predicted all the same, with its "
        "figures. Leave that out of the layout, or name a framework that has it with -framework."
    )
    return (warning("beyond-framework", "The framework is not known to run this layout", detail),)


def _not_served(fields: Mapping[str, int | str], model: Model) -> tuple[Diagnostic, ...]:
    """What a layout says that replicas do not have: words of training, experts of a dense model."""
    shorts = {name: short for short, name in SIZES.items()}
    foreign = [
        f"{shorts[name]}{value}" if name in shorts else str(value)
        for name, value in fields.items()
        if name not in SERVED
    ]
    problems = []
    if foreign:
        served = listed([shorts[name] for name in SERVED])
        detail = (
            f"Only training has {listed(foreign)}; a layout of serving is of {served}. Leave the rest out."
        )
        problems.append(error("unknown-layout", "This is no part of a serving layout", detail))
    if not model.experts and int(fields.get("expert", 1)) > 1:
        detail = f"{model.name} has no experts that ep{fields['expert']} could deal out. Leave it out."
        problems.append(error("no-layout", "The layout is not legal", detail))
    return tuple(problems)


def _not_an_engine(engine: str, table: Efficiencies) -> tuple[Diagnostic, ...]:
    """A framework in the place of a serving engine; what nobody knows is told by the search."""
    if engine not in _frameworks(table):
        return ()
    detail = f'"{engine}" trains and does not serve. Serving engines are {listed(sorted(engines()))}.'
    return (error("unknown-engine", "Unknown engine", detail),)


def _not_trainable(asking: Training, table: Efficiencies | None) -> tuple[Diagnostic, ...]:
    """A framework that nobody knows, and sizes that nobody means."""
    problems = []
    known = _frameworks(table) if table is not None else [asking.framework]
    if asking.framework.partition("@")[0] not in known:
        hint = did_you_mean(asking.framework, known)
        detail = f'dcplan does not know the framework "{asking.framework}". {hint} Known are {listed(known)}.'
        problems.append(error("unknown-framework", "Unknown framework", detail.replace("  ", " ")))
    for name, size in (("sequence", asking.sequence_tokens), ("batch", asking.global_batch_sequences)):
        if size > MOST:
            detail = f"-{name} is {size:,}; no more than {MOST:,} is looked at."
            problems.append(error("wrong-size", "A size is wrong", detail))
    return tuple(problems)


def _frameworks(table: Efficiencies) -> list[str]:
    """What trains: software with figures that is no serving engine, releases left out."""
    plain = {software.partition("@")[0] for _, software in table.rows}
    return sorted(plain - {ANY, *engines()})
