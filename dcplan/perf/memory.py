"""Memory of the fullest device, serving and training, bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.perf.compute import cache_bytes, cache_split
from dcplan.perf.device import SIXTEEN_BITS, Device
from dcplan.perf.layouts import FULL, SELECTIVE, SHARDED_GRADIENTS, SHARDED_WEIGHTS
from dcplan.perf.numbers import Num, larger, row, smaller, up, where
from dcplan.perf.parameters import Parameters
from dcplan.perf.types import Memory

if TYPE_CHECKING:
    from dcplan.perf.layouts import Layouts
    from dcplan.perf.software import Engine

GIB = 2.0**30

RUNTIME_BYTES = 1.0 * GIB
"""CUDA context, library workspaces and communication buffers: 0.4 to 1 GiB are seen (assumed)."""

FRAGMENTATION = 0.06
"""Share of a device's memory that allocators leave unused: 5 to 10 % are seen (assumed)."""

CHUNK_NUMBERS = 8.0
"""Hidden-sized buffers that one step of a serving engine holds at once (assumed)."""

SELECTIVE_BYTES = 34.0
"""Activations of a layer per token and hidden unit when attention scores are computed again or never
stored: Korthikanti et al. 2022 (arXiv 2205.05198)."""

FULL_BYTES = 2.0
"""The same when only the input of each layer is kept: Korthikanti et al. 2022."""

ACTIVATION_BYTES = 40.0
"""The same when nothing is computed again, with a fused attention kernel and a gated MLP (calibrated)."""

LOGIT_BYTES = 4.0
MASTER_BYTES = 12.0
"""32-bit weights and both moments of Adam: Rajbhandari et al. 2020 (arXiv 1910.02054) section 3.1."""

