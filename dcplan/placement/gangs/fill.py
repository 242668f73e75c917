"""A quick deal, one piece after the other: the tightest child that holds it, else the most free ones.

The parts of a split piece are filled stage after stage, so that neighbouring
stages share children.  It is a start for the search, not an answer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.placement.gangs.pieces import Counts, Deal, Piece


def orders(deal: Deal) -> list[list[int]]:
    """Orders that are worth a try: as given, largest first."""
    given = list(range(len(deal.pieces)))
    by_size = sorted(given, key=lambda i: -deal.pieces[i].nodes)
    tied = sorted(given, key=lambda i: (len(deal.pieces[i].with_), -deal.pieces[i].nodes))
    return [given, by_size, tied]


def fill(deal: Deal, order: Sequence[int]) -> list[Counts] | None:
    """Counts of every piece, or None where this order finds no room."""
    free = np.array(deal.free, dtype=np.int64)
    out: dict[int, Counts] = {}
    for index in order:
        piece = deal.pieces[index]
        free_now = replace(deal, free=tuple(np.where(_allowed(deal, index, out), free, 0).tolist()))
        takes = chosen_children(free_now, piece)
        if takes is None:
            return None
        out[index] = stage_after_stage(piece.totals, takes, len(free))
        free -= out[index].sum(axis=0)
    dealt = [out[index] for index in range(len(deal.pieces))]
    return dealt if _together(deal, dealt) else None


def _together(deal: Deal, dealt: Sequence[Counts]) -> bool:
    """Whether every piece is only where those are that it wants to be with, also those dealt after it."""
    there = [counts.sum(axis=0) > 0 for counts in dealt]
    return not any(
        (there[index] & ~there[other]).any()
        for index, piece in enumerate(deal.pieces)
        for other in piece.with_
    )


def stage_after_stage(totals: Sequence[int], takes: Sequence[tuple[int, int]], children: int) -> Counts:
    """Counts when (child, nodes) are filled one after the other with stage after stage."""
    counts = np.zeros((len(totals), children), dtype=np.int64)
    stage, left = 0, totals[0]
    for child, nodes in takes:
        room = nodes
        while room:
            while not left:
                stage += 1
                left = totals[stage]
            put = min(room, left)
            counts[stage, child] += put
            room -= put
            left -= put
    return counts


def _allowed(deal: Deal, index: int, placed: dict[int, Counts]) -> Counts:
    """Children that the ties of a piece with pieces already dealt leave to it."""
    allowed = np.ones(len(deal.free), dtype=bool)
    piece = deal.pieces[index]
    for other, counts in placed.items():
        there = counts.sum(axis=0) > 0
        if other in piece.with_:
            allowed &= there
        if other in piece.apart or index in deal.pieces[other].apart:
            allowed &= ~there
    return allowed


def chosen_children(deal: Deal, piece: Piece) -> list[tuple[int, int]] | None:
    """(child, nodes) in order: one tightest child, or the most free ones with a tight last one."""
    room = np.array([deal.room(piece, child) for child in range(len(deal.free))])
    holding = np.flatnonzero(room >= piece.nodes)
    if len(holding):
        return [(int(holding[np.argmin(np.array(deal.free)[holding])]), piece.nodes)]
    if piece.whole or int(room.sum()) < piece.nodes:
        return None
    left, takes, rest = piece.nodes, [], np.argsort(-room, kind="stable").tolist()
    while left:
        # Descending room: the last that is enough is the tightest.
        enough = [c for c in rest if room[c] >= left] if room[rest[0]] >= left else []
        child = enough[-1] if enough else rest[0]
        rest.remove(child)
        put = int(min(room[child], left))
        takes.append((child, put))
        left -= put
    return takes
