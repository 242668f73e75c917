"""Time of computing: roofline times measured efficiency.

All functions give seconds of one forward pass through all layers on one device
(the pipeline shares them out later), for ``tokens`` tokens at once.  Each of
their arguments is a number or an array with one entry for each layout.
"""

from __future__ import annotations

from dcplan.perf.device import SIXTEEN_BITS, Device, Gemm
from dcplan.perf.numbers import Num, Parts, larger, power, smaller, where
from dcplan.perf.parameters import Parameters, index_pairs, kept_tokens, seen_pairs, seen_tokens

PRODUCTS = 2.0
"""Products of a layer's attention and of its MLP, one after the other: into it and out of it.  Definition: of
fused projections and fused gating (Shoeybi et al. 2019, arXiv 1909.08053, section 3)."""


def bent(one: Num, other: Num) -> Num:
    """The longer of two times, rounded where they meet: never less than either, at most 26 % more.

    ``(one^3 + other^3)^(1/3)``: near the corner of the roofline a product waits for memory and for
    arithmetic in turns.  Source: own form; its order, 3, is that which fits the measured tables of
    products best (figure ``gemm``).
    """
    return power(one * one * one + other * other * other, 1 / 3)


def gemm_s(tokens: Num, weights: Num, columns: Num, gemm: Gemm, products: Num = 1.0) -> Num:
    """Multiply ``tokens`` rows with ``weights`` parameters, ``columns`` wide on this device.

    The parameters are those of ``products`` equal products, one after the other.
    ``kernel_s + bent(2 M N K / (F eta), weights x bytes / W)`` each: fixed cost and roofline.  ``eta`` is
    ``M/(M + M_half) x N/(N + N_half) x K/(K + N_half)``: tiles that are not full,
    and reading the input (as M K) and writing the output (as M N), which grow
    with two sides only.  Source: Williams, Waterman and Patterson 2009 (doi
    10.1145/1498765.1498785) for the roofline; ``eta`` is an own form, fitted to the
    measured tables, whose cells are medians over known lists of N and K.
    """
    depth = weights / larger(columns * products, 1e-9)
    work = (tokens + gemm.half_rows) * (columns + gemm.half_columns) * (depth + gemm.half_columns)
    streaming = weights * gemm.weight_bytes / gemm.stream_bytes_per_s
    return where(
        weights > 0, products * gemm.kernel_s + bent(2 * products * work / gemm.flops, streaming), 0.0
    )


def projections_s(p: Parameters, tokens: Num, tensor: Num, device: Device) -> Num:
    """Projections of queries, keys, values and output, and those of linear mixers.

    ``gemm_s(tokens, projections_total / tensor, max(hidden, score_width) / tensor)``, two products a layer.
    Source: follows from ``gemm_s``; cut over the tensor group as in Shoeybi et al. 2019 (arXiv 1909.08053).
    """
    columns = larger(p.hidden, p.score_width) / tensor
    weights = p.projections_total / tensor
    return gemm_s(tokens, weights, columns, device.projections, PRODUCTS * p.layers)


def mlp_s(p: Parameters, tokens: Num, tensor: Num, device: Device) -> Num:
    """Dense MLPs and shared experts.

    ``gemm_s(tokens, layers x weights / tensor, ffn / tensor)`` for each kind, two products a layer.  Source:
    follows from ``gemm_s``; cut over the tensor group as in Shoeybi et al. 2019 (arXiv 1909.08053).
    """
    dense, shared = (p.dense_layers, p.dense_mlp, p.ffn), (p.moe_layers, p.shared, p.shared_ffn)
    out: Num = 0.0
    for layers, weights, columns in (dense, shared):
        out = out + gemm_s(tokens, layers * weights / tensor, columns / tensor, device.mlp, PRODUCTS * layers)
    return out


def touched_experts(p: Parameters, tokens: Num) -> Num:
    """How many experts of a layer at least one of ``tokens`` evenly routed tokens reaches.

    ``E x (1 - (1 - K/E)^tokens)``.  Source: definition (each token misses an expert with ``1 - K/E``).
    """
    missed = power(1 - p.per_token / larger(p.experts, 1.0), larger(tokens, 1.0))
    return p.experts * (1 - missed)


def experts_s(p: Parameters, tokens: Num, ranks: Num, split: Num, device: Device) -> Num:
    """Routed experts: ``tokens`` enter a group of ``ranks`` devices, each expert is cut in ``split`` pieces.

    ``kernel_s + bent(2 (tokens K + touched M_half) (N + N_half) (D + N_half) / (F grouped_share), touched x
    expert x bytes / W)`` for each of two products, shared out over the ranks.
    Evenly routed tokens: weights stream once for each expert that is touched,
    and each of them has tiles of its own to fill; the grouped product reaches a
    share of a large one.  Source: follows from ``gemm_s`` and ``touched_experts``;
    the share is an own form, fitted to measured grouped products.
    """
    gemm = device.experts
    touched = touched_experts(p, tokens)
    columns = p.expert_ffn / split
    depth = p.expert / larger(PRODUCTS * p.expert_ffn, 1e-9)
    rows = tokens * p.per_token + touched * gemm.half_rows
    work = rows * PRODUCTS * split * (columns + gemm.half_columns) * (depth + gemm.half_columns)
    computing = 2 * p.moe_layers * work / ranks / (gemm.flops * device.grouped_share)
    moved = p.moe_layers * touched * p.expert * gemm.weight_bytes / ranks
    streaming = moved / gemm.stream_bytes_per_s
    fixed = PRODUCTS * p.moe_layers * gemm.kernel_s
    return where(p.moe_layers > 0, fixed + bent(computing, streaming), 0.0)


