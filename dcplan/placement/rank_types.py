"""Where the ranks of a gang are, as a plan tells it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Ranks that follow each other in one rack, counted in machines from 0."""

    rack: str
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RankMap:
    """Where the machines of one gang stand, in rank order, and what that costs."""

    workload: str
    replica: str
    parts: tuple[Part, ...]
    sent_bytes: float | None = None
    """Out of racks in one step, all together; None is unknown."""
    by_turns_bytes: float | None = None
    """The same if the racks took turns, as when nobody looks at racks."""
