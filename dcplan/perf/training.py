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
"""Products of the backward pass over those of the forward pass.  Definition: one for the gradient of the
input, one for that of the weights (Chowdhery et al. 2022, PaLM, arXiv 2204.02311, appendix B)."""

ATTENTION_BACKWARD = 2.5
"""The same for fused attention, five products for two, scores being computed again: Dao 2023 (arXiv
2307.08691) section 4.1.  Taken for linear mixers, too, which compute the states of their chunks again."""

TRAFFIC_BACKWARD = 1.5
"""The same for memory traffic between products.  Definition: forward reads an input and writes an output,
backward reads the gradient and the input once more and writes the gradient of the input, 3 passes over 2."""

ONE_MACHINE = 8.0
"""Devices from which on doublings are counted.  Definition: part of what the figure ``scale_loss`` means in
the efficiency table."""

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
        """Micro-batches of one data-parallel replica in a step: ``global_batch / (data x micro_batch)``."""
        return self.global_batch / (self.layouts.data * self.layouts.micro_batch)

    @property
    def tokens(self) -> Num:
        """Tokens of one micro-batch on one device, its width uncut: ``micro_batch x sequence / context``."""
        return self.layouts.micro_batch * self.sequence / self.layouts.context

    @property
    def stage(self) -> Num:
        """Share of the layers on the fullest pipeline stage: ``ceil(layers / pipeline) / layers``."""
        return stage_share(self.parameters.layers, self.layouts.pipeline)


def compute_parts(j: Jobs) -> Parts:
    """Forward pass of one micro-batch through the slowest stage, without communication, seconds.

    ``share x layer_parts``, and the head.  Source: follows from ``layer_parts``, ``stage_load`` and
    ``output_s``.
    """
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

    ``4 x all_gather_s(tokens x hidden x 2) x tensor_shows`` a layer around its two blocks, ``2 x dispatch_s x
    expert_shows`` a layer of experts, ``max(ring_shows x ring, ring - attention)``
    for keys and values, where ``attention`` hides them.  Source: Korthikanti et al.
    2022 (arXiv 2205.05198) section 4.2, DeepSeek-V3 (arXiv 2412.19437) section 3.2.2, Liu
    et al. 2023 (Ring Attention, arXiv 2310.01889); the shares are own forms, fitted.
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
    return where(passes > 0, larger(j.framework.ring_shows * ring, ring - attention), 0.0)


def step_parts(j: Jobs) -> Parts:
    """One training step, seconds by what they go to.

    ``m (T_F + T_B + T_recompute + T_exchange) + bubble + sends + data parallel + optimiser + fixed``, of
    which stragglers take ``scale_loss x log2(devices / 8)`` more; ``T_B`` is 2, 2.5 or 1.5 times the forward
    pass (products, attention, traffic), exchanges count there and back.  The host runs beside the device:
    ``sqrt(device^2 + host^2)``. Source: Isaev et al. 2023 (Calculon, doi 10.1145/3581784.3607102) for how
    parts add up; host, clocks, waits of experts and stragglers are own forms, whose figures say whether they
    were fitted.
    """
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
    cheap = layers["attention"] + layers["elementwise"]
    return where(level >= FULL, everything, where(level >= SELECTIVE, cheap, 0.0))


def _clocks_s(j: Jobs, products: Num, head: Num) -> Num:
    """What products take in a step beyond what they take by themselves, seconds.

    Under full load the power cap lowers the clocks, and between kernels there
    are gaps: a table of isolated kernels shows neither.
    """
    passes = 1 + BACKWARD + where(j.layouts.recompute >= FULL, 1.0, 0.0)
    busy = j.micro_batches * (products * passes + head * (1 + BACKWARD))
    return busy * (1 / j.framework.sustained - 1)
