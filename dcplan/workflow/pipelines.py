"""``search pipeline``: one model over unlike machines, each of which holds some of its layers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.basis import Basis
from dcplan.catalog.efficiency import ANY
from dcplan.catalog.formats import engines
from dcplan.diag import Diagnostic, Result, error, has_errors, listed, plural, warning
from dcplan.placement.layers.cycles import CyclePlan, place_in_cycles
from dcplan.sharding.serving_question import ServingQuestion
from dcplan.sharding.stages import StageMachine, stage_machine
from dcplan.workflow.asking import class_of, hardware_named, model_named
from dcplan.workflow.profiles import efficiencies_with

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dcplan.catalog.efficiency import Efficiencies
    from dcplan.catalog.types import Model

MOST_MACHINES = 1024
"""Of all kinds together: more is a slip of the hand."""

KIND = re.compile(r"(?P<what>.+?)(?:[xX](?P<devices>\d+))?(?::(?P<count>\d+))?")
"""``H100x8:2``: accelerator or machine type, devices of one machine, machines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A model, machines, and what requests it answers."""

    model: str
    hardware: str
    """``h100x8:2,l40sx8:4``."""
    prompt_tokens: int
    output_tokens: int
    latency_cap_s: float | None = None
    """The longest that one token may take through all stages: the TPOT."""
    most_stages: int | None = None
    precision: str = "bf16"
    engine: str = "vllm"
    profiles: Sequence[Path] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """What the machines of one kind carry as a pipeline (or as replicas) of their own."""

    kind: str
    tokens_per_s: float | None
    """None: they cannot hold the model within the cap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """The best pipeline, and what the machines would do kind by kind."""

    model: str
    layers: int
    machines: tuple[StageMachine, ...]
    found: CyclePlan
    apart: tuple[Apart, ...]
    basis: Basis
    """The weakest of what the times rest on."""

    @property
    def apart_tokens_per_s(self) -> float:
        """Of all kinds that can serve by themselves, together."""
        return sum(one.tokens_per_s or 0.0 for one in self.apart)


def search_pipeline(asking: Asking) -> Result[Pipeline]:
    """The placement of layers with which these machines together answer most tokens within the cap.

    Errors: ``wrong-machines`` for what cannot be read as machines, those of
    ``model_named``, ``hardware_named``, ``stage_machine`` and ``place_layers``.
    """
    model = model_named(asking.model)
    table = efficiencies_with(asking.profiles)
    said: list[Diagnostic] = [*model.diagnostics, *table.diagnostics]
    if model.value is None or table.value is None:
        said += [d for part in _parts(asking.hardware) for d in _named(part).diagnostics]
        return Result(None, tuple(dict.fromkeys(said)))
    said += (*_unlike_layers(model.value), *_no_engine(asking.engine, table.value))
    machines = _machines(asking, model.value, table.value)
    said += machines.diagnostics
    if machines.value is None or has_errors(tuple(said)):
        return Result(None, tuple(dict.fromkeys(said)))
    layers = model.value.layers
    found = _placed(asking, layers, machines.value)
    if found.value is None:
        return Result(None, (*said, *found.diagnostics))
    several = len(machines.value) > 1
    apart = [(one.name, _placed(asking, layers, (one,)).value) for one in machines.value] if several else []
    return Result(
        Pipeline(
            model=model.value.name,
            layers=layers,
            machines=machines.value,
            found=found.value,
            apart=tuple(
                Apart(kind=name, tokens_per_s=None if one is None else one.plan.tokens_per_s)
                for name, one in apart
            ),
            basis=Basis.weakest([one.basis for one in machines.value]),
        ),
        tuple(said),
    )


def _no_engine(engine: str, table: Efficiencies) -> tuple[Diagnostic, ...]:
    """A framework that trains in the place of an engine; what nobody knows is told with the machines."""
    trains = {software.partition("@")[0] for _, software in table.rows} - {ANY, *engines()}
    if engine.partition("@")[0] not in trains:
        return ()
    detail = f'"{engine}" trains and does not serve. Serving engines are {listed(sorted(engines()))}.'
    return (error("unknown-engine", "Unknown engine", detail),)


