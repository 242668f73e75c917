"""Time a job well enough in little time: warm up, then take samples until the budget is spent."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable

from dcplan.measure.backend import Job
from dcplan.measure.types import Timing

LEAST_SAMPLES = 3
"""Fewer have no median that an interruption cannot spoil."""
MOST_SAMPLES = 25
SAMPLE_S = 1e-3
"""A sample lasts at least so long, so that clocks (0.5 us for CUDA events) do not matter."""


def time_job(
    job: Job,
    budget_s: float,
    *,
    patience_s: float = math.inf,
    clock: Callable[[], float] = time.perf_counter,
) -> Timing | None:
    """The median seconds of one call; None when the samples would not fit into ``patience_s``.

    Two calls to warm up, of which the second tells how many make a sample;
    then samples until ``budget_s`` is spent, three at least.
    """
    start = clock()
    job(1)
    if clock() - start > patience_s:
        return None
    once_s = max(job(1), 1e-9)
    if once_s * LEAST_SAMPLES > patience_s:
        return None
    calls = max(1, math.ceil(min(SAMPLE_S, budget_s / LEAST_SAMPLES) / once_s))
    samples: list[float] = []
    while len(samples) < LEAST_SAMPLES or (len(samples) < MOST_SAMPLES and clock() - start < budget_s):
        samples.append(job(calls))
    return Timing(seconds=statistics.median(samples), repeats=calls * len(samples))
