"""Disaggregated serving under open load: quantiles of its times, and what stands on a worker at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dcplan.demand.types import Metric
from dcplan.perf.compute import cache_split
from dcplan.perf.decode import decode_parts
from dcplan.perf.disaggregated import Disaggregated, tpot_parts, transfer_s, ttft_parts
from dcplan.perf.memory import stage_share
from dcplan.perf.numbers import Num, Parts, larger, smaller, total, where
from dcplan.perf.prefill import prefill_parts
from dcplan.perf.queueing import batch_at

if TYPE_CHECKING:
    from dcplan.demand.types import SlaBound
    from dcplan.perf.replicas import Replicas


def paired(
    prefill: Replicas, decode: Replicas, prefill_workers: Num, decode_workers: Num, *, inside: Any = False
) -> Disaggregated:
    """Workers of both kinds with the way that caches take between them.

    ``inside``: scale-up links join all workers, else caches cross the network.
    Each device of the ranks that computed a prompt sends its own part, and each
    that will decode it takes its own: the side with less is what counts.
    """
    return Disaggregated(
        prefill=prefill,
        decode=decode,
        prefill_workers=prefill_workers,
        decode_workers=decode_workers,
        link_bytes_per_s=smaller(_door_bytes_per_s(prefill, inside), _door_bytes_per_s(decode, inside)),
        link_s=where(inside, prefill.wires.hop_s, larger(prefill.wires.out_hop_s, decode.wires.out_hop_s)),
    )


def _door_bytes_per_s(r: Replicas, inside: Any) -> Num:
    """Bytes/s of a prompt's caches in or out of one worker: of as many devices as they are cut over."""
    pieces = cache_split(r.parameters, r.layouts.tensor) / stage_share(
        r.parameters.layers, r.layouts.pipeline
    )
    return where(inside, r.wires.allgather_bytes_per_s, r.wires.out_bytes_per_s) * pieces


def elasticity(r: Replicas, batch: Num) -> Num:
    """By which share the time per token grows for each share that the batch grows, without prompts between.

    ``1 - step(1) / step(batch)``, as steps are close to affine in the batch.  Source: definition.
    """
    return larger(1 - total(decode_parts(r, 1.0)) / total(decode_parts(r, batch)), 0.0)


def met_batch(r: Replicas, batch: Num, quantile: float) -> Num:
    """Requests on a decode worker at a quantile of the moments: ``batch_at(batch, elasticity)``.

    Source: follows from ``batch_at``, ``elasticity``.
    """
    return batch_at(batch, quantile, r.arrival_cv2, elasticity(r, batch))


def prompts_held(d: Disaggregated, requests_per_s: Num) -> Num:
    """Prompts whose caches a prefill worker holds on average: computed or handed over, not waiting.

    ``rate / workers x (prompt + transfer_s)``.  Source: Little 1961.
    """
    r = d.prefill
    alone = total(prefill_parts(r, r.new_tokens))
    return requests_per_s / d.prefill_workers * (alone + transfer_s(d, r.prompt.mean))


def bound_parts(d: Disaggregated, requests_per_s: Num, batch: Num, bound: SlaBound) -> Parts:
    """What is predicted against a bound of the SLA at a rate, and at the mean batch of a decode worker.

    ``ttft_parts(rate)`` for the first token, ``tpot_parts(met_batch)`` for all others.  Source: follows from
    ``ttft_parts``, ``tpot_parts``, ``met_batch``.
    """
    if bound.metric is Metric.TTFT:
        return ttft_parts(d, requests_per_s, bound.quantile)
    return tpot_parts(d, met_batch(d.decode, batch, bound.quantile))
