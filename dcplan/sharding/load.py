"""How much a replica can take: the largest batch at which everything still holds, for all layouts at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from dcplan.perf.numbers import Array, Num, total
from dcplan.perf.serving import Replicas, bound_parts, rate_at, room_needed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dcplan.demand.types import SlaBound

IDLE_BATCH = 0.05
"""A replica that decodes one request a twentieth of the time: as good as without load."""

MOST_SEQUENCES = 1024.0
"""Requests that an engine decodes together at most, in each copy of attention (vLLM's default for large
devices)."""

CACHE_QUANTILE = 0.99
"""Share of the moments at which the cache must have room; a request without room waits unpredicted."""

POINTS = 24
PASSES = 4
"""Four grids of 24 points, each inside a gap of the one before: the batch is found to 4 digits."""


def all_bounds_hold(
    r: Replicas, batch: Num, bounds: Sequence[SlaBound], allowed: Sequence[Num], room: Num
) -> Any:
    """Whether the cache has room and every bound of the SLA holds at a mean batch; falls with the batch.

    ``allowed`` is what each bound leaves to a prediction without its margin, seconds.
    """
    holds = room_needed(r, batch, CACHE_QUANTILE) <= room
    for bound, seconds in zip(bounds, allowed, strict=True):
        holds = holds & (total(bound_parts(r, batch, bound)) <= seconds)
    return holds


def most_batch(r: Replicas, bounds: Sequence[SlaBound], allowed: Sequence[Array], room: Array) -> Array:
    """The largest mean batch at which all bounds hold; they must hold at ``IDLE_BATCH``."""
    grid = r.take(np.s_[:, None])
    cells, limits = room[:, None], [seconds[:, None] for seconds in allowed]
    return largest(lambda batch: all_bounds_hold(grid, batch, bounds, limits, cells), most_sequences(r))


def batch_for(r: Replicas, rate: Array) -> Array:
    """The mean batch at which these requests/s arrive; no smaller than ``IDLE_BATCH``."""
    grid = r.take(np.s_[:, None])
    wanted = rate[:, None]
    return largest(lambda batch: rate_at(grid, batch) <= wanted, most_sequences(r))


def most_sequences(r: Replicas) -> Array:
    """Requests that each replica decodes together at most."""
    most: Array = MOST_SEQUENCES * r.layouts.data
    return most


def largest(holds: Callable[[Array], Any], most: Array) -> Array:
    """For each row the largest batch for which ``holds``, which is true up to a point and false beyond.

    ``most`` is where each row ends; ``holds`` is asked with a table of batches,
    one row for each.
    """
    rows = len(most)
    low = np.full(rows, math.log(IDLE_BATCH))
    high = np.log(most)
    steps = np.linspace(0.0, 1.0, POINTS)
    every = np.arange(rows)
    for _ in range(PASSES):
        grid = low[:, None] + (high - low)[:, None] * steps
        true = np.broadcast_to(holds(np.exp(grid)), grid.shape)
        last = np.maximum(np.cumprod(true, axis=1).sum(axis=1) - 1, 0).astype(int)
        low, high = grid[every, last], grid[every, np.minimum(last + 1, POINTS - 1)]
    out: Array = np.exp(low)
    return out
