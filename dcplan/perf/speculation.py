"""Speculative decoding: a draft proposes tokens, one step of the model checks them all."""

from __future__ import annotations

from dataclasses import dataclass

from dcplan.perf.numbers import Num, power


@dataclass(frozen=True, slots=True, kw_only=True)
class Speculation:
    """What a draft proposes and how much of it is kept; without drafts nothing is proposed.

    Source: Leviathan, Kalman and Matias 2023 (arXiv 2211.17192).
    """

    drafts: Num = 0.0
    """Tokens proposed for each step (gamma)."""
    acceptance: Num = 0.0
    """Chance that a proposed token is kept (alpha), below 1."""
    draft_share: Num = 0.0
    """Time of the draft for one token, over a step of the model that checks (c)."""


def tokens_a_step(s: Speculation) -> Num:
    """Tokens that a step yields for each request: ``(1 - alpha^(gamma+1)) / (1 - alpha)``.

    Source: Leviathan et al. 2023 (arXiv 2211.17192) equation 1.
    """
    return (1 - power(s.acceptance, s.drafts + 1)) / (1 - s.acceptance)


def speedup(s: Speculation, plain_s: Num, checking_s: Num) -> Num:
    """How much sooner a token comes than without drafts, 1 for no difference.

    ``tokens_a_step x plain_s / (checking_s (1 + gamma c))``; ``plain_s`` is a step of one token for each
    request, ``checking_s`` one of ``gamma + 1``.  Source: Leviathan et al. 2023 (arXiv
    2211.17192) theorem 3.8, with the checking step at
    its own price: it is that of a plain one only while decoding is bound by
    memory, and where it is not, drafts slow a replica down.
    """
    return tokens_a_step(s) * plain_s / (checking_s * (1 + s.drafts * s.draft_share))
