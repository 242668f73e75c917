"""Time of computing: roofline times measured efficiency.

All functions give seconds of one forward pass through all layers on one device
(the pipeline shares them out later), for ``tokens`` tokens at once.
"""

from __future__ import annotations

from dcplan.catalog.types import AttentionKind, Model
from dcplan.perf.device import SIXTEEN_BITS, Device
from dcplan.perf.numbers import Num, Parts, larger, power, smaller
from dcplan.perf.parameters import Parameters, score_width, seen_pairs, seen_tokens

ELEMENTWISE_BYTES = 30.0
"""Bytes per token, layer and hidden unit that norms, residuals and activations read and write in a forward
pass: two norms (8), two residuals (12), rotation and gating (10), each in 16 bits and partly fused."""


def gemm_s(tokens: Num, weights: Num, columns: Num, device: Device, *, wide: bool = False) -> Num:
    """Multiply ``tokens`` rows with ``weights`` parameters, ``columns`` wide on this device.

    ``max(2 M K N / (F eta), bytes / W)``: Williams, Waterman and Patterson 2009
    (doi 10.1145/1498765.1498785).  ``eta`` falls with narrow products as
    ``N / (N + N_half)``, which the measured tables show.  ``wide`` keeps the
    weights in 16 bits.
    """
    flops = device.wide_gemm_flops if wide else device.gemm_flops
    weight_bytes = SIXTEEN_BITS if wide else device.weight_bytes
    narrow = columns / (columns + device.half_columns)
    return larger(2 * tokens * weights / (flops * narrow), weights * weight_bytes / device.stream_bytes_per_s)


def projections_s(model: Model, p: Parameters, tokens: Num, tensor: Num, device: Device) -> Num:
    """Projections of queries, keys, values and output."""
    columns = max(model.hidden, score_width(model)) / tensor
    return gemm_s(tokens, p.layers * p.attention / tensor, columns, device)


def mlp_s(model: Model, p: Parameters, tokens: Num, tensor: Num, device: Device) -> Num:
    """Dense MLPs and shared experts."""
    out: Num = 0.0
    if p.dense_layers:
        out = out + gemm_s(tokens, p.dense_layers * p.dense_mlp / tensor, model.ffn / tensor, device)
    if p.moe_layers and p.shared:
        width = model.shared_experts * model.expert_ffn / tensor
        out = out + gemm_s(tokens, p.moe_layers * p.shared / tensor, width, device)
    return out


def touched_experts(p: Parameters, tokens: Num) -> Num:
    """How many experts of a layer at least one of ``tokens`` evenly routed tokens reaches."""
    missed = power(1 - p.per_token / max(p.experts, 1), larger(tokens, 1.0))
    return p.experts * (1 - missed)


def experts_s(  # noqa: PLR0913, PLR0917 - the symbols of the formula
    model: Model, p: Parameters, tokens: Num, ranks: Num, split: Num, device: Device
) -> Num:
    """Routed experts: ``tokens`` enter a group of ``ranks`` devices, each expert is cut in ``split`` pieces.

    Evenly routed tokens.  Weights stream once for each expert that is touched;
    the grouped product reaches a share of a large one.  Source: Pope et al. 2022
    (arXiv 2211.05102) for streaming, the measured grouped GEMM tables.
    """
    if not p.moe_layers:
        return 0.0
    columns = model.expert_ffn / split
    narrow = columns / (columns + device.half_columns)
    flops = 2 * tokens * p.moe_layers * p.per_token * p.expert / ranks
    moved = p.moe_layers * touched_experts(p, tokens) * p.expert * device.weight_bytes / ranks
    reached = device.gemm_flops * device.grouped_share * narrow
    return larger(flops / reached, moved / device.stream_bytes_per_s)


def head_s(model: Model, p: Parameters, tokens: Num, tensor: Num, device: Device) -> Num:
    """The output projection, in 16 bits."""
    return gemm_s(tokens, p.head / tensor, model.vocab / tensor, device, wide=True)


def elementwise_s(model: Model, tokens: Num, device: Device) -> Num:
    """Norms, residuals, activations: bandwidth-bound."""
    return model.layers * ELEMENTWISE_BYTES * model.hidden * tokens / device.stream_bytes_per_s


def attention_prefill_s(model: Model, length: Num, tensor: Num, device: Device) -> Num:
    """Scores and values of one causal pass over ``length`` tokens.

    ``4 x`` width x pairs FLOPs.  Source: Dao 2023 (FlashAttention-2, arXiv 2307.08691).
    """
    return 4 * score_width(model) * seen_pairs(model, length) / tensor / device.attention_flops


def attention_decode_s(model: Model, sequences: Num, context: Num, tensor: Num, device: Device) -> Num:
    """Scores and values of one new token for each of ``sequences`` with ``context`` tokens behind it.

    Bound by reading the cache; the latent form (MLA) works in the compressed
    space and may be bound by FLOPs.  Source: Pope et al. 2022 (arXiv 2211.05102);
    DeepSeek-V2 (arXiv 2405.04434) section 2.1.
    """
    seen = sequences * seen_tokens(model, context)
    moved = seen * cache_width(model) * SIXTEEN_BITS / cache_split(model, tensor)
    latent = model.attention is AttentionKind.MLA
    width = model.heads * (model.kv_lora_rank + model.qk_rope_dim / 2) if latent else score_width(model)
    flops = 4 * seen * width / tensor
    return larger(moved / device.stream_bytes_per_s, flops / device.attention_flops)


def cache_width(model: Model) -> float:
    """Numbers that one token leaves in the cache of one layer."""
    if model.attention is AttentionKind.MLA:
        return model.kv_lora_rank + model.qk_rope_dim
    return 2 * model.kv_heads * model.head_dim


def cache_split(model: Model, tensor: Num) -> Num:
    """Into how many pieces the cache is cut: heads are copied beyond their number, the latent always is."""
    if model.attention is AttentionKind.MLA:
        return 1.0
    return smaller(tensor, float(model.kv_heads))


def forward_parts(  # noqa: PLR0913, PLR0917 - the symbols of the formula
    model: Model, p: Parameters, tokens: Num, tensor: Num, expert_split: Num, device: Device
) -> Parts:
    """A forward pass without attention scores and communication, experts inside the tensor group."""
    parts: Parts = {
        "projections": projections_s(model, p, tokens, tensor, device),
        "mlp": mlp_s(model, p, tokens, tensor, device),
        "elementwise": elementwise_s(model, tokens, device),
    }
    if p.moe_layers:
        parts["experts"] = experts_s(model, p, tokens, tensor, expert_split, device)
    return parts