def _unlike_layers(model: Model) -> tuple[Diagnostic, ...]:
    """Shares of layers are not shares of time and memory where layers differ."""
    mixed = model.experts > 0 and 0 < model.dense_layers < model.mlp_layers
    if not (mixed or model.linear_layers or model.attention_layers < model.layers or model.sliding_layers):
        return ()
    detail = (
        f"The layers of {model.name} are of several sorts, and each machine's share of time and memory is "
        "taken to be its share of the layers. Stages with more of one sort are slower or fuller than said."
    )
    return (warning("unlike-layers", "Layers are taken to be alike", detail),)


def _placed(asking: Asking, layers: int, machines: tuple[StageMachine, ...]) -> Result[CyclePlan]:
    return place_in_cycles(
        layers, machines, latency_cap_s=asking.latency_cap_s, most_stages=asking.most_stages
    )


@dataclass(frozen=True, slots=True)
class _Kind:
    """One part of the list of machines, as it was written."""

    text: str
    what: str
    devices: int | None
    count: int


def _parts(hardware: str) -> list[str]:
    return [part.strip() for part in hardware.split(",")]


def _named(part: str) -> Result[_Kind]:
    """``H100x8:2`` in its parts; a machine type has a name of its own and needs no devices."""
    match = KIND.fullmatch(part)
    if match is None:
        detail = (
            f'"{part}" in the list of machines is empty or cannot be read. Write accelerator x devices of a '
            "machine : machines, such as H100x8:2,L40Sx8:4, or a machine type, such as p5.48xlarge:2."
        )
        return Result(None, (error("wrong-machines", "Machines cannot be read", detail),))
    what, devices, count = match["what"], match["devices"], int(match["count"] or 1)
    if devices is not None and hardware_named(what).value is None:
        # A machine type may end as a number of devices does: ct5lp-hightpu-4t, n2x8.
        whole = f"{what}x{devices}"
        if hardware_named(whole).value is not None:
            what, devices = whole, None
    if not 1 <= count <= MOST_MACHINES or devices == "0":
        detail = f'"{part}" has no machine, no device, or more than {MOST_MACHINES:,} machines.'
        return Result(None, (error("wrong-machines", "Machines cannot be read", detail),))
    return Result(_Kind(part, what, None if devices is None else int(devices), count))


def _machines(asking: Asking, model: Model, table: Efficiencies) -> Result[tuple[StageMachine, ...]]:
    """All kinds with their working points; every problem at once."""
    question = ServingQuestion(
        prompt_tokens=asking.prompt_tokens,
        output_tokens=asking.output_tokens,
        formats=(asking.precision,),
        engine=asking.engine,
    )
    said: list[Diagnostic] = []
    kinds: dict[str, StageMachine] = {}
    for part in _parts(asking.hardware):
        one = _named(part)
        said += one.diagnostics
        if one.value is None:
            continue
        ready = _stage_machine(one.value, model, question, table)
        said += ready.diagnostics
        if ready.value is not None and ready.value.name in kinds:
            detail = f"{ready.value.name} is named more than once. Say once how many of it there are."
            said.append(error("wrong-machines", "Machines are named twice", detail))
        elif ready.value is not None:
            kinds[ready.value.name] = ready.value
    return Result(None if has_errors(tuple(said)) else tuple(kinds.values()), tuple(said))


def _stage_machine(
    kind: _Kind, model: Model, question: ServingQuestion, table: Efficiencies
) -> Result[StageMachine]:
    """One kind with its working points."""
    found = hardware_named(kind.what)
    if found.value is None:
        return Result(None, found.diagnostics)
    machine, accelerator = found.value
    devices = machine.devices if kind.devices is None else kind.devices
    if devices > machine.devices:
        detail = (
            f'"{kind.text}" asks for machines of {devices} {accelerator.name}; the largest of the '
            f"catalogue, {machine.name}, has {plural(machine.devices, 'device')}."
        )
        return Result(None, (error("wrong-machines", "No machine has so many devices", detail),))
    name = f"{kind.what if kind.what == machine.name else accelerator.name}x{devices}"
    machines = class_of(machine, accelerator, kind.count)
    return stage_machine(name, model, machines, question, table, count=kind.count, devices=devices)
