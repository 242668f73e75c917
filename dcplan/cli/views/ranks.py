"""How the ranks of a job are told: which of its machines are in which rack, and what leaves racks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.diag import plural
from dcplan.units import format_bytes

if TYPE_CHECKING:
    from dcplan.placement.rank_types import Part, RankMap

MOST_PARTS = 8
"""Runs of ranks that are written out."""


def ranks_text(ranks: RankMap) -> str:
    """``machines 1-4 in hall/b/r1, 5-8 in hall/b/r2: 1.2 GiB a step leave racks (...)``."""
    shown = [_part(part) for part in ranks.parts[:MOST_PARTS]]
    if len(ranks.parts) > MOST_PARTS:
        shown.append(plural(len(ranks.parts) - MOST_PARTS, "more run"))
    told = f"machines {', '.join(shown)}"
    if ranks.sent_bytes is None:
        return told
    racks = len({part.rack for part in ranks.parts})
    if racks == 1:
        return f"{told}: nothing leaves the rack"
    told += f": {format_bytes(ranks.sent_bytes)} a step leave {plural(racks, 'rack')}"
    if ranks.by_turns_bytes is not None and ranks.by_turns_bytes > ranks.sent_bytes:
        told += f" ({format_bytes(ranks.by_turns_bytes)} if racks took turns)"
    return told


def _part(part: Part) -> str:
    """Machines are counted from 1."""
    numbers = f"{part.first + 1}" if part.first == part.last else f"{part.first + 1}-{part.last + 1}"
    return f"{numbers} in {part.rack}"
