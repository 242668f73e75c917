"""Why no layout is left, by how much the best one misses, and which lines of the document clash."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dcplan.demand.types import Limits, ServeDemand, SlaBound, TrainDemand, WorkloadDemand
from dcplan.diag import ConfigPath, Diagnostic, error, listed, plural
from dcplan.perf.serving import cached_bytes
from dcplan.perf.serving_memory import serving_memory
from dcplan.sharding import serve, train
from dcplan.sharding.clash import Line, TimeLine, nearest, related, smallest_clash
from dcplan.sharding.names import PRECISIONS
from dcplan.units import format_bytes, format_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.catalog.efficiency import Efficiencies
    from dcplan.catalog.types import Model
    from dcplan.perf.numbers import Array
    from dcplan.sharding.enumerate import Mask
    from dcplan.sharding.types import MachineClass


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One layout that was tried."""

    machines: MachineClass
    precision: str
    layout: str
    """``TP8 on p5.48xlarge``."""
    fits: bool
    missing_bytes: float
    """Memory that its fullest device lacks; infinite for what is not legal."""
    seconds: tuple[float, ...]
    """What it reaches at best, in the order of the bounds."""


def explain_serve(
    demand: ServeDemand,
    model: Model,
    classes: Sequence[MachineClass],
    table: Efficiencies,
    default: tuple[str, ...],
) -> Diagnostic:
    """The error for a serving workload without candidates."""
    rows: list[_Row] = []
    for machines in classes:
        for precision in PRECISIONS:
            rows += _serve_rows(serve.try_class(demand, model, machines, precision, table))
    bounds = [(_bound_name(b), b.bound_s, b.origin) for b in demand.bounds]
    return _explain(demand, model, rows, bounds, default)


def explain_train(
    demand: TrainDemand,
    model: Model,
    classes: Sequence[MachineClass],
    table: Efficiencies,
    default: tuple[str, ...],
) -> Diagnostic:
    """The error for a training workload without candidates."""
    rows = [
        _train_row(train.try_class(demand, model, machines, precision, table))
        for machines in classes
        for precision in PRECISIONS
    ]
    bounds = []
    if demand.deadline_s is not None:
        bounds = [("the duration", demand.deadline_s, demand.deadline_origin or demand.origin)]
    return _explain(demand, model, rows, bounds, default)


def _bound_name(bound: SlaBound) -> str:
    """``TTFT p95``."""
    return f"{bound.metric.upper()} p{bound.quantile * 100:g}"


def _serve_rows(trial: serve.ServeTrial) -> list[_Row]:
    """All layouts of a serving trial."""
    r = trial.replicas
    if r is None:
        return []
    cached = serve.least_room(r) * cached_bytes(r, r.prompt.mean + r.output.mean)
    held = serving_memory(r.parameters, r.layouts, r.device, r.engine, cached).total_bytes
    missing = np.broadcast_to(np.asarray(held) - r.device.memory_bytes, (trial.count,))
    return [
        _Row(
            machines=trial.machines,
            precision=trial.precision,
            layout=f"{r.layouts.one(i)} on {_counted(trial.machines, int(r.layouts.devices[i]))}",
            fits=bool(trial.legal[i] and trial.fits[i]),
            missing_bytes=float(missing[i]) if trial.legal[i] else math.inf,
            seconds=tuple(float(idle[i]) for idle in trial.idle_s),
        )
        for i in range(trial.count)
    ]


