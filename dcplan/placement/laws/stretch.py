"""How far a rule may be stretched when it is asked how much is short, and how limits are worded."""

from __future__ import annotations

from dcplan.placement.model import Rule

WHOLE = 1_000_000
"""What stretching a limit to its double weighs; parts of it weigh in proportion."""


def usd_per_h(amount: float) -> str:
    """``$100/h``, ``$12.40/h``."""
    return f"${amount:,.2f}".removesuffix(".00") + "/h"


def kg_per_h(amount: float) -> str:
    """``20 kg/h``, ``1.25 kg/h``."""
    return f"{amount:,.2f}".removesuffix(".00") + " kg/h"


def with_stretch(rule: Rule, replicas: int) -> Rule:
    """The rule, stretchable: all replicas on spot weigh as much as a doubled limit."""
    return Rule(
        law=rule.law,
        label=rule.label,
        says=rule.says,
        origins=rule.origins,
        stretch=max(1, WHOLE // replicas),
    )
