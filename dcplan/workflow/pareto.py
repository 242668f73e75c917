"""``plan --pareto``: what two measures trade against each other, by whole plans.

An epsilon-constraint sweep (Haimes, Lasdon and Wismer, 1971): the least of
one measure under ceilings of the other, from the plan that is best in
the first to the one that is best in the second.  Of plans that are equally
good in the first, the best in the second is taken, so that none on the front
is beaten by another.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from dcplan.demand.goals import Measure, only
from dcplan.diag import Diagnostic, Result
from dcplan.placement.aims import Ceiling, Proof
from dcplan.workflow.checking import check
from dcplan.workflow.executors import HERE, Ahead, Helpers
from dcplan.workflow.planning import read_state
from dcplan.workflow.types import AS_ALWAYS, Progress, Project, Tuning, silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from dcplan.sharding.types import Candidate, MachineClass
    from dcplan.state.types import State
    from dcplan.workflow.placing import Placed
    from dcplan.workflow.types import Checked, Gathered

QUESTIONS = 2
"""For each point that is asked for: some questions find a plan that is known already."""

FINEST = 0.01
"""Part of the range of the second measure below which nothing is looked for."""

Question = tuple[tuple[Measure, Measure], float | None]
"""Measures to minimise, one after the other, and a ceiling of the second."""

MEASURES = tuple(measure.value for measure in Measure)

NEAR = 1e-6
"""Values of a measure that differ by less, relatively, are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Replicas of one kind that a workload has in a plan of the front."""

    workload: str
    choice: str
    replicas: int
    runs_as: str = ""
    pools: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    """Replicas in each of these pools."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One plan of the front."""

    proofs: tuple[Proof, Proof]
    """In the order of the measures.  The first is proven under this point's ceiling of the second."""
    usd_per_h: float
    shares: tuple[Share, ...]
    left_out: tuple[str, ...]

    @property
    def values(self) -> tuple[float, float]:
        """What it has of both measures."""
        return self.proofs[0].value, self.proofs[1].value


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """Plans none of which another beats in both measures, best in the first one first."""

    measures: tuple[str, str]
    points: tuple[Point, ...]


