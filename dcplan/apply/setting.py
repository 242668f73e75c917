"""What an engine works with and works for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dcplan.apply.ledger import Wish
    from dcplan.apply.sightings import Sightings
    from dcplan.apply.types import ApplyOptions, Event, Status
    from dcplan.provider import Provider
    from dcplan.resources import Action, Address
    from dcplan.state import Operation, StateStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What an engine works with.  ``clock`` gives Unix seconds, ``sleep`` takes seconds.

    How long something takes is told by ``steady``, which nobody sets: a clock that is put forward while
    an object is looked for must not end the look, and have the object made a second time.
    """

    store: StateStore
    providers: Mapping[str, Provider]
    options: ApplyOptions
    report: Callable[[Event], None]
    stop: Callable[[], bool]
    clock: Callable[[], float]
    steady: Callable[[], float]
    sleep: Callable[[float], None]
    run_id: str
    recovering: bool = False
    """Open operations are resolved; nothing is started anew."""
    sightings: Sightings | None = None
    """Lists that all who look for what earlier calls made share; None: each looks alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """A refused create is closed, and its machine is had in another pool, now or once others are let go."""

    event: Event | None
    """What to tell; None when that was told already."""
    waits: bool = False
    """It is asked for once more in the same pool, when others have left."""


class Source(Protocol):
    """Where operations come from, and who is told of their ends."""

    def take(self, room: int) -> Sequence[Wish | Operation]:
        """At most ``room`` that may start now: wishes, or open operations to resume."""

    def elsewhere(self, operation: Operation, why: str) -> Elsewhere | None:
        """This create was refused for want of machines: how that goes on elsewhere; None: it fails."""

    def ended(self, address: Address, action: Action, status: Status) -> None:
        """This one has ended so; what depends on it may be taken from now on.

        Told again when that could not be written after all: the last word counts.
        """

    def news(self) -> Sequence[Event]:
        """What ended without a call since it was last asked.

        Told once the turn is durable, and after the turn's own events: a failure comes before what it causes.
        """
