"""Training step: forward, backward, communication that is not hidden, bubbles, optimiser.

Sources: Narayanan et al. 2021 (arXiv 2104.04473) for tensor and pipeline
parallelism, Korthikanti et al. 2022 (arXiv 2205.05198) for sequence parallelism
and recomputing, Rajbhandari et al. 2020 (arXiv 1910.02054) for ZeRO, Isaev et
al. 2023 (Calculon, doi 10.1145/3581784.3607102) for how the parts add up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dcplan.perf.collectives import all_gather_s, all_to_all_s, inside_domain, send_s
from dcplan.perf.compute import (
    attention_prefill_s,
    elementwise_s,
    experts_s,
    head_s,
    mlp_s,
    projections_s,
)
from dcplan.perf.device import SIXTEEN_BITS, Device, Wires
from dcplan.perf.layouts import FULL, SELECTIVE, SHARDED_WEIGHTS
from dcplan.perf.memory import optimizer_parameters, stage_share
from dcplan.perf.numbers import Num, Parts, larger, smaller, total, where

if TYPE_CHECKING:
    from dcplan.catalog.types import Model
    from dcplan.perf.layouts import Layouts
    from dcplan.perf.parameters import Parameters

BACKWARD = 2.0
"""Products of the backward pass over those of the forward pass: one for inputs, one for weights."""

ATTENTION_BACKWARD = 2.5
"""The same for fused attention, which computes scores again: Dao 2023 (arXiv 2307.08691)."""

SHOWS = 0.2
"""Share of overlapped communication that shows all the same (assumed): first and last buckets, contention."""

HIDES = 0.9
"""Share of computing behind which ZeRO-3's communication can hide (assumed)."""

OPTIMIZER_BYTES = 30.0
"""Read and written per parameter: 4 gradient, 2x12 master weights and moments, 2 weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """Training jobs that do the same on the same devices, one for each layout."""

    model: Model
    parameters: Parameters
    layouts: Layouts
    device: Device
    wires: Wires
    sequence: int
    global_batch: int

    def take(self, rows: object) -> Jobs:
        """Only the layouts of these rows."""
        return replace(self, layouts=self.layouts.take(rows))

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
        return stage_share(self.model.layers, self.layouts.pipeline)


def compute_parts(j: Jobs) -> Parts:
    """Forward pass of one micro-batch through the fullest stage, without communication, seconds."""
    lay, tokens = j.layouts, j.tokens
    split = lay.tensor
    parts: Parts = {
        "projections": j.stage * projections_s(j.model, j.parameters, tokens, split, j.device),
        "mlp": j.stage * mlp_s(j.model, j.parameters, tokens, split, j.device),
        # Stages are balanced so that the head does not make the last one the slowest.
        "head": head_s(j.model, j.parameters, tokens, split, j.device) / lay.pipeline,
        "attention": j.stage * _attention_s(j),
        "elementwise": j.stage * elementwise_s(j.model, tokens / split, j.device),
        "overhead": j.stage * j.model.layers * j.device.layer_s,
    }
    if j.parameters.moe_layers:
        ranks = lay.tensor * lay.expert
        parts["experts"] = j.stage * experts_s(
            j.model, j.parameters, tokens * lay.expert, ranks, split, j.device
        )
    return parts


def _attention_s(j: Jobs) -> Num:
    """Scores and values of a micro-batch, whole model, on one device."""
    work = attention_prefill_s(j.model, float(j.sequence), j.layouts.tensor, j.device)
    return work * j.layouts.micro_batch / j.layouts.context


def exchange_parts(j: Jobs) -> Parts:
    """Communication inside the forward pass of one micro-batch on the fullest stage, seconds."""
    lay, hidden, layers = j.layouts, j.model.hidden, j.model.layers
    size = j.tokens * hidden * SIXTEEN_BITS
    # Sequence parallel: gather and scatter around attention and around the MLP.
    tensor = 4 * all_gather_s(size, lay.tensor, inside_domain(lay.tensor, 1, j.wires), j.wires)
    parts: Parts = {"tensor parallel": j.stage * layers * tensor}
    parts["context ring"] = j.stage * _ring_s(j)
    if j.parameters.moe_layers:
        stride = lay.tensor * lay.context
        routed = size / lay.tensor * j.parameters.per_token
        inside = inside_domain(lay.expert, stride, j.wires)
        twice = 2 * all_to_all_s(routed, lay.expert, inside, j.wires)
        parts["expert all-to-all"] = j.stage * j.parameters.moe_layers * twice
    return parts


def _ring_s(j: Jobs) -> Num:
    """Keys and values going round the context group, as far as attention does not hide them.

    Source: Liu et al. 2023 (Ring Attention, arXiv 2310.01889).
    """
    lay = j.layouts
    width = 2 * j.model.kv_heads * j.model.head_dim
    block = j.tokens * width * SIXTEEN_BITS / smaller(lay.tensor, float(max(1, j.model.kv_heads)))
    passes = lay.context - 1
    ring = j.model.layers * passes * send_s(block, lay.tensor, j.wires)
    return where(passes > 0, larger(SHOWS * ring, ring - _attention_s(j)), 0.0)


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
    parts["clocks and gaps"] = total(parts) * (1 / j.device.sustained - 1)
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
    size = j.tokens * j.model.hidden * SIXTEEN_BITS / lay.tensor
    hop = send_s(size, lay.tensor * lay.context * lay.data, j.wires)
    return where(lay.pipeline > 1, 2 * (lay.pipeline - 1) * lay.virtual_stages * hop, 0.0)


def data_parallel_s(j: Jobs, computing: Num) -> Num:
    """Gradients and parameters going round the data-parallel group, as far as they show, seconds.

    Below ZeRO-3 they go once a step, behind the last backward pass; under
    ZeRO-3 parameters are gathered for each forward and backward pass.
    """
    lay, p = j.layouts, j.parameters
    tables = (p.embedding + (0.0 if p.tied else p.head)) / lay.pipeline
    dense = (p.linear_total * j.stage + tables) / lay.tensor
    experts = p.experts_total * j.stage / (lay.tensor * lay.expert)
    ranks = lay.data * lay.context
    few = larger(ranks / lay.expert, 1.0)
    gather = _gather_s(j, dense, ranks, 1.0) + _gather_s(j, experts, few, lay.expert)
    # 2 bytes a parameter gathered, 4 bytes a gradient scattered.
    once = 3 * gather
    window = computing / j.micro_batches * BACKWARD / (1 + BACKWARD)
    below = larger(SHOWS * once, once - window)
    each = (2 * j.micro_batches + 2) * gather
    sharded = larger(SHOWS * each, each - HIDES * computing)
    return where(ranks > 1, where(lay.zero >= SHARDED_WEIGHTS, sharded, below), 0.0)


def _gather_s(j: Jobs, parameters: Num, ranks: Num, spacing: Num) -> Num:
    """Gather so many 16-bit parameters over ranks that are ``spacing`` data ranks apart."""
    inside = inside_domain(ranks, j.layouts.tensor * spacing, j.wires)
    needed = where(ranks > 1, parameters * SIXTEEN_BITS, 0.0)
    return all_gather_s(needed, ranks, inside, j.wires)


def _optimizer_s(j: Jobs) -> Num:
    """Adam: bandwidth-bound, on the share that ZeRO leaves to this device."""
    return optimizer_parameters(j.parameters, j.layouts) * OPTIMIZER_BYTES / j.device.stream_bytes_per_s
