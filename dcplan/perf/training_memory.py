"""Memory of a device that trains: weights, gradients, optimiser, activations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.perf.device import SIXTEEN_BITS
from dcplan.perf.layouts import FULL, GPIPE, SELECTIVE, SHARDED_GRADIENTS, SHARDED_WEIGHTS
from dcplan.perf.memory import MemoryOf, stage_share
from dcplan.perf.numbers import Num, larger, smaller, up, where

if TYPE_CHECKING:
    from dcplan.perf.framework import Framework
    from dcplan.perf.layouts import Layouts
    from dcplan.perf.parameters import Parameters

SELECTIVE_BYTES = 34.0
"""Activations of a layer per token and hidden unit when attention scores are computed again or never
stored: Korthikanti et al. 2022 (arXiv 2205.05198) sections 4.1 and 5."""

FULL_BYTES = 2.0
"""The same when only the input of each layer is kept: Korthikanti et al. 2022 (arXiv 2205.05198) section
5."""

GATHERED_BYTES = 4.0
"""Per token and hidden unit, whole on each tensor rank.  Definition: inputs of a layer's two blocks in 16
bits, gathered for products whose weights are cut (Korthikanti et al. 2022, arXiv 2205.05198, section
4.2)."""

EXPERT_BYTES, INNER_BYTES = 4.0, 6.0
"""Per routed token and unit of an expert's input and of its inner width.  Definition: the input as it
arrives and sorted, both halves of the gated width and their product, in 16 bits."""

LOGIT_BYTES = 12.0
"""Per token and word of the vocabulary on the last stage.  Definition: logits (2), a 32-bit copy (4), its
softmax that becomes the gradient (4), the gradient in 16 bits (2)."""

MASTER_BYTES = 12.0
"""32-bit weights and both moments of Adam: Rajbhandari et al. 2020 (arXiv 1910.02054) section 3.1."""

GRADIENT_BYTES = 4.0
"""Of one gradient.  Definition: they are summed in 32 bits, as Megatron-LM does by default."""


def training_memory(
    p: Parameters, layouts: Layouts, framework: Framework, sequence: Num, micro_batches: Num
) -> MemoryOf:
    """Memory of a device that trains with Adam in mixed precision, without the framework's own, bytes.

    ``2 N + 12 N / (ranks if ZeRO >= 1) + 4 N / (ranks if ZeRO >= 2)``, ``N`` being the parameters of the
    fullest stage and tensor rank (of weights, ZeRO-3 keeps what is gathered at a time), and activations
    ``tokens x hidden x layers / (p t) x unit x waiting + logits``.  Source: Rajbhandari et al. 2020 (arXiv
    1910.02054) sections 3.1 and 5 for weights, gradients and optimiser under ZeRO, Korthikanti et al. 2022
    (arXiv 2205.05198) section 4 for activations, with sequence parallelism wherever there is tensor
    parallelism.
    """
    dense, experts = _held_parameters(p, layouts)
    held, shared = dense + experts, _shared_out(dense, experts, layouts)
    sharded = layouts.zero >= SHARDED_WEIGHTS
    # ZeRO-3 cuts the 32-bit weights and gathers 16-bit ones: the layer at work, the next one, both tables.
    # A pipeline needs its whole stage again with the next micro-batch, so that all stay, gradients too.
    at_work = 2 * (held - p.tables / layouts.tensor) / p.layers + p.tables / layouts.tensor
    gathered = where(layouts.pipeline > 1, held, at_work)
    whole = (layouts.zero < SHARDED_GRADIENTS) | (sharded & (layouts.pipeline > 1))
    return MemoryOf(
        weights_bytes=where(sharded, gathered, held) * SIXTEEN_BITS,
        activations_bytes=_activations(p, layouts, framework, sequence, micro_batches),
        kv_cache_bytes=0.0,
        optimizer_bytes=where(layouts.zero >= 1, shared, held) * MASTER_BYTES,
        gradients_bytes=where(whole, held, shared) * GRADIENT_BYTES,
        runtime_bytes=0.0,
    )


def optimizer_parameters(p: Parameters, layouts: Layouts) -> Num:
    """Parameters whose optimiser state the fullest device keeps: ``N``, or ``N / ranks`` from ZeRO-1 on.

    Source: Rajbhandari et al. 2020 (arXiv 1910.02054) section 5.1.
    """
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
    ranks = shard_ranks(layouts)
    same = larger(ranks * layouts.tensor / (layouts.expert * layouts.expert_tensor), 1.0)
    return dense / ranks + experts / same


def shard_ranks(layouts: Layouts) -> Num:
    """Data-parallel ranks that share out one copy of what ZeRO shares: ``min(shard, data) x context``.

    All of them where ``shard`` is 0; fewer is HSDP.  Source: Zhao et al. 2023 (arXiv 2304.11277) section
    3.2.2.
    """
    ranks = layouts.data * layouts.context
    return where(layouts.shard > 0, smaller(layouts.shard * layouts.context, ranks), ranks)


def _activations(
    p: Parameters, layouts: Layouts, framework: Framework, sequence: Num, micro_batches: Num
) -> Num:
    """Activations that wait for their backward pass, and the logits."""
    tokens = layouts.micro_batch * sequence / layouts.context
    unit = where(
        layouts.recompute >= FULL,
        FULL_BYTES,
        where(layouts.recompute >= SELECTIVE, SELECTIVE_BYTES, framework.activation_bytes),
    )
    # Routed tokens pass K experts, each with inputs and inner activations of its own.
    inner = EXPERT_BYTES * p.expert_hidden + INNER_BYTES * p.expert_ffn
    routed = p.per_token * inner / p.hidden * p.moe_layers / p.layers
    kept = where(layouts.recompute >= FULL, unit, unit + routed)
    layers = up(p.layers / layouts.pipeline)
    stored = kept * tokens * p.hidden / layouts.tensor * layers
    # The layer at work needs its full set even when it is computed again.
    cut = (layouts.tensor - 1) / layouts.tensor
    whole = framework.activation_bytes / layouts.tensor + GATHERED_BYTES * cut
    working = whole * tokens * p.hidden
    logits = LOGIT_BYTES * tokens * p.vocab / layouts.tensor
    first = stored * _waiting(layouts, micro_batches)
    last = stored * where(layouts.schedule == GPIPE, micro_batches, 1.0) + logits
    return working + where(layouts.pipeline > 1, larger(first, last), stored + logits)


def _waiting(layouts: Layouts, micro_batches: Num) -> Num:
    """Micro-batches whose activations wait on the first stage.

    As many as there are stages (1F1B, and ZB-H1, Qi et al. 2023, arXiv 2401.10241),
    somewhat more where they are interleaved (Narayanan et al. 2021 section 2.2), all
    of them in GPipe.
    """
    stages, virtual = layouts.pipeline, layouts.virtual_stages
    deeper = 1 + where(virtual > 1, (stages - 1) / (stages * virtual), 0.0)
    few = smaller(stages, micro_batches) * deeper
    return where(layouts.schedule == GPIPE, micro_batches, few)
