"""Speculative decoding against the numbers of its paper."""

from __future__ import annotations

import pytest

from dcplan.perf.speculation import Speculation, speedup, tokens_a_step


def test_tokens_of_a_step_follow_the_paper() -> None:
    """Four in five drafts kept and five drafts a step yield 3.69 tokens: (1 - 0.8^6) / 0.2."""
    assert tokens_a_step(Speculation(drafts=5, acceptance=0.8)) == pytest.approx(3.6893, abs=1e-4)


def test_no_drafts_yield_one_token() -> None:
    """Without drafts a step yields what it always does."""
    assert tokens_a_step(Speculation()) == 1


def test_drafts_help_while_checking_costs_what_a_plain_step_does() -> None:
    """Bound by memory 5 drafts make decoding about 3 times faster; where checking costs 6 steps, slower."""
    s = Speculation(drafts=5, acceptance=0.8, draft_share=0.04)

    assert float(speedup(s, 1.0, 1.0)) == pytest.approx(3.6893 / 1.2, abs=1e-3)
    assert float(speedup(s, 1.0, 6.0)) < 1
