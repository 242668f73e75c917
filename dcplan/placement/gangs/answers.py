"""Between counts and the variables of a model: what an answer means, what a start is as a hint."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from dcplan.placement.gangs.shapes import least_leaving

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dcplan.placement import cpsat
    from dcplan.placement.gangs.model import DealModel, PieceVars
    from dcplan.placement.gangs.pieces import Counts, Piece


def read(built: DealModel, values: Sequence[int]) -> list[Counts]:
    """The counts of each piece; only of an exact model."""
    out = []
    for piece, v in zip(built.deal.pieces, built.pieces, strict=True):
        counts = np.zeros((len(piece.totals), len(built.deal.free)), dtype=np.int64)
        for child, var in v.whole.items():
            counts[:, child] += np.array(piece.totals) * values[var]
        for (stage, child), var in v.x.items():
            counts[stage, child] += values[var]
        out.append(counts)
    return out


def whole_in(built: DealModel, values: Sequence[int]) -> dict[int, int]:
    """The child of each piece that is in one, by index of the piece."""
    return {
        index: child for index, v in enumerate(built.pieces) for child, var in v.whole.items() if values[var]
    }


def hint(built: DealModel, dealt: Iterable[Counts]) -> dict[cpsat.Var, int]:
    """The variables that mean these counts."""
    out: dict[cpsat.Var, int] = {}
    for index, (v, counts) in enumerate(zip(built.pieces, dealt, strict=True)):
        piece = built.deal.pieces[index]
        out[v.out] = 0
        sizes = counts.sum(axis=0)
        for child, var in v.whole.items():
            out[var] = int(sizes[child] == piece.nodes)
        for child in v.cost:
            held = 0 if sizes[child] == piece.nodes else int(sizes[child])
            kind = built.kind(index, counts[:, child]) if held else None
            for (c, other), var in v.part.items():
                if c == child:
                    out[var] = int(other == kind)
                    out[v.held[c, other]] = held if other == kind else 0
            for stage in range(len(piece.totals)) if built.exact else ():
                _hint_stage(piece, v, out, (stage, child), counts[:, child] if held else counts[:, child] * 0)
    return out


def _hint_stage(
    piece: Piece, v: PieceVars, out: dict[cpsat.Var, int], at: tuple[int, int], profile: Counts
) -> None:
    """The variables of one stage in one child."""
    stage = at[0]
    held = int(profile[stage])
    out[v.x[at]] = held
    out[v.ring[at]] = int(0 < held < piece.gang.data)
    if at in v.full:
        out[v.full[at]] = int(held == piece.gang.data)
    if at in v.step:
        out[v.step[at]] = abs(held - int(profile[stage - 1]))


def cheated(built: DealModel, values: Sequence[int]) -> list[tuple[int, int, int]]:
    """(piece, ends, nodes) of parts that a relaxation counted cheaper than any profile of that size is."""
    out = []
    for index, v in enumerate(built.pieces):
        for (child, (ends, number)), var in v.part.items():
            held = values[v.held[child, (ends, number)]]
            if not values[var] or values[v.cost[child]] < 0:
                continue
            least = least_leaving(built.deal.pieces[index], held)[ends, held]
            if values[v.cost[child]] < math.floor(least):
                out.append((index, ends, held))
    return out
