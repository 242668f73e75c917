"""Disaggregated serving: some workers compute prompts, others decode, each with its own hardware.

Sources: Zhong et al. 2024 (DistServe, arXiv 2401.09670), Patel et al. 2024
(Splitwise, arXiv 2311.18677); rate matching as in AIConfigurator (arXiv 2601.06288).
"""

from __future__ import annotations

from dataclasses import dataclass

from dcplan.perf.arrays import take
from dcplan.perf.compute import cache_bytes
from dcplan.perf.decode import decode_parts
from dcplan.perf.numbers import Num, Parts, larger, root, smaller, total, up
from dcplan.perf.prefill import prefill_parts
from dcplan.perf.queueing import length_at, mean_wait_s, sum_excess, variation_of, wait_at_s
from dcplan.perf.replicas import Replicas
from dcplan.perf.speculation import tokens_a_step

PASSES, EASE = 4, 0.6
"""Numerical guard: rounds in which a closed loop settles, and the share of the way that one goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disaggregated:
    """Prefill and decode workers that serve the same requests; accelerators may differ.

    ``prefill`` and ``decode`` tell one worker each, both with the lengths of all requests.
    """

    prefill: Replicas
    decode: Replicas
    prefill_workers: Num
    decode_workers: Num
    link_bytes_per_s: Num
    """What the network carries from one prefill worker."""
    link_s: Num = 0.0
    """Fixed cost of handing a request over."""

    def take(self, rows: object) -> Disaggregated:
        """Only these rows."""
        return take(self, rows)

    @property
    def devices(self) -> Num:
        """All devices: ``prefill_workers x theirs + decode_workers x theirs``."""
        first, second = self.prefill.layouts.devices, self.decode.layouts.devices
        return self.prefill_workers * first + self.decode_workers * second


def transfer_s(d: Disaggregated, length: Num) -> Num:
    """Sending the caches of ``length`` tokens from a prefill worker to a decode worker.

    ``link_s + cache_bytes(length) / link_bytes_per_s``: bytes of all layers, in the precision that the decode
    worker keeps them in.  Source: follows from ``cache_bytes``; Patel et al. 2024 (Splitwise, arXiv
    2311.18677) for handing over, here without hiding it behind the prompt.
    """
    return d.link_s + cache_bytes(d.decode.parameters, length, d.decode.device) / d.link_bytes_per_s


def prefill_rate(d: Disaggregated) -> Num:
    """Requests/s whose prompts all prefill workers can compute at most; each data rank computes its own.

    ``prefill_kept x workers x data / prompt time``.  Source: AIConfigurator (arXiv 2601.06288), rate
    matching.
    """
    alone = total(prefill_parts(d.prefill, d.prefill.new_tokens))
    return d.prefill.engine.prefill_kept * d.prefill_workers * d.prefill.layouts.data / alone


def decode_rate(d: Disaggregated, batch: Num) -> Num:
    """Requests/s that all decode workers answer with ``batch`` requests on each.

    ``decode_kept x workers x batch / (output x step)``.  Source: Little 1961; AIConfigurator (arXiv
    2601.06288), rate matching, for what is kept.
    """
    step = total(decode_parts(d.decode, batch))
    return d.decode.engine.decode_kept * d.decode_workers * batch / (d.decode.output.mean * step)


def rate(d: Disaggregated, batch: Num) -> Num:
    """Requests/s of the whole: ``min(prefill_rate, decode_rate)``.

    Source: AIConfigurator (arXiv 2601.06288), rate matching.
    """
    return smaller(prefill_rate(d), decode_rate(d, batch))


def matched_workers(d: Disaggregated, batch: Num) -> Num:
    """Prefill workers that keep one group of decode workers busy at ``batch``, at least one.

    ``ceil(decode_rate / rate of one prefill worker)``.  Source: follows from ``prefill_rate``,
    ``decode_rate``.
    """
    return up(larger(decode_rate(d, batch) / (prefill_rate(d) / d.prefill_workers), 1.0))


def tpot_parts(d: Disaggregated, batch: Num) -> Parts:
    """Time per output token with ``batch`` requests on a decode worker, seconds.

    ``decode_parts(batch)``: no prompt comes in between.  Source: Zhong et al. 2024 (DistServe, arXiv
    2401.09670) section 3.2.
    """
    return decode_parts(d.decode, batch)


def ttft_parts(d: Disaggregated, requests_per_s: Num, quantile: float) -> Parts:
    """Time to first token at a rate of arrivals: waiting, the prompt, handing its caches over.

    ``max(W + sqrt(longer^2 + (W_q - W)^2) - longer, 0) + prompt + transfer_s + first_s + token_s x length``,
    ``W = mean_wait_s / servers``, W_q its quantile: prompts spread over all prefill workers as over servers
    of one queue.  Source: Allen 1990 (Allen and Cunneen's form of Kingman's formula, whose wait is shared out
    by the number of servers); follows from ``mean_wait_s``, ``wait_at_s``, ``sum_excess``.
    """
    r = d.prefill
    alone = total(prefill_parts(r, r.new_tokens))
    servers = d.prefill_workers * r.layouts.data
    load = requests_per_s * alone / servers
    wait = mean_wait_s(load, alone, r.arrival_cv2, variation_of(r.prompt)) / servers
    long = larger(length_at(r.prompt, quantile), r.prompt.mean) * (1 - r.cached_share)
    parts = prefill_parts(r, long)
    longer = total(parts) - alone
    spread = sum_excess(longer, wait_at_s(load, wait, quantile) - wait)
    parts["queueing"] = larger(wait + spread - longer, 0.0)
    parts["cache transfer"] = transfer_s(d, long)
    parts["overhead"] = parts["overhead"] + r.engine.first_s + r.engine.token_s * long
    return parts


def closed_loop_s(d: Disaggregated, clients: Num, *, burst: Num = 0.0) -> tuple[Num, Num]:
    """Mean time per output token and to the first one with so many clients, seconds.

    ``R^2 + (Z - c W) R - W Z = 0`` as ``closed_loop.closed_loop_s`` has it, with prompts on workers of their
    own: W is a prompt's time over their number and Z the output's.  Source: follows from ``closed_loop_s``.
    """
    r = d.prefill
    alone = total(prefill_parts(r, r.new_tokens))
    work = alone / (d.prefill_workers * r.layouts.data)
    handed, more = transfer_s(d, r.prompt.mean), larger(r.output.mean - 1, 1.0)
    decoding = clients
    for _ in range(PASSES):
        tpot = total(decode_parts(d.decode, decoding / d.decode_workers))
        behind = clients * work - more * tpot
        response = (behind + root(behind * behind + 4 * work * more * tpot)) / 2
        queue = larger(smaller(response, clients * work) - work, 0.0)
        polls = d.decode.engine.poll_factor * tpot * tokens_a_step(d.decode.speculation)
        waiting = r.engine.queue_factor * queue + polls + burst * (clients - 1) * work
        ttft = alone + waiting + handed
        settled = clients * more * tpot / (more * tpot + ttft)
        decoding = decoding + EASE * (settled - decoding)
    return tpot, ttft + r.engine.first_s + r.engine.token_s * r.prompt.mean
