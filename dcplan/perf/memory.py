"""Memory of the fullest device, serving and training, bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.perf.compute import cache_split, cache_width
from dcplan.perf.device import SIXTEEN_BITS, Device
from dcplan.perf.layouts import FULL, SELECTIVE, SHARDED_GRADIENTS, SHARDED_WEIGHTS
from dcplan.perf.numbers import Num, larger, row, smaller, up, where
from dcplan.perf.parameters import Parameters, seen_tokens
from dcplan.perf.types import Memory

if TYPE_CHECKING:
    from dcplan.catalog.types import Model
    from dcplan.perf.layouts import Layouts

GIB = 2.0**30

RUNTIME_BYTES = 1.0 * GIB
"""CUDA context, library workspaces and communication buffers: 0.4 to 1 GiB are seen (assumed)."""

FRAGMENTATION = 0.06
"""Share of a device's memory that allocators leave unused: 5 to 10 % are seen (assumed)."""

PREFILL_CHUNK_TOKENS = 8192
"""Prompt tokens of one step of a serving engine (vLLM's default for large devices)."""

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


def runtime_bytes(device: Device) -> float:
    """What the framework takes for itself."""
    return RUNTIME_BYTES + FRAGMENTATION * device.memory_bytes


def stage_share(layers: int, pipeline: Num) -> Num:
    """Share of the layers on the fullest pipeline stage; stages may be uneven."""
    return up(layers / pipeline) / layers


def serving_memory(
    model: Model, p: Parameters, layouts: Layouts, device: Device, resident_tokens: Num
) -> MemoryOf:
    """Memory of a device that serves with ``resident_tokens`` tokens in the replica's cache."""
    stage = stage_share(p.layers, layouts.pipeline)
    quantised = (p.linear_total + p.experts_total) * device.weight_bytes * stage
    tables = (p.embedding + (0.0 if p.tied else p.head)) / larger(1.0, smaller(2.0, layouts.pipeline))
    wide = (tables + (p.wide_total - p.embedding - (0.0 if p.tied else p.head)) * stage) * SIXTEEN_BITS
    widest = max(model.ffn, model.experts_per_token * model.expert_ffn) * 3.0 / layouts.tensor
    step = PREFILL_CHUNK_TOKENS * (CHUNK_NUMBERS * model.hidden + widest) * SIXTEEN_BITS
    return MemoryOf(
        weights_bytes=(quantised + wide) / layouts.tensor,
        activations_bytes=step,
        kv_cache_bytes=resident_tokens * cache_bytes_per_token(model, layouts),
        optimizer_bytes=0.0,
        gradients_bytes=0.0,
        runtime_bytes=runtime_bytes(device),
    )


def cache_bytes_per_token(model: Model, layouts: Layouts) -> Num:
    """Bytes that one token of context takes on the fullest device, all of its layers seeing it."""
    layers = up(model.layers / layouts.pipeline)
    return layers * cache_width(model) * SIXTEEN_BITS / cache_split(model, layouts.tensor)


def kv_capacity_tokens(model: Model, p: Parameters, layouts: Layouts, device: Device, context: Num) -> Num:
    """Tokens that fit in the cache of one replica, for sequences of ``context`` tokens; below 0 none do.

    Layers with a sliding window keep no more than the window, so that a long
    sequence takes less than its length in all layers.
    """
    free = device.memory_bytes - serving_memory(model, p, layouts, device, 0.0).total_bytes
    kept = seen_tokens(model, context) / (model.layers * context)
    return free / (cache_bytes_per_token(model, layouts) * kept)


def training_memory(
    model: Model, p: Parameters, layouts: Layouts, sequence: int, micro_batches: Num
) -> MemoryOf:
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
        activations_bytes=_activations(model, p, layouts, sequence, micro_batches),
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
    tables = p.embedding + (0.0 if p.tied else p.head)
    dense = (p.linear_total + p.wide_total - tables) * stage + tables / smaller(2.0, layouts.pipeline)
    return dense / layouts.tensor, p.experts_total * stage / (layouts.expert * layouts.tensor)


def _shared_out(dense: Num, experts: Num, layouts: Layouts) -> Num:
    """What ZeRO leaves of the parameters to one device.

    The ranks of an expert group are data-parallel ranks, so only every
    ``expert``-th of those holds the same experts and can share them.
    """
    ranks = layouts.data * layouts.context
    return dense / ranks + experts / larger(ranks / layouts.expert, 1.0)


def _activations(model: Model, p: Parameters, layouts: Layouts, sequence: int, micro_batches: Num) -> Num:
    """Activations that wait for their backward pass, and the logits."""
    tokens = layouts.micro_batch * sequence / layouts.context
    unit = where(
        layouts.recompute >= FULL,
        FULL_BYTES,
        where(layouts.recompute >= SELECTIVE, SELECTIVE_BYTES, ACTIVATION_BYTES),
    )
    # Routed tokens pass K experts, each with inputs and inner activations of its own.
    routed = 0.0
    if p.moe_layers:
        inner = 4.0 * model.hidden + 6.0 * model.expert_ffn
        routed = model.experts_per_token * inner / model.hidden * p.moe_layers / p.layers
    kept = where(layouts.recompute >= FULL, unit, unit + routed)
    waiting = smaller(layouts.pipeline, micro_batches)
    deeper = 1 + where(
        layouts.virtual_stages > 1, (layouts.pipeline - 1) / (layouts.pipeline * layouts.virtual_stages), 0.0
    )
    layers = up(p.layers / layouts.pipeline)
    stored = kept * tokens * model.hidden / layouts.tensor * layers * waiting * deeper
    # The layer at work needs its full set even when it is computed again.
    working = ACTIVATION_BYTES * tokens * model.hidden / layouts.tensor
    logits = LOGIT_BYTES * tokens * model.vocab / layouts.tensor
    return stored + working + logits
