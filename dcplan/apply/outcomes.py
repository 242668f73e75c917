"""What may come of one call: a closed set that the engine writes down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.diag import Diagnostic
    from dcplan.provider import Ack, ProviderError
    from dcplan.resources import JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The provider took it: next is the wait."""

    ack: Ack
    adopted: bool = False
    """Found rather than made just now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The object is ready (outputs), or gone (none)."""

    outputs: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """Definitely nothing was made."""

    why: str
    problem: Diagnostic | None
    """None when the only reason is a stop, or a process that died before the call."""
    sold_out: bool = False
    """The provider has no more of it at this place, or gives no more to this account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anew:
    """Nothing was made, though the call gave no clear answer: a new attempt may be made."""

    problem: ProviderError


@dataclass(frozen=True, slots=True, kw_only=True)
class Unready:
    """The object exists and will not become ready."""

    outputs: Mapping[str, JsonValue]
    problem: Diagnostic


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Not known, or not finished: the journal keeps it open."""

    problem: Diagnostic | None
    """None when the only reason is a stop."""
    unseen: bool = False
    """It may have been bought, but nothing can be seen of it."""


Outcome: TypeAlias = Taken | Ready | Nothing | Anew | Unready | Open
