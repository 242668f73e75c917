"""Where things are, as documents and inventories tell it: users, regions, round trips, traffic."""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator, Field, Tag

from dcplan.config.strict import PositiveDuration, Strict
from dcplan.config.values import Bytes, Fraction, GramsPerKwh, Many, UsdPerByte

Pue = Annotated[float, Field(ge=1, strict=False)]
"""Power usage effectiveness: power of the whole site over that of its machines, 1 at best."""


def _users_form(value: object) -> str:
    """Which of the two ways users are written: one place, or a mapping of shares."""
    return "shares" if isinstance(value, dict) else "place"


Users = Annotated[
    Annotated[str, Tag("place")] | Annotated[dict[str, Fraction], Field(min_length=1), Tag("shares")],
    Discriminator(_users_form),
]
"""A city, a region or ``latitude, longitude``; or a mapping from such places to shares of the requests."""


class RegionSpec(Strict):
    """What you know of a region; what is left out is as the inventory or the catalogue has it."""

    country: str | None = None
    """Name or ISO 3166-1 code."""
    place: str | None = None
    """A city, or ``latitude, longitude``."""
    carbon: GramsPerKwh | None = None
    """Of the grid, or of the power that you buy."""
    pue: Pue | None = None
    """Power of the whole site over that of its machines."""
    egress: UsdPerByte | None = None
    """Price of all that leaves it."""


class LatencySpec(Strict):
    """A round trip between two places, as you measured it."""

    between: Annotated[Many[str], Field(min_length=2, max_length=2)]
    """Cities, regions or ``latitude, longitude``, as elsewhere in the document."""
    rtt: PositiveDuration


class EgressSpec(Strict):
    """Traffic that leaves a workload's machines; exactly one of the amounts."""

    to: str
    """``internet``, or a region as ``provider:region``."""
    per_request: Annotated[Bytes, Field(gt=0)] | None = None
    per_hour: Annotated[Bytes, Field(gt=0)] | None = None
    """Of all replicas together."""
