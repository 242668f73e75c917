"""Leave out pools that are twins of others and that no placement needs; the least cost stays the same."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from dcplan.placement.types import Beside, Choice, Pool, Problem


def without_spare_twins(problem: Problem) -> Problem:
    """The problem with as many of its equal pools as any placement can need.

    Pools are twins when nothing in the problem tells them apart but their
    names.  Whatever a placement puts on n machines of twins of m machines each
    can be put on the first ``floor(2 n / m) + 1`` of them: taken one after the
    other into the first pool with room (first fit), all but one are more than
    half full (Johnson et al. 1974, doi 10.1137/0203025).  So the least cost stays
    what it is.  Pools that a rule, a pin or today's placement names are kept.
    """
    kept = {p.id for members in _classes(problem).values() for p in _needed(problem, members)}
    if len(kept) == len(problem.pools):
        return problem
    return replace(
        problem,
        pools=tuple(p for p in problem.pools if p.id in kept),
        choices=tuple(_within(choice, kept) for choice in problem.choices),
        sites=tuple(replace(site, pools=site.pools & kept) for site in problem.sites),
        quotas=tuple(
            replace(quota, each=tuple((p, n) for p, n in quota.each if p in kept)) for quota in problem.quotas
        ),
    )


def _classes(problem: Problem) -> dict[Hashable, list[Pool]]:
    """Pools by all that the problem tells of them but their names."""
    named = set(_named(problem))
    belongs: defaultdict[str, list[Hashable]] = defaultdict(list)
    for name, fact in (*_rules_of(problem), *_places_of(problem)):
        belongs[name].append(fact)
    found: defaultdict[Hashable, list[Pool]] = defaultdict(list)
    for pool in problem.pools:
        own = pool.id if pool.id in named else ""
        found[replace(pool, id=own), tuple(belongs[pool.id])].append(pool)
    return found


def _named(problem: Problem) -> Iterator[str]:
    """Pools that something speaks of by name."""
    for allotment in (*problem.current, *problem.current_beside):
        yield allotment.pool
    yield from sorted(problem.idle)
    for rule in problem.racks:
        yield rule.pool
    for paid in problem.paid:
        yield from paid.pools
    for workload in problem.workloads:
        for pin in workload.pins:
            yield pin.place


def _rules_of(problem: Problem) -> Iterator[tuple[str, Hashable]]:
    """(pool, a choice or rule that it is of), always in one order."""
    for choice in problem.choices:
        for part in choice.parts:
            for pool in part.pools:
                yield pool, (choice.id, part is choice)
    for site in problem.sites:
        for pool in sorted(site.pools):
            yield pool, ("site", site.site)
    for quota in problem.quotas:
        for pool, amount in quota.each:
            yield pool, (quota.law, quota.name, amount)


def _places_of(problem: Problem) -> Iterator[tuple[str, Hashable]]:
    """(pool, what where it is means for a workload), always in one order."""
    for w in problem.workloads:
        for pool, usd_per_h in w.egress_usd_per_h.items():
            yield pool, (w.name, "egress", usd_per_h)
        for users in w.users:
            for pool, rtt_s in users.rtt_s.items():
                yield pool, (w.name, users.place, rtt_s, pool in users.told)
        if w.residency is not None:
            for pool in sorted(w.residency.pools):
                yield pool, (w.name, "home")
            for pool in sorted(w.residency.unknown):
                yield pool, (w.name, "unknown")


def _needed(problem: Problem, twins: list[Pool]) -> list[Pool]:
    """As many of the first of these twins as hold whatever can be put on them."""
    size = twins[0].machines
    if len(twins) == 1 or not size:
        return twins if size == 0 else twins[: 1 if size is None else None]
    most = 0
    for workload in problem.workloads:
        amounts = [
            sum(_machines(choice, part) for part in choice.parts if twins[0].id in part.pools)
            for choice in problem.choices
            if choice.workload == workload.name
        ]
        most += max(amounts, default=0) if workload.fleet is None else sum(amounts)
    return twins[: 2 * most // size + 1]


def _machines(choice: Choice, part: Choice | Beside) -> int:
    """The most machines of one kind that all replicas of a choice can take."""
    return choice.most * max(part.machines, 1)


def _within(choice: Choice, kept: set[str]) -> Choice:
    """The choice without pools that are left out."""
    beside = choice.beside
    return replace(
        choice,
        pools=tuple(p for p in choice.pools if p in kept),
        beside=beside and replace(beside, pools=tuple(p for p in beside.pools if p in kept)),
    )
