"""Why no layout is left, by how much the best one misses, and which lines of the document clash."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dcplan.catalog.formats import DEFAULT_PRECISIONS, engines, trained_in
from dcplan.demand.types import Floor, Limits, ServeDemand, SlaBound, TrainDemand, WorkloadDemand
from dcplan.diag import ConfigPath, Diagnostic, error, listed, plural
from dcplan.perf.serving import cached_bytes
from dcplan.perf.serving_memory import serving_memory
from dcplan.sharding import train
from dcplan.sharding.clash import Line, TimeLine, nearest, related, smallest_clash
from dcplan.sharding.names import PRECISIONS, words_for
from dcplan.sharding.trials import ServeTrial, least_room, try_classes
from dcplan.units import format_bytes, format_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.catalog.efficiency import Efficiencies
    from dcplan.catalog.types import Model
    from dcplan.perf.numbers import Array
    from dcplan.sharding.legal import Mask
    from dcplan.sharding.types import MachineClass
    from dcplan.sharding.ways import Ways

MOST_WAYS = 4
"""Ways to keep the model that are named where more would do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One layout that was tried."""

    machines: MachineClass
    way: str
    """``fp8``, ``distilled/fp8``."""
    precision: str
    kept: float
    """Share of quality that is known to be kept; 0 where nobody knows."""
    allowed: bool
    """Whether it is looked at without a line that says so."""
    layout: str
    """``TP8 on p5.48xlarge``."""
    fits: bool
    missing_bytes: float
    """Memory that its fullest device lacks; infinite for what is not legal."""
    seconds: tuple[float, ...]
    """What it reaches at best, in the order of the bounds."""


def explain_serve(
    demand: ServeDemand, ways: Ways, classes: Sequence[MachineClass], table: Efficiencies
) -> Diagnostic:
    """The error for a serving workload without candidates."""
    if not any(way.runs_on(demand.software, one.accelerator) for one in classes for way in ways.allowed):
        return _not_run(demand, ways, classes)
    rows = serve_tries(demand, ways, classes, table)
    bounds = [(_bound_name(b), b.bound_s, b.origin) for b in demand.bounds]
    return _explain(demand, rows, bounds)


def serve_tries(
    demand: ServeDemand, ways: Ways, classes: Sequence[MachineClass], table: Efficiencies
) -> list[Try]:
    """All layouts of all ways on all classes, whether they are allowed or not."""
    pairs = [(machines, way) for machines in classes for way in (*ways.allowed, *ways.others)]
    return [
        row
        for trial in try_classes(demand, pairs, table)
        for row in _serve_rows(trial, allowed=trial.way in ways.allowed)
    ]


def _not_run(demand: ServeDemand, ways: Ways, classes: Sequence[MachineClass]) -> Diagnostic:
    """The engine runs nothing that is allowed on any of the machines."""
    chips = sorted({one.accelerator.name for one in classes})
    elsewhere = [
        engine
        for engine in engines()
        if any(way.runs_on(engine, one.accelerator) for one in classes for way in ways.allowed)
    ]
    way_out = (
        f"{listed(elsewhere, last='or')} would: set engine."
        if elsewhere
        else "Allow other machines or precisions."
    )
    return error(
        "engine-unsupported",
        "The engine does not run here",
        f'As far as is known, {demand.software} does not run "{demand.name}" in '
        f"{listed([way.name for way in ways.allowed], last='or')} on {listed(chips, last='or')}. {way_out}",
        path=(*demand.origin, "engine"),
    )


def explain_train(
    demand: TrainDemand,
    model: Model,
    classes: Sequence[MachineClass],
    table: Efficiencies,
) -> Diagnostic:
    """The error for a training workload without candidates."""
    rows = train_tries(demand, model, classes, table)
    bounds = []
    if demand.deadline_s is not None:
        bounds = [("the duration", demand.deadline_s, demand.deadline_origin or demand.origin)]
    return _explain(demand, rows, bounds)


def train_tries(
    demand: TrainDemand, model: Model, classes: Sequence[MachineClass], table: Efficiencies
) -> list[Try]:
    """The fastest layout in each precision on each class, whether it is allowed or not."""
    limit = demand.limits.precisions
    allowed = DEFAULT_PRECISIONS if limit is None else limit.names
    able = trained_in(demand.software)
    return [
        _train_row(train.try_class(demand, model, machines, precision, table), allowed=precision in allowed)
        for machines in classes
        for precision in able
        if precision in PRECISIONS or precision in allowed
    ]


def _bound_name(bound: SlaBound) -> str:
    """``TTFT p95``."""
    return f"{bound.metric.upper()} p{bound.quantile * 100:g}"


def _serve_rows(trial: ServeTrial, *, allowed: bool) -> list[Try]:
    """All layouts of a serving trial."""
    r = trial.replicas
    if r is None:
        return []
    cached = least_room(r) * cached_bytes(r, r.prompt.mean + r.output.mean)
    held = serving_memory(r.parameters, r.layouts, r.device, r.engine, cached).total_bytes
    missing = np.broadcast_to(np.asarray(held) - r.device.memory_bytes, (trial.count,))
    return [
        Try(
            machines=trial.machines,
            way=trial.way.name,
            precision=trial.way.form.name,
            kept=trial.way.kept,
            allowed=allowed,
            layout=f"{r.layouts.one(i)} on {_counted(trial.machines, int(r.layouts.devices[i]))}",
            fits=bool(trial.legal[i] and trial.fits[i]),
            missing_bytes=float(missing[i]) if trial.legal[i] else math.inf,
            seconds=tuple(float(idle[i]) for idle in trial.idle_s),
        )
        for i in range(trial.count)
    ]


def _train_row(trial: train.TrainTrial, *, allowed: bool) -> Try:
    """The fastest layout of a training trial."""
    fits = trial.jobs is not None and len(trial.duration_s) > 0
    layout, seconds = "", math.inf
    if trial.jobs is not None and fits:
        index = int(np.argmin(trial.duration_s))
        seconds = float(trial.duration_s[index])
        devices = int(trial.jobs.layouts.devices[index])
        layout = f"{trial.jobs.layouts.one(index)} on {_counted(trial.machines, devices)}"
    return Try(
        machines=trial.machines,
        way=trial.precision,
        precision=trial.precision,
        kept=0.0,
        allowed=allowed,
        layout=layout,
        fits=fits,
        missing_bytes=trial.smallest_bytes - trial.machines.accelerator.memory_bytes,
        seconds=(seconds,),
    )


def _counted(machines: MachineClass, devices: int) -> str:
    """``4 x p5.48xlarge``, or just the name for one and for a part of one."""
    count = math.ceil(devices / machines.machine.devices)
    return f"{count} x {machines.name}" if count > 1 else machines.name


def _explain(
    demand: WorkloadDemand, rows: Sequence[Try], bounds: Sequence[tuple[str, float, ConfigPath]]
) -> Diagnostic:
    """Find the lines that clash and tell how near the best layout came."""
    possible = np.array([row.fits for row in rows], dtype=bool)
    floor = demand.floor if isinstance(demand, ServeDemand) else None
    if demand.limits.precisions is None and floor is None:
        possible &= np.array([row.allowed for row in rows], dtype=bool)
    lines = [*_times(rows, bounds), *_limits(demand.limits, rows), *_floors(floor, rows)]
    clash = smallest_clash(possible, lines)
    if clash is None:
        msg = "no layout was kept although some satisfy every line. This is a bug in dcplan."
        raise RuntimeError(msg)
    if not clash:
        return _fits_nowhere(demand, rows)
    times = [line for line in clash if isinstance(line, TimeLine)]
    best = nearest(possible, lines, times) or nearest(possible, clash, times)
    if best is None:
        return _nothing_allowed(demand, clash, rows, possible)
    return _too_slow(demand, clash, rows[best[0]], best[1], float(best[1].seconds[best[0]]))


def _times(rows: Sequence[Try], bounds: Sequence[tuple[str, float, ConfigPath]]) -> list[Line]:
    """The lines that bound times."""
    out: list[Line] = []
    for i, (what, bound_s, origin) in enumerate(bounds):
        seconds: Array = np.array([row.seconds[i] for row in rows], dtype=np.float64)
        says = f"{what} is at most {format_duration(bound_s)}"
        out.append(
            TimeLine(
                says=says,
                origin=origin,
                keeps=seconds <= bound_s,
                what=what,
                bound_s=bound_s,
                seconds=seconds,
            )
        )
    return out


def _limits(limits: Limits, rows: Sequence[Try]) -> list[Line]:
    """The lines that allow accelerators and precisions."""
    out: list[Line] = []
    if limits.accelerators is not None:
        names = limits.accelerators.names
        keeps: Mask = np.array([row.machines.accelerator.name in names for row in rows], dtype=bool)
        says = f"only the accelerators {listed(names)} are allowed"
        out.append(Line(says=says, origin=limits.accelerators.origin, keeps=keeps))
    if limits.precisions is not None:
        names = limits.precisions.names
        keeps = np.array([row.precision in names for row in rows], dtype=bool)
        says = f"only the precisions {listed(names)} are allowed"
        out.append(Line(says=says, origin=limits.precisions.origin, keeps=keeps))
    return out


def _floors(floor: Floor | None, rows: Sequence[Try]) -> list[Line]:
    """The line that asks for quality."""
    if floor is None:
        return []
    keeps: Mask = np.array([row.kept >= floor.kept for row in rows], dtype=bool)
    says = f"at least {100 * floor.kept:g}% of the quality is kept"
    return [Line(says=says, origin=floor.origin, keeps=keeps)]


def _too_slow(
    demand: WorkloadDemand, clash: Sequence[Line], row: Try, bound: TimeLine, seconds: float
) -> Diagnostic:
    """Something fits, but nothing is fast enough."""
    reached, short = format_duration(seconds), format_duration(seconds - bound.bound_s)
    others = len(clash) - 1
    way_out = "Relax this bound"
    if others:
        way_out += f" or the {plural(others, 'other line')} that it clashes with"
    fastest = f'The fastest layout for "{demand.name}", {row.layout} in {row.way},'
    if isinstance(demand, ServeDemand):
        detail = f"{fastest} reaches {bound.what} {reached} without any other load; the bound is"
    else:
        detail = f"{fastest} takes {reached}; the deadline is"
    return error(
        "no-layout",
        "No layout is fast enough",
        f"{detail} {format_duration(bound.bound_s)}: {short} short. {way_out}.",
        path=bound.origin,
        related=related(clash, bound.origin),
    )


def _nothing_allowed(
    demand: WorkloadDemand, clash: Sequence[Line], rows: Sequence[Try], possible: Mask
) -> Diagnostic:
    """What is allowed cannot hold the model, or is not there at all."""
    first = clash[0]
    able = [row for row, can in zip(rows, possible, strict=True) if can]
    chips = sorted({row.machines.accelerator.name for row in able})
    ways = list(dict.fromkeys(_told(row) for row in sorted(able, key=lambda row: -row.kept)))
    return error(
        "no-layout",
        "No allowed hardware can run the model",
        f'For "{demand.name}", {listed([line.says for line in clash])}, and on these the model cannot '
        f"run: they lack {words_for(demand).absent}. It would fit on "
        f"{listed(chips, last='or')} in {listed(ways[:MOST_WAYS], last='or')}.",
        path=first.origin,
        related=related(clash, first.origin),
    )


def _told(row: Try) -> str:
    """``int4 (keeps 97.4%)``, or just the way where nobody knows."""
    return f"{row.way} (keeps {row.kept:.1%})" if row.kept else row.way


def _fits_nowhere(demand: WorkloadDemand, rows: Sequence[Try]) -> Diagnostic:
    """No machine class holds the model, whatever the user would allow."""
    usable = [row for row in rows if row.allowed and math.isfinite(row.missing_bytes)]
    elsewhere = list(dict.fromkeys(_told(row) for row in rows if row.fits))
    words = words_for(demand)
    hint = f" It would fit in {listed(elsewhere[:MOST_WAYS], last='or')}: {words.allow}." if elsewhere else ""
    if not usable:
        detail = (
            f'No way of splitting "{demand.model}" over a machine suits its heads, layers and experts (and '
            f'the batch of "{demand.name}") on hardware with the precision asked for.{hint}'
        )
    else:
        best = min(usable, key=lambda row: row.missing_bytes)
        memory = best.machines.accelerator.memory_bytes
        where = f" as {best.layout}" if best.layout else f" on {best.machines.name}"
        detail = (
            f'"{demand.name}" needs {format_bytes(best.missing_bytes + memory)} on its fullest device{where} '
            f"in {best.way}, which is the nearest; {best.machines.accelerator.name} has "
            f"{format_bytes(memory)}: {format_bytes(max(best.missing_bytes, 0.0))} short.{hint} "
            f"{words.more}"
        )
    return error("no-layout", "The model fits on no machine", detail, path=demand.origin)
