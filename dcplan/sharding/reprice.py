"""Evaluate a candidate again where it was placed: behind the links that its own machines have."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from dcplan.demand.types import ServeDemand, TrainDemand
from dcplan.perf.layouts import Layouts, layouts_of
from dcplan.sharding import serve, serve_units, train
from dcplan.sharding.margins import STEP, profile_for
from dcplan.sharding.options import best_candidates
from dcplan.sharding.trials import try_classes
from dcplan.sharding.ways import all_ways

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.catalog.efficiency import Efficiencies
    from dcplan.catalog.types import Model
    from dcplan.demand.types import WorkloadDemand
    from dcplan.sharding.legal import Mask
    from dcplan.sharding.trials import ServeTrial
    from dcplan.sharding.types import Candidate, MachineClass


def repriced(
    candidate: Candidate,
    demand: WorkloadDemand,
    models: Mapping[str, Model],
    machines: MachineClass,
    efficiencies: Efficiencies,
) -> Candidate | None:
    """The same layout behind the links of ``machines``; None where it no longer keeps the SLA or deadline.

    ``machines`` is the class that the candidate is of, with the links of the cut
    (``replace(machines, links=topology.links_among(pool, nodes))``).  A job may
    take longer or shorter; a serving workload may need more or fewer replicas.
    ``models`` by the name that the document uses.
    """
    if isinstance(demand, TrainDemand):
        return _trained(candidate, demand, models[demand.model], machines, efficiencies)
    return _served(candidate, demand, models, machines, efficiencies)


def _trained(
    candidate: Candidate,
    demand: TrainDemand,
    model: Model,
    machines: MachineClass,
    efficiencies: Efficiencies,
) -> Candidate | None:
    """A training job behind these links."""
    job = train.job_of(demand, model, machines, candidate.precision, efficiencies)
    if job is None:
        return None
    checked = profile_for(efficiencies, machines.accelerator.name, demand.software, candidate.precision, STEP)
    placed = replace(job, layouts=layouts_of(candidate.layout))
    estimate = train.estimate_of(placed, demand, checked, machines.machine.devices)
    late = estimate.duration_s > (math.inf if demand.deadline_s is None else demand.deadline_s)
    return None if late else replace(candidate, estimate=estimate)


def _served(
    candidate: Candidate,
    demand: ServeDemand,
    models: Mapping[str, Model],
    machines: MachineClass,
    efficiencies: Efficiencies,
) -> Candidate | None:
    """Replicas behind these links: as many as the load then needs."""
    ways = [
        way
        for way in all_ways(demand, models[demand.model], models)
        if (way.variant, way.form.name) == (candidate.variant, candidate.precision)
    ]
    for trial in try_classes(demand, [(machines, way) for way in ways], efficiencies):
        if candidate.prefill is not None:
            unit = serve_units.option_like(candidate, trial, trial.legal & trial.fits, demand)
            options = [] if unit is None else [unit]
        else:
            options = serve.options_of([trial], [_keeping(trial, candidate, demand)], demand)
        for found in best_candidates(options, demand):
            return replace(found, id=candidate.id, pools=candidate.pools)
    return None


def _keeping(trial: ServeTrial, candidate: Candidate, demand: ServeDemand) -> Mask:
    """The candidate's row of a trial, as far as it fits and keeps the SLA without load."""
    rows = trial.fits.copy()
    if trial.replicas is None:
        return rows & False
    wanted = layouts_of(candidate.layout)
    own = trial.replicas.layouts
    same = [getattr(own, field.name) == getattr(wanted, field.name)[0] for field in fields(Layouts)]
    kept = [seconds <= bound.bound_s for bound, seconds in zip(demand.bounds, trial.idle_s, strict=True)]
    out: Mask = reduce(np.logical_and, [*same, *kept], rows & trial.legal)
    return out
