"""Serving with continuous batching: prefill, decode, and both together under load.

Prompts are computed in chunks between the decode steps of the requests under
way (Agrawal et al. 2024, Sarathi-Serve, arXiv 2403.02310).  ``batch`` requests
decode together; a rate and a batch stand for each other by Little's law, and
every formula here is closed in the batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.demand.types import Lengths, Metric, SlaBound
from dcplan.perf.arrays import take
from dcplan.perf.collectives import all_reduce_s, inside_domain, send_s
from dcplan.perf.compute import attention_decode_s, attention_prefill_s, forward_parts, head_s, mixer_s
from dcplan.perf.device import SIXTEEN_BITS, Device, Wires
from dcplan.perf.memory import stage_share
from dcplan.perf.numbers import Num, Parts, larger, total, up
from dcplan.perf.queueing import batch_at, length_at, mean_wait_s, sum_excess, variation_of, wait_at_s
from dcplan.perf.serving_memory import cache_room_bytes, sequence_bytes

if TYPE_CHECKING:
    from dcplan.perf.engine import Engine
    from dcplan.perf.layouts import Layouts
    from dcplan.perf.parameters import Parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicas:
    """Replicas that serve the same requests, one for each layout; all else is one number or one for each."""

    parameters: Parameters
    layouts: Layouts
    device: Device
    wires: Wires
    engine: Engine
    prompt: Lengths
    output: Lengths
    arrival_cv2: float

    def take(self, rows: object) -> Replicas:
        """Only these rows."""
        return take(self, rows)

    @property
    def context(self) -> float:
        """Tokens that stand behind a request on average while it decodes."""
        return self.prompt.mean + self.output.mean / 2

    @property
    def expert_split(self) -> Num:
        """Into how many pieces one expert is cut: none under expert parallelism."""
        return self.layouts.expert_tensor


def tensor_parallel_s(r: Replicas, tokens: Num) -> Num:
    """Two all-reduces of the hidden state in each layer: Shoeybi et al. 2019 (arXiv 1909.08053)."""
    tensor = r.layouts.tensor
    size = tokens * r.parameters.hidden * SIXTEEN_BITS
    return 2 * r.parameters.layers * all_reduce_s(size, tensor, inside_domain(tensor, 1, r.wires), r.wires)


def pipeline_s(r: Replicas, tokens: Num) -> Num:
    """Hand the hidden state from stage to stage."""
    size = tokens * r.parameters.hidden * SIXTEEN_BITS
    return (r.layouts.pipeline - 1) * send_s(size, r.layouts.tensor, r.wires)


def decode_parts(r: Replicas, batch: Num) -> Parts:
    """One decode step of ``batch`` requests: what one token of each of them takes, seconds.

    Pipeline stages work on different shares of the batch at the same time, and
    a token passes all of them.  Source: Pope et al. 2022 (arXiv 2211.05102).
    """
    tensor = r.layouts.tensor
    tokens = larger(batch / r.layouts.pipeline, 1.0)
    parts = forward_parts(r.parameters, tokens, tensor, r.expert_split, r.device)
    parts["head"] = head_s(r.parameters, tokens, tensor, r.device)
    parts["kv cache"] = attention_decode_s(r.parameters, tokens, r.context, tensor, r.device)
    parts["linear mixers"] = mixer_s(r.parameters, tokens, tokens, tensor, r.device)
    parts["tensor parallel"] = tensor_parallel_s(r, tokens)
    parts["pipeline"] = pipeline_s(r, tokens)
    parts["overhead"] = r.engine.step_s + r.parameters.layers * r.engine.layer_s
    return parts


def prefill_parts(r: Replicas, length: Num) -> Parts:
    """One prompt of ``length`` tokens on an idle replica, up to its first token, seconds."""
    chunks = up(length / r.engine.chunk_tokens)
    tokens, tensor = length / chunks, r.layouts.tensor
    forward = forward_parts(r.parameters, tokens, tensor, r.expert_split, r.device)
    parts: Parts = {name: chunks * seconds for name, seconds in forward.items()}
    parts["head"] = head_s(r.parameters, 1.0, tensor, r.device)
    parts["attention"] = attention_prefill_s(r.parameters, length, tensor, r.device)
    parts["linear mixers"] = mixer_s(r.parameters, length, chunks, tensor, r.device)
    parts["tensor parallel"] = chunks * tensor_parallel_s(r, tokens)
    parts["pipeline"] = chunks * pipeline_s(r, tokens)
    parts["overhead"] = chunks * (r.engine.step_s + r.parameters.layers * r.engine.layer_s)
    return parts


def prefill_work_s(r: Replicas) -> Num:
    """How long the mean prompt keeps the busiest stage from decoding, seconds.

    A full chunk's cost per token: weights are streamed and kernels launched for
    the decode step anyway.  Attention grows with the square of the length, so
    that its second moment counts.
    """
    full = r.engine.chunk_tokens
    tensor = r.layouts.tensor
    forward = total(forward_parts(r.parameters, full, tensor, r.expert_split, r.device))
    per_token = (forward + tensor_parallel_s(r, full)) / full
    square_mean = r.prompt.mean * (1 + variation_of(r.prompt)) ** 0.5
    attention = attention_prefill_s(r.parameters, square_mean, tensor, r.device)
    return (per_token * r.prompt.mean + attention) * stage_share(r.parameters.layers, r.layouts.pipeline)


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
    parts = prefill_parts(r, max(length_at(r.prompt, quantile), r.prompt.mean))
    longer = total(parts) - total(prefill_parts(r, r.prompt.mean))
    # The step under way ends within one step, each moment alike likely.
    unlucky_step = (quantile - 0.5) * step
    spread = sum_excess(longer, wait_at_s(load, wait, quantile) - wait, unlucky_step)
    parts["queueing"] = larger(wait + step / 2 + spread - longer, 0.0)
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
    """Bytes that one sequence of so many tokens keeps on the fullest device."""
    return sequence_bytes(r.parameters, r.layouts, r.device, context)


def longest_tokens(r: Replicas) -> float:
    """Tokens of a long request, which must fit in the cache alone: p99 of prompt and output together."""
    return r.prompt.p99 + r.output.p99


def longest_room(r: Replicas) -> Num:
    """Room that one long request takes, in sequences of mean length."""
    return cached_bytes(r, longest_tokens(r)) / cached_bytes(r, r.prompt.mean + r.output.mean)


def room_needed(r: Replicas, batch: Num, quantile: float) -> Num:
    """Sequences in the cache at a mean batch, for a quantile of the moments, as if all were at their end."""
    return batch_at(batch, quantile, r.arrival_cv2)
