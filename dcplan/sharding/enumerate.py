"""Which layouts there are: all splits of a machine class's devices that are worth a look."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dcplan.perf.layouts import Layouts, layouts_of
from dcplan.perf.types import Layout

if TYPE_CHECKING:
    from dcplan.catalog.types import Model
    from dcplan.demand.types import TrainDemand
    from dcplan.perf.numbers import Array
    from dcplan.sharding.types import MachineClass

Mask = npt.NDArray[np.bool_]

WIDEST_TENSOR = 64
"""No engine splits one layer over more devices."""

WIDEST_TRAINING = 16
"""Beyond this the products of a training step are too narrow."""

MOST_TRAINING_STAGES = 64

MOST_STAGES = 8
"""Machines in the pipeline of one serving replica."""

MOST_DEVICES = 1024
"""How far a training job is considered where nobody knows how many machines there are."""

SHORTEST_CONTEXT_SHARE = 4096
"""Tokens of a sequence that each device of a context group keeps at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enumerated:
    """Layouts and which of them the model's heads, layers and experts allow."""

    layouts: Layouts
    legal: Mask


def tensor_chain(devices: int) -> tuple[int, ...]:
    """D, D/p, ... 1 by smallest prime factors, so that any mix of sizes fills machines completely."""
    sizes = [devices]
    while sizes[-1] > 1:
        last = sizes[-1]
        prime = next(p for p in range(2, last + 1) if last % p == 0)
        sizes.append(last // prime)
    return tuple(sizes)


def heads_allow(model: Model, tensor: Array) -> Mask:
    """Heads split evenly, and key-value heads split evenly or are copied evenly."""
    keys = model.kv_heads
    out: Mask = (model.heads % tensor == 0) & ((keys % tensor == 0) | (tensor % keys == 0))
    return out


def serving_layouts(model: Model, machines: MachineClass, *, pipelines: bool) -> Enumerated:
    """Layouts of one replica: tensor parallel in a domain, and pipelines over machines if asked for.

    Experts are split over the tensor group (expert parallel = tensor parallel)
    where their number allows, else each expert is.
    """
    inside = tensor_chain(machines.machine.devices)
    tensors = [*_wider(machines), *inside]
    splits = [(tensor, 1) for tensor in tensors]
    if pipelines:
        splits += _pipelined(model, machines)
    rows = []
    for tensor, stages in splits:
        expert = tensor if model.experts and model.experts % tensor == 0 else 1
        rows.append(Layout(tensor=tensor, pipeline=stages, expert=expert, expert_tensor=tensor // expert))
    layouts = layouts_of(*rows)
    # Where neither the experts nor their width can be split, there is no layout.
    width = model.expert_ffn if model.experts else model.ffn
    mlp = (layouts.expert > 1) | (width % layouts.tensor == 0)
    legal = heads_allow(model, layouts.tensor) & mlp & (layouts.pipeline <= model.layers)
    return Enumerated(layouts=layouts, legal=legal)


def _wider(machines: MachineClass) -> list[int]:
    """Tensor groups over several machines of one scale-up domain, widest first."""
    size, out = 2 * machines.machine.devices, []
    most = machines.machine.devices * machines.machines if machines.machines is not None else size * size
    while size <= min(machines.links.scale_up_domain, WIDEST_TENSOR, most):
        out.append(size)
        size *= 2
    return out[::-1]


def _pipelined(model: Model, machines: MachineClass) -> list[tuple[int, int]]:
    """The widest legal tensor group inside a machine, and pipelines of whole machines of it."""
    devices = machines.machine.devices
    sizes = [s for s in tensor_chain(devices) if heads_allow(model, np.array([float(s)]))[0]]
    tensor = sizes[0]
    most = MOST_STAGES if machines.machines is None else min(MOST_STAGES, machines.machines)
    return [(tensor, count * devices // tensor) for count in range(2, most + 1)]


def device_counts(machines: MachineClass, sequences: int) -> tuple[int, ...]:
    """Device counts of a training job: parts of one machine, then all whole machines that a batch fits.

    Sizes of tensor, pipeline and context groups are powers of two, so that only
    data parallelism can take the odd part of a device count: it must divide the
    ``sequences`` of a step.  For 512 of them that leaves powers of two, for 640
    also 5, 10, 20...  None is left out, so that one more machine on offer never
    takes a possibility away.
    """
    devices = machines.machine.devices
    most = machines.machines if machines.machines is not None else max(1, MOST_DEVICES // devices)
    whole = np.arange(1, most + 1) * devices
    odd = whole // (whole & -whole)
    parts = [size for size in tensor_chain(devices)[1:] if most > 0]
    return tuple(sorted({*parts, *(int(n) for n in whole[sequences % odd == 0])}))


def _grid(*axes: list[int]) -> list[Array]:
    """All combinations of the axes' values, one flat array for each axis."""
    return [a.ravel() for a in np.meshgrid(*(np.array(x, dtype=np.float64) for x in axes), indexing="ij")]


def powers(most: int) -> list[int]:
    """1, 2, 4... up to ``most``."""
    return [1 << i for i in range(max(1, most).bit_length())]


def training_layouts(model: Model, machines: MachineClass, demand: TrainDemand) -> Enumerated:
    """Layouts of a whole job, for each device count, without recomputing.

    Stages may be uneven.  ZeRO-1 moves as many bytes as no ZeRO and keeps less
    (Rajbhandari et al. 2020 section 7), so that stage 0 is only for jobs with
    nothing to share; ZeRO-3 goes without a pipeline, whose micro-batches would
    gather everything again.
    """
    domain = max(machines.links.scale_up_domain, 1)
    contexts = powers(min(16, demand.sequence_tokens // SHORTEST_CONTEXT_SHARE))
    experts = [size for size in powers(64) if model.experts % size == 0] if model.experts else [1]
    tensors, stages = powers(min(domain, WIDEST_TRAINING)), powers(min(MOST_TRAINING_STAGES, model.layers))
    counts = list(device_counts(machines, demand.global_batch_sequences))
    n, tensor, stage, context, expert = _grid(counts, tensors, stages, contexts, experts)
    whole = n % (tensor * stage * context) == 0
    n, tensor, stage, context, expert = (axis[whole] for axis in (n, tensor, stage, context, expert))
    data = n / (tensor * stage * context)
    legal = heads_allow(model, tensor) & ((data * context * tensor) % expert == 0)
    width = model.expert_ffn if model.experts else model.ffn
    legal &= width % tensor == 0
    legal &= demand.global_batch_sequences % data == 0
    return _batched(
        (tensor, stage, context, expert, data),
        legal,
        layers=model.layers,
        sequences=demand.global_batch_sequences,
    )


def _batched(split: tuple[Array, ...], legal: Mask, *, layers: int, sequences: int) -> Enumerated:
    """Each split with each micro-batch, number of virtual stages and stage of ZeRO that makes sense."""
    choices = _grid([1, 2, 4, 8], [1, 2, 4], [1, 3])
    each = len(choices[0])
    tensor, stage, context, expert, data = (np.repeat(axis, each) for axis in split)
    micro, virtual, zero = (np.tile(axis, len(legal)) for axis in choices)
    shared = data * context > 1
    batches = sequences / (data * micro)
    interleaved = (stage > 1) & (layers % (stage * virtual) == 0) & (batches % stage == 0)
    sensible = [
        (virtual == 1) | interleaved,
        (zero == 1) | (shared & (stage == 1)),
        (batches == np.floor(batches)) | (micro == 1),
    ]
    keep = reduce(np.logical_and, sensible)
    layouts = Layouts(
        tensor=tensor,
        pipeline=stage,
        data=data,
        expert=expert,
        # Experts are dealt out whole, or each is cut as the dense layers are.
        expert_tensor=np.where(expert > 1, 1.0, tensor),
        context=context,
        zero=np.where(shared, zero, 0.0),
        shard=np.zeros_like(tensor),
        micro_batch=micro,
        virtual_stages=virtual,
        schedule=np.zeros_like(tensor),
        recompute=np.zeros_like(tensor),
    )
    return Enumerated(layouts=layouts.take(keep), legal=np.repeat(legal, each)[keep])
