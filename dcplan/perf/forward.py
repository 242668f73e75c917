"""One pass of a serving replica: products, experts, collectives; what decoding and prompts have in common."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dcplan.perf.collectives import all_gather_s, all_reduce_s, dispatch_s, inside_domain, send_s
from dcplan.perf.compute import PRODUCTS, bent, elementwise_s, mlp_s, projections_s, router_s
from dcplan.perf.device import SIXTEEN_BITS, Device, Gemm
from dcplan.perf.numbers import Num, Parts, larger, power, root, smaller, where

if TYPE_CHECKING:
    from dcplan.perf.engine import Engine
    from dcplan.perf.replicas import Replicas


def device_under(engine: Engine, device: Device) -> Device:
    """The accelerator as this engine's kernels find it: each rate is ``rate x factor``, the engine's."""

    def gemm(one: Gemm, speed: Num, stream: Num) -> Gemm:
        return replace(one, flops=one.flops * speed, stream_bytes_per_s=one.stream_bytes_per_s * stream)

    stream = engine.stream_factor
    return replace(
        device,
        mlp=gemm(device.mlp, engine.mlp_factor, stream),
        experts=gemm(device.experts, engine.expert_factor, stream * engine.expert_stream_factor),
        projections=gemm(device.projections, engine.projections_factor, stream),
        wide=gemm(device.wide, engine.wide_factor, stream),
        stream_bytes_per_s=device.stream_bytes_per_s * stream,
    )


def pass_parts(r: Replicas, tokens: Num) -> Parts:
    """A pass of ``tokens`` on each data rank through all layers, without attention scores and head, seconds.

    ``projections_s + mlp_s + elementwise_s + busiest_experts_s + router_s + tensor_parallel_s + exchange_s +
    pipeline_s``.  Source: own form: one after the other, nothing is hidden behind anything.
    """
    p, tensor = r.parameters, r.layouts.tensor
    device = device_under(r.engine, r.device)
    return {
        "projections": projections_s(p, tokens, tensor, device),
        "mlp": mlp_s(p, tokens, tensor, device),
        "elementwise": elementwise_s(p, tokens, device),
        "experts": busiest_experts_s(r, tokens * r.layouts.data, device),
        "router": router_s(p, tokens, 1.0, device),
        "tensor parallel": tensor_parallel_s(r, tokens),
        "expert all-to-all": exchange_s(r, tokens),
        "pipeline": pipeline_s(r, tokens),
    }


def busiest_touched(r: Replicas, tokens: Num) -> Num:
    """Experts of a layer that ``tokens`` reach on the rank of experts where they reach most.

    ``min(m + imbalance x sqrt(2 ln(e) m (1 - m/M)), M)`` with ``m`` on average of ``M`` that a rank
    holds, ``m = E (1 - (1 - K/E)^(tokens spread)) / e``; the largest of ``e`` binomial
    numbers lies about ``sqrt(2 ln e)`` standard deviations higher.
    Tokens that share a prompt choose alike, so that only a share of them counts.
    Source: Cramer 1946, Mathematical Methods of Statistics, section 28.6; the shares
    are own forms, fitted.
    """
    p, ranks, e = r.parameters, r.layouts.expert, r.engine
    missed = power(1 - p.per_token / larger(p.experts, 1.0), larger(tokens * e.spread, 1.0))
    mean, most = p.experts * (1 - missed) / ranks, larger(p.experts / ranks, 1.0)
    spread = root(2 * np.log(larger(ranks, 1.0)) * mean * larger(1 - mean / most, 0.0))
    return smaller(mean + e.imbalance * spread, most)


def busiest_experts_s(r: Replicas, tokens: Num, device: Device) -> Num:
    """Routed experts of all layers on the rank that has most of them to read.

    ``kernel_s + bent(2 rows (N + N_half) (D + N_half) / (F grouped_share), touched x expert x bytes / W)``
    with ``rows = tokens K / e + touched M_half``: as ``compute.experts_s``, for the busiest rank instead of
    the mean one, for a layer ends when its last rank has. Source: follows from ``experts_s``,
    ``busiest_touched``.
    """
    p, split, gemm = r.parameters, r.expert_split, device.experts
    touched = busiest_touched(r, tokens)
    columns, depth = p.expert_ffn / split, p.expert / larger(PRODUCTS * p.expert_ffn, 1e-9)
    rows = tokens * p.per_token / r.layouts.expert + touched * gemm.half_rows
    work = rows * PRODUCTS * (columns + gemm.half_columns) * (depth + gemm.half_columns)
    computing = 2 * p.moe_layers * work / (gemm.flops * device.grouped_share)
    streaming = p.moe_layers * touched * p.expert * gemm.weight_bytes / split / gemm.stream_bytes_per_s
    fixed = PRODUCTS * p.moe_layers * gemm.kernel_s
    return where(p.moe_layers > 0, fixed + bent(computing, streaming), 0.0)


def tensor_parallel_s(r: Replicas, tokens: Num) -> Num:
    """Two all-reduces of the hidden state in each layer, seconds.

    ``2 layers x (all_reduce_s(tokens x hidden x 2) / wire_factor + reduce_s)``: bytes as collectives take
    them; the fixed cost is that of the engine's own kernels, which is below that
    of a library call.  Source: Shoeybi et al. 2019 (arXiv 1909.08053) section 3.
    """
    tensor, size = r.layouts.tensor, tokens * r.parameters.hidden * SIXTEEN_BITS
    wires = replace(r.wires, launch_s=0.0, hop_s=0.0)
    one = all_reduce_s(size, tensor, inside_domain(tensor, 1, r.wires), wires) / r.engine.wire_factor
    return where(tensor > 1, 2 * r.parameters.layers * (one + r.engine.reduce_s), 0.0)


def exchange_s(r: Replicas, tokens: Num) -> Num:
    """Tokens of data ranks to the experts and back, in each layer of experts, seconds.

    ``2 moe_layers x (min(all_gather_s, dispatch_s) / wire_factor + reduce_s)``: every rank gathers all
    tokens and the sums are scattered, or each token goes only where its experts
    are, whichever is sooner.  Source: follows from ``all_gather_s``, ``dispatch_s``; SGLang and
    TensorRT-LLM have both ways.
    """
    p, ranks = r.parameters, r.stage_devices
    size, wires = tokens * p.hidden * SIXTEEN_BITS, replace(r.wires, launch_s=0.0, hop_s=0.0)
    inside = inside_domain(ranks, 1, r.wires)
    gathered = all_gather_s(size * r.layouts.data, ranks, inside, wires)
    sent = dispatch_s(tokens, p.hidden * SIXTEEN_BITS, p.per_token, ranks, inside, wires)
    each = smaller(gathered, sent) / r.engine.wire_factor + r.engine.reduce_s
    return where((r.layouts.data > 1) & (p.moe_layers > 0), 2 * p.moe_layers * each, 0.0)


def pipeline_s(r: Replicas, tokens: Num) -> Num:
    """Hand the hidden state from stage to stage: ``(p - 1) x send_s(tokens x hidden x 2)``.

    Source: Narayanan et al. 2021 (arXiv 2104.04473) section 3.2.
    """
    size = tokens * r.parameters.hidden * SIXTEEN_BITS
    return (r.layouts.pipeline - 1) * send_s(size, r.stage_devices, r.wires)
