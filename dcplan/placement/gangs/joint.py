"""Deal all pieces over the children together: proven bound, good start, then large-neighbourhood search.

First the relaxation says which pieces can stay whole and what no deal can beat.
Then the pieces that it splits are dealt exactly in the room that is left.
Then, while effort remains, a few pieces at a time are taken out and dealt anew,
exactly, into the room that they leave; worse never replaces better.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dcplan.placement import cpsat
from dcplan.placement.gangs.answers import cheated, hint, read, whole_in
from dcplan.placement.gangs.fill import fill, orders
from dcplan.placement.gangs.model import Stretches, build, unit_of
from dcplan.placement.gangs.pieces import leaving, total_leaving

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.placement.gangs.model import DealModel
    from dcplan.placement.gangs.pieces import Counts, Deal
    from dcplan.placement.gangs.types import GangEffort

BOUND_SHARE = 0.2
"""Of the effort, for the relaxation."""
STEP_SHARE = 0.1
"""Of the effort, for one neighbourhood."""
LARGEST_RELAXATION = 8000
"""Pieces times children above which only pieces that are larger than any child are bounded."""
LARGEST_NEIGHBOURHOOD = 16
"""Pieces that are dealt exactly at once."""
NEAR = 1e-6
"""Bytes that are as near as this to the bound are proven: coefficients were rounded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealt:
    """The counts of every piece, stages x children, and what no deal can beat."""

    counts: list[Counts]
    bytes: float
    bound: float


def deal_jointly(deal: Deal, effort: GangEffort, start: Sequence[list[Counts]] = ()) -> Dealt | None:
    """The best deal found, never worse than any ``start``; None when there is none, or none was found."""
    if not deal.pieces:
        return Dealt(counts=[], bytes=0.0, bound=0.0)
    fills = [fill(deal, order) for order in orders(deal)]
    best = _best(deal, [*start, *(f for f in fills if f is not None)])
    if best is not None and _bytes(deal, best) <= 0:
        return Dealt(counts=best, bytes=0.0, bound=0.0)
    search = _Search(deal, effort, unit_of(deal), random.Random(effort.seed), left=effort.limit)  # noqa: S311 - not for secrets
    bound, whole = search.bound(best)
    begun = search.split_the_rest(whole) if whole else None
    best = _best(deal, [found for found in (best, begun) if found is not None])
    if best is None:
        best = search.anything()
    if best is None:
        return None
    best = search.improve(best, bound)
    total = _bytes(deal, best)
    return Dealt(counts=best, bytes=total, bound=min(bound, total))


def bound_of(deal: Deal, effort: GangEffort) -> float:
    """Bytes that every deal of these pieces sends at least."""
    if not deal.pieces:
        return 0.0
    search = _Search(deal, effort, unit_of(deal), random.Random(effort.seed), left=effort.limit)  # noqa: S311 - not for secrets
    return search.bound(None)[0]


@dataclass(slots=True)
class _Search:
    """One search and the effort that is left of it."""

    deal: Deal
    effort: GangEffort
    unit: float
    random: random.Random
    left: float

    def run(self, built: DealModel, limit: float, start: dict[int, int] | None) -> cpsat.Answer:
        """Solve, and take what it took from the effort."""
        budget = cpsat.Effort(seed=self.effort.seed, limit=min(limit, self.left))
        answer = cpsat.run(built.model, budget, minimise=built.minimise, hint=start)
        self.left -= max(answer.spent, 1e-4)
        return answer

    def bound(self, best: list[Counts] | None) -> tuple[float, dict[int, int]]:
        """The bound in bytes, and the pieces that the relaxation keeps whole, with their child.

        Every piece that no child can hold sends at least what it would send if it were alone.
        """
        alone = 0.0
        for piece in self.deal.pieces:
            if piece.nodes > max(self.deal.room(piece, child) for child in range(len(self.deal.free))):
                single = replace(self.deal, pieces=(replace(piece, with_=(), apart=()),))
                limit = self.effort.limit * BOUND_SHARE / len(self.deal.free)
                alone += self.relax(single, None, limit)[0]
        if len(self.deal.pieces) * len(self.deal.free) > LARGEST_RELAXATION:
            return alone, {}
        joint, whole = self.relax(self.deal, best, self.effort.limit * BOUND_SHARE)
        return max(alone, joint), whole

    def relax(self, deal: Deal, best: list[Counts] | None, limit: float) -> tuple[float, dict[int, int]]:
        """The bound of the relaxation of a deal, and the pieces that it keeps whole.

        Wherever it counts a part cheaper than any of that size can be, sizes are told apart there, and
        it is solved again.
        """
        bound, whole, stretches = 0.0, dict[int, int](), Stretches()
        reserve = max(self.left - limit, 0.0)
        while self.left > reserve:
            built = build(deal, self.unit, exact=False, stretches=stretches)
            answer = self.run(built, self.left - reserve, hint(built, best) if best else None)
            bound = max(bound, answer.bound * self.unit)
            if not answer.found:
                break
            whole = whole_in(built, answer.values)
            if not stretches.cut_all(cheated(built, answer.values)):
                break
        return bound, whole

    def split_the_rest(self, whole: dict[int, int]) -> list[Counts] | None:
        """Keep these pieces whole where they are, deal the others exactly."""
        counts = [_alone(self.deal, index, whole.get(index)) for index in range(len(self.deal.pieces))]
        rest = [index for index in range(len(counts)) if index not in whole]
        if len(rest) > LARGEST_NEIGHBOURHOOD:
            return None
        return self.again(counts, rest, self.effort.limit * STEP_SHARE, known=False)

    def anything(self) -> list[Counts] | None:
        """Any deal at all, from the whole exact model."""
        built = build(self.deal, self.unit, exact=True)
        answer = self.run(built, self.left, None)
        return read(built, answer.values) if answer.found else None

    def again(
        self, counts: list[Counts], chosen: list[int], limit: float, *, known: bool = True
    ) -> list[Counts] | None:
        """Deal the chosen pieces anew in the room that the others leave."""
        held = sum((c.sum(axis=0) for i, c in enumerate(counts) if i not in set(chosen)), np.zeros(1))
        free = tuple(int(f) for f in np.array(self.deal.free) - held)
        part = _restricted(self.deal, counts, chosen, free)
        if part is None:
            return None
        built = build(part, self.unit, exact=True)
        begin = [counts[i] for i in chosen] if known else fill(part, orders(part)[1])
        answer = self.run(built, limit, None if begin is None else hint(built, begin))
        if not answer.found:
            return None
        out = list(counts)
        for index, found in zip(chosen, read(built, answer.values), strict=True):
            out[index] = found
        return out

    def improve(self, best: list[Counts], bound: float) -> list[Counts]:
        """Neighbourhoods of a few pieces while there is effort and a gap."""
        size = 3
        total = _bytes(self.deal, best)
        stale = 0
        while self.left > 0 and total > bound * (1 + NEAR) + self.unit * len(best) and stale < STALE:
            chosen = _neighbourhood(self.deal, best, size, self.random)
            found = self.again(best, chosen, self.effort.limit * STEP_SHARE)
            value = _bytes(self.deal, found) if found is not None else np.inf
            if value < total * (1 - NEAR):
                best, total, stale = found or best, value, 0
            else:
                stale += 1
                size = 3 + stale // 2 % max(min(len(best), LARGEST_NEIGHBOURHOOD) - 2, 1)
        return best


