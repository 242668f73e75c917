"""Serving under open load: how long requests wait, at which rate, with how much room.

Prompts are computed in chunks between the decode steps of the requests under
way (Agrawal et al. 2024, Sarathi-Serve, arXiv 2403.02310).  ``batch`` requests
decode together; a rate and a batch stand for each other by Little's law, and
every formula here is closed in the batch.
"""

from __future__ import annotations

from dcplan.demand.types import Metric, SlaBound
from dcplan.perf.decode import decode_parts
from dcplan.perf.numbers import Num, Parts, larger, total
from dcplan.perf.prefill import prefill_parts, prefill_work_s
from dcplan.perf.queueing import batch_at, length_at, mean_wait_s, sum_excess, variation_of, wait_at_s
from dcplan.perf.replicas import Replicas
from dcplan.perf.serving_memory import cache_room_bytes, sequence_bytes


def rate_at(r: Replicas, batch: Num) -> Num:
    """Requests/s at which ``batch`` of them decode together on average; rises with the batch.

    Little 1961: rate x output tokens x TPOT = batch, with the TPOT stretched by
    the share of time that prompts take.
    """
    return batch / (r.output.mean * total(decode_parts(r, batch)) + batch * prefill_work_s(r))


def tpot_parts(r: Replicas, batch: Num, quantile: float) -> Parts:
    """Time per output token at a mean batch, for a quantile of the requests, seconds.

    The batch that a request meets varies; each request under way is replaced by
    a prompt once in its life, so that the batch also says how many prompts push
    in between its tokens.
    """
    met = batch_at(batch, quantile, r.arrival_cv2)
    parts = decode_parts(r, met)
    parts["prefill interference"] = met * prefill_work_s(r) / r.output.mean
    return parts


def ttft_parts(r: Replicas, batch: Num, quantile: float) -> Parts:
    """Time to first token at a mean batch, for a quantile of the requests, seconds.

    The prompt at that quantile of lengths on an idle replica, and ``queueing``:
    the wait behind other prompts and for the step under way, combined with the
    length as independent times are.
    """
    work, step = prefill_work_s(r), total(decode_parts(r, batch))
    load = rate_at(r, batch) * work
    wait = mean_wait_s(load, work, r.arrival_cv2, variation_of(r.prompt))
    new = 1 - r.cached_share
    long = larger(length_at(r.prompt, quantile), r.prompt.mean)
    parts = prefill_parts(r, long * new)
    longer = total(parts) - total(prefill_parts(r, r.prompt.mean * new))
    # The step under way ends within one step, each moment alike likely.
    unlucky_step = (quantile - 0.5) * step
    spread = sum_excess(longer, wait_at_s(load, wait, quantile) - wait, unlucky_step)
    parts["queueing"] = larger(wait + r.engine.poll_factor * step + spread - longer, 0.0)
    parts["overhead"] = parts["overhead"] + r.engine.first_s + r.engine.token_s * long
    return parts


def bound_parts(r: Replicas, batch: Num, bound: SlaBound) -> Parts:
    """What is predicted against a bound of the SLA."""
    of = {Metric.TTFT: ttft_parts, Metric.TPOT: tpot_parts}
    return of[bound.metric](r, batch, bound.quantile)


def cache_room(r: Replicas) -> Num:
    """Sequences of mean length at their end for which the cache of one replica has room."""
    room = cache_room_bytes(r.parameters, r.layouts, r.device, r.engine)
    return room / cached_bytes(r, r.prompt.mean + r.output.mean)


def cached_bytes(r: Replicas, context: Num) -> Num:
    """Bytes that one sequence of so many tokens keeps on a device, which is one of its data ranks' on average."""
    return sequence_bytes(r.parameters, r.layouts, r.device, context) / r.layouts.data


def longest_tokens(r: Replicas) -> Num:
    """Tokens of a long request, which must fit in the cache alone: p99 of prompt and output together."""
    return r.prompt.p99 + r.output.p99


def longest_room(r: Replicas) -> Num:
    """Room that one long request takes on its data rank, in sequences of mean length."""
    mean = cached_bytes(r, r.prompt.mean + r.output.mean)
    return cached_bytes(r, longest_tokens(r)) * r.layouts.data / mean


def room_needed(r: Replicas, batch: Num, quantile: float) -> Num:
    """Sequences in the cache at a mean batch, for a quantile of the moments, as if all were at their end."""
    return batch_at(batch, quantile, r.arrival_cv2)


__all__ = [
    "Replicas",
    "bound_parts",
    "cache_room",
    "cached_bytes",
    "decode_parts",
    "longest_room",
    "longest_tokens",
    "prefill_parts",
    "prefill_work_s",
    "rate_at",
    "room_needed",
    "tpot_parts",
    "ttft_parts",
]
