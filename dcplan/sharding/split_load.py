"""How much workers of either phase take: the largest rate and batch at which their bounds hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dcplan.demand.types import Metric
from dcplan.perf.disaggregated import decode_rate, prefill_rate
from dcplan.perf.disaggregated_load import bound_parts, met_batch, prompts_held
from dcplan.perf.numbers import total
from dcplan.sharding.load import CACHE_QUANTILE, IDLE_BATCH, largest, most_sequences

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dcplan.demand.types import SlaBound
    from dcplan.perf.disaggregated import Disaggregated
    from dcplan.perf.numbers import Array
    from dcplan.sharding.legal import Mask


def most_prompts(
    d: Disaggregated, bounds: Sequence[SlaBound], allowed: Sequence[Array], room: Array
) -> Array:
    """Requests/s at the most whose prompts the prefill workers compute within TTFT; 0 where none is.

    ``allowed`` is what each bound leaves to a prediction without its margin,
    ``room`` the prompts that the cache of a worker holds.
    """
    grid, cells = d.take(np.s_[:, None]), room[:, None]
    most = np.broadcast_to(np.asarray(prefill_rate(d)), room.shape)

    def holds(percent: Array) -> Mask:
        rate = most[:, None] * percent / 100
        out: Mask = np.asarray(prompts_held(grid, rate) <= cells)
        for bound, seconds in zip(bounds, allowed, strict=True):
            if bound.metric is Metric.TTFT:
                out = out & (total(bound_parts(grid, rate, IDLE_BATCH, bound)) <= seconds[:, None])
        return out

    return most * _largest(holds, np.full(room.shape, 100.0)) / 100


def most_decoded(
    d: Disaggregated, bounds: Sequence[SlaBound], allowed: Sequence[Array], room: Array
) -> Array:
    """The largest mean batch of a decode worker within TPOT and its cache; 0 where none is."""
    grid, cells = d.take(np.s_[:, None]), room[:, None]

    def holds(batch: Array) -> Mask:
        out: Mask = np.asarray(met_batch(grid.decode, batch, CACHE_QUANTILE) <= cells)
        for bound, seconds in zip(bounds, allowed, strict=True):
            if bound.metric is Metric.TPOT:
                out = out & (total(bound_parts(grid, 0.0, batch, bound)) <= seconds[:, None])
        return out

    return _largest(holds, most_sequences(d.decode))


def decoded_at(d: Disaggregated, requests_per_s: Array) -> Array:
    """The mean batch of each decode worker at a rate; no smaller than ``IDLE_BATCH``."""
    grid, wanted = d.take(np.s_[:, None]), requests_per_s[:, None]
    return largest(lambda batch: decode_rate(grid, batch) <= wanted, most_sequences(d.decode))


def _largest(holds: Callable[[Array], Mask], most: Array) -> Array:
    """As ``largest``, and 0 where it does not even hold at ``IDLE_BATCH``."""
    if not len(most):
        return np.zeros(0)
    least = np.broadcast_to(holds(np.full((len(most), 1), IDLE_BATCH)), (len(most), 1))[:, 0]
    return np.where(least, largest(holds, most), 0.0)
