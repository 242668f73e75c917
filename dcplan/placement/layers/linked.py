"""Layer placement where links bind: several places, and little between them.

Stages stand in one place each; places follow one another in the pipeline, so
that tokens cross between them as rarely as can be.  Where they cross, many
links together must carry what one does inside a place: stages of several
machines are preferred, and a seeded local search says which machine sits where.
What comes out is measured by a maximum flow over the links themselves; the
bounds are those without links, which no links can exceed.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations

from dcplan.diag import Result
from dcplan.placement.layers.flow import DOOR_IN, DOOR_OUT, Link, Seat, carried
from dcplan.placement.layers.patterns import Pattern, book_of, patterns_for
from dcplan.placement.layers.solve import place_layers, stages_at
from dcplan.placement.layers.types import LayerPlan, LayerProblem

STEP = 0.97
"""Each rate that is tried is this share of the one before."""

STARTS, MOVES = 2, 800
"""Of the local search: random starts for each order of the places, and moves of each."""

MOST_ORDERS = 24
"""Orders of the places at the most."""

WIDE = 3
"""Machines of a stage beyond which it is not preferred any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedPlan:
    """Machines by name with their layers, and what passes over the links."""

    seats: tuple[Seat, ...]
    tokens_per_s: float
    """The maximum flow over machines and links."""
    unlinked: LayerPlan
    """What the same machines would do if links carried everything; its bounds hold here, too."""


def place_over_links(
    problem: LayerProblem, machines: Mapping[str, Sequence[str]], links: Sequence[Link]
) -> Result[LinkedPlan]:
    """The best placement found of the named machines of each kind over these links.

    Errors: those of ``place_layers``.  It is no proof: the bounds do not know the links.
    """
    free = place_layers(problem)
    if free.value is None:
        return Result(None, free.diagnostics)
    width = {(link.sender, link.receiver): link.tokens_per_s for link in links}
    book = book_of(problem)
    best: tuple[Seat, ...] = ()
    carries, rate = 0.0, free.value.tokens_per_s
    while rate > carries and rate > free.value.tokens_per_s / 100:
        patterns = patterns_for(problem, book, rate * (1 - 1e-9))
        stages = stages_at(problem, patterns, prefer=_width_of)
        if stages is not None:
            seats = _seated(problem, stages, machines, width, rate)
            flow = carried(problem.layers, seats, links)
            if flow > carries:
                best, carries = seats, flow
        rate *= STEP
    return Result(LinkedPlan(seats=best, tokens_per_s=carries, unlinked=free.value), free.diagnostics)


def _width_of(pattern: Pattern) -> int:
    """How much a stage is preferred: the square of its machines, for links join each to each."""
    machines = min(sum(pattern.counts), WIDE)
    return machines * machines if machines > 1 else 0


class _Seating:
    """Stages in an order, with a machine for each of their seats."""

    def __init__(
        self,
        problem: LayerProblem,
        stages: Sequence[Pattern],
        machines: Mapping[str, Sequence[str]],
        dice: random.Random,
        order: Sequence[str],
    ) -> None:
        left = {kind: dice.sample(list(names), len(names)) for kind, names in machines.items()}
        self.problem, self.stages, self.dice = problem, stages, dice
        self.kinds = [[k for k, count in enumerate(stage.counts) for _ in range(count)] for stage in stages]
        self.names = [[left[problem.kinds[k].name].pop() for k in kinds] for kinds in self.kinds]
        place_of = [problem.kinds[kinds[0]].place for kinds in self.kinds]
        self.groups = [[at for at, place in enumerate(place_of) if place == one] for one in order]
        for group in self.groups:
            dice.shuffle(group)

    def score(self, width: Mapping[tuple[str, str], float], rate: float) -> float:
        """The sum over all crossings of what passes there, up to the wanted rate."""
        inside = [self.names[at] for group in self.groups for at in group]
        rows = [[DOOR_IN], *inside, [DOOR_OUT]]
        widths = (sum(width.get((a, b), 0.0) for a in here for b in there) for here, there in pairwise(rows))
        return sum(min(one, rate) for one in widths)

    def improve(self, width: Mapping[tuple[str, str], float], rate: float) -> float:
        """Swap machines of a kind, or stages of a place, as long as it does not get worse; the last score."""
        score = self.score(width, rate)
        full = rate * (len(self.stages) + 1)
        for _ in range(MOVES):
            if score >= full:
                break
            undo = self._swap()
            after = self.score(width, rate)
            if after >= score:
                score = after
            else:
                undo()
        return score

    def _swap(self) -> _Undo:
        """One random move, and the move that takes it back."""
        group = self.dice.choice(self.groups)
        a, b = self.dice.choice(group), self.dice.choice(group)
        i, j = self.dice.randrange(len(self.names[a])), self.dice.randrange(len(self.names[b]))
        if self.dice.random() < 0.5 and self.kinds[a][i] == self.kinds[b][j]:  # noqa: PLR2004 - half the moves
            return _Undo(self.names[a], i, self.names[b], j)
        return _Undo(group, group.index(a), group, group.index(b))

    def seats(self) -> tuple[Seat, ...]:
        """The machines with their layers."""
        seats, first = [], 0
        for at in (at for group in self.groups for at in group):
            for k, name in zip(self.kinds[at], self.names[at], strict=True):
                held = self.stages[at].holdings[k]
                if held is not None:
                    seats.append(
                        Seat(machine=name, first=first, layers=held.layers, tokens_per_s=held.tokens_per_s)
                    )
            first += self.stages[at].layers
        return tuple(seats)


class _Undo:
    """A swap of two entries that is made at once and can be taken back."""

    def __init__(self, one: list[str] | list[int], i: int, other: list[str] | list[int], j: int) -> None:
        self.ends = (one, i, other, j)
        self()

    def __call__(self) -> None:
        one, i, other, j = self.ends
        one[i], other[j] = other[j], one[i]  # type: ignore[assignment]  # both are of one sort


def _seated(
    problem: LayerProblem,
    stages: Sequence[Pattern],
    machines: Mapping[str, Sequence[str]],
    width: Mapping[tuple[str, str], float],
    rate: float,
) -> tuple[Seat, ...]:
    """The best seating of all orders of the places and some random starts."""
    dice = random.Random(problem.seed)  # noqa: S311 - a search, no secret
    used = [k for k, _ in enumerate(problem.kinds) if any(stage.counts[k] for stage in stages)]
    places = list(dict.fromkeys(problem.kinds[k].place for k in used))
    best: tuple[float, tuple[Seat, ...]] = (-1.0, ())
    for order in list(permutations(places))[:MOST_ORDERS]:
        for _ in range(STARTS):
            one = _Seating(problem, stages, machines, dice, order)
            score = one.improve(width, rate)
            if score > best[0]:
                best = (score, one.seats())
    return best[1]
