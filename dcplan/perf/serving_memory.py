"""Memory of a device that serves: weights, caches, the step at work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.perf.compute import cache_bytes, cache_split
from dcplan.perf.device import SIXTEEN_BITS, Device
from dcplan.perf.memory import MemoryOf, runtime_bytes, stage_share
from dcplan.perf.numbers import Num, larger, smaller

if TYPE_CHECKING:
    from dcplan.perf.engine import Engine
    from dcplan.perf.layouts import Layouts
    from dcplan.perf.parameters import Parameters

INNER_COPIES = 3.0
"""Inner-sized buffers of one step.  Definition: both halves of a gated MLP's width, and their product."""


def serving_memory(
    p: Parameters, layouts: Layouts, device: Device, engine: Engine, cached_bytes: Num
) -> MemoryOf:
    """Memory of a device that serves, with ``cached_bytes`` of caches on it, bytes.

    ``(weights x ceil(layers / p) / layers + tables) / t``, experts over the data ranks, too, which share
    nothing else, and for a step ``chunk_tokens x (hidden_copies x hidden + 3 x inner / t) x 2``.  Source:
    Pope et al. 2022 (arXiv 2211.05102) section 3 for what is cut and what is copied; the step is an own
    form.
    """
    stage = stage_share(p.layers, layouts.pipeline)
    weights = (
        p.projections_total * device.projections.weight_bytes
        + p.mlp_total * device.mlp.weight_bytes
        + p.experts_total * device.experts.weight_bytes / layouts.data
        + (p.wide_total - p.tables) * SIXTEEN_BITS
    ) * stage
    tables = p.tables / larger(1.0, smaller(2.0, layouts.pipeline)) * SIXTEEN_BITS
    widest = larger(p.ffn, p.per_token * p.expert_ffn) * INNER_COPIES / layouts.tensor
    step = engine.chunk_tokens * (engine.hidden_copies * p.hidden + widest) * SIXTEEN_BITS
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

    ``cache_bytes(context) x ceil(layers / p) / layers / min(t, kv_heads)``.  Layers with a sliding window
    keep no more than the window, and linear mixers a state of fixed size, so that a long sequence takes less
    than its length in all layers.  Source: follows from ``cache_bytes``, ``cache_split``, ``stage_share``.
    """
    stage = stage_share(p.layers, layouts.pipeline)
    return cache_bytes(p, context, device) * stage / cache_split(p, layouts.tensor)


def cache_room_bytes(p: Parameters, layouts: Layouts, device: Device, engine: Engine) -> Num:
    """Bytes that are left for caches on the fullest device; below 0 the model itself does not fit.

    ``memory_bytes - serving_memory``.  Source: Kwon et al. 2023 (PagedAttention, arXiv 2309.06180),
    pages being small beside a sequence.
    """
    return device.memory_bytes - serving_memory(p, layouts, device, engine, 0.0).total_bytes
