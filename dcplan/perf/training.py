"""Training step: forward, backward, communication that is not hidden, bubbles, optimiser.

Sources: Narayanan et al. 2021 (arXiv 2104.04473) for tensor and pipeline
parallelism, Korthikanti et al. 2022 (arXiv 2205.05198) for sequence parallelism
and recomputing, Rajbhandari et al. 2020 (arXiv 1910.02054) for ZeRO, Isaev et
al. 2023 (Calculon, doi 10.1145/3581784.3607102) for how the parts add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.perf.arrays import take
from dcplan.perf.collectives import all_gather_s, all_to_all_s, inside_domain, send_s
from dcplan.perf.compute import (
    attention_prefill_s,
    cache_split,
    elementwise_s,
    experts_s,
    head_s,
    mixer_s,
    mlp_s,
    projections_s,
    router_s,
)
from dcplan.perf.device import SIXTEEN_BITS, Device, Wires
from dcplan.perf.layouts import FULL, SELECTIVE, SHARDED_WEIGHTS
from dcplan.perf.memory import stage_share
from dcplan.perf.numbers import Num, Parts, larger, total, where
from dcplan.perf.training_memory import optimizer_parameters

if TYPE_CHECKING:
    from dcplan.perf.framework import Framework
    from dcplan.perf.layouts import Layouts
    from dcplan.perf.parameters import Parameters

BACKWARD = 2.0
"""Products of the backward pass over those of the forward pass: one for inputs, one for weights."""

ATTENTION_BACKWARD = 2.5
"""The same for fused attention, which computes scores again: Dao 2023 (arXiv 2307.08691)."""

RING_SHOWS = 0.2
"""Share of a context ring's traffic that shows however much attention there is to hide behind (assumed)."""

