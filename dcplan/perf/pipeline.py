"""Pipelines: how layers fall on stages, the idle time of each schedule, sends between stages.

Sources: Narayanan et al. 2021 (arXiv 2104.04473) section 2.2 for GPipe, 1F1B and
the interleaved schedule, Qi et al. 2023 (arXiv 2401.10241) section 2 for zero
bubble.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.perf.collectives import send_s
from dcplan.perf.device import SIXTEEN_BITS
from dcplan.perf.layouts import ZERO_BUBBLE
from dcplan.perf.numbers import Num, larger, smaller, up, where

if TYPE_CHECKING:
    from dcplan.perf.training import Jobs


def stage_load(j: Jobs, head: Num) -> tuple[Num, Num]:
    """Layers on the slowest stage, and what the head adds to them there; ``head`` and both in layers.

    ``n = ceil(layers / (p v)) v``, and ``max(last + head - n, 0)``: each stage has the same
    number of whole chunks of layers, but the last, which also has the head, may
    have fewer; or all others take one layer a chunk more to relieve it, where
    that is faster.  Source: definition of the slowest stage; that layers are
    moved off the last one is Dubey et al. 2024 (Llama 3, arXiv 2407.21783) section 3.3.2.
    """
    layers, pipeline = j.parameters.layers, j.layouts.pipeline
    chunks = where(pipeline > 1, j.layouts.virtual_stages, 1.0)
    even = up(layers / (pipeline * chunks)) * chunks
    uneven = even + chunks
    added = larger(_last(layers, pipeline, even) + head - even, 0.0)
    relieved = larger(_last(layers, pipeline, uneven) + head - uneven, 0.0)
    better = uneven + relieved < even + added
    return where(better, uneven, even), where(better, relieved, added)


def _last(layers: Num, pipeline: Num, others: Num) -> Num:
    """Layers that are left for the last stage."""
    return larger(layers - (pipeline - 1) * others, 0.0)


def bubble_s(j: Jobs, each: Num, weights: Num) -> Num:
    """Idle time in a step; ``each``: of a micro-batch on a stage, ``weights``: of gradients of weights in it.

    GPipe and 1F1B wait for ``p - 1`` micro-batches, the interleaved schedule for a
    share of that; zero bubble (ZB-H1, which needs no more memory than 1F1B) fills
    the wait with products for gradients of weights, which nobody waits for:
    ``(p - 1) (T_F + T_B + T_W) / v`` and ``(p - 1) (T_F + T_B - T_W)``, T_W being the
    part of the backward pass for weights and T_B the other.  Source: Narayanan et
    al. 2021 (arXiv 2104.04473) section 2.2; Qi et al. 2023 (arXiv 2401.10241) section 2.
    """
    lay = j.layouts
    plain = each / lay.virtual_stages
    filled = smaller(larger(each - 2 * weights, 0.0), plain)
    return (lay.pipeline - 1) * where(lay.schedule == ZERO_BUBBLE, filled, plain)


def boundary_s(j: Jobs) -> Num:
    """Sends between stages that nothing hides: filling and draining the pipeline, there and back.

    ``2 (p - 1) v x send_s(tokens x hidden x 2 / tensor)``.  Source: Narayanan et al. 2021 (arXiv 2104.04473)
    section 4.1 for the bytes (scattered over the tensor group, gathered behind the send).
    """
    lay = j.layouts
    size = j.tokens * j.parameters.hidden * SIXTEEN_BITS / lay.tensor
    hop = send_s(size, lay.tensor * lay.context * lay.data, j.wires)
    return where(lay.pipeline > 1, 2 * (lay.pipeline - 1) * lay.virtual_stages * hop, 0.0)
