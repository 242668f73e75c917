"""Encoders in a closed loop: clients that each send their next text when they have the last answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.perf.numbers import Num, larger, total
from dcplan.perf.prefill import prefill_parts

if TYPE_CHECKING:
    from dcplan.perf.replicas import Replicas


def encoder_loop_s(r: Replicas, clients: Num) -> Num:
    """Time to the answer of an encoder, seconds.

    ``prefill_parts(prompt, clients / data) + first_s + token_s x prompt``: nothing decodes, so that all
    clients get their answers when a step ends and send their next texts into the same step, or into as many
    steps as these fill.  Source: follows from ``prefill_parts``; the machine repairman without time between
    repairs (Gross and Harris 1998, Fundamentals of Queueing Theory, section 2.7).
    """
    together = larger(clients / r.layouts.data, 1.0)
    passes = total(prefill_parts(r, r.new_tokens, together))
    return passes + r.engine.first_s + r.engine.token_s * r.prompt.mean
