"""What the plan shall be best at, and where replicas are pinned."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from dcplan.config.strict import PositiveCount, Strict
from dcplan.config.values import Many, Usd, UsdPerH, UsdPerKg

MeasureName = Literal["cost", "carbon", "time", "latency", "moves"]


class WeightsSpec(Strict):
    """What one unit of each measure is worth; the weighted sum, in dollars, is minimised."""

    cost: PositiveCount | None = None
    """A plain number: what a dollar is worth beside the others."""
    carbon: Annotated[UsdPerKg, Field(gt=0)] | None = None
    """For each kilogram of CO2e."""
    time: Annotated[UsdPerH, Field(gt=0)] | None = None
    """For each hour that a training job takes."""
    latency: Annotated[Usd, Field(gt=0)] | None = None
    """For the whole of an SLA's bound: half of it used costs half."""
    moves: Annotated[Usd, Field(gt=0)] | None = None
    """For each replica of today that does not stay where it is."""


def _minimise_form(value: object) -> str:
    """Which of the three ways an objective is written."""
    if isinstance(value, dict | WeightsSpec):
        return "weights"
    return "list" if isinstance(value, list | tuple) else "one"


Minimise = Annotated[
    Annotated[MeasureName, Tag("one")]
    | Annotated[Many[MeasureName], Field(min_length=1), Tag("list")]
    | Annotated[WeightsSpec, Tag("weights")],
    Discriminator(_minimise_form),
]
"""One measure; several, each deciding what the earlier leave open; or a mapping of weights."""


class PinSpec(Strict):
    """At least so many replicas stand in one place: exactly one of pool, zone and region."""

    pool: str | None = None
    """``zone/block/machine``, as plans name it."""
    zone: str | None = None
    region: str | None = None
    replicas: int | None = Field(default=None, gt=0)
    """Default: all of them."""


def _pin_form(value: object) -> str:
    """Which of the two ways a pin is written."""
    return "current" if isinstance(value, str) else "places"


Pins = Annotated[
    Annotated[Literal["current"], Tag("current")] | Annotated[Many[PinSpec], Tag("places")],
    Discriminator(_pin_form),
]
"""``current``: what runs today stays where it is; or a list of places."""
