"""Free slices of an existing data centre with the fewest moves, and say how few could do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from dcplan.diag import Diagnostic, Result, agreeing, error, plural, warning
from dcplan.placement.cpsat import Effort, Status
from dcplan.placement.defrag.aggregate import Counted, count_moves, relaxed
from dcplan.placement.defrag.bound import cheapest, fewest
from dcplan.placement.defrag.drain import Drain, drain
from dcplan.placement.defrag.node_exact import exact, small
from dcplan.placement.defrag.order import ordered
from dcplan.placement.defrag.partition import count_in_parts
from dcplan.placement.defrag.room import Room
from dcplan.placement.defrag.settle import settle
from dcplan.placement.defrag.types import Defragmentation, Ending, FreeSlice, Goal, Standing

EFFORT = Effort(seed=0, limit=10.0)
"""Of one solve, where the cheapest choice has no place for all who leave."""

MOST_WHOLE = 400
"""Domains up to which the counts model is solved in one piece."""


PART = 0.1
"""Of the effort, for each part of a large fleet."""


MOST_SWAPS = 30
"""Times that other domains are tried for those whose jobs find no place."""

QUICK = 0.2
"""Of the effort, for each look at how many slices there is room for."""


def defragment(
    standing: Standing, goal: Goal, *, executor: Executor | None = None, effort: Effort = EFFORT
) -> Result[Defragmentation]:
    """The fewest moves after which ``goal.slices`` slices are free, in an order that overfills nothing.

    With ``goal.max_moves``, as many of them as that allows, and a warning.
    ``executor`` solves the parts of a large fleet at the same time; without
    one they are solved one after another, with the same answer.  Errors: more
    slices than there is room for, or than a plan was found for.
    """
    most = sum(domain.most_slices for domain in standing.domains)
    if goal.slices > most:
        return Result(None, (_too_many(standing, goal, most),))
    work = _Work(standing, executor, effort)
    best = work.plan(goal.slices)
    if best.plan is None:
        return Result(None, (_not_free(work, goal, best),))
    if goal.max_moves is None or len(best.plan.moves) <= goal.max_moves:
        return Result(best.plan, _of_note(best.plan))
    fewer = work.most(goal.slices - 1, goal.max_moves)
    told = warning(
        "fewer-slices",
        "Fewer slices are freed than asked for",
        f"{plural(goal.slices, 'slice')} {agreeing(goal.slices, 'take')} "
        f"{plural(len(best.plan.moves), 'move')}, and -max-moves allows {goal.max_moves:,}, after which "
        f"{plural(len(fewer.slices), 'slice')} can be free. Allow more moves, or ask for fewer "
        "or smaller slices.",
    )
    return Result(replace(fewer, asked=goal.slices), (told, *_of_note(fewer)))


@dataclass(frozen=True, slots=True)
class _Try:
    """What came of asking for so many slices."""

    plan: Defragmentation | None
    impossible: bool = False
    """It is proven that there is no plan."""
    stuck: tuple[str, ...] = ()
    """Jobs that wait for each other, where an ending was found but no order."""


class _Work:
    """One fleet, and what is worked out once for all numbers of slices."""

    def __init__(self, standing: Standing, executor: Executor | None, effort: Effort) -> None:
        self.standing = standing
        self.executor = executor
        self.effort = effort
        self.room = Room(standing)
        self.drains = [drain(standing, domain) for domain in standing.domains]
        self.before = standing.free_slices()

    def plan(self, slices: int) -> _Try:
        """The best plan for so many slices: one that meets the bound, else the one with fewest moves."""
        best: Defragmentation | None = None
        stuck: tuple[str, ...] = ()
        bound = fewest(self.drains, slices)
        for status, ending, better in self._endings(slices):
            bound = max(bound, better)
            if status is Status.INFEASIBLE:
                return _Try(None, impossible=True)
            found, blocked = self._ordered(ending, slices) if ending else (None, ())
            stuck = stuck or blocked
            if found and (best is None or len(found.moves) < len(best.moves)):
                best = found
            if best and len(best.moves) <= bound:
                break
        return _Try(replace(best, bound=bound) if best else None, stuck=stuck)

    def most(self, slices: int, max_moves: int) -> Defragmentation:
        """The plan with most slices, up to so many, and at most ``max_moves``; today's take none."""
        low, best = min(self.before, slices), self.plan(min(self.before, slices)).plan
        while low < slices:
            middle = (low + slices + 1) // 2
            too_many = fewest(self.drains, middle) > max_moves
            found = None if too_many else self.plan(middle).plan
            if found and len(found.moves) <= max_moves:
                low, best = middle, found
            else:
                slices = middle - 1
        if best is None:
            msg = "Slices that are free today cannot be had. This is a bug in dcplan."
            raise RuntimeError(msg)
        return best

    def _endings(self, slices: int) -> Iterator[tuple[Status, Ending | None, int]]:
        """Endings from the quickest way to the most thorough, each with what it has proven."""
        give = cheapest(self.drains, slices)
        ending, homeless = self._settled(give)
        yield Status.FEASIBLE if ending else Status.UNKNOWN, ending, 0
        if small(self.standing):
            yield exact(self.standing, slices, self.effort)
        counted = self._counted(slices, give)
        ending = None
        if counted.status in (Status.OPTIMAL, Status.FEASIBLE):
            ending, _ = settle(self.standing, self.room, counted.slices, counted.leaving, counted.advice)
        yield counted.status, ending, counted.bound
        if ending is None:
            yield Status.UNKNOWN, self._others(slices, homeless), 0

    def _settled(self, give: Sequence[int]) -> tuple[Ending | None, tuple[int, ...]]:
        """The ending in which each domain gives so many slices in its cheapest way, or who finds no place."""
        ways = [self.drains[at].ways[count] for at, count in enumerate(give) if count]
        chosen = [one for at, count in enumerate(give) for one in self._split(at, count)]
        return settle(self.standing, self.room, chosen, [group for way in ways for group in way.groups])

    def _others(self, slices: int, homeless: Sequence[int]) -> Ending | None:
        """The cheapest choice without the domains whose groups found no place, again and again.

        The counts model knows nothing of cores and memory; where those are short, this finds a way.
        """
        drains = list(self.drains)
        for _ in range(MOST_SWAPS):
            for at in {self.standing.groups[group].domain for group in homeless}:
                drains[at] = _undisturbed(drains[at])
            if sum(len(one.weight) - 1 for one in drains) < slices:
                return None
            ending, homeless = self._settled(cheapest(drains, slices))
            if ending:
                return ending
        return None

    def _split(self, domain: int, count: int) -> Iterator[tuple[int, ...]]:
        """The machines that a domain frees, slice by slice."""
        size = self.standing.domains[domain].slice_nodes
        nodes = self.drains[domain].ways[count].nodes
        for at in range(count):
            yield nodes[at * size : (at + 1) * size]

    def _counted(self, slices: int, give: Sequence[int]) -> Counted:
        """The counts model, in parts where the fleet is large and, if those fail, in one piece."""
        if len(self.drains) > MOST_WHOLE:
            bound = relaxed(self.standing, self.drains, slices)
            if bound is None:
                return Counted(status=Status.INFEASIBLE, bound=0)
            each = replace(self.effort, limit=self.effort.limit * PART)
            found = count_in_parts(self.standing, self.drains, give, each, executor=self.executor)
            if found.status is Status.FEASIBLE:
                return replace(found, bound=bound)
        return count_moves(self.standing, self.drains, range(len(self.drains)), slices, self.effort)

    def _ordered(self, ending: Ending, slices: int) -> tuple[Defragmentation | None, tuple[str, ...]]:
        """The plan of an ending, or who cannot be moved."""
        moves, stuck = ordered(self.standing, self.room, ending)
        if stuck:
            return None, stuck
        nodes, domains = self.standing.nodes, self.standing.domains
        free = tuple(
            FreeSlice(
                domain=domains[self.standing.domain_of[one[0]]].name,
                nodes=tuple(nodes[node].name for node in one),
            )
            for one in ending.slices
        )
        plan = Defragmentation(asked=slices, slices_before=self.before, slices=free, moves=moves, bound=0)
        return plan, ()


