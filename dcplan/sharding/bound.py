"""The least that a training step can take: its work on a device, and the pipeline's idle share."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dcplan.perf.layouts import RECOMPUTE, ZERO_BUBBLE, Layouts
from dcplan.perf.numbers import Array, total
from dcplan.perf.training import step_parts

if TYPE_CHECKING:
    from dcplan.perf.training import Jobs
    from dcplan.sharding.enumerate import Rows

WORTH = 4
"""Layouts of one kind of work from which on it saves time to compute their work first."""

HEADS = 2.5
"""What comes of the head at most, over its products alone: computed again, and at lower clocks."""

ONCE = ("optimizer", "data parallel", "step overhead", "stragglers")
"""Parts of a step that are there once, however many micro-batches there are, or come of other parts."""


def least_s(job: Jobs, layouts: Layouts, split: Rows) -> Array | None:
    """No layout takes less for a step; None where finding that out would take as long as the steps.

    ``work x (1 + bubble)``: what a micro-batch takes on the devices of one
    stage without any pipeline and data parallelism, times micro-batches, times
    the share of the fullest stage: that of its layers, and no less than an even
    share of everything, the head included.  The work is the same for all
    layouts of one split and micro-batch, which stand next to each other, and is
    computed once for them.  1F1B, interleaved or not, and GPipe idle for
    ``(p-1)/(v m)`` of the time (Narayanan et al. 2021, arXiv 2104.04473,
    section 2.2); zero bubble may not idle at all.
    """
    begins = np.empty(len(layouts), dtype=bool)
    begins[:1] = True
    begins[1:] = (split[1:] != split[:-1]) | (layouts.micro_batch[1:] != layouts.micro_batch[:-1])
    first = np.flatnonzero(begins)
    if WORTH * len(first) * len(RECOMPUTE) > len(layouts):
        return None
    inner, whole = _work(job, layouts.take(first))
    at = (np.cumsum(begins) - 1) * len(RECOMPUTE) + layouts.recompute.astype(np.intp)
    stages, layers = layouts.pipeline, job.parameters.layers
    chunks = np.where(stages > 1, layouts.virtual_stages, 1.0)
    fullest = np.ceil(layers / (stages * chunks)) * chunks / layers
    micro = job.global_batch / (layouts.data * layouts.micro_batch)
    idle = np.where(layouts.schedule == ZERO_BUBBLE, 0.0, (stages - 1) / (layouts.virtual_stages * micro))
    out: Array = micro * np.maximum(inner[at] * fullest, whole[at] / stages) * (1 + idle)
    return out


def _work(job: Jobs, layouts: Layouts) -> tuple[Array, Array]:
    """Seconds of one micro-batch through all layers, and with the head, for each way of recomputing."""
    each = len(RECOMPUTE)
    rows = layouts.take(np.repeat(np.arange(len(layouts)), each))
    one, none = np.ones(len(rows)), np.zeros(len(rows))
    rows = replace(
        rows,
        pipeline=one,
        data=one,
        virtual_stages=one,
        schedule=none,
        zero=none,
        shard=none,
        recompute=np.tile(np.arange(each, dtype=np.float64), len(layouts)),
    )
    parts = step_parts(replace(job, layouts=rows, global_batch=rows.micro_batch))
    whole = total({name: seconds for name, seconds in parts.items() if name not in ONCE})
    head = np.minimum(whole, HEADS * np.asarray(parts["head"]))
    return np.asarray(whole - head, dtype=np.float64), np.asarray(whole, dtype=np.float64)
