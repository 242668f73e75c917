"""The nouns of a fleet: machines that already stand somewhere, as an inventory lists them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetNode:
    """One machine of an inventory, and what of it is free to be planned."""

    name: str
    model: str
    """Of its accelerators; empty where it has none."""
    devices: int
    """Accelerators that can be planned."""
    cpu_milli: int
    """Thousandths of a core."""
    memory_mib: int
    rack: str = ""
    """Empty: not told."""
    block: str = ""
    """Empty: not told."""
    zone: str = ""
    """Empty: not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The machines of one inventory, names unique, in its order."""

    nodes: tuple[FleetNode, ...]
    leftover: bool = False
    """Whether the amounts are what others leave, rather than all that a machine has."""
