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

GATED_BYTES = 6.0
"""Bytes per token and inner unit of an MLP or expert.  Definition: read both halves of the gated input, write
one, in 16 bits."""

SORTED_BYTES = 8.0
"""Bytes per routed token and unit.  Definition: read and written when sorted by expert, and again on the way
back, in 16 bits."""

CAST_BYTES = 4.0
"""Bytes per token and unit of a product's input in a narrow format.  Definition: read 16 bits, write 8 in
both orders, for the product at hand and for that of the gradient of weights."""

LOGIT_BYTES = 4.0
"""Bytes per token and word of the vocabulary in a forward pass.  Definition: written in 16 bits, read for the
loss."""

PRODUCTS = ("projections", "mlp", "experts", "router")
"""Parts that are matrix products: their backward pass has one for inputs and one for weights."""


def layer_parts(j: Jobs) -> Parts:
    """Forward pass of one micro-batch through all layers, without communication, seconds.

    ``projections_s + mlp_s + experts_s + router_s + attention_prefill_s + mixer_s + bytes / W`` with tokens
    and width cut as Korthikanti et al. 2022 (arXiv 2205.05198) section 4.2 does; bytes are ``tokens / tensor
    x (hidden norm_bytes + score_width rotated_bytes + inner 6 + casts) x elementwise_factor``, ``tokens x K
    x (8 hidden + 6 inner)`` for sorting and ``mixer_bytes x width x mixer_factor`` for linear mixers.
    Source: follows from ``projections_s``, ``experts_s`` and the others; the bytes are an own form, fitted.
    """
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
    """The output projection and the loss: ``head_s + 4 tokens x vocab / tensor x elementwise_factor / W``.

    Source: follows from ``head_s``, and the logits that the loss reads.
    """
    logits = LOGIT_BYTES * j.tokens * j.parameters.vocab / j.layouts.tensor
    traffic = logits * j.framework.elementwise_factor / j.device.stream_bytes_per_s
    return head_s(j.parameters, j.tokens, j.layouts.tensor, j.device) + traffic


def host_s(j: Jobs) -> Num:
    """The host's work for all layers, forward and backward: ``blocks x train_layer_s``.

    Source: own form; the figure is assumed.
    """
    return blocks(j.parameters) * j.framework.train_layer_s


def blocks(p: Parameters) -> Num:
    """Layers of one mixer and one MLP, whatever the model counts as a layer: ``(mixers + MLPs) / 2``.

    Source: definition.
    """
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
    moved = hidden * j.framework.norm_bytes + scores * j.framework.rotated_bytes + inner * GATED_BYTES
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
    width = p.linear / p.hidden + p.linear_state / j.framework.scan_tokens
    moved = j.tokens / j.layouts.tensor * p.linear_layers * j.framework.mixer_bytes * width
    return moved * j.framework.mixer_factor / j.device.stream_bytes_per_s
