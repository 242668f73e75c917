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
from dcplan.perf.collectives import all_gather_s, dispatch_s, inside_domain, send_s
from dcplan.perf.compute import cache_split
from dcplan.perf.data_parallel import data_parallel_s, optimizer_s
from dcplan.perf.device import SIXTEEN_BITS, Device, Wires
from dcplan.perf.layouts import FULL, SELECTIVE
from dcplan.perf.memory import stage_share
from dcplan.perf.numbers import Num, Parts, larger, log2, root, total, where
from dcplan.perf.pipeline import boundary_s, bubble_s, stage_load
from dcplan.perf.training_compute import PRODUCTS, blocks, host_s, layer_parts, output_s

if TYPE_CHECKING:
    from dcplan.perf.framework import Framework
    from dcplan.perf.layouts import Layouts
    from dcplan.perf.parameters import Parameters

BACKWARD = 2.0
"""Products of the backward pass over those of the forward pass: one for inputs, one for weights."""

ATTENTION_BACKWARD = 2.5
"""The same for fused attention, which computes scores again: Dao 2023 (arXiv 2307.08691)."""

TRAFFIC_BACKWARD = 1.5
"""The same for memory traffic between products: gradients go the way back, inputs are read once more."""

RING_SHOWS = 0.2
"""Share of a context ring's traffic that shows however much attention there is to hide behind (assumed)."""

ONE_MACHINE = 8.0
"""Devices up to which no straggler was seen to slow a step."""

_MORE = {
    "attention": ATTENTION_BACKWARD,
    "linear mixers": ATTENTION_BACKWARD,
    "elementwise": TRAFFIC_BACKWARD,
    "routing": TRAFFIC_BACKWARD,
}


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
    """Forward pass of one micro-batch through the slowest stage, without communication, seconds."""
    layers = layer_parts(j)
    share, head = _load(j, layers)
    return {**{name: share * seconds for name, seconds in layers.items()}, "head": head}


def _load(j: Jobs, layers: Parts) -> tuple[Num, Num]:
    """Share of the layers on the slowest stage, and seconds of the head that show there."""
    each = total(layers) / j.parameters.layers
    held, added = stage_load(j, output_s(j) / each)
    return held / j.parameters.layers, added * each


def exchange_parts(j: Jobs, attention: Num) -> Parts:
    """Communication in the forward pass of one micro-batch through all layers that shows, seconds.

    ``attention``: that the context ring hides behind.
    """
    lay, p = j.layouts, j.parameters
    size = j.tokens * p.hidden * SIXTEEN_BITS
    # Sequence parallel: gather and scatter around attention and around the MLP.
    tensor = 4 * all_gather_s(size, lay.tensor, inside_domain(lay.tensor, 1, j.wires), j.wires)
    stride = where(lay.expert_tensor > 1, lay.tensor, 1.0)
    inside = inside_domain(lay.expert, stride, j.wires)
    token = p.expert_hidden * SIXTEEN_BITS
    there = dispatch_s(j.tokens / lay.tensor, token, p.per_token, lay.expert, inside, j.wires)
    return {
        "tensor parallel": blocks(p) * tensor * j.framework.tensor_shows,
        "expert all-to-all": p.moe_layers * 2 * there * j.framework.expert_shows,
        "context ring": _ring_s(j, attention),
    }


def _ring_s(j: Jobs, attention: Num) -> Num:
    """Keys and values going round the context group, as far as attention does not hide them.

    Source: Liu et al. 2023 (Ring Attention, arXiv 2310.01889).
    """
    lay = j.layouts
    p = j.parameters
    block = j.tokens * p.cache_width * SIXTEEN_BITS / cache_split(p, lay.tensor)
    passes = lay.context - 1
    ring = p.attention_layers * passes * send_s(block, lay.tensor, j.wires)
    return where(passes > 0, larger(RING_SHOWS * ring, ring - attention), 0.0)


def step_parts(j: Jobs) -> Parts:
    """One training step, seconds by what they go to."""
    micro = j.micro_batches
    layers = layer_parts(j)
    share, head = _load(j, layers)
    exchange = exchange_parts(j, layers["attention"])
    parts: Parts = {}
    for name, seconds in layers.items():
        parts[name] = micro * share * seconds * (1 + _MORE.get(name, BACKWARD))
    parts["head"] = micro * head * (1 + BACKWARD)
    parts["recompute"] = micro * share * _again_s(j, layers, exchange)
    products = total({name: share * layers[name] for name in PRODUCTS})
    parts["clocks and gaps"] = _clocks_s(j, products, head)
    device = total(parts)
    host = micro * share * host_s(j)
    # The host runs ahead while the device works, and the other way round where there is little to do.
    parts["launches"] = root(device * device + host * host) - device
    waits = j.parameters.moe_layers * j.framework.expert_layer_s
    parts["expert launches"] = micro * share * waits
    for name, seconds in exchange.items():
        parts[name] = micro * share * 2 * seconds
    steady = total(parts)
    each = steady / micro
    parts["pipeline bubble"] = bubble_s(j, each, products / j.framework.sustained)
    parts["pipeline"] = boundary_s(j)
    parts["data parallel"] = data_parallel_s(j, steady, each * BACKWARD / (1 + BACKWARD))
    parts["optimizer"] = optimizer_s(j)
    parts["step overhead"] = j.framework.train_step_s
    doublings = log2(larger(j.layouts.devices / ONE_MACHINE, 1.0))
    parts["stragglers"] = total(parts) * j.framework.scale_loss * doublings
    return parts


def _again_s(j: Jobs, layers: Parts, exchange: Parts) -> Num:
    """What the backward pass of one micro-batch computes again, all layers, seconds."""
    level = j.layouts.recompute
    # Half of the gathers and scatters are needed again; experts' tokens travel again.
    everything = total(layers) + exchange["tensor parallel"] / 2 + exchange["expert all-to-all"]
    return where(level >= FULL, everything, where(level >= SELECTIVE, layers["attention"], 0.0))


def _clocks_s(j: Jobs, products: Num, head: Num) -> Num:
    """What products take in a step beyond what they take by themselves, seconds.

    Under full load the power cap lowers the clocks, and between kernels there
    are gaps: a table of isolated kernels shows neither.
    """
    passes = 1 + BACKWARD + where(j.layouts.recompute >= FULL, 1.0, 0.0)
    busy = j.micro_batches * (products * passes + head * (1 + BACKWARD))
    return busy * (1 / j.framework.sustained - 1)
