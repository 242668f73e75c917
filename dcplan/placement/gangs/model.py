"""The model of one deal, without big-M: patterns of whole pieces and hulls of what parts cost.

For each piece j and child c: ``whole`` (all of it), or a part with 0, 1 or 2
ends of the pipeline, ``n`` nodes and cost at least the hull of
``shapes.least_leaving``.  That alone is the relaxation, a multiple-knapsack
problem with costs, whose bound is proven.  With stages it is exact:

    x[s,c] <= (D-1) ring[s,c] + D full[s,c],  x >= ring,  x >= D full
    step[s,c] >= +-(x[s,c] - x[s-1,c])
    cost[c] >= S sum ring + A sum step + expert bytes

All coefficients are rounded down to the unit of the model, so its bound is one.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from dcplan.placement import cpsat
from dcplan.placement.gangs.pieces import cut_bytes, leaving
from dcplan.placement.gangs.shapes import hull, least_leaving

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dcplan.placement.gangs.pieces import Bytes, Counts, Deal, Piece

UNITS = 1e7
"""The bytes of a deal are counted in so many units, at least."""
FINE = 1024
"""Slopes of hulls are counted in so many parts of a unit."""


Kind = tuple[int, int]
"""Ends that a part holds, and which stretch of sizes it lies in."""


@dataclass(slots=True)
class Stretches:
    """Where the sizes of parts are told apart: hulls are as exact as their stretches are short."""

    breaks: defaultdict[tuple[int, int], list[int]] = field(default_factory=lambda: defaultdict(list))
    """By piece and ends: last sizes of stretches, in order."""

    def of(self, index: int, ends: int, most: int) -> list[tuple[int, int]]:
        """First and last size of each stretch, up to ``most``."""
        lasts = [*(b for b in self.breaks[index, ends] if b < most), most]
        return list(zip([1, *(b + 1 for b in lasts)], lasts, strict=False))

    def cut_all(self, parts: Iterable[tuple[int, int, int]]) -> bool:
        """Tell the sizes of (piece, ends, size) apart from both neighbours; whether any of it is new."""
        new = False
        for index, ends, size in parts:
            found = self.breaks[index, ends]
            for last in (size - 1, size):
                if last > 0 and last not in found:
                    found.insert(bisect_left(found, last), last)
                    new = True
        return new


@dataclass(slots=True)
class PieceVars:
    """Variables of one piece; dictionaries by child."""

    out: cpsat.Var
    """It gets no seat; fixed to 0 unless seats are what is decided."""
    whole: dict[int, cpsat.Var] = field(default_factory=dict)
    part: dict[tuple[int, Kind], cpsat.Var] = field(default_factory=dict)
    """By child and kind."""
    held: dict[tuple[int, Kind], cpsat.Var] = field(default_factory=dict)
    """Nodes of a part, by child and kind."""
    whole_cost: int = 0
    """What leaves a child that holds all of the piece, for gangs that go on beyond the domain."""
    cost: dict[int, cpsat.Var] = field(default_factory=dict)
    x: dict[tuple[int, int], cpsat.Var] = field(default_factory=dict)
    """Nodes of a part, by stage and child."""
    ring: dict[tuple[int, int], cpsat.Var] = field(default_factory=dict)
    full: dict[tuple[int, int], cpsat.Var] = field(default_factory=dict)
    step: dict[tuple[int, int], cpsat.Var] = field(default_factory=dict)
    rest: dict[tuple[int, int, int], cpsat.Var] = field(default_factory=dict)
    """Whether so many nodes of a stage in a child are beyond whole expert groups."""


@dataclass(slots=True)
class DealModel:
    """A model and the meaning of its variables."""

    deal: Deal
    """With bytes in whole units."""
    unit: float
    exact: bool
    stretches: Stretches
    model: cpsat.Model = field(default_factory=cpsat.Model)
    pieces: list[PieceVars] = field(default_factory=list)

    @property
    def minimise(self) -> list[tuple[int, cpsat.Var]]:
        """Bytes that leave the children, in units."""
        terms = [(1, var) for piece in self.pieces for var in piece.cost.values()]
        return terms + [
            (piece.whole_cost, var)
            for piece in self.pieces
            if piece.whole_cost
            for var in piece.whole.values()
        ]

    def kind(self, index: int, profile: Counts) -> Kind:
        """Of a part with these nodes of each stage."""
        ends = _ends_held(self.deal.pieces[index], profile)
        return ends, bisect_left(self.stretches.breaks[index, ends], int(profile.sum()))


def unit_of(deal: Deal) -> float:
    """Bytes of one unit: fine enough for any gang, coarse enough for CP-SAT."""
    most = max((max(p.gang.ring_bytes, p.gang.boundary_bytes * p.gang.data) for p in deal.pieces), default=0)
    return max(most / UNITS, 1.0)


def build(
    deal: Deal, unit: float, *, exact: bool, stretches: Stretches | None = None, free_of_cost: bool = False
) -> DealModel:
    """The model of a deal, relaxed or exact; without costs, pieces may be left out."""
    whole_units = replace(
        deal, pieces=tuple(_in_units(piece, math.inf if free_of_cost else unit) for piece in deal.pieces)
    )
    built = DealModel(whole_units, unit, exact, stretches or Stretches())
    for index in range(len(deal.pieces)):
        built.pieces.append(_piece(built, index, may_stay_out=free_of_cost))
    for child, free in enumerate(deal.free):
        built.model.add(
            [t for p, v in zip(deal.pieces, built.pieces, strict=True) for t in nodes_in(p, v, child)],
            high=free,
        )
    for piece, own in zip(deal.pieces, built.pieces, strict=True):
        _ties(built, piece, own)
    return built


def nodes_in(piece: Piece, v: PieceVars, child: int) -> list[tuple[int, cpsat.Var]]:
    """Nodes of a piece in a child, as a sum."""
    terms = [(piece.nodes, v.whole[child])] if child in v.whole else []
    return terms + [(1, var) for (c, _), var in v.held.items() if c == child]


def present(v: PieceVars, child: int) -> list[cpsat.Var]:
    """Booleans of which at most one is true: the piece is in the child."""
    terms = [v.whole[child]] if child in v.whole else []
    return terms + [var for (c, _), var in v.part.items() if c == child]


def _in_units(piece: Piece, unit: float) -> Piece:
    """The same piece with bytes in whole units, rounded down, so that its costs bound the true ones."""
    gang = piece.gang
    return replace(
        piece,
        gang=replace(
            gang,
            ring_bytes=gang.ring_bytes // unit,
            boundary_bytes=gang.boundary_bytes // unit,
            expert_bytes=gang.expert_bytes / unit,
        ),
    )


def _piece(built: DealModel, index: int, *, may_stay_out: bool) -> PieceVars:
    """Variables and laws of one piece."""
    model, piece = built.model, built.deal.pieces[index]
    alone = leaving(piece.gang, np.array(piece.totals)[:, None])
    v = PieceVars(out=model.integer(0, int(may_stay_out)), whole_cost=math.floor(alone[0]))
    rooms = [built.deal.room(piece, child) for child in range(len(built.deal.free))]
    least = least_leaving(piece, min(max(rooms, default=0), piece.nodes - 1))
    for child, largest in enumerate(rooms):
        if largest >= piece.nodes > 0:
            v.whole[child] = model.boolean()
        if not piece.whole and min(largest, piece.nodes - 1) > 0:
            _part(built, index, v, child, least[:, : min(largest, piece.nodes - 1) + 1])
        here = present(v, child)
        if len(here) > 1:
            model.add([(1, var) for var in here], high=1)
    model.add(
        [
            (piece.nodes, v.out),
            *(t for child in range(len(built.deal.free)) for t in nodes_in(piece, v, child)),
        ],
        piece.nodes,
        piece.nodes,
    )
    if len(piece.totals) > 1:
        model.add([(ends, var) for (_, (ends, _)), var in v.part.items() if ends], high=2)
    _two_sides(model, piece, v)
    if built.exact:
        _stages(built, piece, v)
    return v


def _two_sides(model: cpsat.Model, piece: Piece, v: PieceVars) -> None:
    """What leaves one child enters others, which send as much back: no cost is over half of all.

    Holds for pieces that are all of their gang, and where all-to-all is not rounded.
    """
    if piece.nodes < piece.gang.nodes or piece.gang.expert_bytes > 0 or len(v.cost) < 2:  # noqa: PLR2004 - two sides
        return
    for child in v.cost:
        model.add([(1 if other != child else -1, var) for other, var in v.cost.items()], low=0)


def _part(built: DealModel, index: int, v: PieceVars, child: int, least: Bytes) -> None:
    """A part of a piece in a child: at most one kind, with nodes and their least cost by (ends, nodes)."""
    model, most = built.model, least.shape[1] - 1
    lines: list[tuple[Kind, list[tuple[float, float]]]] = []
    for ends, values in enumerate(least):
        for number, (low, high) in enumerate(built.stretches.of(index, ends, most)):
            sizes = np.flatnonzero(np.isfinite(values[low : high + 1])) + low
            if not len(sizes):
                continue
            kind = (ends, number)
            part = v.part[child, kind] = model.boolean()
            held = v.held[child, kind] = model.integer(0, int(sizes[-1]))
            model.add([(1, held), (-int(sizes[-1]), part)], high=0)
            model.add([(1, held), (-int(sizes[0]), part)], low=0)
            lines.append((kind, hull(sizes, values[sizes])))
    v.cost[child] = model.integer(0, math.ceil(_dearest(built.deal.pieces[index])))
    for row in range(max(len(found) for _, found in lines)):
        terms: list[tuple[int, int]] = [(FINE, v.cost[child])]
        for kind, found in lines:
            height, slope = found[min(row, len(found) - 1)]
            terms.append((-math.floor(height * FINE), v.part[child, kind]))
            terms.append((-math.floor(slope * FINE), v.held[child, kind]))
        # At most one kind is taken, so that lines of different kinds may share a row.
        model.add([t for t in terms if t[0]], low=0)


def _dearest(piece: Piece) -> float:
    """More bytes than a part of the piece can send out of one child."""
    gang, stages = piece.gang, len(piece.totals)
    return stages * (gang.ring_bytes + gang.data * gang.boundary_bytes + gang.expert * gang.expert_bytes) + 1


def _stages(built: DealModel, piece: Piece, v: PieceVars) -> None:
    """Make the parts of a piece exact: nodes of each stage, cut rings, borders."""
    model = built.model
    children = sorted(v.cost)
    for child in children:
        for stage in range(len(piece.totals)):
            _stage(built, piece, v, stage, child)
        kinds = [(-1, var) for (c, _), var in v.held.items() if c == child]
        model.add([(1, v.x[s, child]) for s in range(len(piece.totals))] + kinds, 0, 0)
        _ends(model, piece, v, child)
        _cost(built, piece, v, child)
    for stage, total in enumerate(piece.totals):
        terms = [(1, v.x[stage, child]) for child in children]
        terms += [(total, var) for var in v.whole.values()]
        model.add(terms, total, total)


def _stage(built: DealModel, piece: Piece, v: PieceVars, stage: int, child: int) -> None:
    """Nodes of one stage in one child, and whether its ring is cut there."""
    model, width, total = built.model, piece.gang.data, piece.totals[stage]
    x = v.x[stage, child] = model.integer(0, min(total, built.deal.room(piece, child)))
    ring = v.ring[stage, child] = model.boolean()
    upper = [(1, x), (-min(total, width - 1), ring)]
    if total >= width:
        full = v.full[stage, child] = model.boolean()
        upper.append((-width, full))
        model.add([(1, x), (-width, full), (-1, ring)], low=0)
        model.add([(1, ring), (1, full)], high=1)
    else:
        model.add([(1, x), (-1, ring)], low=0)
    model.add(upper, high=0)
    if stage:
        before = v.x[stage - 1, child]
        step = v.step[stage, child] = model.integer(0, width)
        model.add([(1, step), (-1, x), (1, before)], low=0)
        model.add([(1, step), (1, x), (-1, before)], low=0)
    if piece.gang.expert > 1 and piece.gang.expert_bytes > 0:
        _rest(model, piece, v, stage, child)


def _rest(model: cpsat.Model, piece: Piece, v: PieceVars, stage: int, child: int) -> None:
    """Nodes are expert * groups + rest, with one boolean for each rest."""
    expert = piece.gang.expert
    groups = model.integer(0, piece.gang.data // expert)
    terms = [(1, v.x[stage, child]), (-expert, groups)]
    for rest in range(1, expert):
        v.rest[stage, child, rest] = model.boolean()
        terms.append((-rest, v.rest[stage, child, rest]))
    model.add(terms, 0, 0)
    model.add([(1, v.rest[stage, child, rest]) for rest in range(1, expert)], high=1)


def _ends(model: cpsat.Model, piece: Piece, v: PieceVars, child: int) -> None:
    """Only a child with an end may hold more than half of the first or the last stage."""
    if len(piece.totals) == 1:
        return
    kinds = [(-ends, var) for (c, (ends, _)), var in v.part.items() if c == child and ends]
    ends = []
    for stage in (0, len(piece.totals) - 1):
        major, half = model.boolean(), piece.totals[stage] // 2
        model.add([(1, v.x[stage, child]), (-(piece.totals[stage] - half), major)], high=half)
        model.add([(1, v.x[stage, child]), (-(half + 1), major)], low=0)
        ends.append((1, major))
    model.add(ends + kinds, 0, 0)


def _cost(built: DealModel, piece: Piece, v: PieceVars, child: int) -> None:
    """The exact cost of what a child holds, coefficients rounded down."""
    gang = piece.gang
    rest = cut_bytes(gang, np.arange(max(gang.expert, 1)))
    terms = [(-math.floor(gang.ring_bytes), v.ring[s, child]) for s in range(len(piece.totals))]
    terms += [(-math.floor(gang.boundary_bytes), v.step[s, child]) for s in range(1, len(piece.totals))]
    terms += [(-math.floor(rest[r]), var) for (_, c, r), var in v.rest.items() if c == child]
    built.model.add([(1, v.cost[child]), *(t for t in terms if t[0])], low=0)


def _ties(built: DealModel, piece: Piece, own: PieceVars) -> None:
    """Presence with, or apart from, other pieces of the deal."""
    for child in range(len(built.deal.free)):
        here = present(own, child)
        if not here:
            continue
        for other in piece.with_:
            there = present(built.pieces[other], child)
            built.model.add([(1, b) for b in here] + [(-1, b) for b in there], high=0)
        for other in piece.apart:
            there = present(built.pieces[other], child)
            built.model.add([(1, b) for b in (*here, *there)], high=1)


def _ends_held(piece: Piece, profile: Counts) -> int:
    """How many ends a profile holds more than half of."""
    if len(piece.totals) == 1:
        return 0
    return int(profile[0] > piece.totals[0] // 2) + int(profile[-1] > piece.totals[-1] // 2)