GRADIENT_BYTES = 4.0
"""Gradients are summed in 32 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryOf:
    """``Memory`` of many layouts at once."""

    weights_bytes: Num
    activations_bytes: Num
    kv_cache_bytes: Num
    optimizer_bytes: Num
    gradients_bytes: Num
    runtime_bytes: Num

    @property
    def total_bytes(self) -> Num:
        """Everything together."""
        held = self.weights_bytes + self.activations_bytes + self.kv_cache_bytes
        return held + self.optimizer_bytes + self.gradients_bytes + self.runtime_bytes

    def one(self, index: int) -> Memory:
        """The memory of one layout."""
        return Memory(
            weights_bytes=row(self.weights_bytes, index),
            activations_bytes=row(self.activations_bytes, index),
            kv_cache_bytes=row(self.kv_cache_bytes, index),
            optimizer_bytes=row(self.optimizer_bytes, index),
            gradients_bytes=row(self.gradients_bytes, index),
            runtime_bytes=row(self.runtime_bytes, index),
        )


def runtime_bytes(device: Device) -> Num:
    """What the framework takes for itself."""
    return RUNTIME_BYTES + FRAGMENTATION * device.memory_bytes


def stage_share(layers: Num, pipeline: Num) -> Num:
    """Share of the layers on the fullest pipeline stage; stages may be uneven."""
    return up(layers / pipeline) / layers


def serving_memory(
    p: Parameters, layouts: Layouts, device: Device, engine: Engine, cached_bytes: Num
) -> MemoryOf:
    """Memory of a device that serves, with ``cached_bytes`` of caches on it."""
    stage = stage_share(p.layers, layouts.pipeline)
    weights = (
        p.projections_total * device.projections.weight_bytes
        + p.mlp_total * device.mlp.weight_bytes
        + p.experts_total * device.experts.weight_bytes
        + (p.wide_total - p.tables) * SIXTEEN_BITS
    ) * stage
    tables = p.tables / larger(1.0, smaller(2.0, layouts.pipeline)) * SIXTEEN_BITS
    widest = larger(p.ffn, p.per_token * p.expert_ffn) * 3.0 / layouts.tensor
    step = engine.chunk_tokens * (CHUNK_NUMBERS * p.hidden + widest) * SIXTEEN_BITS
    return MemoryOf(
        weights_bytes=(weights + tables) / layouts.tensor,
        activations_bytes=step,
        kv_cache_bytes=cached_bytes,
        optimizer_bytes=0.0,
        gradients_bytes=0.0,
        runtime_bytes=runtime_bytes(device),
    )


def sequence_bytes(p: Parameters, layouts: Layouts, device: Device, context: Num) -> Num:
    """Bytes that a sequence of ``context`` tokens keeps on the fullest device.

    Layers with a sliding window keep no more than the window, and linear mixers
    a state of fixed size, so that a long sequence takes less than its length in
    all layers.
    """
    stage = stage_share(p.layers, layouts.pipeline)
    return cache_bytes(p, context, device) * stage / cache_split(p, layouts.tensor)


def cache_room_bytes(p: Parameters, layouts: Layouts, device: Device, engine: Engine) -> Num:
    """Bytes that are left for caches on the fullest device; below 0 the model itself does not fit."""
    return device.memory_bytes - serving_memory(p, layouts, device, engine, 0.0).total_bytes


def training_memory(p: Parameters, layouts: Layouts, sequence: Num, micro_batches: Num) -> MemoryOf:
    """Memory of a device that trains with Adam in mixed precision, without the framework's own.

    Sources: Rajbhandari et al. 2020 (arXiv 1910.02054) for weights, gradients
    and optimiser under ZeRO, Korthikanti et al. 2022 (arXiv 2205.05198) for
    activations, with sequence parallelism wherever there is tensor parallelism.
    """
    dense, experts = _held_parameters(p, layouts)
    held, shared = dense + experts, _shared_out(dense, experts, layouts)
    # ZeRO-3 gathers the layer at work and the next one.
    gathered = 2 * held / p.layers * layouts.pipeline * SIXTEEN_BITS
    return MemoryOf(
        weights_bytes=where(
            layouts.zero >= SHARDED_WEIGHTS, shared * SIXTEEN_BITS + gathered, held * SIXTEEN_BITS
        ),
        activations_bytes=_activations(p, layouts, sequence, micro_batches),
        kv_cache_bytes=0.0,
        optimizer_bytes=where(layouts.zero >= 1, shared, held) * MASTER_BYTES,
        gradients_bytes=where(layouts.zero >= SHARDED_GRADIENTS, shared, held) * GRADIENT_BYTES,
        runtime_bytes=0.0,
    )


def optimizer_parameters(p: Parameters, layouts: Layouts) -> Num:
    """Parameters whose optimiser state the fullest device keeps."""
    dense, experts = _held_parameters(p, layouts)
    return where(layouts.zero >= 1, _shared_out(dense, experts, layouts), dense + experts)


def _held_parameters(p: Parameters, layouts: Layouts) -> tuple[Num, Num]:
    """Dense and expert parameters of the fullest stage and tensor rank, before ZeRO shares them out."""
    stage = stage_share(p.layers, layouts.pipeline)
    dense = (p.linear_total + p.wide_total - p.tables) * stage + p.tables / smaller(2.0, layouts.pipeline)
    return dense / layouts.tensor, p.experts_total * stage / (layouts.expert * layouts.expert_tensor)


def _shared_out(dense: Num, experts: Num, layouts: Layouts) -> Num:
    """What ZeRO leaves of the parameters to one device.

    All ranks of a stage hold experts, but only those a whole group of expert
    ranks apart hold the same ones and can share them.
    """
    ranks = layouts.data * layouts.context
    same = larger(ranks * layouts.tensor / (layouts.expert * layouts.expert_tensor), 1.0)
    return dense / ranks + experts / same


def _activations(p: Parameters, layouts: Layouts, sequence: Num, micro_batches: Num) -> Num:
    """Activations that wait for their backward pass, and the logits."""
    tokens = layouts.micro_batch * sequence / layouts.context
    unit = where(
        layouts.recompute >= FULL,
        FULL_BYTES,
        where(layouts.recompute >= SELECTIVE, SELECTIVE_BYTES, ACTIVATION_BYTES),
    )
    # Routed tokens pass K experts, each with inputs and inner activations of its own.
    inner = 4.0 * p.expert_hidden + 6.0 * p.expert_ffn
    routed = p.per_token * inner / p.hidden * p.moe_layers / p.layers
    kept = where(layouts.recompute >= FULL, unit, unit + routed)
    waiting = smaller(layouts.pipeline, micro_batches)
    deeper = 1 + where(
        layouts.virtual_stages > 1, (layouts.pipeline - 1) / (layouts.pipeline * layouts.virtual_stages), 0.0
    )
    layers = up(p.layers / layouts.pipeline)
    stored = kept * tokens * p.hidden / layouts.tensor * layers * waiting * deeper
    # The layer at work needs its full set even when it is computed again.
    working = ACTIVATION_BYTES * tokens * p.hidden / layouts.tensor
    logits = LOGIT_BYTES * tokens * p.vocab / layouts.tensor
    return stored + working + logits
