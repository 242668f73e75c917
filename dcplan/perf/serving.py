"""Serving under open load: how long requests wait, at which rate, with how much room.

Prompts are computed in chunks between the decode steps of the requests under
way (Agrawal et al. 2024, Sarathi-Serve, arXiv 2403.02310).  ``batch`` requests
decode together; a rate and a batch stand for each other by Little's law, and
every formula here is closed in the batch.
"""

from __future__ import annotations

from dcplan.demand.types import Metric, SlaBound
from dcplan.perf.decode import decode_parts
from dcplan.perf.numbers import Num, Parts, larger, root, smaller, total, where
from dcplan.perf.prefill import prefill_parts, prefill_work_s
from dcplan.perf.queueing import (
    batch_at,
    gated_step_s,
    length_at,
    lognormal_at,
    mean_wait_s,
    normal_score,
    sum_excess,
    variation_of,
)
from dcplan.perf.replicas import Replicas
from dcplan.perf.serving_memory import cache_room_bytes, sequence_bytes

MOST_LOAD = 0.95
"""Share of the time that prompts take beyond which fluctuations are not told from overload.  Numerical
guard."""


def rate_at(r: Replicas, batch: Num) -> Num:
    """Requests/s at which ``batch`` of them decode together on average; rises with the batch.

    ``batch / (output x TPOT + batch x prefill_work_s)``: rate x output tokens x TPOT = batch, with the
    TPOT stretched by the share of time that prompts take.  Source: Little 1961.
    """
    return batch / (r.output.mean * total(decode_parts(r, batch)) + batch * prefill_work_s(r))


def elasticity(r: Replicas, batch: Num) -> Num:
    """By which share the time per token grows for each share that the batch grows.

    ``1 - step(1) / token(batch)``: as steps are close to affine in the batch, it is the share of the time
    that an almost empty batch would not take.  Source: definition.
    """
    token = total(decode_parts(r, batch)) + batch * prefill_work_s(r) / r.output.mean
    return _elasticity(r, token)


def _elasticity(r: Replicas, token_s: Num) -> Num:
    """The same where the mean time per token is known."""
    return larger(1 - total(decode_parts(r, 1.0)) / token_s, 0.0)


def tpot_parts(r: Replicas, batch: Num, quantile: float) -> Parts:
    """Time per output token at a mean batch, for a quantile of the requests, seconds.

    ``decode_parts(B) + B w / n + max(sqrt(slower^2 + unlucky^2) - slower, 0)``, ``B = batch_at(batch)``, w
    the work of a prompt, n the output's tokens.  The batch that a request meets varies; each request under
    way is replaced by a prompt once in its life, so that the batch also says how many prompts push in
    between its tokens.  How many do so in one request's life varies, too, and the fewer tokens it has the
    more; while they do, more prompts come. Source: follows from ``decode_parts``, ``batch_at``,
    ``prefill_work_s``, ``sum_excess``; the spread of the prompts' number is an own form.
    """
    work, tokens = prefill_work_s(r), r.output.mean
    mean = total(decode_parts(r, batch)) + batch * work / tokens
    met = batch_at(batch, quantile, r.arrival_cv2, _elasticity(r, mean))
    parts = decode_parts(r, met)
    steady = met * work / tokens
    pushed = work * work * batch / tokens * (r.arrival_cv2 + variation_of(r.prompt))
    few = (1 + variation_of(r.output)) / tokens
    load = smaller(batch * work / (tokens * mean), MOST_LOAD)
    slower = total(parts) + steady - mean
    unlucky = max(normal_score(quantile), 0.0) * root(pushed * few) / (1 - load)
    parts["prefill interference"] = steady + larger(sum_excess(slower, unlucky) - slower, 0.0)
    return parts


