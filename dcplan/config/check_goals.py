"""Rules between the keys that say what is best, what comes first, and what stays where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dcplan.config.goals import PinSpec, WeightsSpec
from dcplan.diag import ConfigPath, Diagnostic, error, listed

if TYPE_CHECKING:
    from dcplan.config.check import Names
    from dcplan.config.document import Document
    from dcplan.config.limits import Constraints

PLACES = ("pool", "zone", "region")


def objective_says_something(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """Each measure is minimised once, and weights weigh at least one."""
    minimise = document.objective.minimise
    path = ("objective", "minimise")
    if isinstance(minimise, WeightsSpec):
        if not minimise.model_dump(exclude_none=True):
            detail = "A mapping of weights needs at least one, for example {cost: 1, carbon: $0.05/kg}."
            yield error("no-objective", "The objective weighs nothing", detail, path=path)
    elif isinstance(minimise, tuple):
        for i, name in enumerate(minimise):
            if name in minimise[:i]:
                detail = (
                    f'"{name}" stands in the list before. What is minimised already cannot become less; '
                    "take this one out."
                )
                yield error("objective-twice", "A measure is minimised twice", detail, path=(*path, i))


def pins_are_places(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """A pin names one place, one that the constraints beside it allow."""
    yield from _pins(document.constraints, document.constraints, ("constraints",))
    for name, workload in document.workloads.items():
        path = ("workloads", name, "constraints")
        yield from _pins(workload.constraints, document.constraints, path)


def _pins(here: Constraints, everywhere: Constraints, path: ConfigPath) -> Iterator[Diagnostic]:
    """What is wrong with the pins of one set of constraints."""
    for i, pin in enumerate(() if here.pin == "current" else here.pin):
        given = [key for key in PLACES if getattr(pin, key) is not None]
        if len(given) != 1:
            has = f"It has {listed(given)}" if given else "It has none of them"
            yield error(
                "pin-place",
                "A pin needs exactly one place",
                f"{has}. Keep exactly one of pool, zone and region.",
                path=(*path, "pin", i),
            )
        else:
            yield from _forbidden(pin, given[0], here, everywhere, (*path, "pin", i, given[0]))


def _forbidden(
    pin: PinSpec, key: str, here: Constraints, everywhere: Constraints, path: ConfigPath
) -> Iterator[Diagnostic]:
    """A pin to a zone or region that the lists of zones or regions leave out."""
    if key == "pool":
        return
    lists = (getattr(c, f"{key}s") for c in (here, everywhere))
    allowed = next((names for names in lists if names is not None), None)
    place = getattr(pin, key)
    if allowed is not None and place not in allowed:
        detail = (
            f'Replicas are pinned to the {key} "{place}", and constraints.{key}s allows only '
            f"{listed(list(allowed))}. Allow it there, or take the pin out."
        )
        yield error("pin-forbidden", "A pin contradicts a constraint", detail, path=path)
