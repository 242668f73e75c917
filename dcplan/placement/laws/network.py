"""Near enough to the users."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain, combinations
from math import ceil, inf
from typing import TYPE_CHECKING

from dcplan.diag import plural
from dcplan.placement.fleet_types import WHOLE_LOAD
from dcplan.placement.model import Rule
from dcplan.placement.scale import part_down, part_up
from dcplan.units import format_duration, format_percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dcplan.placement.cpsat import Var
    from dcplan.placement.model import Builder
    from dcplan.placement.place_types import NetworkRule
    from dcplan.placement.types import Choice, Pool, Workload

LOAD = 1_000_000
"""All requests of a workload, in the parts that are counted here; what a replica answers is rounded up."""

MOST_CUT = 6
"""Places of users whose subsets are all written down; with more, flows alone say the same."""

Group = tuple[int | None, ...]
"""For each place of users the first bound that pools keep to it, by rising bound; None keeps none."""

Terms = list[tuple[int, "Var"]]


def network(b: Builder) -> None:
    r"""Enough of the requests find a replica within the round trip that is promised.

    A replica answers at most its part of the load, ``part[c]``: what it carries within the SLA, or 1 / N[c]
    where that is not known.  ``y[u, g]`` is how much of the load goes from users u to the pools of group g; a
    group keeps the same bounds to all users.

        sum over u of  y[u, g]   <=   sum over c of  part[c] * n[c, g]              for each group g
        sum over g of  y[u, g]   <=   share[u]                                      for each place u
        sum over u, g within bound k of  y[u, g]   >=   quantile[k]                 for each bound k

    Of one bound this says the same as its cuts do (Ford and Fulkerson 1956), which need no flows:

        sum over c, g within bound k of any u in T of  part[c] * n[c, g]
            >=   quantile[k] - (sum over u not in T of  share[u])                   for each set of places T

    Label: ``network[w, p95]``.  A pool whose round trip is not known keeps no bound.
    """
    for w in b.problem.workloads:
        if w.network and b.choices_of[w.name]:
            bounds = sorted(w.network, key=lambda n: n.bound_s)
            rooms = _rooms(b, w, bounds)
            rules = [_rule(w, n, _unknown(b, w)) for n in bounds]
            few = len(w.users) <= MOST_CUT
            if few:
                for k, n in enumerate(bounds):
                    _cuts(b, w, rooms, (k, n, rules[k]))
            if not few or len(bounds) > 1:
                _flows(b, w, rooms, bounds, rules)


def _unknown(b: Builder, w: Workload) -> str:
    """Which pools keep no bound because nobody knows how far they are from some users, and what tells it."""
    pools = {p.id for c in b.choices_of[w.name] for p in b.pairs.own[c.id]}
    lost = sorted(p for p in pools if any(p not in user.rtt_s for user in w.users))
    if not lost:
        return ""
    some = lost[0] if len(lost) == 1 else plural(len(lost), "pool")
    return (
        f" (the round trip to {some} is not known, so that no bound is kept there; `site` of an inventory, "
        "`regions` or `latencies` tell it)"
    )


def _rule(w: Workload, n: NetworkRule, unknown: str) -> Rule:
    share, bound = format_percent(n.quantile), format_duration(n.bound_s)
    return Rule(
        law="network",
        label=f"network[{w.name}, p{n.quantile * 100:g}]",
        says=f'{share} of the requests to "{w.name}" travel for at most {bound} there and back{unknown}',
        origins=(n.origin,),
    )


def _rooms(b: Builder, w: Workload, bounds: Sequence[NetworkRule]) -> dict[Group, Terms]:
    """What the replicas of each group answer, as an expression."""
    rooms: defaultdict[Group, Terms] = defaultdict(list)
    for c in b.choices_of[w.name]:
        part = _part(c)
        for p in b.pairs.own[c.id]:
            rooms[_group(w, p, bounds)].append((part, b.replicas[c.id, p.id]))
    return rooms


def _part(c: Choice) -> int:
    """Of ``LOAD``, what one replica answers."""
    return max(-(-LOAD // c.replicas), ceil(c.weight * LOAD / WHOLE_LOAD))


def _group(w: Workload, p: Pool, bounds: Sequence[NetworkRule]) -> Group:
    return tuple(
        next((k for k, n in enumerate(bounds) if user.rtt_s.get(p.id, inf) <= n.bound_s), None)
        for user in w.users
    )


def _cuts(b: Builder, w: Workload, rooms: dict[Group, Terms], bound: tuple[int, NetworkRule, Rule]) -> None:
    """One row for each set of pools that are near to some set of places: the one that asks most of it."""
    k, n, rule = bound
    asked: dict[frozenset[Group], int] = {}
    for places in _sets(len(w.users)):
        near = frozenset(g for g in rooms if any((level := g[u]) is not None and level <= k for u in places))
        others = sum(part_down(user.share, LOAD) for u, user in enumerate(w.users) if u not in places)
        asked[near] = max(asked.get(near, 0), part_up(n.quantile, LOAD) - others)
    for near, least in asked.items():
        if least > 0:
            room = [term for group in sorted(near, key=repr) for term in rooms[group]]
            runs = [(-least * one, var) for one, var in b.runs(w.name)]
            b.require([*room, *runs], rule, at_least=0)


def _sets(count: int) -> Iterator[tuple[int, ...]]:
    """Every set of so many things but the empty one."""
    return chain.from_iterable(combinations(range(count), size) for size in range(1, count + 1))


def _flows(
    b: Builder, w: Workload, rooms: dict[Group, Terms], bounds: Sequence[NetworkRule], rules: Sequence[Rule]
) -> None:
    """Flows from users to groups, which all bounds share."""
    flows: dict[tuple[int, Group], Var] = {}
    for group, room in rooms.items():
        for u, level in enumerate(group):
            if level is not None:
                flows[u, group] = b.model.integer(0, part_down(w.users[u].share, LOAD))
        here = [(1, var) for (_, other), var in flows.items() if other == group]
        if here:
            b.define([*here, *((-part, var) for part, var in room)], high=0)
    for u, user in enumerate(w.users):
        sent = [(1, var) for (other, _), var in flows.items() if other == u]
        b.define(sent, high=part_down(user.share, LOAD))
    for k, (n, rule) in enumerate(zip(bounds, rules, strict=True)):
        near = [
            (1, var) for (u, group), var in flows.items() if (level := group[u]) is not None and level <= k
        ]
        runs = [(-part_up(n.quantile, LOAD) * one, var) for one, var in b.runs(w.name)]
        b.require([*near, *runs], rule, at_least=0)
