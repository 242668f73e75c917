"""Search for one serving workload: trials of all layouts, then candidates from those that keep the SLA."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dcplan.catalog.formats import formats
from dcplan.perf.device import device_of, wires_of
from dcplan.perf.engine import engine_of
from dcplan.perf.estimates import bases, estimate
from dcplan.perf.numbers import Array, Num, larger, row, total
from dcplan.perf.parameters import parameters_of
from dcplan.perf.serving import (
    Replicas,
    bound_parts,
    cache_room,
    cached_bytes,
    longest_room,
    rate_at,
    room_needed,
)
from dcplan.perf.serving_memory import serving_memory
from dcplan.sharding.availability import spares_for
from dcplan.sharding.enumerate import Mask, serving_layouts
from dcplan.sharding.load import CACHE_QUANTILE, IDLE_BATCH, batch_for, most_batch
from dcplan.sharding.names import candidate_id
from dcplan.sharding.types import Candidate, MachineClass, Predicted, ServeEstimate

if TYPE_CHECKING:
    from dcplan.catalog.efficiency import Efficiencies
    from dcplan.catalog.types import Model
    from dcplan.demand.types import ServeDemand

PIPELINE_FROM = 0.6
"""Pipelines are looked at where the weights take more than this share of a machine's device memory."""

MOST_KEPT = 6
"""Candidates kept of one machine class."""

