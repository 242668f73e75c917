"""How old a fact is, as far as its date tells."""

from __future__ import annotations

from datetime import UTC, date, datetime

DAY_S = 86_400.0

_FULL = 10
"""Characters of a date that names a day."""


def day_of(at_s: float) -> str:
    """The day of a Unix time, in UTC: ``2026-11-22``."""
    return datetime.fromtimestamp(at_s, UTC).date().isoformat()


def age_days(told: str, at_s: float) -> int | None:
    """Days from a source's date to a Unix time, never below 0; None where the date tells nothing.

    Of a month or a year (``2026-08``, ``2026``) from its first day: so old it may be.
    """
    try:
        day = date.fromisoformat((told + "-01-01")[:_FULL] if len(told) < _FULL else told[:_FULL])
    except ValueError:
        return None
    return max(0, (datetime.fromtimestamp(at_s, UTC).date() - day).days)


def age_text(told: str, at_s: float) -> str:
    """``today``, ``3 days old``, ``up to 326 days old``; ``of unknown age``."""
    days = age_days(told, at_s)
    if days is None:
        return "of unknown age"
    if days == 0:
        return "today"
    upper = "" if len(told) >= _FULL else "up to "
    return f"{upper}{days} {'day' if days == 1 else 'days'} old"
