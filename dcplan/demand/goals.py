"""What the plan shall be best at, what stays where it is, and what may be left out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from dcplan.diag import ConfigPath

if TYPE_CHECKING:
    from dcplan.config.document import Document
    from dcplan.config.goals import Minimise
    from dcplan.config.limits import Constraints


class Measure(StrEnum):
    """What can be minimised."""

    COST = "cost"
    """Dollars over the time that is paid for."""
    CARBON = "carbon"
    """Kilograms of CO2e over the same time."""
    TIME = "time"
    """Hours of all training jobs together."""
    LATENCY = "latency"
    """The largest share of a bound of an SLA that any serving workload uses."""
    MOVES = "moves"
    """Replicas of today that do not stay where they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What is minimised in one step: a measure in its own unit, or a weighted sum of some in dollars."""

    weights: tuple[tuple[Measure, float], ...]
    """Dollars for one unit of each; a measure alone has the weight 1."""
    weighted: bool = False
    origin: ConfigPath | None = None

    @property
    def name(self) -> str:
        """``carbon``, or ``weighted sum of cost and carbon``."""
        words = [measure.value for measure, _ in self.weights]
        if not self.weighted:
            return words[0]
        return f"weighted sum of {' and '.join(', '.join(words).rsplit(', ', 1))}"


def only(measure: Measure, origin: ConfigPath | None = None) -> Goal:
    """The goal of one measure."""
    return Goal(weights=((measure, 1.0),), origin=origin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """At least so many replicas stand in one place."""

    kind: str
    """``pool``, ``zone`` or ``region``."""
    place: str
    replicas: int | None
    """None: all."""
    origin: ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """The most replicas of today that may not stay where they are."""

    at_most: int
    origin: ConfigPath


def goals_of(document: Document) -> tuple[Goal, ...]:
    """What is minimised, one after the other; nothing but what the user named."""
    return goals_in(document.objective.minimise)


def goals_in(minimise: Minimise) -> tuple[Goal, ...]:
    """The goals of ``objective.minimise``."""
    path: ConfigPath = ("objective", "minimise")
    if isinstance(minimise, str):
        return (only(Measure(minimise), path),)
    if isinstance(minimise, tuple):
        return tuple(only(Measure(name), (*path, i)) for i, name in enumerate(minimise))
    given = minimise.model_dump(exclude_none=True)
    weights = tuple((Measure(name), float(weight)) for name, weight in given.items())
    return (Goal(weights=weights, weighted=True, origin=path),)


def moves_of(document: Document) -> Moves | None:
    """How many replicas may move."""
    most = document.constraints.max_moves
    return None if most is None else Moves(at_most=most, origin=("constraints", "max_moves"))


def pins_of(everywhere: Constraints, here: Constraints, own: ConfigPath) -> tuple[Pin, ...]:
    """The places of a workload's pins: its own where it has some, else the project's."""
    constraints, path = _pinning(everywhere, here, own)
    return tuple(
        Pin(
            kind=kind,
            place=getattr(pin, kind),
            replicas=pin.replicas,
            origin=(*path, "pin", i),
        )
        for i, pin in enumerate(() if constraints.pin == "current" else constraints.pin)
        for kind in ("pool", "zone", "region")
        if getattr(pin, kind) is not None
    )


def stay_of(everywhere: Constraints, here: Constraints, own: ConfigPath) -> ConfigPath | None:
    """The line that says that what runs today stays where it is; None without one."""
    constraints, path = _pinning(everywhere, here, own)
    return (*path, "pin") if constraints.pin == "current" else None


def _pinning(everywhere: Constraints, here: Constraints, own: ConfigPath) -> tuple[Constraints, ConfigPath]:
    return (here, own) if here.pin else (everywhere, ("constraints",))
