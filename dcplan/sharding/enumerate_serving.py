"""Which layouts of a serving replica there are: splits of a machine class's devices worth a look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dcplan.catalog.slices import load_slices
from dcplan.catalog.types import AcceleratorKind
from dcplan.perf.layouts import Layouts
from dcplan.sharding.legal import Enumerated, heads_allow, tensor_chain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dcplan.catalog.formats import Format, Precision
    from dcplan.catalog.types import Model
    from dcplan.perf.numbers import Array
    from dcplan.sharding.legal import Mask
    from dcplan.sharding.types import MachineClass

WIDEST_TENSOR = 64
"""No engine splits one layer over more devices."""

WIDEST_EXPERTS = 64
"""Devices that the experts of one replica are spread over at most.  Larger groups are run (DeepSeek-V3's
decoding takes 320, arXiv 2412.19437 section 3.4.2), but none of them is among what was measured."""

MOST_STAGES = 8
"""Machines in the pipeline of one serving replica, or parts of one machine."""

Split = tuple[int, int, int, int]
"""Tensor, pipeline, data, expert."""


def serving_layouts(
    model: Model, machines: MachineClass, form: Format, *, pipelines: bool, devices: int | None = None
) -> Enumerated:
    """Layouts of one replica.

    A stage is ``tensor x data`` devices.  Dense models have no use for data: a
    copy of attention without its own MLP is a replica.  Experts are dealt out
    to ``expert`` ranks and cut in ``expert_tensor`` pieces, which together are
    all devices of the stage: Rajbhandari et al. 2022 (DeepSpeed-MoE, arXiv
    2201.05596) for both, DeepSeek-V2 (arXiv 2405.04434) and SGLang for
    attention in parallel copies.  Widths are not cut through what shares a
    scale in ``form``.  TPUs beyond one machine are a slice.  ``pipelines`` adds stages over several
    machines; ``devices`` keeps to replicas that many devices can be filled with.
    """
    splits = [
        split
        for split in dict.fromkeys(_splits(model, machines, pipelines=pipelines))
        if devices is None or devices % (split[0] * split[1] * split[2]) == 0
        if _is_slice(split[0] * split[1] * split[2], machines)
    ]
    columns = np.array(splits, dtype=np.float64).reshape(-1, 4).T
    tensor, pipeline, data, expert = columns
    ones = np.ones_like(tensor)
    layouts = Layouts(
        tensor=tensor,
        pipeline=pipeline,
        data=data,
        expert=expert,
        expert_tensor=tensor * data / expert,
        context=ones,
        zero=0 * ones,
        shard=0 * ones,
        micro_batch=ones,
        virtual_stages=ones,
        schedule=0 * ones,
        recompute=0 * ones,
    )
    return Enumerated(layouts=layouts, legal=splits_evenly(model, layouts, form))


def _is_slice(devices: int, machines: MachineClass) -> bool:
    """Whether so many devices can be had together: of TPUs beyond one machine only slices."""
    if machines.accelerator.kind is not AcceleratorKind.TPU or devices <= machines.machine.devices:
        return True
    slices = load_slices().get(machines.accelerator.name)
    return slices is None or slices.joins(devices)


def splits_evenly(model: Model, layouts: Layouts, form: Format) -> Mask:
    """Heads, layers, experts and widths that split as the layouts ask."""
    good: Mask = heads_allow(model, layouts.tensor) & (layouts.pipeline <= model.layers)
    # Every layer that is no mixture of experts is cut as attention is.
    if not model.experts or model.dense_layers > 0:
        good &= _cuts(model.ffn, layouts.tensor, form.mlp)
    if model.experts:
        good &= model.experts % layouts.expert == 0
        good &= _cuts(model.expert_ffn, layouts.expert_tensor, form.experts)
    return good


def _cuts(width: int, pieces: Array, precision: Precision) -> Mask:
    """Whether a width is cut evenly, and where it is cut at all, between blocks that share a scale."""
    out: Mask = (width % pieces == 0) & ((pieces == 1) | (width % (pieces * precision.block) == 0))
    return out


def _splits(model: Model, machines: MachineClass, *, pipelines: bool) -> Iterator[Split]:
    """All splits, widest first."""
    for width in _widths(model, machines):
        for tensor in _tensors(model, machines, width):
            for expert in _experts(model, width):
                yield tensor, 1, width // tensor, expert
    for tensor, stages in _pipelined(model, machines, over_machines=pipelines):
        for expert in _experts(model, tensor):
            yield tensor, stages, 1, expert


def _widths(model: Model, machines: MachineClass) -> list[int]:
    """Devices of one stage: parts of a machine, wider ones in a scale-up domain, experts beyond it."""
    inside = tensor_chain(machines.machine.devices)
    most = _most_devices(machines)
    reach = WIDEST_EXPERTS if model.experts else min(machines.links.scale_up_domain, WIDEST_TENSOR)
    size, wider = 2 * machines.machine.devices, []
    while size <= min(reach, most):
        wider.append(size)
        size *= 2
    return [*reversed(wider), *inside]


def _tensors(model: Model, machines: MachineClass, width: int) -> list[int]:
    """Into how many pieces attention is cut in a stage: all of it, or with experts any part."""
    widest = min(max(machines.links.scale_up_domain, machines.machine.devices), WIDEST_TENSOR)
    if not model.experts:
        return [width]
    return [tensor for tensor in tensor_chain(width) if tensor <= widest]


def _experts(model: Model, width: int) -> list[int]:
    """Ranks that experts are dealt out to: all of the stage, a part of it, or each expert is cut only."""
    if not model.experts:
        return [1]
    return [expert for expert in tensor_chain(width) if model.experts % expert == 0]


def _pipelined(model: Model, machines: MachineClass, *, over_machines: bool) -> Iterator[tuple[int, int]]:
    """Tensor group and stages: over whole machines of the widest legal group, and inside slow machines.

    Stages inside a machine hand over little where links are slow (PCIe).  Where
    scale-up links join all its devices, tensor groups are what is run and measured.
    """
    devices = machines.machine.devices
    chain = tensor_chain(devices)
    tensor = next(s for s in chain if heads_allow(model, np.array([float(s)]))[0])
    if over_machines:
        most = MOST_STAGES if machines.machines is None else min(MOST_STAGES, machines.machines)
        for count in range(2, most + 1):
            yield tensor, count * devices // tensor
    if machines.links.scale_up_domain >= devices:
        return
    for size in chain:
        for stages in tensor_chain(size)[:-1]:
            if stages <= MOST_STAGES:
                yield size // stages, stages


def _most_devices(machines: MachineClass) -> float:
    """Devices that one replica can have; no bound where nobody knows how many machines there are."""
    return float("inf") if machines.machines is None else machines.machine.devices * machines.machines