OPTIMIZER_BYTES = 30.0
"""Read and written per parameter: 4 gradient, 2x12 master weights and moments, 2 weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """Training jobs, one for each layout; all else is one number for all of them or one for each."""

    parameters: Parameters
    layouts: Layouts
    device: Device
    wires: Wires
    framework: Framework
    sequence: Num
    """Tokens."""
    global_batch: Num
    """Sequences."""

    def take(self, rows: object) -> Jobs:
        """Only these rows."""
        return take(self, rows)

    @property
    def micro_batches(self) -> Num:
        """Micro-batches that one data-parallel replica computes in a step."""
        return self.global_batch / (self.layouts.data * self.layouts.micro_batch)

    @property
    def tokens(self) -> Num:
        """Tokens of one micro-batch on one device, before tensor parallelism cuts the width."""
        return self.layouts.micro_batch * self.sequence / self.layouts.context

    @property
    def stage(self) -> Num:
        """Share of the layers on the fullest pipeline stage."""
        return stage_share(self.parameters.layers, self.layouts.pipeline)


def compute_parts(j: Jobs) -> Parts:
    """Forward pass of one micro-batch through the fullest stage, without communication, seconds."""
    lay, p, tokens = j.layouts, j.parameters, j.tokens
    split, group = lay.tensor, lay.expert * lay.expert_tensor
    # Each rank of a tensor group brings its share of the sequence to the experts.
    brought = tokens / split * group
    return {
        "projections": j.stage * projections_s(p, tokens, split, j.device),
        "mlp": j.stage * mlp_s(p, tokens, split, j.device),
        # Stages are balanced so that the head does not make the last one the slowest.
        "head": head_s(p, tokens, split, j.device) / lay.pipeline,
        "attention": j.stage * _attention_s(j),
        "linear mixers": j.stage * mixer_s(p, tokens, lay.micro_batch, split, j.device),
        "elementwise": j.stage * elementwise_s(p, tokens / split, j.device),
        "experts": j.stage * experts_s(p, brought, group, lay.expert_tensor, j.device),
        "router": j.stage * router_s(p, tokens / split, 1.0, j.device),
        "overhead": j.stage * p.layers * j.framework.layer_s,
    }


def _attention_s(j: Jobs) -> Num:
    """Scores and values of a micro-batch, whole model, on one device."""
    work = attention_prefill_s(j.parameters, j.sequence, j.layouts.tensor, j.device)
    return work * j.layouts.micro_batch / j.layouts.context


def exchange_parts(j: Jobs) -> Parts:
    """Communication inside the forward pass of one micro-batch on the fullest stage, seconds."""
    lay, p = j.layouts, j.parameters
    size = j.tokens * p.hidden * SIXTEEN_BITS
    # Sequence parallel: gather and scatter around attention and around the MLP.
    tensor = 4 * all_gather_s(size, lay.tensor, inside_domain(lay.tensor, 1, j.wires), j.wires)
    parts: Parts = {"tensor parallel": j.stage * _collective_layers(p) * tensor}
    parts["context ring"] = j.stage * _ring_s(j)
    stride = where(lay.expert_tensor > 1, lay.tensor, 1.0)
    routed = j.tokens * p.expert_hidden * SIXTEEN_BITS / lay.tensor * p.per_token
    inside = inside_domain(lay.expert, stride, j.wires)
    twice = 2 * all_to_all_s(routed, lay.expert, inside, j.wires)
    parts["expert all-to-all"] = j.stage * p.moe_layers * twice
    return parts


def _collective_layers(p: Parameters) -> Num:
    """Layers in units of one mixer and one MLP, around both of which tensor ranks meet."""
    return (p.attention_layers + p.linear_layers + p.dense_layers + p.moe_layers) / 2


def _ring_s(j: Jobs) -> Num:
    """Keys and values going round the context group, as far as attention does not hide them.

    Source: Liu et al. 2023 (Ring Attention, arXiv 2310.01889).
    """
    lay = j.layouts
    p = j.parameters
    block = j.tokens * p.cache_width * SIXTEEN_BITS / cache_split(p, lay.tensor)
    passes = lay.context - 1
    ring = p.attention_layers * passes * send_s(block, lay.tensor, j.wires)
    return where(passes > 0, larger(RING_SHOWS * ring, ring - _attention_s(j)), 0.0)


def step_parts(j: Jobs) -> Parts:
    """One training step, seconds by what they go to."""
    micro = j.micro_batches
    forward, exchange = compute_parts(j), exchange_parts(j)
    parts: Parts = {}
    for name, seconds in forward.items():
        more = ATTENTION_BACKWARD if name == "attention" else BACKWARD
        parts[name] = micro * seconds * (1 + more)
    # Under full load the power cap lowers the clocks, and between kernels there are gaps: a table of
    # isolated kernels shows neither.
    parts["clocks and gaps"] = total(parts) * (1 / j.framework.sustained - 1)
    for name, seconds in exchange.items():
        parts[name] = micro * 2 * seconds
    again = total(forward) + exchange["tensor parallel"] / 2
    level = j.layouts.recompute
    parts["recompute"] = micro * where(
        level >= FULL, again, where(level >= SELECTIVE, forward["attention"], 0.0)
    )
    steady = total(parts)
    parts["pipeline bubble"] = steady * _bubble(j)
    parts["pipeline"] = _boundary_s(j)
    parts["data parallel"] = data_parallel_s(j, steady)
    parts["optimizer"] = _optimizer_s(j)
    return parts


def _bubble(j: Jobs) -> Num:
    """Idle share of the interleaved 1F1B schedule: Narayanan et al. 2021 section 2.2."""
    return (j.layouts.pipeline - 1) / (j.layouts.virtual_stages * j.micro_batches)


def _boundary_s(j: Jobs) -> Num:
    """Sends between stages that nothing hides: filling and draining the pipeline, there and back."""
    lay = j.layouts
    size = j.tokens * j.parameters.hidden * SIXTEEN_BITS / lay.tensor
    hop = send_s(size, lay.tensor * lay.context * lay.data, j.wires)
    return where(lay.pipeline > 1, 2 * (lay.pipeline - 1) * lay.virtual_stages * hop, 0.0)


def data_parallel_s(j: Jobs, computing: Num) -> Num:
    """Gradients and parameters going round the data-parallel group, as far as they show, seconds.

    Below ZeRO-3 they go once a step, behind the last backward pass; under
    ZeRO-3 parameters are gathered for each forward and backward pass.
    """
    lay, p = j.layouts, j.parameters
    dense = (p.linear_total * j.stage + p.tables / lay.pipeline) / lay.tensor
    group = lay.expert * lay.expert_tensor
    experts = p.experts_total * j.stage / group
    ranks = lay.data * lay.context
    few = larger(ranks * lay.tensor / group, 1.0)
    gather = _gather_s(j, dense, ranks, lay.tensor) + _gather_s(j, experts, few, group)
    # 2 bytes a parameter gathered, 4 bytes a gradient scattered.
    once = 3 * gather
    window = computing / j.micro_batches * BACKWARD / (1 + BACKWARD)
    below = larger(j.framework.data_shows * once, once - window)
    each = (2 * j.micro_batches + 2) * gather
    sharded = larger(j.framework.data_shows * each, each - j.framework.gather_hides * computing)
    return where(ranks > 1, where(lay.zero >= SHARDED_WEIGHTS, sharded, below), 0.0)


def _gather_s(j: Jobs, parameters: Num, ranks: Num, spacing: Num) -> Num:
    """Gather so many 16-bit parameters over ranks that are ``spacing`` devices apart."""
    inside = inside_domain(ranks, spacing, j.wires)
    needed = where(ranks > 1, parameters * SIXTEEN_BITS, 0.0)
    return all_gather_s(needed, ranks, inside, j.wires)


def _optimizer_s(j: Jobs) -> Num:
    """Adam: bandwidth-bound, on the share that ZeRO leaves to this device."""
    return optimizer_parameters(j.parameters, j.layouts) * OPTIMIZER_BYTES / j.device.stream_bytes_per_s