def _undisturbed(known: Drain) -> Drain:
    """Of the slices of a domain those that are free today."""
    count = sum(1 for weight in known.weight if weight == 0)
    return Drain(bound=known.bound[:count], weight=known.weight[:count], ways=known.ways[:count])


def _of_note(plan: Defragmentation) -> tuple[Diagnostic, ...]:
    """What a reader of the plan should know."""
    aside = sum(move.temporary for move in plan.moves)
    if not aside:
        return ()
    return (
        warning(
            "temporary-seats",
            "Some jobs move twice",
            f"{plural(aside, 'move')} of {len(plan.moves):,} lead to a temporary seat, because jobs wait for "
            "each other's places. Each is counted as a move.",
        ),
    )


def _too_many(standing: Standing, goal: Goal, most: int) -> Diagnostic:
    """More slices than the machines give."""
    size = plural(goal.nodes, "machine") if goal.nodes else "a whole domain"
    named = sum(1 for domain in standing.domains if domain.name)
    return error(
        "no-such-slices",
        "The machines cannot give so many slices",
        f"Even without any job {plural(named, 'domain')} can give {plural(most, 'slice')} of "
        f"{size} within one domain, and {goal.slices:,} {agreeing(goal.slices, 'are')} asked for. "
        "Ask for fewer or smaller ones; if racks are larger than that, see that the inventory tells the "
        "rack of each machine.",
    )


def _not_free(work: _Work, goal: Goal, tried: _Try) -> Diagnostic:
    """No plan, and as many slices as there is one for."""
    quick = _Work(work.standing, work.executor, replace(work.effort, limit=work.effort.limit * QUICK))
    possible = len(quick.most(goal.slices - 1, 1 << 60).slices)
    if tried.stuck:
        return error(
            "moves-in-a-circle",
            "Jobs wait for each other's places",
            f"There is a way to free {plural(goal.slices, 'slice')}, but no order of moves was found: "
            f'"{tried.stuck[0]}" and {plural(len(tried.stuck) - 1, "more job")} wait for each other, and '
            f"there is no room to put one of them aside. {plural(possible, 'slice')} can be freed; "
            "or stop one of these jobs.",
        )
    proof = "is proven to be impossible" if tried.impossible else "was not found to be possible"
    return error(
        "not-enough-room",
        "There is not enough room to free so many slices",
        f"To free {plural(goal.slices, 'slice')} {proof}: what runs on the machines finds no place "
        f"elsewhere. {plural(possible, 'slice')} can be freed with moves, {work.before:,} "
        f"{agreeing(work.before, 'are')} free today. Ask for "
        "fewer or smaller ones, or stop some jobs.",
    )
