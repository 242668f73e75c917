"""Search for one training workload: trials of all layouts, then candidates from those in time."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dcplan.perf.device import Device, device_of, wires_of
from dcplan.perf.estimates import bases, estimate
from dcplan.perf.framework import framework_of
from dcplan.perf.memory import runtime_bytes
from dcplan.perf.numbers import Array, row, total
from dcplan.perf.parameters import Parameters, parameters_of, training_flops_per_token
from dcplan.perf.training import Jobs, step_parts
from dcplan.perf.training_memory import training_memory
from dcplan.sharding.enumerate import training_layouts
from dcplan.sharding.names import candidate_id
from dcplan.sharding.types import Candidate, MachineClass, TrainEstimate

if TYPE_CHECKING:
    from dcplan.catalog.efficiency import Efficiencies
    from dcplan.catalog.types import Model
    from dcplan.demand.types import TrainDemand
    from dcplan.perf.layouts import Layouts

MOST_KEPT = 12
"""Candidates kept of one machine class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainTrial:
    """All layouts of one machine class at one precision: which fit, and how long the job takes on them."""

    machines: MachineClass
    precision: str
    count: int
    legal: int
    """How many of the layouts the model, the batch and the hardware allow."""
    smallest_bytes: float
    """Memory that the smallest legal layout needs on its fullest device."""
    jobs: Jobs | None
    """Those that fit, with as little recomputing as fits; None where the accelerator lacks the precision."""
    duration_s: Array
    """Of each layout of ``jobs``."""


def steps_of(demand: TrainDemand) -> int:
    """Steps until all tokens have been seen."""
    return math.ceil(demand.tokens / (demand.sequence_tokens * demand.global_batch_sequences))


def try_class(
    demand: TrainDemand, model: Model, machines: MachineClass, precision: str, efficiencies: Efficiencies
) -> TrainTrial:
    """Enumerate the layouts of a class at a precision, keep what fits, and compute how long it takes."""
    enumerated = training_layouts(model, machines, demand)
    efficiency = efficiencies.of(machines.accelerator, demand.software)
    device = device_of(machines.accelerator, precision, efficiency)
    count = len(enumerated.layouts)
    empty = np.zeros(0)
    if device is None:
        return TrainTrial(
            machines=machines,
            precision=precision,
            count=count,
            legal=0,
            smallest_bytes=math.inf,
            jobs=None,
            duration_s=empty,
        )
    p = parameters_of(model)
    legal = enumerated.layouts.take(enumerated.legal)
    layouts, smallest = _fitting(p, legal, device, demand)
    jobs = Jobs(
        parameters=p,
        layouts=layouts,
        device=device,
        wires=wires_of(machines.links, efficiency),
        framework=framework_of(efficiency, precision),
        sequence=demand.sequence_tokens,
        global_batch=demand.global_batch_sequences,
    )
    duration = (
        np.asarray(total(step_parts(jobs)), dtype=np.float64) * steps_of(demand) if len(layouts) else empty
    )
    return TrainTrial(
        machines=machines,
        precision=precision,
        count=count,
        legal=len(legal),
        smallest_bytes=smallest,
        jobs=jobs,
        duration_s=duration,
    )


def _fitting(p: Parameters, layouts: Layouts, device: Device, demand: TrainDemand) -> tuple[Layouts, float]:
    """The layouts that fit, each with as little recomputing as does, and the least bytes that one needs."""
    if not len(layouts):
        return layouts, math.inf
    micro = demand.global_batch_sequences / (layouts.data * layouts.micro_batch)
    own = runtime_bytes(device)
    chosen = np.full(len(layouts), -1.0)
    smallest = math.inf
    for level in (2.0, 1.0, 0.0):
        tried = replace(layouts, recompute=np.full(len(layouts), level))
        needed = np.asarray(
            training_memory(p, tried, demand.sequence_tokens, micro).total_bytes + own,
            dtype=np.float64,
        )
        smallest = min(smallest, float(needed.min()))
        chosen = np.where(needed <= device.memory_bytes, level, chosen)
    return replace(layouts, recompute=chosen).take(chosen >= 0), smallest


def candidates_of(trial: TrainTrial, demand: TrainDemand) -> list[Candidate]:
    """Candidates that keep the deadline: the fastest for each device count, then those worth having.

    Worth having is what no other beats in both device hours and devices.
    """
    if trial.jobs is None:
        return []
    deadline = math.inf if demand.deadline_s is None else demand.deadline_s
    rows = np.flatnonzero(trial.duration_s <= deadline)
    layouts = trial.jobs.layouts
    devices = layouts.devices
    fastest: dict[int, int] = {}
    for index in rows[np.lexsort((rows, trial.duration_s[rows]))]:
        fastest.setdefault(int(devices[index]), int(index))
    rated = sorted(
        (_paid_devices(trial, count) * float(trial.duration_s[index]), count, index)
        for count, index in fastest.items()
    )
    kept, fewest = [], math.inf
    for _, count, index in rated:
        if count < fewest:
            kept.append(_candidate(trial, index, demand))
            fewest = count
    return kept[:MOST_KEPT]


def _machines(trial: TrainTrial, devices: int) -> int:
    """Whole machines of a job; a part of one takes all of it."""
    return max(1, math.ceil(devices / trial.machines.machine.devices))


def _paid_devices(trial: TrainTrial, devices: int) -> int:
    """Devices that are paid for."""
    return _machines(trial, devices) * trial.machines.machine.devices


def _candidate(trial: TrainTrial, index: int, demand: TrainDemand) -> Candidate:
    """One layout as a candidate."""
    if trial.jobs is None:
        msg = "a training candidate of hardware that cannot run it. This is a bug in dcplan."
        raise RuntimeError(msg)
    jobs, machines = trial.jobs.take([index]), trial.machines
    layout = jobs.layouts.one(0)
    devices = int(jobs.layouts.devices[0])
    return Candidate(
        id=candidate_id(demand.name, machines, layout, trial.precision, devices),
        workload=demand.name,
        machine=machines.machine.name,
        accelerator=machines.accelerator.name,
        layout=layout,
        precision=trial.precision,
        devices=devices,
        machines=_machines(trial, devices),
        replicas=1,
        spares=0,
        estimate=_estimate(jobs, demand),
        pools=machines.pools,
    )


def _estimate(jobs: Jobs, demand: TrainDemand) -> TrainEstimate:
    """What the job does; ``jobs`` has one layout."""
    devices = float(jobs.layouts.devices[0])
    known = bases(jobs.device, jobs.wires, jobs.framework, outside=devices > row(jobs.wires.domain, 0))
    step, steps = estimate(step_parts(jobs), 0, known), steps_of(demand)
    tokens_per_s = demand.sequence_tokens * demand.global_batch_sequences / step.seconds
    useful = float(training_flops_per_token(jobs.parameters, float(demand.sequence_tokens)))
    memory = training_memory(jobs.parameters, jobs.layouts, demand.sequence_tokens, jobs.micro_batches).one(0)
    return TrainEstimate(
        step=step,
        steps=steps,
        duration_s=step.seconds * steps,
        deadline_s=demand.deadline_s,
        tokens_per_s=tokens_per_s,
        model_flops_utilisation=tokens_per_s * useful / (devices * row(jobs.device.peak_flops, 0)),
        memory=replace(memory, runtime_bytes=row(runtime_bytes(jobs.device), 0)),
    )