STALE = 40
"""Neighbourhoods in a row without gain after which the search ends."""


def _bytes(deal: Deal, counts: list[Counts]) -> float:
    return float(total_leaving(deal, counts).sum())


def _best(deal: Deal, found: Sequence[list[Counts]]) -> list[Counts] | None:
    """The one with the fewest bytes, then with the least at its worst child."""
    return min(
        found,
        key=lambda c: (_bytes(deal, c), float(total_leaving(deal, c).max())),
        default=None,
    )


def _alone(deal: Deal, index: int, child: int | None) -> Counts:
    """All of a piece in one child, or nothing of it anywhere."""
    counts = np.zeros((len(deal.pieces[index].totals), len(deal.free)), dtype=np.int64)
    if child is not None:
        counts[:, child] = deal.pieces[index].totals
    return counts


def _restricted(deal: Deal, counts: list[Counts], chosen: list[int], free: tuple[int, ...]) -> Deal | None:
    """The deal of the chosen pieces beside the others; None when another must be with a chosen one."""
    at = {index: place for place, index in enumerate(chosen)}
    there = [frozenset(np.flatnonzero(c.sum(axis=0)).tolist()) for c in counts]
    everywhere = frozenset(range(len(deal.free)))
    barred = [deal.pieces[index].barred for index in chosen]
    for index, piece in enumerate(deal.pieces):
        if index not in at and any(other in at for other in piece.with_):
            return None
        for other in piece.apart:
            if index in at and other not in at:
                barred[at[index]] |= there[other]
            if other in at and index not in at:
                barred[at[other]] |= there[index]
        for other in piece.with_:
            if index in at and other not in at:
                barred[at[index]] |= everywhere - there[other]
    pieces = [
        replace(
            deal.pieces[index],
            barred=out,
            with_=tuple(at[o] for o in deal.pieces[index].with_ if o in at),
            apart=tuple(at[o] for o in deal.pieces[index].apart if o in at),
        )
        for index, out in zip(chosen, barred, strict=True)
    ]
    return replace(deal, pieces=tuple(pieces), free=free)


def _neighbourhood(deal: Deal, counts: list[Counts], size: int, rng: random.Random) -> list[int]:
    """Some pieces: one that is split, then others, split ones rather than whole ones; ties complete."""
    sent = [float(leaving(p.gang, c).sum()) for p, c in zip(deal.pieces, counts, strict=True)]
    split = [index for index, value in enumerate(sent) if value > 0]
    first = rng.choices(split, [sent[i] for i in split])[0]
    others = [i for i in range(len(counts)) if i != first]
    others.sort(key=lambda i: rng.random() * (0.6 if sent[i] > 0 else 1.0))
    chosen = {first, *others[: size - 1]}
    while True:
        more = {o for i in chosen for o in (*deal.pieces[i].with_, *deal.pieces[i].apart)}
        more |= {i for i, p in enumerate(deal.pieces) if chosen & {*p.with_, *p.apart}}
        if more <= chosen:
            return sorted(chosen)
        chosen |= more
