"""Traffic of a training job: bytes that a device sends out of its scale-up domain in a step.

Volumes are definitions of the algorithms and owe nothing to bandwidth; how
long they take, and how much of that shows, is in the other files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.perf.collectives import inside_domain, reached
from dcplan.perf.compute import cache_split
from dcplan.perf.data_parallel import REDUCED, SCATTERED, SHARED
from dcplan.perf.device import SIXTEEN_BITS
from dcplan.perf.layouts import FULL, SHARDED_GRADIENTS, SHARDED_WEIGHTS
from dcplan.perf.numbers import Num, larger, smaller, up, where
from dcplan.perf.training_compute import blocks
from dcplan.perf.training_memory import shard_ranks

if TYPE_CHECKING:
    from dcplan.perf.training import Jobs

THERE_AND_BACK = 2.0
"""Exchanges of activations in the forward pass have their like in the backward pass.  Definition."""


def step_sent_bytes(j: Jobs) -> Num:
    """Bytes that each device sends to devices of other scale-up domains in one training step.

    ``data parallel + pipeline + micro_batches x share x 2 x (tensor + experts + context)``: on average over
    the devices, in one direction.  Source: Rajbhandari et al. 2020 (arXiv 1910.02054) section 7 for data
    parallelism, Narayanan et al. 2021 (arXiv 2104.04473) section 4.1 for pipelines; else definition.
    """
    layers = j.stage * activations_bytes(j)
    return data_bytes(j) + _boundary_bytes(j) + j.micro_batches * layers


def data_bytes(j: Jobs) -> Num:
    """Gradients and parameters that a device sends on in a step, out of its scale-up domain.

    ``times x gathered + 2 x across``: once for each gather and scatter that ``data_parallel_s`` counts, and a
    reduction of what is shared out over the copies.  Source: Rajbhandari et al. 2020 (arXiv 1910.02054)
    section 7.
    """
    lay, p = j.layouts, j.parameters
    dense = (p.linear_total * j.stage + p.tables / lay.pipeline) / lay.tensor
    group = lay.expert * lay.expert_tensor
    experts = p.experts_total * j.stage / group
    ranks, shard = lay.data * lay.context, shard_ranks(lay)
    same, part = (larger(n * lay.tensor / group, 1.0) for n in (ranks, shard))
    gather = _gathered_bytes(j, dense, shard, lay.tensor) + _gathered_bytes(j, experts, part, group)
    across = _gathered_bytes(j, dense / shard, ranks / shard, lay.tensor * shard)
    across = across + _gathered_bytes(j, experts / part, same / part, group * part)
    scatters = where(lay.zero >= SHARDED_GRADIENTS, j.micro_batches, 1.0)
    below = where(lay.zero >= 1, SHARED - SCATTERED + SCATTERED * scatters, REDUCED)
    rounds = where(lay.pipeline > 1, 1.0, j.micro_batches)
    times = where(lay.zero >= SHARDED_WEIGHTS, rounds * SHARED, below)
    return where(ranks > 1, times * gather + REDUCED * across, 0.0)


def _gathered_bytes(j: Jobs, parameters: Num, ranks: Num, spacing: Num) -> Num:
    """Sent out of the domain by one rank while so many 16-bit parameters are gathered.

    ``parameters x 2 x (D - 1) / D / inside`` for D domains, each of which passes on what it lacks by all
    of its ranks together.
    """
    inside = inside_domain(ranks, spacing, j.wires)
    domains = up(ranks / inside)
    return where(ranks > 1, parameters * SIXTEEN_BITS * (domains - 1) / domains / inside, 0.0)


def _boundary_bytes(j: Jobs) -> Num:
    """Activations and their gradients at the stage boundaries between domains.

    ``2 m v (D - 1) / p x tokens x hidden x 2 / tensor`` for stages over D domains: each sends on what the
    next one needs, and back.
    """
    lay = j.layouts
    size = j.tokens * j.parameters.hidden * SIXTEEN_BITS / lay.tensor
    domains = _domains(j, lay.pipeline, lay.tensor * lay.context * lay.data)
    hops = lay.virtual_stages * (domains - 1) / lay.pipeline
    return THERE_AND_BACK * j.micro_batches * hops * size


def activations_bytes(j: Jobs) -> Num:
    """Tensor, expert and context exchanges of one micro-batch through all layers, there and back.

    ``2 x (tensor + experts + ring) + again x (tensor / 2 + experts)``.  Source: Korthikanti et al. 2022
    (arXiv 2205.05198) section 4.2, Liu et al. 2023 (Ring Attention, arXiv 2310.01889), DeepSeek-V3 (arXiv
    2412.19437) section 3.2.2 for what is exchanged; else definition.
    """
    lay, p = j.layouts, j.parameters
    size = j.tokens * p.hidden * SIXTEEN_BITS
    inside = inside_domain(lay.tensor, 1, j.wires)
    near = up(lay.tensor / inside)
    again = where(lay.recompute >= FULL, 1.0, 0.0)
    tensor = blocks(p) * 4 * size * (near - 1) / near / inside
    stride = where(lay.expert_tensor > 1, lay.tensor, 1.0)
    groups = up(lay.expert / inside_domain(lay.expert, stride, j.wires))
    token = p.expert_hidden * SIXTEEN_BITS
    copies = reached(groups, p.per_token) * (groups - 1) / groups
    experts = p.moe_layers * 2 * where(groups > 1, j.tokens / lay.tensor * token * copies, 0.0)
    block = j.tokens * p.cache_width * SIXTEEN_BITS / cache_split(p, lay.tensor)
    domains = _domains(j, lay.context, lay.tensor)
    # A ring over D domains has D hops between them.
    ring = p.attention_layers * (lay.context - 1) * block * where(domains > 1, domains / lay.context, 0.0)
    forward = tensor + experts + ring
    # What is recomputed is exchanged again; of tensor groups only the gathers are.
    return THERE_AND_BACK * forward + again * (tensor / 2 + experts)


def _domains(j: Jobs, ranks: Num, distance: Num) -> Num:
    """Over how many scale-up domains so many devices lie, each ``distance`` further on."""
    return larger(1.0, smaller(ranks, up(ranks * distance / j.wires.domain)))
