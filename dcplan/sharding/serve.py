"""Serving candidates: of the layouts that keep the SLA, what none other beats, with what is predicted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from dcplan.basis import Basis
from dcplan.perf.estimates import bases, estimate
from dcplan.perf.numbers import Array, Parts, row, total
from dcplan.perf.serving import Replicas, bound_parts, cached_bytes, rate_at, room_needed
from dcplan.perf.serving_memory import serving_memory
from dcplan.sharding.load import CACHE_QUANTILE, batch_for, most_batch
from dcplan.sharding.margins import not_covered
from dcplan.sharding.names import candidate_id
from dcplan.sharding.options import Option, needed_for, whole_machines
from dcplan.sharding.trials import ServeTrial, together
from dcplan.sharding.types import Candidate, Predicted, ServeEstimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from dcplan.demand.types import ServeDemand, SlaBound
    from dcplan.perf.memory import MemoryOf
    from dcplan.sharding.legal import Mask


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
    parts: tuple[Parts, ...]
    """What is predicted against each bound at the planned rate, without margin."""
    share: Array
    """Of a bound of the SLA that is used at the planned rate, the worst, margin included."""
    memory: MemoryOf
    """At the planned rate, with the caches of a high quantile of the moments."""
    slack_bytes: Array
    """What ``memory`` leaves of the device's own, beside a draft model."""


def options_of(trials: Sequence[ServeTrial], rows: Sequence[Mask], demand: ServeDemand) -> list[Option]:
    """Options from these rows of each trial, all of which keep the SLA without load."""
    sized = _sized(trials, rows, demand)
    if sized is None:
        return []
    return [
        Option(
            trial=trials[sized.trial[at]],
            devices=int(sized.devices[at]),
            needed=int(sized.needed[at]),
            most=float(sized.most[at]),
            share=float(sized.share[at]),
            slack_bytes=float(sized.slack_bytes[at]),
            candidate=partial(_candidate, trials[sized.trial[at]], sized, at, demand),
        )
        for at in range(len(sized.place))
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
    needed = needed_for(demand, most)
    planned = demand.requests_per_s / needed
    batch = batch_for(r, planned)
    parts = tuple(bound_parts(r, batch, bound) for bound in demand.bounds)
    used = [np.zeros(room.shape), *(total(one) / left for one, left in zip(parts, allowed, strict=True))]
    cached = room_needed(r, batch, CACHE_QUANTILE) * cached_bytes(r, r.prompt.mean + r.output.mean)
    memory = serving_memory(r.parameters, r.layouts, r.device, r.engine, cached)
    return _Sized(
        trial=trial,
        place=np.concatenate([np.flatnonzero(mask) for mask in rows]),
        devices=r.layouts.devices,
        room=room,
        fullest=fullest,
        most=most,
        needed=needed,
        planned=planned,
        batch=batch,
        parts=parts,
        share=np.max(np.broadcast_arrays(*used), axis=0),
        memory=memory,
        slack_bytes=np.broadcast_to(np.asarray(r.device.memory_bytes - memory.total_bytes), room.shape),
    )


def _candidate(trial: ServeTrial, sized: _Sized, at: int, demand: ServeDemand, spares: int) -> Candidate:
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
        machines=whole_machines(machines, devices),
        replicas=int(sized.needed[at]) + spares,
        spares=spares,
        estimate=_estimate(trial, r, sized, at, demand),
        memory_slack_bytes=float(sized.slack_bytes[at]),
        pools=machines.pools,
        within=machines.within,
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
    return ServeEstimate(
        batch=max(1, math.ceil(batch)),
        max_batch=max(1, math.ceil(batch), math.ceil(float(sized.fullest[at]))),
        requests_per_s=planned,
        max_requests_per_s=most,
        output_tokens_per_s=planned * demand.output_tokens.mean,
        predicted=tuple(
            predicted(trial, r, batch, which, bound, known, _row_of(sized.parts[which], at))
            for which, bound in enumerate(demand.bounds)
        ),
        memory=sized.memory.one(at),
        kv_capacity_tokens=int(sized.room[at] * length) if trial.way.model.causal else 0,
        utilisation=min(1.0, planned / most),
    )


def _row_of(parts: Parts, at: int) -> Parts:
    """The parts of one layout."""
    return {name: row(value, at) for name, value in parts.items()}


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
