"""Layer placement: the pipeline of stages through which most tokens pass, with a proof.

For one rate Z it is a small question in whole numbers: how many stages of each
pattern, so that their layers make the model, their machines are there, and
their times keep the cap.  A search over Z asks it some ten times.  That a
stage is a multiset of kinds, and not of machines, is what keeps it small.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dcplan.diag import Result
from dcplan.placement.cpsat import Answer, Effort, Model, Status, run, solver_name
from dcplan.placement.layers.bounds import any_bound
from dcplan.placement.layers.checks import impossible, unanswerable
from dcplan.placement.layers.flow import checked
from dcplan.placement.layers.patterns import Book, Pattern, Patterns, book_of, patterns_for
from dcplan.placement.layers.types import Holding, Kind, LayerPlan, LayerProblem, Share, Stage

TICKS_PER_S = 1e9
"""Times are counted in ticks, so that CP-SAT has whole numbers."""

HAIR = 1e-3
"""Ticks.  Numerical guard: this little more than a whole number of ticks is that number."""

NOTHING = 1e-9
"""Share of the bound below which nothing is looked for.  Numerical guard."""

FIRST_STEPS = (1.0, 0.98)
"""Shares of the bound that are asked for first: it is often attained."""

ENOUGH = 3.0
"""Share of the deterministic limit that one of the solves may take is one over this."""


@dataclass(frozen=True, slots=True)
class _Found:
    """An answer for one rate."""

    stages: tuple[Pattern, ...]
    tokens_per_s: float


@dataclass(slots=True)
class _Search:
    """How far the search has come."""

    best: _Found | None
    carried: float
    proven: float
    """Above this there is nothing, for certain."""
    tried: float
    """Above this nothing was found."""
    solves: int = 0


def place_layers(problem: LayerProblem) -> Result[LayerPlan]:
    """The pipeline that carries most tokens within the caps, checked by a maximum flow over single machines.

    Errors: ``no-layers``, ``wrong-machines``, ``wrong-rate``, ``wrong-cap`` for
    what is no problem at all; ``layers-do-not-fit`` where all machines together
    hold too few, ``cap-too-tight`` where no pipeline keeps the caps,
    ``pipeline-not-found`` where the limit came before that was known.
    """
    wrong = unanswerable(problem)
    if wrong:
        return Result(None, wrong)
    plan, bound = better_than(problem, 0.0)
    if plan is None:
        return Result(None, impossible(_useful(problem), certain=bound == 0))
    return Result(plan)


def better_than(problem: LayerProblem, tokens_per_s: float) -> tuple[LayerPlan | None, float]:
    """The best pipeline if it carries more than this (by the problem's gap), and a bound on all pipelines.

    The problem must be one that ``place_layers`` would not refuse.
    """
    useful = _useful(problem)
    ceiling = any_bound(useful)
    if ceiling <= tokens_per_s:
        return None, ceiling
    book = book_of(useful)
    search = _search(useful, book, ceiling, tokens_per_s)
    if search.best is None:
        return None, search.proven if search.proven > ceiling * NOTHING else 0.0
    best = _leanest(useful, book, search.best)
    return _told(problem, _stages(useful, best.stages), search, ceiling), search.proven


def _told(problem: LayerProblem, stages: tuple[Stage, ...], search: _Search, ceiling: float) -> LayerPlan:
    """The plan, after it was checked."""
    carried = checked(problem, stages)
    used = {kind.name: sum(_machines(stage, kind) for stage in stages) for kind in problem.kinds}
    bound = max(search.proven, carried)
    return LayerPlan(
        stages=stages,
        tokens_per_s=carried,
        latency_s=problem.once_s + sum(stage.pass_s for stage in stages),
        bound_tokens_per_s=bound,
        any_bound_tokens_per_s=ceiling,
        idle=tuple(
            (kind.name, kind.machines - used[kind.name])
            for kind in problem.kinds
            if kind.machines > used[kind.name]
        ),
        # A hair more than the gap, because both ends of it are floats.
        status="optimal" if bound <= carried * (1 + 1.01 * problem.gap) else "feasible",
        solver=solver_name(),
        solves=search.solves,
    )


def _useful(problem: LayerProblem) -> LayerProblem:
    """Without working points that carry nothing, hold more than the model or break the cap alone."""
    cap = math.inf if problem.latency_cap_s is None else problem.latency_cap_s - problem.once_s

    def use(holding: Holding) -> bool:
        return holding.tokens_per_s > 0 and holding.layers <= problem.layers and holding.pass_s <= cap

    kinds = tuple(
        replace(kind, holdings=tuple(filter(use, kind.holdings))) for kind in problem.kinds if kind.machines
    )
    return replace(problem, kinds=tuple(kind for kind in kinds if kind.holdings))


def _search(problem: LayerProblem, book: Book, ceiling: float, known: float) -> _Search:
    """Halve the interval between what was found and what cannot be, until it is narrow.

    ``known`` is carried by something else already: a pipeline that does not beat
    it is not looked for, and one question is enough where there is none.
    """
    search = _Search(best=None, carried=known, proven=ceiling, tried=ceiling)
    first = [known * (1 + problem.gap)] if known > 0 else [ceiling * share for share in FIRST_STEPS]
    while search.carried * (1 + problem.gap) < search.tried and search.tried > ceiling * NOTHING:
        rate = first.pop(0) if first else _next(search, ceiling)
        found, sure = _at(problem, book, rate, problem.deterministic_limit / ENOUGH)
        search.solves += 1
        if found is not None:
            search.best, search.carried = found, found.tokens_per_s
            first = []
            continue
        search.tried = min(search.tried, rate)
        if sure:
            search.proven = min(search.proven, rate)
    return search


def _next(search: _Search, ceiling: float) -> float:
    """The middle; before anything is found, by ratio, because it may be far below."""
    if search.carried <= 0:
        return search.tried / 2 if search.tried > ceiling / 4 else search.tried / 8
    return max((search.carried + search.tried) / 2, search.carried * (1 + 1e-12))


def _at(problem: LayerProblem, book: Book, tokens_per_s: float, limit: float) -> tuple[_Found | None, bool]:
    """Stages that carry so much, or none, and whether none is certain."""
    patterns = patterns_for(problem, book, tokens_per_s)
    if not patterns.some:
        return None, patterns.complete
    answer = _solved(problem, patterns, limit)
    if not answer.found:
        return None, patterns.complete and answer.status is Status.INFEASIBLE
    stages = _taken(patterns, answer)
    return _Found(stages, min(map(_rate, stages))), True


def _rate(pattern: Pattern) -> float:
    """Tokens/s of a stage of this pattern."""
    pairs = zip(pattern.counts, pattern.holdings, strict=True)
    return sum(count * held.tokens_per_s for count, held in pairs if held is not None)


def stages_at(
    problem: LayerProblem, patterns: Patterns, *, prefer: Callable[[Pattern], int]
) -> tuple[Pattern, ...] | None:
    """Stages of these patterns within the caps, with the largest sum of what is preferred; None for none."""
    if not patterns.some:
        return None
    weights = [-prefer(one) for one in patterns.some]
    answer = _solved(problem, patterns, problem.deterministic_limit / ENOUGH, weights)
    return _taken(patterns, answer) if answer.found else None


def _solved(
    problem: LayerProblem, patterns: Patterns, limit: float, weights: Sequence[int] | None = None
) -> Answer:
    """How many stages of each pattern, with the least sum of these weights."""
    model = Model()
    some = patterns.some
    counts = [model.integer(0, problem.layers // one.layers) for one in some]
    model.add(
        [(one.layers, var) for one, var in zip(some, counts, strict=True)], problem.layers, problem.layers
    )
    for k, kind in enumerate(problem.kinds):
        used = [(one.counts[k], var) for one, var in zip(some, counts, strict=True) if one.counts[k]]
        if used:
            model.add(used, high=kind.machines)
    times = [math.ceil(one.pass_s * TICKS_PER_S - HAIR) for one in some]
    if problem.latency_cap_s is not None:
        room = math.floor((problem.latency_cap_s - problem.once_s) * TICKS_PER_S + HAIR)
        model.add(list(zip(times, counts, strict=True)), high=room)
    if problem.most_stages is not None:
        model.add([(1, var) for var in counts], high=problem.most_stages)
    effort = Effort(seed=problem.seed, limit=limit, presolve=True)
    if weights is None:
        return run(model, effort)
    return run(model, effort, minimise=list(zip(weights, counts, strict=True)))


def _taken(patterns: Patterns, answer: Answer) -> tuple[Pattern, ...]:
    """The stages of an answer, those with most layers first."""
    pairs = zip(patterns.some, answer.values, strict=True)
    stages = [one for one, count in pairs for _ in range(count)]
    return tuple(sorted(stages, key=lambda one: (-one.layers, one.counts)))


def _leanest(problem: LayerProblem, book: Book, best: _Found) -> _Found:
    """As much with the least time and the fewest machines, as far as a short solve finds it."""
    patterns = patterns_for(problem, book, best.tokens_per_s)
    if not patterns.some:
        return best
    # Least time, then fewest machines; a stage more is a hop more, which callers without times still feel.
    weights = [1000 * (1 + int(one.pass_s * TICKS_PER_S) // 1000) + sum(one.counts) for one in patterns.some]
    answer = _solved(problem, patterns, problem.deterministic_limit / (4 * ENOUGH), weights)
    if not answer.found:
        return best
    stages = _taken(patterns, answer)
    return _Found(stages, min(map(_rate, stages)))


def _stages(problem: LayerProblem, patterns: tuple[Pattern, ...]) -> tuple[Stage, ...]:
    """Patterns one after the other, with names."""
    stages, first = [], 0
    for one in patterns:
        shares = tuple(
            Share(kind=kind.name, machines=count, holding=held)
            for kind, count, held in zip(problem.kinds, one.counts, one.holdings, strict=True)
            if held is not None
        )
        stages.append(Stage(first=first, layers=one.layers, shares=shares))
        first += one.layers
    return tuple(stages)


def _machines(stage: Stage, kind: Kind) -> int:
    return sum(share.machines for share in stage.shares if share.kind == kind.name)
