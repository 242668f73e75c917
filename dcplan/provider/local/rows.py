"""One line of a list of machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dcplan.diag import SourceRange

ONLY_ZONE = "main"
"""The zone of machines of which none is told."""

ONLY_BLOCK = "main"
"""The block of machines of which none is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One machine, where it stands, and what of it nobody uses."""

    name: str
    machine: str
    """Name of its type."""
    zone: str
    block: str
    rack: str
    free_devices: int | None = None
    """None: all of them."""
    free_vcpus: int | None = None
    free_memory_bytes: int | None = None
    place: SourceRange
    """Its line."""