def front(  # noqa: PLR0913 - the options of a sweep
    project: Project,
    measures: tuple[str, str],
    *,
    points: int = 8,
    progress: Progress = silent,
    tuning: Tuning = AS_ALWAYS,
    helpers: Helpers = HERE,
) -> Result[Front]:
    """At most so many plans between the best in one measure and the best in the other.

    ``helpers`` answer some questions at the same time, and change no answer.

    Reads what ``plan`` reads, writes nothing.  Without a time limit, equal
    documents have equal fronts.  The time limit is for each point.
    """
    from dcplan.workflow.deciding import search_layouts  # noqa: PLC0415 - as in ``plan``
    from dcplan.workflow.gathering import gather  # noqa: PLC0415 - as above

    checked = check(project)
    view = read_state(project)
    said: list[Diagnostic] = [*checked.diagnostics, *view.diagnostics]
    if checked.value is None or view.value is None:
        return Result(None, tuple(said))
    document, state, told = checked.value, view.value.state, checked.value.loaded.source.place
    progress("asking the providers what they offer")
    gathered = gather(document, state.lineage, datetime.now(UTC).timestamp())
    said += told(gathered.diagnostics)
    if gathered.value is None:
        return Result(None, tuple(said))
    offered = gathered.value
    classes: dict[str, tuple[MachineClass, ...]] = {}
    searched = search_layouts(document, offered, progress, classes)
    said += told(searched.diagnostics)
    if searched.value is None:
        return Result(None, tuple(said))
    # Providers have locks and connections that cannot travel, and nobody asks them any more.
    known = Known(
        checked=replace(document, providers={}),
        gathered=offered,
        candidates=searched.value.candidates,
        classes=classes,
        state=state,
        tuning=tuning,
        measures=measures,
    )
    ask = Ahead(partial(answer, known), helpers)
    swept = sweep(ask, (Measure(measures[0]), Measure(measures[1])), points, progress, ask.soon)
    ask.close()
    said += told(swept.diagnostics)
    if swept.value is None:
        return Result(None, tuple(said))
    return Result(Front(measures=measures, points=swept.value), tuple(dict.fromkeys(said)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What all questions of a sweep have in common; travels to helpers."""

    checked: Checked
    gathered: Gathered
    candidates: tuple[Candidate, ...]
    classes: Mapping[str, tuple[MachineClass, ...]]
    state: State
    tuning: Tuning
    measures: tuple[str, str]


def answer(known: Known, question: Question) -> Result[Point]:
    """The plan that is best in the first measure of a question, and then in the second."""
    from dcplan.workflow.placing import place  # noqa: PLC0415 - as in ``plan``

    goals, ceiling = question
    ceilings = () if ceiling is None else (Ceiling(measure=goals[1], at_most=ceiling),)
    asked = replace(known.tuning, goals=tuple(only(one) for one in goals), ceilings=ceilings)
    placed = place(known.checked, known.gathered, known.candidates, known.classes, known.state, asked)
    if placed.value is None:
        return Result(None, placed.diagnostics)
    return Result(_point(placed.value, known.measures), placed.diagnostics)


def _nothing(_: Iterable[Question]) -> None:
    """Done ahead."""


def sweep(
    ask: Callable[[Question], Result[Point]],
    measures: tuple[Measure, Measure],
    points: int,
    progress: Progress = silent,
    soon: Callable[[Iterable[Question]], None] = _nothing,
) -> Result[tuple[Point, ...]]:
    """The front by ``ask``, which minimises two measures, one after the other, under a ceiling of the second.

    Each ceiling lies in the middle of the widest range of the second measure of which nothing is known:
    the plan found there leaves nothing to find between itself and its ceiling.  ``soon`` is told which
    questions are coming.
    """
    one, other = measures
    soon([((one, other), None), ((other, one), None)])
    progress(f"planning for the least {one.value}")
    first = ask(((one, other), None))
    if first.value is None:
        return Result(None, first.diagnostics)
    progress(f"planning for the least {other.value}")
    last = ask(((other, one), None))
    if last.value is None:
        return Result(None, last.diagnostics)
    said = [*first.diagnostics, *last.diagnostics]
    found = [first.value, last.value]
    top, bottom = first.value.values[1], last.value.values[1]
    unknown = [(bottom, top)]
    finest = FINEST * (top - bottom)
    for asked in range(1, QUESTIONS * points):
        unknown = [(low, high) for low, high in unknown if high - low > finest]
        if not unknown or len(found) >= points:
            break
        coming = min(points - len(found), QUESTIONS * points - asked)
        soon(((one, other), ceiling) for ceiling in islice(_ceilings(unknown, finest), coming))
        low, high = widest = max(unknown, key=_width)
        ceiling = (low + high) / 2
        progress(f"planning between, question {asked}")
        between = ask(((one, other), ceiling))
        said += between.diagnostics
        unknown.remove(widest)
        unknown.append((ceiling, high))
        if between.value is not None:
            reached = between.value.values[1]
            if all(abs(reached - p.values[1]) > NEAR * abs(reached) for p in found):
                found.append(between.value)
            if reached > low:
                unknown.append((low, reached))
    return Result(_unbeaten(found), tuple(said))


def _width(stretch: tuple[float, float]) -> tuple[float, float]:
    """The widest stretch is asked for first; of equal ones the highest."""
    return stretch[1] - stretch[0], stretch[1]


def _ceilings(unknown: Iterable[tuple[float, float]], finest: float) -> Iterator[float]:
    """The middles that are asked for whatever is found, as long as points are wanted.

    Of each range, and again of the half above it.
    """
    ranges = list(unknown)
    while True:
        low, high = widest = max(ranges, key=_width)
        if high - low <= finest:
            return
        ranges.remove(widest)
        ranges.append(((low + high) / 2, high))
        yield (low + high) / 2


def _unbeaten(points: list[Point]) -> tuple[Point, ...]:
    """The points that no other is at least as good as in both measures; of equal ones the first."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda p: p.values):
        if not kept or point.values[1] < kept[-1].values[1] - NEAR * abs(kept[-1].values[1]):
            kept.append(point)
    return tuple(kept)


def _point(placed: Placed, measures: tuple[str, str]) -> Point:
    """The summary of a placement."""
    proofs = {proof.goal: proof for proof in placed.solution.report.proofs}
    candidates = {candidate.id: candidate for candidate in placed.candidates}
    shares: dict[tuple[str, str], Share] = {}
    for one in placed.solution.allotments:
        key = one.workload, one.choice
        before = shares.get(key, Share(workload=one.workload, choice=one.choice, replicas=0))
        candidate = candidates[one.choice]
        shares[key] = replace(
            before,
            replicas=before.replicas + one.replicas,
            runs_as=f"{candidate.shape} on {candidate.hardware}",
            pools=(*before.pools, one.pool),
            counts=(*before.counts, one.replicas),
        )
    running = {workload for workload, _ in shares}
    return Point(
        proofs=(proofs[measures[0]], proofs[measures[1]]),
        usd_per_h=placed.solution.usd_per_h,
        shares=tuple(shares.values()),
        left_out=tuple(w.name for w in placed.problem.workloads if w.name not in running),
    )