def ttft_parts(r: Replicas, batch: Num, quantile: float) -> Parts:
    """Time to first token at a mean batch, for a quantile of the requests, seconds.

    The prompt at that quantile of lengths on an idle replica, and ``queueing``,
    all else: the rest of the step under way, the other prompts of the own step
    (those that came during the one before, and with bursty arrivals those of
    the same burst), decoding in it, and where prompts are more than one step
    takes in, the wait for a later one.  Their sum is taken to be lognormal:
    ``prefill_parts(length at quantile) + queueing``, ``queueing = (1 - mixed) step + lognormal_at(mean,
    variance) - prefill_parts``.  An encoder decodes nothing beside prompts, so that an idle one is found
    without a step under way: that wait counts by the share of time that prompts take.  Source: follows from
    ``prefill_parts``, ``gated_step_s``, ``lognormal_at``, ``mean_wait_s``; that their sum is lognormal is an
    own form.
    """
    e, work, decoding = r.engine, prefill_work_s(r), total(decode_parts(r, batch))
    step, lengths_cv2, new = (
        decoding + batch * work / r.output.mean,
        variation_of(r.prompt),
        1 - r.cached_share,
    )
    rate = batch / (r.output.mean * step)
    load = rate * work
    variance, met = gated_step_s(step, load, work, r.arrival_cv2, lengths_cv2)
    burst = max(r.arrival_cv2 - 1, 0.0) / 2 * work
    alone = total(prefill_parts(r, r.prompt.mean * new))
    causal = r.parameters.causal
    polled = e.poll_factor * where(causal > 0, 1.0, smaller(rate * alone, 1.0))
    seen = polled + load
    mean = alone + met * seen + burst
    mean = mean + _later_s(r, rate, decoding, work)
    spread = variance * seen * seen + (2 * polled * met) ** 2 / 12 + burst * burst
    spread = spread + work * load * met * (r.arrival_cv2 + lengths_cv2) + work * work * lengths_cv2
    long = larger(length_at(r.prompt, quantile), r.prompt.mean)
    parts = prefill_parts(r, long * new)
    least = total(parts)
    parts["overhead"] = parts["overhead"] + e.first_s + e.token_s * long
    beside = causal * (1 - e.mixed) * decoding
    parts["queueing"] = larger(beside + lognormal_at(mean, spread, quantile) - least, 0.0)
    return parts


def _later_s(r: Replicas, rate: Num, decoding: Num, work: Num) -> Num:
    """Mean wait for a later step where one cannot take in all prompts that are there.

    A queue whose server takes in a full chunk each step; at light load steps are
    never full, so that Kingman's wait counts by that load.
    """
    prompt = r.new_tokens / r.engine.chunk_tokens
    service = prompt * decoding + work
    full = rate * service
    return smaller(full, 1.0) * mean_wait_s(full, service, r.arrival_cv2, variation_of(r.prompt))


def bound_parts(r: Replicas, batch: Num, bound: SlaBound) -> Parts:
    """What is predicted against a bound of the SLA: ``ttft_parts(quantile)`` or ``tpot_parts(quantile)``.

    Source: follows from ``ttft_parts``, ``tpot_parts``.
    """
    of = {Metric.TTFT: ttft_parts, Metric.TPOT: tpot_parts}
    return of[bound.metric](r, batch, bound.quantile)


def cache_room(r: Replicas) -> Num:
    """Sequences of mean length at their end that a replica has room for: ``cache_room_bytes / cached_bytes``.

    An encoder caches nothing: it has room for as many as one step takes in, on each data rank,
    ``max(chunk_tokens / prompt, 1) x data``, and below 1 where it does not fit itself.
    Source: follows from ``cache_room_bytes``, ``cached_bytes``.
    """
    left = cache_room_bytes(r.parameters, r.layouts, r.device, r.engine)
    cached = cached_bytes(r, r.prompt.mean + r.output.mean)
    step = larger(r.engine.chunk_tokens / r.prompt.mean, 1.0) * r.layouts.data
    cached_room = left / where(cached > 0, cached, 1.0)
    return where(r.parameters.causal > 0, cached_room, where(left >= 0, step, 0.0))


def cached_bytes(r: Replicas, context: Num) -> Num:
    """Bytes that one sequence of so many tokens keeps on a device: ``sequence_bytes / data``.

    Data ranks share the sequences.  Source: follows from ``sequence_bytes``.
    """
    return sequence_bytes(r.parameters, r.layouts, r.device, context) / r.layouts.data


def longest_tokens(r: Replicas) -> Num:
    """Tokens of a long request, which must fit in the cache alone: ``prompt p99 + output p99``.

    Source: definition.
    """
    return r.prompt.p99 + r.output.p99


def longest_room(r: Replicas) -> Num:
    """Room that a long request takes on its data rank, in mean ones: ``bytes(long) x data / bytes(mean)``.

    Of an encoder, which takes in one prompt however long it is, 1.  Source: follows from ``cached_bytes``,
    ``longest_tokens``.
    """
    mean = cached_bytes(r, r.prompt.mean + r.output.mean)
    share = cached_bytes(r, longest_tokens(r)) * r.layouts.data / where(mean > 0, mean, 1.0)
    return where(r.parameters.causal > 0, share, 1.0)


def room_needed(r: Replicas, batch: Num, quantile: float) -> Num:
    """Sequences in the cache at a mean batch, for a quantile of the moments: ``batch_at(batch, elasticity)``.

    As if all were at their end.  An encoder's requests wait outside of a step without taking room: 1.
    Source: follows from ``batch_at``, ``elasticity``.
    """
    kept = batch_at(batch, quantile, r.arrival_cv2, elasticity(r, batch))
    return where(r.parameters.causal > 0, kept, 1.0)


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
