"""Whether a replica can run in a pool for as long as it must: windows, queues, deadlines."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from dcplan.placement.pairs import joined
from dcplan.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcplan.placement.pairs import Pairs
    from dcplan.placement.types import Choice, Pool, Problem

HOUR_S = 3600.0

NEARLY_S = 1e-3
"""Times are sums of floats."""


def untimely(choice: Choice, pool: Pool) -> str | None:
    """Why ``choice`` cannot run in ``pool`` for its whole time, in words; None when it can.

    A job may begin later, serving must begin at once.
    """
    if pool.starts_in_s == 0 and pool.ends_in_s is None and pool.longest_s is None:
        return None
    needs_s = choice.hours * HOUR_S
    if pool.longest_s is not None and needs_s > pool.longest_s + NEARLY_S:
        return f"machines of {pool.id} are lent for {format_duration(pool.longest_s)}, not {_long(needs_s)}"
    if pool.starts_in_s is None:
        return _late(choice, pool)
    return _misses(choice, pool, pool.starts_in_s, needs_s)


def _late(choice: Choice, pool: Pool) -> str | None:
    """Whether a wait that nobody knows is too long."""
    if choice.time_s is not None and choice.must_end_s is None and pool.ends_in_s is None:
        return None
    return f"nobody knows how long machines of {pool.id} are waited for"


def _misses(choice: Choice, pool: Pool, start_s: float, needs_s: float) -> str | None:
    """Whether it begins too late, or ends after the window or the deadline."""
    if choice.time_s is None and start_s > 0:
        return f"{pool.id} is there in {format_duration(start_s)} only"
    if pool.ends_in_s is not None and start_s + needs_s > pool.ends_in_s + NEARLY_S:
        room_s = max(pool.ends_in_s - start_s, 0.0)
        return f"{pool.id} is there for {format_duration(room_s)}, not {_long(needs_s)}"
    if choice.must_end_s is not None and start_s + needs_s > choice.must_end_s + NEARLY_S:
        return f"waiting {format_duration(start_s)} for {pool.id} would miss the deadline"
    return None


def _long(needs_s: float) -> str:
    return f"the {format_duration(needs_s)} that are needed"


def there_today(problem: Problem) -> frozenset[tuple[str, str]]:
    """(choice, pool) of jobs that run today: they began in time, and need less than their whole time now."""
    jobs = {choice.id for choice in problem.choices if choice.time_s is not None}
    return frozenset((a.choice, a.pool) for a in problem.current if a.choice in jobs and a.replicas > 0)


def timely(problem: Problem, pairs: Pairs) -> Pairs:
    """The pairs without pools in which a choice cannot run for its whole time: models need not hold them."""
    if all(p.starts_in_s == 0 and p.ends_in_s is None and p.longest_s is None for p in problem.pools):
        return pairs
    running = there_today(problem)

    def left(choice: Choice, pools: tuple[Pool, ...]) -> tuple[Pool, ...]:
        return tuple(p for p in pools if (choice.id, p.id) in running or untimely(choice, p) is None)

    return joined(
        (choice, [left(choice, pools) for _, pools in pairs.of(choice)])
        for choice in problem.choices
        if choice.id in pairs.own
    )


def bought_alike(problem: Problem) -> Callable[[Pool], tuple[object, ...]]:
    """All that rules of buying and of loss know of a pool, but for its price and whether it is spot."""
    spot_units = any(w.survive is not None and "spot" in w.survive.units for w in problem.workloads)
    counted: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for quota in problem.quotas:
        for pool, each in quota.each:
            counted[pool].append((quota.name, each))
    return lambda pool: (
        pool.starts_in_s,
        pool.machine if spot_units else None,
        tuple(counted.get(pool.id, ())),
    )
