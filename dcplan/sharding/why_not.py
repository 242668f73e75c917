"""Why a kind of machine or a way to keep the model has no candidate: one reason for each pair."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.demand.types import ServeDemand, TrainDemand, WorkloadDemand
from dcplan.perf.device import peak_flops
from dcplan.sharding.explain import serve_tries, train_tries
from dcplan.sharding.ways import ways_of
from dcplan.units import format_bytes, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dcplan.catalog.efficiency import Efficiencies
    from dcplan.catalog.types import Accelerator, Model
    from dcplan.sharding.explain import Try
    from dcplan.sharding.types import Candidate, MachineClass


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyNot:
    """What has no candidate, and why."""

    accelerator: str
    way: str
    """``fp8``, ``distilled/fp8``."""
    reason: str


def why_not(  # noqa: PLR0913, PLR0917 - all that a search has
    demand: WorkloadDemand,
    model: Model,
    models: Mapping[str, Model],
    classes: Sequence[MachineClass],
    candidates: Iterable[Candidate],
    table: Efficiencies,
) -> tuple[WhyNot, ...]:
    """The accelerators and ways of a workload without a candidate, the nearest miss of each.

    What the user does not allow is tried as well, so that it shows what allowing it would bring.
    """
    have = {
        (part.accelerator, c.way)
        for c in candidates
        if c.workload == demand.name
        for part in ((c, c.beside) if c.beside else (c,))
    }
    chips = {one.accelerator.name: one.accelerator for one in classes}
    if isinstance(demand, ServeDemand):
        ways = ways_of(demand, model, models).unwrap()
        named = {way.name: way for way in (*ways.allowed, *ways.others)}
        refused = {
            (chip.name, name): f"{demand.software} is not known to run it there"
            for chip in chips.values()
            for name, way in named.items()
            if not way.runs_on(demand.software, chip)
        }
        tries = serve_tries(demand, ways, classes, table)
        lacking = {name: way.form.weights for name, way in named.items()}
    else:
        tries, refused = train_tries(demand, model, classes, table), {}
        lacking = {one.way: one.way for one in tries}
    best: dict[tuple[str, str], Try] = {}
    for one in tries:
        key = (one.machines.accelerator.name, one.way)
        if key not in best or _missing(one, demand) < _missing(best[key], demand):
            best[key] = one
    pairs = sorted({(chip, way) for chip in chips for way in lacking} - have)
    return tuple(
        WhyNot(
            accelerator=chip,
            way=way,
            reason=_lack(chips[chip], lacking[way])
            or refused.get((chip, way))
            or _reason(best.get((chip, way)), demand),
        )
        for chip, way in pairs
    )


def _lack(chip: Accelerator, precision: str) -> str:
    """That a chip has no such products."""
    return "" if peak_flops(chip, precision) else f"no peak of {precision} products is known of it"


def _missing(one: Try, demand: WorkloadDemand) -> tuple[float, float]:
    """How far a try is from being a candidate: memory first, then the worst bound."""
    if not one.fits:
        return (1.0 + max(one.missing_bytes, 0.0), math.inf)
    bounds = _bounds(demand)
    worst = max(
        (seconds / bound for seconds, (_, bound) in zip(one.seconds, bounds, strict=True)), default=0.0
    )
    return (0.0, worst)


def _bounds(demand: WorkloadDemand) -> list[tuple[str, float]]:
    """What is bounded, and by how many seconds; as many as a try has times."""
    if isinstance(demand, TrainDemand):
        return [("done in", math.inf if demand.deadline_s is None else demand.deadline_s)]
    return [(f"{b.metric.upper()} p{b.quantile * 100:g}", b.bound_s) for b in demand.bounds]


def _reason(one: Try | None, demand: WorkloadDemand) -> str:
    """Why the nearest try is no candidate."""
    if one is None or (not one.fits and math.isinf(one.missing_bytes)):
        return "no split of the model is legal there"
    if not one.fits:
        return f"{format_bytes(max(one.missing_bytes, 0.0))} short on the fullest device as {one.layout}"
    missed = [
        f"{what} {format_duration(seconds)} of {format_duration(bound)} allowed"
        for seconds, (what, bound) in zip(one.seconds, _bounds(demand), strict=True)
        if seconds > bound
    ]
    if missed:
        return f"{', '.join(missed)} at best, as {one.layout}"
    if not one.allowed:
        return f"not allowed; it would do, as {one.layout}"
    return "others need fewer devices"
