"""A closed loop: so many clients, each of which sends its next request when it has the last answer.

This is how benchmarks load a server, and what calibration compares with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.perf.decode import step_parts
from dcplan.perf.numbers import Num, larger, root, smaller, total
from dcplan.perf.prefill import added_s, prefill_parts
from dcplan.perf.speculation import tokens_a_step

if TYPE_CHECKING:
    from dcplan.perf.replicas import Replicas

PASSES = 3
"""Rounds in which the requests that decode and the times that follow from their number settle.  Numerical
guard."""

EASE = 0.6
"""Share of the way to the next number in one round.  Numerical guard: the whole way would swing."""


def closed_loop_s(
    r: Replicas, clients: Num, room: Num, *, together: Num = 0.0, burst: Num = 0.0
) -> tuple[Num, Num]:
    """Mean time per output token and mean time to first token, seconds.

    ``room`` is how many requests the cache holds: more clients wait for room,
    not for computing.  ``together`` is the share of the prompts that fit one
    step which do arrive together (clients that all started at once and get
    answers of one length stay in step), ``burst`` the share of the clients'
    prompts that the mean request finds before it because all started at once.

    A client decodes for ``Z`` and has its prompt computed in ``W``: ``R^2 + (Z - c W) R - W Z = 0``, and
    Little's law gives the requests that decode, ``c Z / (Z + TTFT)``.  Source: Gross
    and Harris 1998, Fundamentals of Queueing Theory, section 2.7 (the machine
    repairman with one server), with Schweitzer's approximation (1979) of what an
    arriving request finds; ``together`` and ``burst`` are own forms, fitted.
    """
    e, ranks, drafts = r.engine, r.layouts.data, r.speculation
    yielded = tokens_a_step(drafts)
    held = smaller(clients, larger(room, 1.0))
    mine = larger(held / ranks, 1.0)
    prompts = 1 + together * larger(smaller(mine, e.chunk_tokens / r.new_tokens) - 1, 0.0)
    alone = total(prefill_parts(r, r.new_tokens, prompts))
    more = larger(r.output.mean - 1, 1.0)
    batch = mine
    for _ in range(PASSES):
        step = total(step_parts(r, batch * ranks, drafts.drafts + 1))
        token = step * (1 + drafts.drafts * drafts.draft_share) / yielded
        work = added_s(r, alone, step) / prompts
        tpot = token + batch * work / more
        decoding = more * tpot
        behind = mine * work - decoding
        response = (behind + root(behind * behind + 4 * work * decoding)) / 2
        queue = larger(smaller(response, mine * work) - work, 0.0)
        waiting = e.queue_factor * queue + e.poll_factor * step + burst * (mine - 1) * work
        ttft = alone + waiting
        settled = larger(mine * decoding / (decoding + ttft), smaller(mine, 1.0))
        batch = batch + EASE * (settled - batch)
    tpot = token + batch * work / more
    ttft = ttft + e.first_s + e.token_s * r.prompt.mean
    return tpot, ttft + larger(clients / held - 1, 0.0) * (more * tpot + ttft)
