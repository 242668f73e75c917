"""What machines are bought under besides a list price: time windows and quotas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dcplan.catalog.types import Purchase, Source
    from dcplan.diag import ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """When machines can be used, in Unix time; None is without end on that side."""

    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How much of some machine types a provider gives one account in a region.

    What was reserved or bought as a block has its own count and does not use it up.
    """

    name: str
    """As the user calls what it is about: ``p5``, ``H100``."""
    provider: str
    region: str
    machines: tuple[str, ...]
    """The machine types that count."""
    purchases: tuple[Purchase, ...]
    """The ways to buy them that count."""
    vcpus: int | None = None
    """What all of them together may have; exactly one of this and ``devices``."""
    devices: int | None = None
    """Accelerators that all of them together may have."""
    origin: ConfigPath
    """The line of the document, or the provider that was asked."""
    kept: int = 0
    """What of it is taken by capacity that is ordered, used or not: the rest is for machines."""
    code: str = ""
    """What an increase is asked for by; empty where the document tells the quota."""
    named: str = ""
    """What a quota of the document would be ``of`` to stand for it; empty where nothing does."""
    used: int | None = None
    """What of it was in use when the provider was asked, by whomever; None is unknown."""
    source: Source | None = None
    """Who said so, and when; None is the document."""
