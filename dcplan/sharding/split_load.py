"""How much workers of either phase take: the largest rate and batch at which their bounds hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dcplan.demand.types import Metric
from dcplan.perf.disaggregated import decode_rate, prefill_rate
from dcplan.perf.disaggregated_load import bound_parts, met_batch, prompts_held
from dcplan.perf.numbers import total
from dcplan.perf.serving import cached_bytes
from dcplan.perf.serving_memory import serving_memory
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


def used_share(  # noqa: PLR0913, PLR0917 - what a unit does, and what it may take for that
    d: Disaggregated,
    bounds: Sequence[SlaBound],
    prefill_s: Sequence[Array],
    decode_s: Sequence[Array],
    requests_per_s: Array,
    batch: Array,
) -> Array:
    """Share of a bound that is used, the worst, margin included; 0 without bounds.

    ``prefill_s`` and ``decode_s`` are what each bound leaves to a prediction
    without the margin of either side.
    """
    used = [np.zeros(batch.shape)]
    for which, bound in enumerate(bounds):
        seconds = (prefill_s if bound.metric is Metric.TTFT else decode_s)[which]
        used.append(np.asarray(total(bound_parts(d, requests_per_s, batch, bound)) / seconds))
    out: Array = np.max(np.broadcast_arrays(*used), axis=0)
    return out


def left_bytes(d: Disaggregated, requests_per_s: Array, batch: Array) -> Array:
    """Memory that is left on the fullest device of either side, with the caches of a high quantile."""
    held = (
        (d.prefill, prompts_held(d, requests_per_s), 0.0),
        (d.decode, met_batch(d.decode, batch, CACHE_QUANTILE), d.decode.output.mean),
    )
    left = []
    for r, requests, more in held:
        cached = requests * cached_bytes(r, r.prompt.mean + more)
        memory = serving_memory(r.parameters, r.layouts, r.device, r.engine, cached)
        left.append(np.broadcast_to(np.asarray(r.device.memory_bytes - memory.total_bytes), batch.shape))
    out: Array = np.min(left, axis=0)
    return out


def _largest(holds: Callable[[Array], Mask], most: Array) -> Array:
    """As ``largest``, and 0 where it does not even hold at ``IDLE_BATCH``."""
    if not len(most):
        return np.zeros(0)
    least = np.broadcast_to(holds(np.full((len(most), 1), IDLE_BATCH)), (len(most), 1))[:, 0]
    return np.where(least, largest(holds, most), 0.0)
