"""What a plan says of pools that were sold out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from dcplan.cli.views.fallbacks import fallback_lines
from dcplan.plan.fallbacks import SoldOut


def test_pools_that_were_sold_out_together_are_told_together() -> None:
    """A sold-out day has many of them: one sentence for each time, not one for each pool."""
    told = [
        SoldOut(provider="x", pool=pool, at=at, until="23:15", left_out=left_out)
        for pool, at, left_out in (
            ("a/m", "22:45", True),
            ("b/m", "22:45", True),
            ("c/m", "22:46", True),
            ("d/m", "22:45", False),
        )
    ]
    plan: Any = SimpleNamespace(sold_out=told, fallbacks=())

    assert fallback_lines(plan) == [
        "a/m and b/m were sold out at 22:45: nothing more is bought there until 23:15.",
        "c/m was sold out at 22:46: nothing more is bought there until 23:15.",
        "d/m was sold out at 22:45; this plan buys there again.",
    ]