def _train_row(trial: train.TrainTrial) -> _Row:
    """The fastest layout of a training trial."""
    fits = trial.jobs is not None and len(trial.duration_s) > 0
    layout, seconds = "", math.inf
    if trial.jobs is not None and fits:
        index = int(np.argmin(trial.duration_s))
        seconds = float(trial.duration_s[index])
        devices = int(trial.jobs.layouts.devices[index])
        layout = f"{trial.jobs.layouts.one(index)} on {_counted(trial.machines, devices)}"
    return _Row(
        machines=trial.machines,
        precision=trial.precision,
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
    demand: WorkloadDemand,
    model: Model,
    rows: Sequence[_Row],
    bounds: Sequence[tuple[str, float, ConfigPath]],
    default: tuple[str, ...],
) -> Diagnostic:
    """Find the lines that clash and tell how near the best layout came."""
    possible = np.array([row.fits for row in rows], dtype=bool)
    if demand.limits.precisions is None:
        possible &= np.array([row.precision in default for row in rows], dtype=bool)
    lines = [*_times(rows, bounds), *_limits(demand.limits, rows)]
    clash = smallest_clash(possible, lines)
    if clash is None:
        msg = "no layout was kept although some satisfy every line. This is a bug in dcplan."
        raise RuntimeError(msg)
    if not clash:
        return _fits_nowhere(demand, model, rows, default)
    times = [line for line in clash if isinstance(line, TimeLine)]
    best = nearest(possible, lines, times) or nearest(possible, clash, times)
    if best is None:
        return _nothing_allowed(demand, clash, rows, possible)
    return _too_slow(demand, clash, rows[best[0]], best[1], float(best[1].seconds[best[0]]))


def _times(rows: Sequence[_Row], bounds: Sequence[tuple[str, float, ConfigPath]]) -> list[Line]:
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


def _limits(limits: Limits, rows: Sequence[_Row]) -> list[Line]:
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


def _too_slow(
    demand: WorkloadDemand, clash: Sequence[Line], row: _Row, bound: TimeLine, seconds: float
) -> Diagnostic:
    """Something fits, but nothing is fast enough."""
    reached, short = format_duration(seconds), format_duration(seconds - bound.bound_s)
    others = len(clash) - 1
    way_out = "Relax this bound"
    if others:
        way_out += f" or the {plural(others, 'other line')} that it clashes with"
    fastest = f'The fastest layout for "{demand.name}", {row.layout} in {row.precision},'
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
    demand: WorkloadDemand, clash: Sequence[Line], rows: Sequence[_Row], possible: Mask
) -> Diagnostic:
    """What is allowed cannot hold the model, or is not there at all."""
    first = clash[0]
    fitting = sorted(
        {row.machines.accelerator.name for row, able in zip(rows, possible, strict=True) if able}
    )
    return error(
        "no-layout",
        "No allowed hardware can run the model",
        f'For "{demand.name}", {listed([line.says for line in clash])}, and on these the model cannot '
        "run: they lack the memory or the precision, or no pool has them. It would fit on "
        f"{listed(fitting, last='or')}.",
        path=first.origin,
        related=related(clash, first.origin),
    )


def _fits_nowhere(
    demand: WorkloadDemand, model: Model, rows: Sequence[_Row], default: tuple[str, ...]
) -> Diagnostic:
    """No machine class holds the model, whatever the user would allow."""
    limit = demand.limits.precisions
    listed_rows = [row for row in rows if row.precision in (default if limit is None else limit.names)]
    usable = [row for row in listed_rows if math.isfinite(row.missing_bytes)]
    elsewhere = sorted({row.precision for row in rows if row.fits})
    hint = (
        f" It would fit in {listed(elsewhere, last='or')}: list it in constraints.precisions."
        if elsewhere
        else ""
    )
    if not usable:
        detail = (
            f'No way of splitting "{model.name}" over a machine suits its heads, layers and experts (and the '
            f'batch of "{demand.name}") on hardware with the precision asked for.{hint}'
        )
    else:
        best = min(usable, key=lambda row: row.missing_bytes)
        memory = best.machines.accelerator.memory_bytes
        where = f" as {best.layout}" if best.layout else f" on {best.machines.name}"
        detail = (
            f'"{demand.name}" needs {format_bytes(best.missing_bytes + memory)} on its fullest device{where} '
            f"in {best.precision}, which is the nearest; {best.machines.accelerator.name} has "
            f"{format_bytes(memory)}: {format_bytes(max(best.missing_bytes, 0.0))} short.{hint} "
            "Add machines with more memory, or more machines to one pool."
        )
    return error("no-layout", "The model fits on no machine", detail, path=demand.origin)
