"""Which values of each kind of parallelism a search for training layouts looks at."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from dcplan.catalog.slices import load_slices
from dcplan.catalog.types import AcceleratorKind
from dcplan.perf.layouts import RECOMPUTE, SCHEDULES
from dcplan.sharding.legal import tensor_chain
from dcplan.sharding.legal_training import Shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.catalog.types import Model
    from dcplan.demand.types import TrainDemand
    from dcplan.sharding.types import MachineClass

WIDEST_TENSOR = 16
"""Beyond this the products of a training step are too narrow, for a plan."""

MOST_DEVICES = 1024
"""How far a training job is considered where nobody knows how many machines there are, and up to which
every whole number of machines is."""

SHORTEST_CONTEXT_SHARE = 4096
"""Tokens of a sequence that each device of a context group keeps at least, in a plan."""

SCHEDULES_OF = {
    "megatron": ("1f1b",),
    "nemo": ("1f1b",),
    "deepspeed": ("1f1b",),
    "maxtext": ("1f1b", "gpipe"),
}
"""Schedules that a framework has, where not all: Megatron-LM's ``pipeline_parallel/schedules.py`` has 1F1B,
plain and interleaved; DeepSpeed's ``TrainSchedule`` 1F1B; MaxText's ``pipeline.py`` a plain and a circular
one, whose bubbles are those of GPipe and of interleaving."""

NOT_SHARING_IN_PIPELINES = ("megatron", "nemo", "deepspeed")
"""Frameworks without ZeRO-2 and 3 in a pipeline: the pipeline engine of DeepSpeed asserts it, Megatron-LM's
arguments do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """The values that are looked at, one tuple for each field of ``Layout``; their product is the space."""

    devices: tuple[int, ...]
    """Device counts; data parallelism takes what the others leave."""
    tensor: tuple[int, ...]
    pipeline: tuple[int, ...]
    context: tuple[int, ...]
    data: tuple[int, ...]
    """Only these; none stands for any."""
    expert: tuple[int, ...]
    expert_tensor: tuple[int, ...]
    zero: tuple[int, ...]
    shard: tuple[int, ...]
    micro_batch: tuple[int, ...]
    virtual_stages: tuple[int, ...]
    schedule: tuple[str, ...]
    recompute: tuple[str, ...]

    def pinned(self, pins: Mapping[str, tuple[int | str, ...]]) -> Space:
        """The same space with what the user allows instead, legal or not."""
        return replace(self, **pins)  # type: ignore[arg-type]  # checked by ``checked_pins`` before


AXES = tuple(field.name for field in fields(Space) if field.name != "devices")
"""Fields of ``Layout`` that can be pinned."""


def divisors(number: int, most: int | None = None) -> tuple[int, ...]:
    """All divisors of a number, up to ``most``."""
    tried = np.arange(1, min(number, most or number) + 1)
    return tuple(int(n) for n in tried[number % tried == 0])


def powers(most: int) -> tuple[int, ...]:
    """1, 2, 4... up to ``most``."""
    return tuple(1 << i for i in range(max(1, most).bit_length()))


def schedules_of(software: str) -> tuple[str, ...]:
    """Schedules that a training framework can run; all of them where that is not known."""
    return SCHEDULES_OF.get(software, SCHEDULES)


def shape_of(model: Model, machines: MachineClass, sequence: int, batch: int, software: str) -> Shape:
    """What the rules of legal layouts must know of a job."""
    return Shape(
        model=model,
        machine_devices=machines.machine.devices,
        sequence=sequence,
        batch=batch,
        shares_in_pipeline=software not in NOT_SHARING_IN_PIPELINES,
    )


def whole_space(shape: Shape, devices: int, domain: int, software: str) -> Space:
    """Every layout of exactly so many devices."""
    model = shape.model
    experts = divisors(model.experts, devices) if model.experts else (1,)
    return Space(
        devices=(devices,),
        tensor=divisors(devices, model.heads),
        pipeline=divisors(devices, model.layers),
        context=divisors(devices, max(1, shape.sequence // 2)),
        data=(),
        expert=experts,
        expert_tensor=powers(min(domain, WIDEST_TENSOR)) if model.experts else (1,),
        zero=(0, 1, 2, 3),
        shard=(0, *divisors(devices)[1:-1]),
        micro_batch=divisors(shape.batch),
        virtual_stages=tuple(range(1, model.layers // 2 + 1)),
        schedule=schedules_of(software),
        recompute=RECOMPUTE,
    )


def planning_space(shape: Shape, machines: MachineClass, demand: TrainDemand) -> Space:
    """Layouts of each device count, without those that never win.

    ZeRO-1 moves as many bytes as no ZeRO and keeps less (Rajbhandari et al.
    2020 section 7), so that stage 0 is only for jobs with nothing to share;
    ZeRO-2 saves memory only where gradients are scattered after each
    micro-batch, which ZeRO-3 does with the weights, too.  Everything that GPipe
    does, 1F1B does with less memory (Narayanan et al. 2021 section 2.2).
    Schedules that frameworks rarely have are left out.
    """
    model = shape.model
    experts = divisors(model.experts, 64) if model.experts else (1,)
    tensors = powers(min(machines.links.scale_up_domain, WIDEST_TENSOR))
    return Space(
        devices=device_counts(machines, demand.global_batch_sequences),
        tensor=tensors,
        pipeline=tuple(range(1, min(64, model.layers) + 1)),
        context=powers(min(16, shape.sequence // SHORTEST_CONTEXT_SHARE)),
        data=(),
        expert=tuple(e for e in experts if e & (e - 1) == 0),
        expert_tensor=tensors if model.experts else (1,),
        zero=(0, 1, 3),
        shard=(0,),
        micro_batch=(1, 2, 4, 8),
        virtual_stages=(1, 2, 3, 4, 6, 8),
        schedule=("1f1b",),
        recompute=RECOMPUTE,
    )


def device_counts(machines: MachineClass, sequences: int) -> tuple[int, ...]:
    """Device counts of a training job: parts of one machine, then whole machines.

    Up to ``MOST_DEVICES`` every whole number of machines is looked at: pipelines
    of 3, 6 or 35 stages take what the batch does not divide by.  Beyond, only
    counts whose odd part divides the ``sequences`` of a step.  What is looked at
    never depends on how many machines there are, so that one more on offer
    never takes a possibility away.  TPUs come in slices: of whole machines only
    counts that are one slice, or several of the largest (``catalog.slices``).
    """
    devices = machines.machine.devices
    most = machines.machines if machines.machines is not None else max(1, MOST_DEVICES // devices)
    whole = np.arange(1, most + 1) * devices
    odd = whole // (whole & -whole)
    parts = [size for size in tensor_chain(devices)[1:] if most > 0]
    kept = whole[(whole <= MOST_DEVICES) | (sequences % odd == 0)]
    if machines.accelerator.kind is AcceleratorKind.TPU:
        slices = load_slices()[machines.accelerator.name]
        kept = np.array([n for n in kept.tolist() if slices.joins(n)], dtype=int)
    return tuple(sorted({*parts, *(int(n) for n in kept)}))
