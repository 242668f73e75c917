"""Computing of a training step on one device: products, attention, and the memory traffic between them.

All functions give seconds of one forward pass of one micro-batch through all
layers on one device; the pipeline shares layers out later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.perf.compute import (
    attention_prefill_s,
    experts_s,
    head_s,
    mixer_s,
    mlp_s,
    projections_s,
    router_s,
)
from dcplan.perf.device import SIXTEEN_BITS
from dcplan.perf.numbers import Num, Parts, where

if TYPE_CHECKING:
    from dcplan.perf.parameters import Parameters
    from dcplan.perf.training import Jobs

NORM_BYTES = 24.0
"""Bytes per token and hidden unit of a layer: two norms read and write (8), two residual sums read two and
write one (12), dropout or scaling in one pass with one of them (4)."""

ROTATED_BYTES = 6.0
"""Bytes per token and unit of score width: rotating queries and keys, reading and writing, partly fused."""

GATED_BYTES = 6.0
"""Bytes per token and inner unit of an MLP or expert: read both halves of the gated input, write one."""

SORTED_BYTES = 8.0
"""Bytes per routed token and unit: read and written when sorted by expert, and again on the way back."""

CAST_BYTES = 4.0
"""Bytes per token and unit of a product's input in a narrow format: read 16 bits, write 8 in both orders."""

LOGIT_BYTES = 4.0
"""Bytes per token and word of the vocabulary in a forward pass: written in 16 bits, read for the loss."""

MIXER_BYTES = 16.0
"""Bytes per token and unit of a linear mixer's input: convolution, gates and norms, each read and written."""

CHUNK_TOKENS = 128.0
"""Tokens between which linear mixers write their state: Dao and Gu 2024 (arXiv 2405.21060) section 6."""

PRODUCTS = ("projections", "mlp", "experts", "router")
"""Parts that are matrix products: their backward pass has one for inputs and one for weights."""


def layer_parts(j: Jobs) -> Parts:
    """Forward pass of one micro-batch through all layers, without communication."""
    lay, p, tokens = j.layouts, j.parameters, j.tokens
    split, group = lay.tensor, lay.expert * lay.expert_tensor
    # Each rank of a tensor group brings its share of the sequence to the experts.
    brought = tokens / split * group
    pairs = attention_prefill_s(p, j.sequence, split, j.device)
    return {
        "projections": projections_s(p, tokens, split, j.device),
        "mlp": mlp_s(p, tokens, split, j.device),
        "experts": experts_s(p, brought, group, lay.expert_tensor, j.device),
        "router": router_s(p, tokens / split, 1.0, j.device),
        "attention": pairs * lay.micro_batch / lay.context,
        "linear mixers": mixer_s(p, tokens, lay.micro_batch, split, j.device) + _scan_s(j),
        "elementwise": _elementwise_s(j),
        "routing": _routing_s(j),
    }


def output_s(j: Jobs) -> Num:
    """The output projection and the loss."""
    logits = LOGIT_BYTES * j.tokens * j.parameters.vocab / j.layouts.tensor
    traffic = logits * j.framework.elementwise_factor / j.device.stream_bytes_per_s
    return head_s(j.parameters, j.tokens, j.layouts.tensor, j.device) + traffic


def host_s(j: Jobs) -> Num:
    """The host's work for all layers, forward and backward."""
    return blocks(j.parameters) * j.framework.train_layer_s


def blocks(p: Parameters) -> Num:
    """Layers in units of one mixer and one MLP, whatever the model counts as a layer."""
    return (p.attention_layers + p.linear_layers + p.dense_layers + p.moe_layers) / 2


def _cast(j: Jobs) -> Num:
    """Bytes of turning one number of a product's input into the format of its weights."""
    return where(j.device.mlp.weight_bytes < SIXTEEN_BITS, CAST_BYTES, 0.0)


def _elementwise_s(j: Jobs) -> Num:
    """Norms, residuals, rotation, activations and casts: bound by memory."""
    p = j.parameters
    inner = p.dense_layers * p.ffn + p.moe_layers * p.shared_ffn
    scores = p.attention_layers * p.score_width
    hidden = blocks(p) * p.hidden
    moved = hidden * NORM_BYTES + scores * ROTATED_BYTES + inner * GATED_BYTES
    moved = moved + _cast(j) * (2 * hidden + scores + inner)
    tokens = j.tokens / j.layouts.tensor
    return tokens * moved * j.framework.elementwise_factor / j.device.stream_bytes_per_s


def _routing_s(j: Jobs) -> Num:
    """Sorting routed tokens by expert, experts' activations and casts, and the way back: bound by memory."""
    p = j.parameters
    routed = j.tokens / j.layouts.tensor * p.per_token * p.moe_layers
    inner = p.expert_ffn * (GATED_BYTES + _cast(j)) / j.layouts.expert_tensor
    moved = routed * (p.expert_hidden * (SORTED_BYTES + _cast(j)) + inner)
    return moved * j.framework.elementwise_factor / j.device.stream_bytes_per_s


def _scan_s(j: Jobs) -> Num:
    """Traffic of linear mixers: convolution, gates, and the state of each chunk."""
    p = j.parameters
    width = p.linear / p.hidden + p.linear_state / CHUNK_TOKENS
    moved = j.tokens / j.layouts.tensor * p.linear_layers * MIXER_BYTES * width
    return moved * j.framework.mixer_factor / j.device.stream_bytes_per_s
