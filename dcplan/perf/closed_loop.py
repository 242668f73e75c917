"""A closed loop: so many clients, each of which sends its next request when it has the last answer.

This is how benchmarks load a server, and what calibration compares with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.perf.decode import step_parts
from dcplan.perf.numbers import Num, larger, log2, power, root, smaller, total, where
from dcplan.perf.prefill import added_s, prefill_parts
from dcplan.perf.speculation import tokens_a_step

if TYPE_CHECKING:
    from dcplan.perf.replicas import Replicas

ROUNDS = 5
"""Evaluations in which the requests that decode settle: within 1e-4 of where many rounds end, for answers of
two tokens to prompts of 30,000 within 4e-3.  Numerical guard."""

SLOPES = (0.1, 6.0)
"""Between which shares of growth clients may grow with the requests that decode, in a secant: two rounds a
hair apart tell no slope.  Numerical guard."""


@dataclass(frozen=True, slots=True)
class _Loop:
    """What of a closed loop does not depend on how many requests decode; one data rank's share."""

    r: Replicas
    clients: Num
    """Of one data rank, as far as they have room."""
    prompts: Num
    """Computed in one step."""
    alone: Num
    """Seconds that they take on an idle replica."""
    burst: Num

    @property
    def more(self) -> Num:
        """Tokens of an answer behind its first one: ``output - 1``, at least 1.  Source: definition."""
        return larger(self.r.output.mean - 1, 1.0)

    @property
    def work(self) -> Num:
        """What one prompt adds to a step that hides as much of it as it can, seconds.

        ``W = alone (1 - mixed (1 - least_added)) / prompts``.  Source: follows from ``added_s``.
        """
        e = self.r.engine
        return self.alone * (1 - e.mixed * (1 - e.least_added)) / self.prompts

    def times(self, batch: Num) -> tuple[Num, Num, Num]:
        """TPOT and TTFT with ``batch`` requests decoding, and the clients that keep so many decoding.

        TPOT ``token + b added_s / (prompts more)`` and TTFT ``alone + queue_factor W rho / (1 - rho) +
        poll_factor step + burst (c - 1) alone / prompts``, clients ``b (1 + TTFT / (more TPOT))``.  Source:
        follows from ``step_parts``, ``added_s``; ``closed_loop_s`` says where the queue is from.
        """
        e, drafts = self.r.engine, self.r.speculation
        step = total(step_parts(self.r, batch * self.r.layouts.data, drafts.drafts + 1))
        yielded = tokens_a_step(drafts)
        token = step * (1 + drafts.drafts * drafts.draft_share) / yielded
        # Answers that begin faster than steps come share a step, and what it hides.
        own = step * smaller(self.prompts * self.more / (yielded * batch), 1.0)
        tpot = token + batch * added_s(self.r, self.alone, own) / (self.prompts * self.more)
        work = self.work
        others = 1 - 1 / self.clients
        queue = others * batch * work * work / (self.more * token + batch * work / self.clients)
        # Nothing decodes yet when all start at once, so that nothing of these prompts is hidden.
        burst = self.burst * (self.clients - 1) * self.alone / self.prompts
        ttft = self.alone + e.queue_factor * queue + e.poll_factor * step + burst
        return tpot, ttft, batch * (1 + ttft / (self.more * tpot))


def closed_loop_s(
    r: Replicas, clients: Num, room: Num, *, together: Num = 0.0, burst: Num = 0.0
) -> tuple[Num, Num]:
    """Mean time per output token and mean time to first token, seconds.

    ``room`` is how many requests the cache holds: more clients wait for room,
    not for computing.  ``together`` is the share of the prompts that fit one
    step which do arrive together (clients that all started at once and get
    answers of one length stay in step), ``burst`` the share of the clients'
    prompts that the mean request finds before it because all started at once.
    An encoder generates nothing: ``encoder_loop_s`` is for it.

    Of ``c`` clients ``b`` decode, each for ``Z``, of which their prompts push ``b W`` in between.  A new
    prompt finds the server of prompts busy for ``rho = (1 - 1/c) b W / Z`` of the time with others, waits
    ``W rho / (1 - rho)``, and ``c = b (1 + TTFT / Z)`` by Little's law.  W is what a prompt adds to a step
    at least, as it does where prompts queue: such steps hide as much as they can.  Of TPOT, TTFT and clients
    none falls as b grows, so that there is one b, and more clients never wait less.  Source: Gross
    and Harris 1998, Fundamentals of Queueing Theory, section 2.7 (the machine
    repairman with one server), with Schweitzer's approximation (1979) of what an
    arriving request finds; ``together`` and ``burst`` are own forms, fitted.
    """
    e, ranks = r.engine, r.layouts.data
    held = smaller(clients, larger(room, 1.0))
    mine = larger(held / ranks, 1.0)
    prompts = 1 + together * larger(smaller(mine, e.chunk_tokens / r.new_tokens) - 1, 0.0)
    alone = total(prefill_parts(r, r.new_tokens, prompts))
    loop = _Loop(r, mine, prompts, alone, burst)
    tpot, ttft = _settled(loop)
    answer = loop.more * tpot
    ttft = ttft + e.first_s + e.token_s * r.prompt.mean
    return tpot, ttft + larger(clients / held - 1, 0.0) * (answer + ttft)


def _settled(loop: _Loop) -> tuple[Num, Num]:
    """TPOT and TTFT with as many requests decoding as the clients keep there.

    The first guess is ``b^2 W / c + b T - c T = 0``, to which all comes down where a prompt waits for
    nothing but other prompts and answers take T beside them; then secants in logarithms, in which clients
    over decoding requests are all but a straight line.
    """
    clients, before = loop.clients, loop.clients
    tpot, _, needed = loop.times(before)
    share = loop.work / (loop.more * tpot - clients * loop.work)
    batch = larger(clients * 2 / (1 + root(1 + 4 * share)), 1.0)
    for _ in range(ROUNDS - 2):
        now = loop.times(batch)[2]
        apart = log2(batch / before)
        slope = where(apart == 0, 1.0, log2(now / needed) / where(apart == 0, 1.0, apart))
        before, needed = batch, now
        slope = smaller(larger(slope, SLOPES[0]), SLOPES[1])
        batch = smaller(larger(batch * power(clients / now, 1 / slope), 1.0), clients)
    tpot, ttft, _ = loop.times(batch)
    return tpot, ttft
