"""What would be planned anew if machines are sold out wherever a plan may have them: asked beforehand.

Each answer is a whole placement of the layouts that the plan was chosen from, so it is what the next
plan would decide.  A bounded amount of such questions is asked, counted in pairs of choice and pool and
never in time, so that equal documents have equal answers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dcplan.plan.current import assignment_of
from dcplan.plan.next_best import Bought, Instead, NextBest
from dcplan.resources import Action
from dcplan.workflow.falling_back import fallbacks, without, without_sold_out
from dcplan.workflow.placing import place
from dcplan.workflow.settings import settings_of
from dcplan.workflow.types import AS_ALWAYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dcplan.placement.types import Pool
    from dcplan.plan.fallbacks import Fallback
    from dcplan.plan.next_best import Ended
    from dcplan.resources import Change
    from dcplan.state.types import State
    from dcplan.workflow.placing import Placed
    from dcplan.workflow.types import Checked, Decided, Gathered, Tuning

EFFORT = 1_300
"""Pairs of choice and pool in all questions together."""
LEAST_PAIRS = 325
"""As which a smaller question counts: asking costs something, too."""
MOST_MACHINES = 1_000
"""Machines of a plan; with more nothing is asked."""
MOST_STEPS = 3
"""One after the other, each with what the one before buys sold out, too."""

Sort = tuple[str, str, str, str]
"""Provider, machine type, way to buy it, region: machines that are sold out together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was planned, and from what."""

    checked: Checked
    gathered: Gathered
    """What was on offer, without what was left out because it was sold out."""
    decided: Decided
    placed: Placed
    state: State
    tuning: Tuning

    def pools_of(self, sorts: Iterable[Sort]) -> frozenset[str]:
        """All pools of these sorts."""
        wanted = set(sorts)
        return frozenset(p.id for p in self.decided.pools.values() if sort_of(p) in wanted)


def if_sold_out(  # noqa: PLR0913, PLR0917 - the values of the stages before it
    checked: Checked,
    gathered: Gathered,
    decided: Decided,
    state: State,
    changes: Sequence[Change],
    tuning: Tuning = AS_ALWAYS,
) -> tuple[tuple[Fallback, ...], tuple[NextBest, ...]]:
    """Where else machines that ``changes`` buy may be had, and what is planned anew without all of these.

    The latter only where the document wants machines of other types and regions had, too.
    """
    others = fallbacks(checked, gathered, decided, changes)
    if settings_of(checked.loaded.document).failover in {"pools", "never"}:
        return others, ()
    return others, next_best(checked, gathered, decided, state, changes, others, tuning)


def next_best(  # noqa: PLR0913, PLR0917 - as ``if_sold_out``
    checked: Checked,
    gathered: Gathered,
    decided: Decided,
    state: State,
    changes: Iterable[Change],
    fallbacks: Sequence[Fallback],
    tuning: Tuning = AS_ALWAYS,
) -> tuple[NextBest, ...]:
    """What is planned anew if machines that ``changes`` buy are sold out wherever they may be had.

    For each type of machine by itself where that is little work, else for all of them together.
    """
    made = Counter(
        str(c.after.attributes["pool"])
        for c in changes
        if c.after is not None and "pool" in c.after.attributes and c.action in _MAKES
    )
    if decided.placed is None or not made.keys() & decided.pools.keys() or tuning.timeout_s is not None:
        return ()
    limited = without(gathered, state, tuning.without)
    if decided.around_sold_out:
        limited = without_sold_out(checked, limited, state)
    seen = Seen(
        checked=checked,
        gathered=limited,
        decided=decided,
        placed=decided.placed,
        state=state,
        tuning=replace(tuning, quick=True),
    )
    groups = _groups(seen, made, fallbacks)
    pairs = max(LEAST_PAIRS, sum(len(choice.pools) for choice in decided.placed.problem.choices))
    questions = EFFORT // pairs
    if len(decided.placed.assignment.machines) > MOST_MACHINES or not questions:
        return (replace(_joined(groups), ended="not-computed"),)
    if questions < len(groups):
        groups = [_joined(groups)]
    steps = min(MOST_STEPS, questions // len(groups))
    return tuple(_foreseen(seen, group, steps) for group in groups)


_MAKES = {Action.CREATE, Action.REPLACE}


def sort_of(pool: Pool) -> Sort:
    """Which machines it is sold out with."""
    return pool.provider, pool.machine, pool.purchase, pool.region


def _groups(seen: Seen, made: Counter[str], fallbacks: Sequence[Fallback]) -> list[NextBest]:
    """The new machines by their type, with all pools of their sort where the plan may have them."""
    pools = seen.decided.pools
    others: defaultdict[str, set[str]] = defaultdict(set)
    for fallback in fallbacks:
        others[fallback.pool] |= {other.pool for other in fallback.alternatives}
    counts: Counter[tuple[str, str]] = Counter()
    sorts: defaultdict[tuple[str, str], set[Sort]] = defaultdict(set)
    for name, count in made.items():
        if name in pools:
            key = pools[name].provider, pools[name].machine
            counts[key] += count
            sorts[key] |= {sort_of(pools[p]) for p in {name, *others[name]} if p in pools}
    return [
        NextBest(
            machines=(machine,),
            regions=tuple(sorted({region for *_, region in sorts[provider, machine]})),
            count=count,
            pools=_named(seen, seen.pools_of(sorts[provider, machine])),
        )
        for (provider, machine), count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    ]


def _named(seen: Seen, pools: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(f"{seen.decided.pools[pool].provider}/{pool}" for pool in pools))


def _joined(groups: Sequence[NextBest]) -> NextBest:
    """All of them sold out at once."""
    return NextBest(
        machines=tuple(dict.fromkeys(machine for one in groups for machine in one.machines)),
        regions=tuple(sorted({region for one in groups for region in one.regions})),
        count=sum(one.count for one in groups),
        pools=tuple(sorted({pool for one in groups for pool in one.pools})),
    )


def _foreseen(seen: Seen, group: NextBest, most: int) -> NextBest:
    """The group with what is planned anew, step after step."""
    steps: list[Instead] = []
    gone = {*group.pools}
    ended: Ended = "enough"
    for _ in range(most):
        offered = without(seen.gathered, seen.state, gone)
        placed = place(
            seen.checked, offered, seen.decided.found, seen.decided.classes, seen.state, seen.tuning
        )
        if placed.value is None:
            codes = {d.code for d in placed.diagnostics}
            ended = "not-computed" if "placement-limit" in codes else "nothing-fits"
            break
        more = _more(seen, placed.value)
        steps.append(_instead(seen, placed.value, more))
        gone |= {*_named(seen, seen.pools_of({sort_of(seen.decided.pools[p]) for p in more}))}
    return replace(group, steps=tuple(steps), ended=ended)


def _more(seen: Seen, other: Placed) -> Counter[str]:
    """Machines by pool that ``other`` has, and that neither the plan has nor anybody today."""
    here, there = (
        Counter({use.pool: use.machines for use in one.solution.pools}) for one in (seen.placed, other)
    )
    return there - (here | Counter(m.pool for m in assignment_of(seen.state.resources.values()).machines))


def _instead(seen: Seen, other: Placed, more: Counter[str]) -> Instead:
    buys: Counter[tuple[str, str, str]] = Counter()
    for name, count in more.items():
        pool = seen.decided.pools[name]
        buys[pool.provider, pool.region, pool.machine] += count
    standing = {m.name for m in assignment_of(seen.state.resources.values()).machines}
    kept, kept_there = ({m.name for m in one.assignment.machines} for one in (seen.placed, other))
    runs, runs_there = ({a.workload for a in one.solution.allotments} for one in (seen.placed, other))
    here, there = seen.placed.solution, other.solution
    cost = there.usd_per_h + there.egress_usd_per_h - here.usd_per_h - here.egress_usd_per_h
    return Instead(
        buys=tuple(
            Bought(provider=provider, region=region, machine=machine, machines=count)
            for (provider, region, machine), count in sorted(buys.items(), key=lambda one: (-one[1], one[0]))
        ),
        usd_per_h=round(cost, 9),
        lets_go=len(standing & kept - kept_there),
        leaves_out=tuple(sorted(runs - runs_there)),
    )