MOST_REPLICAS = 1_000_000
"""Of one workload; no fleet comes near, and counts of machines stay far from where numbers overflow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeTrial:
    """All layouts of one machine class at one precision, and how each of them fares without load."""

    machines: MachineClass
    precision: str
    replicas: Replicas | None
    """None where the accelerator lacks the precision."""
    count: int
    legal: Mask
    room: Array
    """Sequences of mean length for which the cache has room."""
    fits: Mask
    idle_s: tuple[Array, ...]
    """What each bound of the SLA is held against when there is no other request."""


def try_class(
    demand: ServeDemand, model: Model, machines: MachineClass, precision: str, efficiencies: Efficiencies
) -> ServeTrial:
    """Enumerate the layouts of a class at a precision and compute what does not depend on the load."""
    p = parameters_of(model)
    memory = machines.machine.devices * machines.accelerator.memory_bytes
    pipelines = float(p.total) * formats()[precision].experts.bytes > PIPELINE_FROM * memory
    enumerated = serving_layouts(model, machines, pipelines=pipelines)
    layouts = enumerated.layouts
    count, nothing = len(layouts), np.zeros(len(layouts), dtype=bool)
    efficiency = efficiencies.of(machines.accelerator, demand.software)
    device = device_of(machines.accelerator, precision, efficiency)
    if device is None:
        never = tuple(np.full(count, np.inf) for _ in demand.bounds)
        return ServeTrial(
            machines=machines,
            precision=precision,
            replicas=None,
            count=count,
            legal=nothing,
            room=np.zeros(count),
            fits=nothing,
            idle_s=never,
        )
    replicas = Replicas(
        parameters=p,
        layouts=layouts,
        device=device,
        wires=wires_of(machines.links, efficiency),
        engine=engine_of(efficiency),
        prompt=demand.prompt_tokens,
        output=demand.output_tokens,
        arrival_cv2=demand.arrival_cv2,
    )
    room = np.broadcast_to(np.asarray(cache_room(replicas), dtype=np.float64), (count,))
    idle = [total(bound_parts(replicas, IDLE_BATCH, bound)) for bound in demand.bounds]
    return ServeTrial(
        machines=machines,
        precision=precision,
        replicas=replicas,
        count=count,
        legal=enumerated.legal,
        room=room,
        fits=room >= least_room(replicas),
        idle_s=tuple(np.broadcast_to(np.asarray(x, dtype=np.float64), (count,)) for x in idle),
    )


def least_room(r: Replicas) -> Num:
    """Room that the cache must have at least: for one long request, and for a nearly idle replica."""
    return larger(longest_room(r), room_needed(r, IDLE_BATCH, CACHE_QUANTILE))


def missed(trial: ServeTrial, demand: ServeDemand) -> list[tuple[str, Mask]]:
    """What each bound turns away even without load: ("ttft", layouts that miss it)..."""
    return [
        (str(bound.metric), seconds > bound.bound_s)
        for bound, seconds in zip(demand.bounds, trial.idle_s, strict=True)
    ]


def candidates_of(trial: ServeTrial, rows: Mask, demand: ServeDemand) -> list[Candidate]:
    """Candidates from the layouts in ``rows``, all of which keep the SLA without load."""
    if trial.replicas is None or not rows.any():
        return []
    r = trial.replicas.take(rows)
    room = trial.room[rows]
    count = len(r.layouts)
    fullest = np.broadcast_to(np.asarray(most_batch(r, demand.bounds, room)), (count,))
    most = np.broadcast_to(np.asarray(rate_at(r, fullest)), (count,))
    wanted = np.maximum(np.ceil(demand.requests_per_s / most - 1e-9), 1)
    needed = np.minimum(wanted, MOST_REPLICAS + 1).astype(int)
    planned = demand.requests_per_s / needed
    batch = batch_for(r, planned)
    sized = _Sized(
        trial=trial, replicas=r, room=room, most=most, planned=planned, batch=batch, fullest=fullest
    )
    few = np.flatnonzero(needed <= MOST_REPLICAS)
    kept = _pareto([(int(i), int(needed[i]), *_size(trial, r, int(i))) for i in few], demand)
    return [_candidate(sized, i, needed=int(needed[i]), spares=spares, demand=demand) for i, spares in kept]


def _size(trial: ServeTrial, r: Replicas, index: int) -> tuple[int, int]:
    """Devices and whole machines of one replica; 0 machines for a part of one."""
    devices, of_machine = int(r.layouts.devices[index]), trial.machines.machine.devices
    return devices, devices // of_machine if devices >= of_machine else 0


def _pareto(sizes: list[tuple[int, int, int, int]], demand: ServeDemand) -> list[tuple[int, int]]:
    """(row, spares) of layouts that no other beats in devices altogether and devices of one replica.

    ``sizes`` are rows with replicas needed, devices and whole machines.  Cheapest altogether first, at
    most ``MOST_KEPT``; equal ones in their order.
    """
    rated = []
    domains = max((rule.at_least for rule in demand.limits.spread), default=1)
    for index, needed, devices, machines in sizes:
        # Each domain that replicas must be spread over needs one, whether the load does or not.
        spares = max(spares_for(needed, machines, demand.availability), domains - needed)
        rated.append(((needed + spares) * devices, devices, index, spares))
    kept: list[tuple[int, int]] = []
    smallest = math.inf
    for _, devices, index, spares in sorted(rated):
        if devices < smallest:
            kept.append((index, spares))
            smallest = devices
    return kept[:MOST_KEPT]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sized:
    """Layouts that keep the SLA, with the load that they are planned for."""

    trial: ServeTrial
    replicas: Replicas
    room: Array
    most: Array
    planned: Array
    batch: Array
    fullest: Array
    """Batch at the most that the SLA allows."""


def _candidate(sized: _Sized, index: int, *, needed: int, spares: int, demand: ServeDemand) -> Candidate:
    """One layout as a candidate."""
    trial, machines = sized.trial, sized.trial.machines
    layout = sized.replicas.layouts.one(index)
    devices, whole = _size(trial, sized.replicas, index)
    return Candidate(
        id=candidate_id(demand.name, machines, layout, trial.precision),
        workload=demand.name,
        machine=machines.machine.name,
        accelerator=machines.accelerator.name,
        layout=layout,
        precision=trial.precision,
        devices=devices,
        machines=whole,
        replicas=needed + spares,
        spares=spares,
        estimate=_estimate(sized, index, demand),
        pools=machines.pools,
    )


def _estimate(sized: _Sized, index: int, demand: ServeDemand) -> ServeEstimate:
    """What one replica of a layout does at its planned load."""
    r = sized.replicas.take([index])
    batch = float(sized.batch[index])
    outside = float(r.layouts.devices[0]) > row(r.wires.domain, 0)
    known = bases(r.device, r.wires, r.engine, outside=outside)
    planned, most = float(sized.planned[index]), float(sized.most[index])
    length = r.prompt.mean + r.output.mean
    cached = room_needed(r, batch, CACHE_QUANTILE) * cached_bytes(r, length)
    return ServeEstimate(
        batch=max(1, math.ceil(batch)),
        max_batch=max(1, math.ceil(batch), math.ceil(float(sized.fullest[index]))),
        requests_per_s=planned,
        max_requests_per_s=most,
        output_tokens_per_s=planned * demand.output_tokens.mean,
        predicted=tuple(
            Predicted(
                metric=bound.metric,
                quantile=bound.quantile,
                bound_s=bound.bound_s,
                estimate=estimate(bound_parts(r, batch, bound), 0, known),
            )
            for bound in demand.bounds
        ),
        memory=serving_memory(r.parameters, r.layouts, r.device, r.engine, cached).one(0),
        kv_capacity_tokens=int(sized.room[index] * length),
        utilisation=min(1.0, planned / most),
    )
