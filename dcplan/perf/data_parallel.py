"""Data parallelism: gradients and parameters between replicas, and the optimiser.

Sources: Rajbhandari et al. 2020 (arXiv 1910.02054) for ZeRO, Zhao et al. 2023
(arXiv 2304.11277) for FSDP and its hybrid, which shares state out inside a group
and sums gradients across groups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.perf.collectives import all_gather_s, inside_domain
from dcplan.perf.device import SIXTEEN_BITS
from dcplan.perf.layouts import SHARDED_GRADIENTS, SHARDED_WEIGHTS
from dcplan.perf.numbers import Num, larger, where
from dcplan.perf.training_memory import optimizer_parameters, shard_ranks

if TYPE_CHECKING:
    from dcplan.perf.training import Jobs

OPTIMIZER_BYTES = 30.0
"""Read and written per parameter: 4 gradient, 2x12 master weights and moments, 2 weights.  Definition: of
Adam in mixed precision (Rajbhandari et al. 2020, arXiv 1910.02054, section 3.1), each number touched
once."""

REDUCED = 4.0
"""Gathers of 16-bit parameters that take as long as summing 32-bit gradients everywhere.  Definition: twice
the bytes, and a sum is a scattering and a gathering (Rajbhandari et al. 2020, arXiv 1910.02054, section
7)."""

SHARED = 3.0
"""The same for scattering 32-bit gradients (2) and gathering 16-bit parameters (1): ZeRO-1, once a step;
and for ZeRO-3's two gathers and its scattering of 16-bit gradients, each micro-batch.  Definition: of these
stages (Rajbhandari et al. 2020, arXiv 1910.02054, section 7)."""

SCATTERED = 2.0
"""The same for scattering 32-bit gradients alone, which ZeRO-2 does after each micro-batch: it keeps no more
than its shard of their sum.  Definition: of that stage (Rajbhandari et al. 2020, arXiv 1910.02054, section
7)."""


def data_parallel_s(j: Jobs, computing: Num, backward: Num) -> Num:
    """Gradients and parameters going round the data-parallel group, as far as they show, seconds.

    ``max(shows x once, once - rounds x backward)`` below ZeRO-3, ``max(shows x each, each - hides x
    computing)`` there; ``once`` and ``each`` are multiples of the gathering of
    all 16-bit parameters.  Below ZeRO-2 they go once a step, behind the ``backward`` pass of the last
    micro-batch; ZeRO-2 scatters gradients behind each of these; under ZeRO-3
    parameters are gathered for the forward and for the backward pass of each
    micro-batch, behind all ``computing``.  Where shards have copies (HSDP),
    gradients of a shard are summed over them once a step.  Source: Rajbhandari
    et al. 2020 (arXiv 1910.02054) section 7 for the traffic, Zhao et al. 2023 (arXiv
    2304.11277) for hybrid sharding; what shows of it is an own form, fitted.
    """
    lay, p = j.layouts, j.parameters
    dense = (p.linear_total * j.stage + p.tables / lay.pipeline) / lay.tensor
    group = lay.expert * lay.expert_tensor
    experts = p.experts_total * j.stage / group
    ranks, shard = lay.data * lay.context, shard_ranks(lay)
    # Ranks that hold the same experts, and among how many of them these are shared out.
    same, part = (larger(n * lay.tensor / group, 1.0) for n in (ranks, shard))
    gather = _gather_s(j, dense, shard, lay.tensor) + _gather_s(j, experts, part, group)
    across = _gather_s(j, dense / shard, ranks / shard, lay.tensor * shard)
    across = across + _gather_s(j, experts / part, same / part, group * part)
    gather, across = gather * j.framework.data_factor, across * j.framework.data_factor
    # Rounds of scattering, and the backward passes that hide them.
    scatters = where(lay.zero >= SHARDED_GRADIENTS, j.micro_batches, 1.0)
    once = (
        where(lay.zero >= 1, SHARED - SCATTERED + SCATTERED * scatters, REDUCED) * gather + REDUCED * across
    )
    below = larger(j.framework.data_shows * once, once - scatters * backward)
    # A pipeline keeps what it gathered until the last micro-batch has passed.
    rounds = where(lay.pipeline > 1, 1.0, j.micro_batches)
    each = rounds * SHARED * gather + REDUCED * across
    sharded = larger(j.framework.data_shows * each, each - j.framework.gather_hides * computing)
    return where(ranks > 1, where(lay.zero >= SHARDED_WEIGHTS, sharded, below), 0.0)


def _gather_s(j: Jobs, parameters: Num, ranks: Num, spacing: Num) -> Num:
    """Gather so many 16-bit parameters over ranks that are ``spacing`` devices apart."""
    inside = inside_domain(ranks, spacing, j.wires)
    needed = where(ranks > 1, parameters * SIXTEEN_BITS, 0.0)
    return all_gather_s(needed, ranks, inside, j.wires)


def optimizer_s(j: Jobs) -> Num:
    """Adam on the share that ZeRO leaves to this device: ``parameters x 30 bytes / W``.

    Source: Rajbhandari et al. 2020 (arXiv 1910.02054) section 3.1 for what is read and written.
    """
    return optimizer_parameters(j.parameters, j.layouts) * OPTIMIZER_BYTES / j.device.stream_bytes_per_s