def router_s(p: Parameters, tokens: Num, tensor: Num, device: Device) -> Num:
    """Scores of all experts for each token, in 16 bits: ``gemm_s(tokens, router / tensor, experts)`` a layer.

    Source: follows from ``gemm_s``.
    """
    return gemm_s(tokens, p.moe_layers * p.router / tensor, p.experts, device.wide, p.moe_layers)


def head_s(p: Parameters, tokens: Num, tensor: Num, device: Device) -> Num:
    """The output projection, in 16 bits: ``gemm_s(tokens, head / tensor, vocab / tensor)``.

    Source: follows from ``gemm_s``.
    """
    return gemm_s(tokens, p.head / tensor, p.vocab / tensor, device.wide)


def elementwise_s(p: Parameters, tokens: Num, device: Device) -> Num:
    """Norms, residual sums, activations: ``layers x elementwise_bytes x hidden x tokens / W``.

    Source: Williams et al. 2009 (doi 10.1145/1498765.1498785), bound by memory; the bytes are a figure.
    """
    return p.layers * device.elementwise_bytes * p.hidden * tokens / device.stream_bytes_per_s


def attention_prefill_s(p: Parameters, length: Num, tensor: Num, device: Device) -> Num:
    """Scores and values of one pass over ``length`` tokens, an indexer's scores included.

    ``(4 x score_width x pairs + 2 x index_width x index pairs) / tensor / F_attention``: two products of 2
    FLOPs a pair and unit.  Source: Dao 2023 (FlashAttention-2, arXiv 2307.08691) section 4.1, halved there
    for a causal mask as by the pairs here; DeepSeek-V3.2 (arXiv 2512.02556) section 2.1 for the indexer,
    which has queries and keys only.
    """
    flops = 4 * p.score_width * seen_pairs(p, length) + 2 * p.index_width * index_pairs(p, length)
    return flops / tensor / device.attention_flops


def mixer_s(p: Parameters, tokens: Num, sequences: Num, tensor: Num, device: Device) -> Num:
    """States of linear mixers: ``tokens`` of ``sequences`` sequences update and read them.

    ``max(6 tokens state / F_attention, 2 sequences state x 2 B / W)``: 6 FLOPs per token and number of
    the state at the speed of attention kernels; each sequence's state is read
    and written once a pass.  Source: Dao and Gu
    2024 (arXiv 2405.21060) section 6.
    """
    size = p.linear_layers * p.linear_state / tensor
    return larger(
        6 * tokens * size / device.attention_flops,
        2 * sequences * size * SIXTEEN_BITS / device.stream_bytes_per_s,
    )


def attention_decode_s(p: Parameters, sequences: Num, context: Num, tensor: Num, device: Device) -> Num:
    """Scores and values of one new token for each of ``sequences`` with ``context`` tokens behind it.

    ``max(seen x cache_width x kv_bytes / (cache_split W), 4 x seen x decode_width / (tensor F_attention))``.
    Bound by reading the cache; the latent form (MLA) works in the compressed
    space and may be bound by FLOPs; sparse attention reads its indexer's keys of
    all tokens, but only the picked tokens' values.  Source: Pope et al. 2022
    (arXiv 2211.05102); DeepSeek-V2 (arXiv 2405.04434) section 2.1.
    """
    seen = sequences * seen_tokens(p, context)
    index = sequences * p.attention_layers * context * where(p.index_width > 0, p.index_cache, 0.0)
    moved = seen * p.cache_width * device.kv_bytes / cache_split(p, tensor) + index
    flops = 4 * seen * p.decode_width / tensor
    return larger(moved / device.stream_bytes_per_s, flops / device.attention_flops)


def cache_split(p: Parameters, tensor: Num) -> Num:
    """Into how many pieces the cache is cut: ``min(tensor, kv_heads)``.

    Heads are copied beyond their number, the latent form, of one head, always is.  Source: Pope et al. 2022
    (arXiv 2211.05102) section 3.3.
    """
    return smaller(tensor, larger(p.kv_heads, 1.0))


def cache_bytes(p: Parameters, context: Num, device: Device) -> Num:
    """Bytes that a sequence of ``context`` tokens keeps in all layers, uncut: caches, index keys, states.

    ``kept x cache_width x kv_bytes + attention_layers x context x index_cache + linear_layers x state x 2``,
    0 for an encoder, whose keys and values no later token asks for.  Source: definition; index keys are in
    fp8 (DeepSeek-V3.2, arXiv 2512.02556, section 2.1), states in 16 bits.
    """
    index = p.attention_layers * context * where(p.index_width > 0, p.index_cache, 0.0)
    state = p.linear_layers * p.linear_state * SIXTEEN_BITS
    return p.causal * (kept_tokens(p, context) * p.cache_width * device.kv_bytes + index + state)


def forward_parts(p: Parameters, tokens: Num, tensor: Num, expert_split: Num, device: Device) -> Parts:
    """A forward pass without attention scores and communication, experts inside the tensor group, seconds.

    ``projections_s + mlp_s + elementwise_s + experts_s + router_s``.  Source: follows from ``projections_s``,
    ``mlp_s``, ``elementwise_s``, ``experts_s`` and ``router_s``.
    """
    return {
        "projections": projections_s(p, tokens, tensor, device),
        "mlp": mlp_s(p, tokens, tensor, device),
        "elementwise": elementwise_s(p, tokens, device),
        "experts": experts_s(p, tokens, tensor, expert_split, device),
        "router": router_s(p, tokens, 1.0, device),
    }
