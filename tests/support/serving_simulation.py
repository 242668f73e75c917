"""A replica step by step: arrivals, chunked prompts between decode steps, one event for each step.

Takes the same times of steps and prompts as the formulas under test, so that only
what they say about waiting and about quantiles is at stake.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dcplan.perf import Replicas
from dcplan.perf.decode import decode_parts
from dcplan.perf.numbers import row, total
from dcplan.perf.prefill import prefill_work_s
from dcplan.perf.queueing import variation_of

Array = npt.NDArray[np.float64]
GRID = 48


@dataclass(frozen=True)
class Served:
    """What requests of the steady part saw, seconds."""

    ttft_s: Array
    tpot_s: Array
    batch: Array
    """Requests that decode, each step."""


def lengths(rng: np.random.Generator, mean: float, p50: float, p95: float, count: int) -> Array:
    """Token counts of a lognormal with these quantiles; all ``mean`` where they are equal."""
    if p95 <= p50:
        return np.full(count, mean)
    sigma = math.log(p95 / p50) / 1.6448536
    return np.maximum(1.0, np.round(p50 * np.exp(sigma * rng.standard_normal(count))))


def simulate(r: Replicas, rate: float, requests: int, seed: int = 0) -> Served:
    """Serve ``requests`` at ``rate`` with gamma distributed gaps of the replica's ``arrival_cv2``."""
    rng = np.random.default_rng(seed)
    shape = 1 / r.arrival_cv2
    arrival = np.cumsum(rng.gamma(shape, 1 / (rate * shape), requests))
    prompt = lengths(rng, float(r.prompt.mean), float(r.prompt.p50), float(r.prompt.p95), requests)
    output = lengths(rng, float(r.output.mean), float(r.output.p50), float(r.output.p95), requests)
    sizes = np.geomspace(1, 1024, GRID)
    seconds = np.array([row(total(decode_parts(r, float(n))), 0) for n in sizes])
    per_token = row(prefill_work_s(r), 0) / float(r.prompt.mean)
    chunk, mixed = float(r.engine.chunk_tokens), float(r.engine.mixed)
    waiting: deque[int] = deque()
    left, generated = prompt.copy(), np.zeros(requests)
    first, last = np.full(requests, np.nan), np.full(requests, np.nan)
    running: list[int] = []
    batches: list[float] = []
    now, coming = 0.0, 0
    while coming < requests or waiting or running:
        while coming < requests and arrival[coming] <= now:
            waiting.append(coming)
            coming += 1
        if not waiting and not running:
            now = float(arrival[coming])
            continue
        budget, done = chunk, []
        while waiting and budget > 0:
            taken = min(budget, left[waiting[0]])
            left[waiting[0]] -= taken
            budget -= taken
            if left[waiting[0]] <= 0:
                done.append(waiting.popleft())
        prompts_s = (chunk - budget) * per_token
        decode_s = float(np.interp(len(running), sizes, seconds)) if running else 0.0
        now += prompts_s + decode_s - mixed * min(prompts_s, decode_s)
        batches.append(float(len(running)))
        stay = []
        for i in running:
            generated[i] += 1
            if generated[i] >= output[i]:
                last[i] = now
            else:
                stay.append(i)
        for i in done:
            first[i], generated[i] = now, 1
            if output[i] <= 1:
                last[i] = now
            else:
                stay.append(i)
        running = stay
    steady = slice(requests // 5, -requests // 10)
    each = np.maximum(output - 1, 1)
    return Served((first - arrival)[steady], ((last - first) / each)[steady], np.array(batches))


__all__ = ["Served", "lengths", "simulate", "variation_of"]
