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

KEPT_BYTES = 2.0
"""Of one number that waits for the backward pass.  Definition: 16 bits."""

GATHERED_BYTES = 4.0
"""Per token and hidden unit, whole on each tensor rank.  Definition: inputs of a layer's two blocks in 16
bits, gathered for products whose weights are cut (Korthikanti et al. 2022, arXiv 2205.05198, section
4.2)."""

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


def kept_numbers(p: Parameters, recompute: Num) -> Num:
    """Numbers that one token leaves for the backward pass in all layers, before tensor ranks cut them.

    ``2 h + 2 s + c/2`` in a mixer (``s`` score width, ``c/2`` keys and values: input and output of the norm,
    queries, keys, values, output of attention), ``2 h + w f`` in an MLP (``w`` matrices of width ``f`` less
    one, and the product of gated ones), ``2 h + K (2 e + w f_e)`` with experts (``e`` wide as they see it).
    Selective recomputing makes outputs of norms, ``h`` a block, and of activation functions, ``f``, again;
    full recomputing keeps the input of each layer.  Source: Korthikanti et al. 2022 (arXiv 2205.05198)
    sections 4 and 5, counted for fused attention without dropout.
    """
    blocks = p.attention_layers + p.linear_layers + p.dense_layers + p.moe_layers
    mixers = p.attention_layers * (2 * p.score_width + p.cache_width)
    mixers = mixers + p.linear_layers * p.linear / p.hidden
    inner = p.expert_ffn * p.per_token + p.shared_ffn
    routed = 2 * p.expert_hidden * p.per_token
    widths = _widths(p.dense_mlp, p.hidden * p.ffn) * p.ffn * p.dense_layers
    widths = widths + (_widths(p.expert, p.expert_hidden * p.expert_ffn) * inner + routed) * p.moe_layers
    everything = 2 * p.hidden * blocks + mixers + widths
    again = p.hidden * blocks + p.ffn * p.dense_layers + inner * p.moe_layers
    return where(
        recompute >= FULL,
        p.hidden * p.layers,
        where(recompute >= SELECTIVE, everything - again, everything),
    )


def _widths(parameters: Num, area: Num) -> Num:
    """Inner widths that an MLP keeps, as many as matrices: gate, up and product, or before and after."""
    return parameters / larger(area, 1.0)


def _activations(
    p: Parameters, layouts: Layouts, framework: Framework, sequence: Num, micro_batches: Num
) -> Num:
    """Activations that wait for their backward pass, and the logits."""
    tokens = layouts.micro_batch * sequence / layouts.context
    layers = up(p.layers / layouts.pipeline)
    stored = KEPT_BYTES * kept_numbers(p, layouts.recompute) / p.layers * tokens / layouts.tensor * layers
    # The layer at work needs its full set even when it is computed again.
    cut = (layouts.tensor - 1) / layouts.tensor
    whole = KEPT_BYTES * kept_numbers(p, 0.0) / p.layers / layouts.tensor + GATHERED_BYTES * cut * p.hidden
    working = whole * tokens
    logits = framework.logit_bytes * tokens * p.vocab / layouts.tensor
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
