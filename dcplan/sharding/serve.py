"""Serving candidates: of the layouts that keep the SLA, what none other beats, with what is predicted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dcplan.basis import Basis
from dcplan.perf.estimates import bases, estimate
from dcplan.perf.numbers import Array, Parts, row, total
from dcplan.perf.serving import Replicas, bound_parts, cached_bytes, rate_at, room_needed
from dcplan.perf.serving_memory import serving_memory
from dcplan.sharding.availability import spares_for
from dcplan.sharding.load import CACHE_QUANTILE, batch_for, most_batch
from dcplan.sharding.margins import not_covered
from dcplan.sharding.names import candidate_id
from dcplan.sharding.trials import ServeTrial, together
from dcplan.sharding.types import Candidate, Predicted, ServeEstimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from dcplan.demand.types import ServeDemand, SlaBound
    from dcplan.sharding.legal import Mask

MOST_KEPT = 6
"""Candidates kept of one machine class."""

MOST_REPLICAS = 1_000_000
"""Of one workload; no fleet comes near, and counts of machines stay far from where numbers overflow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sized:
    """Layouts of several trials that keep the SLA, with the load that they are planned for."""

    trial: npt.NDArray[np.int_]
    """Which of the trials each is of."""
    place: npt.NDArray[np.int_]
    """Which of the trial's layouts it is."""
    devices: Array
    room: Array
    fullest: Array
    """Batch at the most that the SLA allows."""
    most: Array
    """Requests/s at the most that the SLA allows."""
    needed: npt.NDArray[np.int_]
    """Replicas for the planned rate, without spares."""
    planned: Array
    """Requests/s of one replica."""
    batch: Array
    """At the planned rate."""


def candidates_of(trials: Sequence[ServeTrial], rows: Sequence[Mask], demand: ServeDemand) -> list[Candidate]:
    """Candidates from these rows of each trial, all of which keep the SLA without load, class by class."""
    sized = _sized(trials, rows, demand)
    if sized is None:
        return []
    classes: dict[int, list[int]] = {}
    for at in np.flatnonzero(sized.needed <= MOST_REPLICAS):
        classes.setdefault(id(trials[sized.trial[at]].machines), []).append(int(at))
    return [
        _candidate(trials[sized.trial[at]], sized, at, spares=spares, demand=demand)
        for members in classes.values()
        for at, spares in _pareto(members, trials, sized, demand)
    ]


def _sized(trials: Sequence[ServeTrial], rows: Sequence[Mask], demand: ServeDemand) -> _Sized | None:
    """Most load, replicas needed and planned batch of all rows at once; None for no row."""
    r = together(trials, rows)
    if r is None:
        return None
    count = [int(mask.sum()) for mask in rows]
    trial = np.repeat(np.arange(len(trials)), count)
    room = np.concatenate([one.room[mask] for one, mask in zip(trials, rows, strict=True)])
    factors = np.array([[margin.factor for margin in one.margins] for one in trials])[trial]
    allowed = [bound.bound_s / factors[:, which] for which, bound in enumerate(demand.bounds)]
    fullest = most_batch(r, demand.bounds, allowed, room)
    most = np.broadcast_to(np.asarray(rate_at(r, fullest)), room.shape)
    wanted = np.maximum(np.ceil(demand.requests_per_s / most - 1e-9), 1)
    needed = np.minimum(wanted, MOST_REPLICAS + 1).astype(int)
    planned = demand.requests_per_s / needed
    return _Sized(
        trial=trial,
        place=np.concatenate([np.flatnonzero(mask) for mask in rows]),
        devices=r.layouts.devices,
        room=room,
        fullest=fullest,
        most=most,
        needed=needed,
        planned=planned,
        batch=batch_for(r, planned),
    )


def _whole(trial: ServeTrial, devices: int) -> int:
    """Whole machines of one replica; 0 for a part of one."""
    of_machine = trial.machines.machine.devices
    return devices // of_machine if devices >= of_machine else 0


