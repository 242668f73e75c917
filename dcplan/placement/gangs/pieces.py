"""What the solver sees of gangs at one branching of the tree: pieces to be dealt over children.

Nodes of a child are interchangeable, so a dealt piece is a table of counts,
stages x children, and its bytes follow from the counts alone:

    leaves(c) = S * #{s: 0 < x[s,c] < D} + A * sum_s |x[s,c] - x[s-1,c]| + B * sum_s f(x[s,c] mod E)

with f(r) = r (E - r) / (E - 1): S for each ring of which a part lies in the
child, A in each direction for each pipeline that crosses its border, and the
least all-to-all of expert groups, where at most one group a stage is cut.
With E = 1 there are ranks that attain it; with larger groups it is a bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dcplan.placement.gangs.types import Gang

    Counts = NDArray[np.int64]
    Bytes = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """The part of one gang that lies in the domain whose children are dealt."""

    gang: Gang
    totals: tuple[int, ...]
    """Nodes of each stage."""
    whole: bool = False
    """All of it in one child."""
    most: int | None = None
    """In one child."""
    barred: frozenset[int] = frozenset()
    """Children that it may not enter."""
    with_: tuple[int, ...] = ()
    """Indices of pieces: only in their children."""
    apart: tuple[int, ...] = ()
    """Indices of pieces: in none of their children."""

    @property
    def nodes(self) -> int:
        """All of it."""
        return sum(self.totals)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """Pieces that must all be dealt, and the free nodes of each child."""

    pieces: tuple[Piece, ...]
    free: tuple[int, ...]

    def room(self, piece: Piece, child: int) -> int:
        """How much of a piece a child could hold."""
        if child in piece.barred:
            return 0
        return min(piece.nodes, self.free[child], piece.nodes if piece.most is None else piece.most)


def cut_bytes(gang: Gang, sizes: Counts) -> Bytes:
    """Least all-to-all bytes that leave a domain with so many nodes of a stage, elementwise."""
    if gang.expert <= 1 or gang.expert_bytes <= 0:
        return np.zeros(sizes.shape)
    rest = sizes % gang.expert
    return gang.expert_bytes * rest * (gang.expert - rest) / (gang.expert - 1)


def leaving(gang: Gang, counts: Counts) -> Bytes:
    """Bytes a step that leave each child, from counts of stages x children."""
    partly = (counts > 0) & (counts < gang.data)
    crossing = np.abs(np.diff(counts, axis=0)).sum(axis=0)
    bytes_out: Bytes = (
        partly.sum(axis=0) * gang.ring_bytes
        + crossing * gang.boundary_bytes
        + cut_bytes(gang, counts).sum(axis=0)
    )
    return bytes_out


def total_leaving(deal: Deal, dealt: list[Counts]) -> Bytes:
    """Bytes a step that leave each child, of all pieces."""
    out = np.zeros(len(deal.free))
    for piece, counts in zip(deal.pieces, dealt, strict=True):
        out += leaving(piece.gang, counts)
    return out
