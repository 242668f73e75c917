"""Search for one training workload: trials of all layouts, then candidates from those in time."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dcplan.catalog.types import AcceleratorKind
from dcplan.perf.between import between_machines
from dcplan.perf.device import device_of, wires_of
from dcplan.perf.estimates import bases, estimate
from dcplan.perf.framework import framework_of
from dcplan.perf.layouts import layouts_of
from dcplan.perf.memory import runtime_bytes
from dcplan.perf.numbers import Array, row
from dcplan.perf.parameters import parameters_of, training_flops_per_token
from dcplan.perf.traffic import step_sent_bytes
from dcplan.perf.training import Jobs, step_parts
from dcplan.perf.training_memory import training_memory
from dcplan.perf.types import Layout
from dcplan.sharding.availability import spares_for
from dcplan.sharding.front import front_rows, steps, thinned
from dcplan.sharding.margins import STEP, profile_for, step_notes
from dcplan.sharding.names import candidate_id, training_split
from dcplan.sharding.space import planning_space, shape_of
from dcplan.sharding.survey import Wanted, survey
from dcplan.sharding.types import Candidate, MachineClass, TrainEstimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.basis import Estimate
    from dcplan.catalog.efficiency import Efficiencies, Profile
    from dcplan.catalog.types import Model
    from dcplan.demand.types import TrainDemand
    from dcplan.perf.types import Memory

MOST_KEPT = 8
"""Candidates kept of one machine class: the four that are best in one respect each, and what is cheapest or
farthest from these.  Fronts of device-hours and machines alone had three at most in our examples; each more
costs the solver a variable for each pool."""


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
    slack_bytes: Array
    """What each layout of ``jobs`` leaves of the fullest device's memory."""
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
            slack_bytes=np.zeros(0),
        )
    sequence, batch = demand.sequence_tokens, demand.global_batch_sequences
    shape = shape_of(model, machines, sequence, batch, demand.software)
    step_count = steps_of(demand)
    limit = math.inf if demand.deadline_s is None else demand.deadline_s / step_count
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
        duration_s=found.front.seconds * step_count,
        slack_bytes=float(np.asarray(job.device.memory_bytes)) - found.front.held_bytes,
        checked=profile_for(efficiencies, machines.accelerator.name, demand.software, precision, STEP),
    )


def job_of(
    demand: TrainDemand, model: Model, machines: MachineClass, precision: str, efficiencies: Efficiencies
) -> Jobs | None:
    """What formulas must know of a job, on one device for now; None where a fact is missing.

    None on CPUs, too: the frameworks' figures are those of devices beside a host; and on parts of a GPU.
    """
    if machines.accelerator.kind is AcceleratorKind.CPU or machines.accelerator.is_part:
        return None
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


def candidates_of(trials: Sequence[TrainTrial], demand: TrainDemand) -> list[Candidate]:
    """Candidates that keep the deadline and that no other beats, from all precisions of one machine class.

    What counts are device-hours that are paid for, machines, time and memory
    that is left; at most ``MOST_KEPT``, fewest device-hours first.
    """
    deadline = math.inf if demand.deadline_s is None else demand.deadline_s
    found = [
        (trial, index) for trial in trials for index in np.flatnonzero(trial.duration_s <= deadline).tolist()
    ]
    if not found:
        return []
    of_machine = trials[0].machines.machine.devices
    seconds = np.array([trial.duration_s[index] for trial, index in found])
    machines = np.array([_machines(trial, index) for trial, index in found])
    slack = np.array([trial.slack_bytes[index] for trial, index in found])
    goods = [-(machines * of_machine * seconds), -machines, -seconds, slack]
    rows = front_rows(*goods)
    goods = [column[rows] for column in goods]
    # What is cheapest, and what is smaller for more: the solver fits them into what there is.
    chosen = rows[thinned(MOST_KEPT, *goods, first=steps(*goods))]
    best = sorted(chosen.tolist(), key=lambda at: (machines[at] * seconds[at], machines[at], seconds[at]))
    return [_candidate(trial, index, demand) for trial, index in (found[at] for at in best)]


def _machines(trial: TrainTrial, index: int) -> int:
    """Whole machines of a job, which pays for all of its last one."""
    if trial.jobs is None:
        return 0
    return max(1, math.ceil(float(trial.jobs.layouts.devices[index]) / trial.machines.machine.devices))


def _candidate(trial: TrainTrial, index: int, demand: TrainDemand) -> Candidate:
    """One layout as a candidate."""
    if trial.jobs is None:
        msg = "a training candidate of hardware that cannot run it. This is a bug in dcplan."
        raise RuntimeError(msg)
    jobs, machines = trial.jobs.take([index]), trial.machines
    layout = jobs.layouts.one(0)
    devices = int(jobs.layouts.devices[0])
    return Candidate(
        id=candidate_id(demand.name, machines, training_split(layout), trial.precision, devices),
        workload=demand.name,
        machine=machines.machine.name,
        accelerator=machines.accelerator.name,
        layout=layout,
        precision=trial.precision,
        devices=devices,
        machines=_machines(trial, index),
        replicas=1,
        spares=0,
        estimate=estimate_of(jobs, demand, trial.checked, machines.machine.devices),
        pools=machines.pools,
        within=machines.within,
        memory_slack_bytes=float(trial.slack_bytes[index]),
        standby=max(demand.spares, spares_for(max(_machines(trial, index), 1), 1, demand.availability)),
    )


def estimate_of(
    jobs: Jobs, demand: TrainDemand, checked: Profile | None, machine_devices: int
) -> TrainEstimate:
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
        sent_bytes_per_s=row(step_sent_bytes(jobs), 0) / done.step.seconds,
        between=between_machines(jobs, machine_devices),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One training step of one layout."""

    step: Estimate
    tokens_per_s: float
    model_flops_utilisation: float
    """Useful FLOPs (the pairs attended to, no recompute) over dense peak."""
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