def _pareto(
    members: Sequence[int], trials: Sequence[ServeTrial], sized: _Sized, demand: ServeDemand
) -> list[tuple[int, int]]:
    """(row, spares) of layouts that no other beats in devices altogether and devices of one replica.

    Cheapest altogether first, at most ``MOST_KEPT``; of equal ones that which
    keeps more quality, then that which could take most load.
    """
    rated = []
    domains = max((rule.at_least for rule in demand.limits.spread), default=1)
    for at in members:
        trial, devices, needed = trials[sized.trial[at]], int(sized.devices[at]), int(sized.needed[at])
        # Each domain that replicas must be spread over needs one, whether the load does or not.
        spares = max(spares_for(needed, _whole(trial, devices), demand.availability), domains - needed)
        whole = ((needed + spares) * devices, devices)
        rated.append((*whole, -trial.way.kept, -float(sized.most[at]), at, spares))
    kept: list[tuple[int, int]] = []
    smallest = math.inf
    for _, devices, _, _, at, spares in sorted(rated):
        if devices < smallest:
            kept.append((at, spares))
            smallest = devices
    return kept[:MOST_KEPT]


def _candidate(trial: ServeTrial, sized: _Sized, at: int, *, spares: int, demand: ServeDemand) -> Candidate:
    """One layout as a candidate."""
    if trial.replicas is None:
        msg = "a layout that does not run was kept. This is a bug in dcplan."
        raise RuntimeError(msg)
    machines, devices = trial.machines, int(sized.devices[at])
    r = trial.replicas.take([sized.place[at]])
    layout = r.layouts.one(0)
    return Candidate(
        id=candidate_id(demand.name, machines, layout, trial.way.name),
        workload=demand.name,
        machine=machines.machine.name,
        accelerator=machines.accelerator.name,
        layout=layout,
        precision=trial.way.form.name,
        devices=devices,
        machines=_whole(trial, devices),
        replicas=int(sized.needed[at]) + spares,
        spares=spares,
        estimate=_estimate(trial, r, sized, at, demand),
        pools=machines.pools,
        variant=trial.way.variant,
        model=trial.way.named if trial.way.named != demand.model else "",
        quality=trial.way.quality,
    )


def _estimate(trial: ServeTrial, r: Replicas, sized: _Sized, at: int, demand: ServeDemand) -> ServeEstimate:
    """What one replica of a layout does at its planned load."""
    batch = float(sized.batch[at])
    known = known_bases(r)
    planned, most = float(sized.planned[at]), float(sized.most[at])
    length = r.prompt.mean + r.output.mean
    cached = room_needed(r, batch, CACHE_QUANTILE) * cached_bytes(r, length)
    return ServeEstimate(
        batch=max(1, math.ceil(batch)),
        max_batch=max(1, math.ceil(batch), math.ceil(float(sized.fullest[at]))),
        requests_per_s=planned,
        max_requests_per_s=most,
        output_tokens_per_s=planned * demand.output_tokens.mean,
        predicted=tuple(
            predicted(trial, r, batch, which, demand.bounds[which], known)
            for which in range(len(demand.bounds))
        ),
        memory=serving_memory(r.parameters, r.layouts, r.device, r.engine, cached).one(0),
        kv_capacity_tokens=int(sized.room[at] * length),
        utilisation=min(1.0, planned / most),
    )


def known_bases(r: Replicas) -> dict[str, Basis]:
    """How well each part of the prediction of one layout is known."""
    outside = float(r.layouts.devices[0]) > row(r.wires.domain, 0)
    return bases(r.device, r.wires, r.engine, outside=outside)


def predicted(  # noqa: PLR0913, PLR0917 - what a prediction is made of
    trial: ServeTrial,
    r: Replicas,
    batch: float,
    which: int,
    bound: SlaBound,
    known: Mapping[str, Basis],
    parts: Parts | None = None,
) -> Predicted:
    """What is predicted of one layout against a bound, with its margin as the last part.

    ``parts``: the prediction, where it is not that of a replica that does everything.
    """
    margin, profile = trial.margins[which], trial.checked[which]
    parts = bound_parts(r, batch, bound) if parts is None else parts
    parts = {**parts, "margin": total(parts) * (margin.factor - 1)}
    layout = r.layouts.one(0)
    facts = {
        "devices": float(r.layouts.devices[0]),
        "tensor": layout.tensor,
        "pipeline": layout.pipeline,
        "expert": layout.expert,
        "attention_data": layout.data,
        "prompt_tokens": r.prompt.mean,
        "output_tokens": r.output.mean,
        "concurrency": max(batch, 1.0),
    }
    return Predicted(
        metric=bound.metric,
        quantile=bound.quantile,
        bound_s=bound.bound_s,
        estimate=estimate(parts, 0, {**known, "margin": Basis.CALIBRATED}),
        margin=margin,
        notes=not_covered(profile, facts),
    )
