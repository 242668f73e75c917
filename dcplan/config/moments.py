"""Points in time as users write them: ISO 8601, in UTC unless they say otherwise."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from dcplan.config.values import Quantity
from dcplan.units import UnitError


def parse_moment_s(value: str | float) -> float:
    """Unix time of ``2026-12-01`` (its first second), ``2026-12-01T11:30`` or ``2026-12-01T11:30+01:00``.

    Raises UnitError for anything else.
    """
    if isinstance(value, str):
        try:
            moment = dt.datetime.fromisoformat(value.strip())
        except ValueError:
            pass
        else:
            known = moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
            return known.timestamp()
    msg = f"{value!r} is no point in time. Write it as 2026-12-01 or 2026-12-01T11:30Z."
    raise UnitError(msg)


Moment = Annotated[
    float,
    Quantity(
        parse_moment_s,
        "A point in time (ISO 8601); without an offset it is UTC.",
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?)?",
        ("2026-12-01", "2026-12-01T11:30Z"),
    ),
]
"""Unix seconds, written ``2026-12-01`` or ``2026-12-01T11:30Z``."""
