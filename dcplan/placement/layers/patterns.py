"""Patterns: the machines of one stage, by kind, that carry a wanted rate and of which none is too many."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from dcplan.placement.layers.bounds import slots_of
from dcplan.placement.layers.types import Holding, LayerProblem

MOST = 200_000
"""Patterns that are looked at for one rate; beyond, nothing is proven.  Numerical guard."""

NEAR = 1 - 1e-12
"""A rate this near to the wanted one is that rate.  Numerical guard: sums of floats."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One way to staff a stage."""

    layers: int
    counts: tuple[int, ...]
    """Machines of each kind of the problem."""
    holdings: tuple[Holding | None, ...]
    """What each of these machines does; None where there is none."""
    pass_s: float


@dataclass(frozen=True, slots=True)
class Patterns:
    """All patterns that can matter for one rate."""

    some: tuple[Pattern, ...]
    complete: bool
    """None was left out."""


@dataclass(frozen=True, slots=True)
class Book:
    """The working points of a problem, sorted: for each number of layers and kind, by time."""

    times: dict[int, tuple[float, ...]]
    """For each number of layers: what the slowest machine of a stage may take, rising."""
    fastest: dict[tuple[int, int], tuple[tuple[float, ...], tuple[Holding, ...]]]
    """For layers and kind: times, and the holding with the highest rate of those that take no longer."""


def book_of(problem: LayerProblem) -> Book:
    """Sort the working points; without a cap only the longest time of each number of layers counts."""
    cap = math.inf if problem.latency_cap_s is None else problem.latency_cap_s - problem.once_s
    times: dict[int, set[float]] = {}
    fastest = {}
    for k, kind in enumerate(problem.kinds):
        by_layers: dict[int, list[Holding]] = {}
        for holding in kind.holdings:
            if holding.layers <= problem.layers and holding.pass_s <= cap and holding.tokens_per_s > 0:
                by_layers.setdefault(holding.layers, []).append(holding)
        for layers, some in by_layers.items() if kind.machines > 0 else ():
            some.sort(key=lambda h: (h.pass_s, -h.tokens_per_s))
            best = list(accumulate(some, _faster))
            fastest[layers, k] = (tuple(h.pass_s for h in some), tuple(best))
            times.setdefault(layers, set()).update(h.pass_s for h in best)
    last = slice(None) if problem.latency_cap_s is not None else slice(-1, None)
    return Book({layers: tuple(sorted(some))[last] for layers, some in sorted(times.items())}, fastest)


def _faster(known: Holding, other: Holding) -> Holding:
    return other if other.tokens_per_s > known.tokens_per_s else known


def patterns_for(problem: LayerProblem, book: Book, tokens_per_s: float) -> Patterns:
    """Patterns of every number of layers that carry ``tokens_per_s``.

    A pattern is left out when it has a machine that it could do without, when
    another one of as many layers needs no more machines and no more time, or
    when it wastes more than all machines together have to spare: with slots as
    in ``slots_of``, ``sum counts slots - layers <= sum N slots - L`` in every
    pipeline, because what stages waste adds up.
    """
    slots = [slots_of(kind, tokens_per_s) for kind in problem.kinds]
    spare = sum(k.machines * s for k, s in zip(problem.kinds, slots, strict=True)) - problem.layers
    spare += 1e-9 * problem.layers
    found: list[Pattern] = []
    for layers, times in book.times.items():
        of_these: dict[tuple[int, ...], Pattern] = {}
        for slowest in times:
            best = _within(book, layers, len(problem.kinds), slowest)
            for counts in _everywhere(problem, best, slots, tokens_per_s, spare + layers):
                if len(found) + len(of_these) >= MOST:
                    return Patterns((*found, *of_these.values()), complete=False)
                # Times rise, so that the first of equal counts is the fastest.
                if counts not in of_these:
                    of_these[counts] = _pattern(layers, counts, best)
        found.extend(_not_beaten(list(of_these.values())))
    return Patterns(tuple(found), complete=True)


def _within(book: Book, layers: int, kinds: int, slowest: float) -> dict[int, Holding]:
    """For each kind the working point with the highest rate that takes no longer."""
    best = {}
    for k in range(kinds):
        if (layers, k) in book.fastest:
            passes, holdings = book.fastest[layers, k]
            at = bisect_right(passes, slowest)
            if at:
                best[k] = holdings[at - 1]
    return best


def _everywhere(
    problem: LayerProblem,
    best: Mapping[int, Holding],
    slots: Sequence[float],
    need: float,
    room: float,
) -> Iterator[tuple[int, ...]]:
    """The covers of each place by itself."""
    for place in dict.fromkeys(problem.kinds[k].place for k in best):
        here = {k: held for k, held in best.items() if problem.kinds[k].place == place}
        yield from _covers(problem, here, slots, need, room)


def _covers(
    problem: LayerProblem,
    best: Mapping[int, Holding],
    slots: Sequence[float],
    need: float,
    room: float,
) -> Iterator[tuple[int, ...]]:
    """Minimal counts whose rates add up to ``need`` and whose slots stay within ``room``."""
    order = sorted(best, key=lambda k: -best[k].tokens_per_s)
    counts = [0] * len(problem.kinds)

    def fill(at: int, left: float, free: float) -> Iterator[tuple[int, ...]]:
        if left <= need * (1 - NEAR):
            yield tuple(counts)
            return
        if at == len(order):
            return
        k = order[at]
        rate = best[k].tokens_per_s
        enough = -int(-left * NEAR // rate)
        most = min(problem.kinds[k].machines, enough, int(free / slots[k]))
        for count in range(most, -1, -1):
            counts[k] = count
            yield from fill(at + 1, left - count * rate, free - count * slots[k])
        counts[k] = 0

    for found in fill(0, need, room):
        total = sum(count * best[k].tokens_per_s for k, count in enumerate(found) if count)
        slowest = min(best[k].tokens_per_s for k, count in enumerate(found) if count)
        if total - slowest < need * NEAR:
            yield found


def _pattern(layers: int, counts: tuple[int, ...], best: Mapping[int, Holding]) -> Pattern:
    held = tuple(best[k] if count else None for k, count in enumerate(counts))
    return Pattern(layers, counts, held, max(h.pass_s for h in held if h is not None))


def _not_beaten(patterns: list[Pattern]) -> list[Pattern]:
    """Without those that another one beats: no more machines of any kind and no more time."""
    kept: list[Pattern] = []
    for one in sorted(patterns, key=lambda p: (p.pass_s, sum(p.counts), p.counts)):
        if not any(all(a <= b for a, b in zip(other.counts, one.counts, strict=True)) for other in kept):
            kept.append(one)
    return kept
