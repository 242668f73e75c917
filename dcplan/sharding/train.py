"""Search for one training workload: trials of all layouts, then candidates from those in time."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dcplan.perf.device import device_of, wires_of
from dcplan.perf.estimates import bases, estimate
from dcplan.perf.framework import framework_of
from dcplan.perf.layouts import layouts_of
from dcplan.perf.memory import runtime_bytes
from dcplan.perf.numbers import Array, row
from dcplan.perf.parameters import parameters_of, training_flops_per_token
from dcplan.perf.training import Jobs, step_parts
from dcplan.perf.training_memory import training_memory
from dcplan.perf.types import Layout
from dcplan.sharding.margins import STEP, profile_for, step_notes
from dcplan.sharding.names import candidate_id
from dcplan.sharding.space import planning_space, shape_of
from dcplan.sharding.survey import Wanted, survey
from dcplan.sharding.types import Candidate, MachineClass, TrainEstimate

if TYPE_CHECKING:
    from dcplan.basis import Estimate
    from dcplan.catalog.efficiency import Efficiencies, Profile
    from dcplan.catalog.types import Model
    from dcplan.demand.types import TrainDemand
    from dcplan.perf.types import Memory

MOST_KEPT = 12
"""Candidates kept of one machine class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainTrial:
    """All layouts of one machine class at one precision: how many fit, and which are the best."""

    machines: MachineClass
    precision: str
    count: int
    legal: int
    """How many of the layouts the model, the batch and the hardware allow."""
    fit: int
    """How many of these fit the memory."""
    late: int
    """How many of these are known to miss the deadline."""
    smallest_bytes: float
    """Memory that the smallest legal layout needs on its fullest device."""
    jobs: Jobs | None
    """Those that fit and that no other of as many devices beats in time and memory; None where the
    accelerator lacks the precision."""
    duration_s: Array
    """Of each layout of ``jobs``."""
    checked: Profile | None = None
    """How well predictions of steps were seen to hold here."""


def steps_of(demand: TrainDemand) -> int:
    """Steps until all tokens have been seen."""
    return math.ceil(demand.tokens / (demand.sequence_tokens * demand.global_batch_sequences))


def try_class(
    demand: TrainDemand, model: Model, machines: MachineClass, precision: str, efficiencies: Efficiencies
) -> TrainTrial:
    """Go through all layouts of a class at a precision, and keep what none of as many devices beats."""
    job = job_of(demand, model, machines, precision, efficiencies)
    if job is None:
        return TrainTrial(
            machines=machines,
            precision=precision,
            count=0,
            legal=0,
            fit=0,
            late=0,
            smallest_bytes=math.inf,
            jobs=None,
            duration_s=np.zeros(0),
        )
    sequence, batch = demand.sequence_tokens, demand.global_batch_sequences
    shape = shape_of(model, machines, sequence, batch, demand.software)
    steps = steps_of(demand)
    limit = math.inf if demand.deadline_s is None else demand.deadline_s / steps
    found = survey(job, shape, planning_space(shape, machines, demand), Wanted(limit_s=limit))
    return TrainTrial(
        machines=machines,
        precision=precision,
        count=found.considered,
        legal=found.legal,
        fit=found.fit,
        late=found.late,
        smallest_bytes=found.smallest_bytes,
        jobs=replace(job, layouts=found.front.layouts),
        duration_s=found.front.seconds * steps,
        checked=profile_for(efficiencies, machines.accelerator.name, demand.software, precision, STEP),
    )


def job_of(
    demand: TrainDemand, model: Model, machines: MachineClass, precision: str, efficiencies: Efficiencies
) -> Jobs | None:
    """What formulas must know of a job, on one device for now; None where a fact is missing."""
    efficiency = efficiencies.of(machines.accelerator, demand.software)
    device = device_of(machines.accelerator, precision, efficiency)
    if device is None:
        return None
    return Jobs(
        parameters=parameters_of(model),
        layouts=layouts_of(Layout()),
        device=device,
        wires=wires_of(machines.links, efficiency, machines.machine.fabric),
        framework=framework_of(efficiency, precision),
        sequence=demand.sequence_tokens,
        global_batch=demand.global_batch_sequences,
    )


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
        estimate=estimate_of(jobs, demand, trial.checked),
        pools=machines.pools,
    )


def estimate_of(jobs: Jobs, demand: TrainDemand, checked: Profile | None) -> TrainEstimate:
    """What the job does; ``jobs`` has one layout, ``checked`` is the profile that judges its step."""
    done, steps = step_of(jobs), steps_of(demand)
    return TrainEstimate(
        step=done.step,
        steps=steps,
        duration_s=done.step.seconds * steps,
        deadline_s=demand.deadline_s,
        tokens_per_s=done.tokens_per_s,
        model_flops_utilisation=done.model_flops_utilisation,
        memory=done.memory,
        notes=step_notes(checked, jobs),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One training step of one layout."""

    step: Estimate
    tokens_per_s: float
    model_flops_utilisation: float
    """Useful FLOPs (causal attention, no recompute) over dense peak."""
    memory: Memory


def step_of(jobs: Jobs) -> Step:
    """What a step takes and holds; ``jobs`` has one layout."""
    devices, sequence = float(jobs.layouts.devices[0]), row(jobs.sequence, 0)
    known = bases(jobs.device, jobs.wires, jobs.framework, outside=devices > row(jobs.wires.domain, 0))
    step = estimate(step_parts(jobs), 0, known)
    tokens_per_s = sequence * row(jobs.global_batch, 0) / step.seconds
    useful = row(training_flops_per_token(jobs.parameters, sequence), 0)
    held = training_memory(jobs.parameters, jobs.layouts, jobs.framework, sequence, jobs.micro_batches)
    memory = held.one(0)
    return Step(
        step=step,
        tokens_per_s=tokens_per_s,
        model_flops_utilisation=tokens_per_s * useful / (devices * row(jobs.device.peak_flops, 0)),
        memory=replace(memory, runtime_bytes=row(runtime_bytes(jobs.device), 0)),
    )
