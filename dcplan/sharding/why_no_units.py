"""Why no unit of prefill and decode workers is left where a workload must have them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from dcplan.demand.types import Metric
from dcplan.diag import Diagnostic, error, plural
from dcplan.perf.disaggregated_load import bound_parts, paired
from dcplan.perf.numbers import total
from dcplan.sharding.load import IDLE_BATCH
from dcplan.sharding.mixed_units import may_mix
from dcplan.sharding.split_checks import CODE, SUMMARY, hands_over
from dcplan.sharding.unit_sizes import unit_sizes
from dcplan.sharding.units import sides_of
from dcplan.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.demand.types import ServeDemand, SlaBound
    from dcplan.sharding.legal import Mask
    from dcplan.sharding.trials import ServeTrial
    from dcplan.sharding.units import Sides

OTHERWISE = "Say disaggregated: auto to let replicas do both where that is better."

NO_LOAD = 1e-6
"""Requests/s that wait for nobody."""


def explain_units(demand: ServeDemand, trials: Sequence[ServeTrial], fit: Sequence[Mask]) -> Diagnostic:
    """The error for a workload that must have units and has none, although the model fits somewhere.

    ``fit``: the layouts of each trial that hold the model on machines that are allowed.
    """
    pairs = [(trial, rows) for trial, rows in zip(trials, fit, strict=True) if rows.any()]
    able = [(trial, rows) for trial, rows in pairs if hands_over(demand.software, trial.machines)]
    if not able:
        chips = sorted({trial.machines.accelerator.name for trial, _ in pairs})
        detail = (
            f"The model fits on {', '.join(chips)} only, where {demand.software} is not known to hand "
            f"caches from one worker to another. {OTHERWISE}"
        )
        return error(CODE, SUMMARY, detail, path=(*demand.origin, "disaggregated"))
    small = [(*_smallest(trial, rows), trial) for trial, rows in able]
    mixes = any(may_mix(one, other) for (one, _), (other, _) in itertools.combinations(able, 2))
    if not mixes and all(2 * smallest > most for smallest, most, _ in small):
        return _too_small(demand, small)
    sides = sides_of([trial for trial, _ in able], [rows for _, rows in able], demand)
    if sides is None:
        msg = "layouts that fit have no replicas. This is a bug in dcplan."
        raise RuntimeError(msg)
    return _too_slow(demand, sides)


def _smallest(trial: ServeTrial, rows: Mask) -> tuple[int, int]:
    """Devices of the smallest worker, and of the largest unit that there can be."""
    if trial.replicas is None:
        msg = "a layout that does not run was kept. This is a bug in dcplan."
        raise RuntimeError(msg)
    smallest = int(trial.replicas.layouts.devices[rows].min())
    return smallest, max(unit_sizes(trial.machines, least=2), default=1)


def _too_small(demand: ServeDemand, small: Sequence[tuple[int, int, ServeTrial]]) -> Diagnostic:
    """One worker fits, two do not."""
    smallest, most, trial = min(small, key=lambda one: one[0] / one[1])
    detail = (
        f'"{demand.name}" needs a worker for prompts and one for tokens, each with the whole model: on '
        f"{trial.machines.name} that is twice {plural(smallest, 'device')}, and a unit can have "
        f"{most} there. Add machines to one pool, or allow fewer bits. {OTHERWISE}"
    )
    return error(
        "no-layout",
        "Workers for prompts and for tokens do not fit together",
        detail,
        path=(*demand.origin, "disaggregated"),
    )


def _too_slow(demand: ServeDemand, sides: Sides) -> Diagnostic:
    """Two workers fit, but not within the SLA."""
    one_each = np.ones(len(sides.trial))
    alone = paired(sides.replicas, sides.replicas, one_each, one_each)
    missed: list[tuple[float, float, SlaBound]] = []
    for bound, allowed in zip(demand.bounds, sides.allowed, strict=True):
        seconds = np.asarray(total(bound_parts(alone, NO_LOAD, IDLE_BATCH, bound)))
        # With the margin, which ``allowed`` leaves room for.
        best = float((seconds / allowed).min()) * bound.bound_s
        missed.append((best / bound.bound_s, best, bound))
    ratio, best_s, bound = max(missed, key=lambda one: one[0])
    name = f"{bound.metric.upper()} p{bound.quantile * 100:g}"
    if ratio <= 1:
        return error(
            "no-layout",
            "No unit of prefill and decode workers keeps the SLA",
            f'For "{demand.name}" each bound is kept by some layout, but by no two that fit together on '
            "machines of one type, or of two types in one zone, caches on their way between them. Relax ttft "
            f"or tpot. {OTHERWISE}",
            path=(*demand.origin, "disaggregated"),
        )
    does = "compute and hand over prompts" if bound.metric is Metric.TTFT else "decode"
    return error(
        "no-layout",
        "No unit of prefill and decode workers is fast enough",
        f'The fastest workers that {does} for "{demand.name}" reach {name} {format_duration(best_s)} without '
        f"any other load; the bound is {format_duration(bound.bound_s)}: "
        f"{format_duration(best_s - bound.bound_s)} short. Relax this bound. {OTHERWISE}",
        path=bound.origin,
    )
