"""The cheapest way to empty so many machines of one domain: how few groups must leave.

Groups that span machines tie them together.  The machines of a domain fall
into components; a machine that shares no group with another is one alone.
Each component has a list of options (so many machines emptied, these groups
gone), and the options of all components are joined by dynamic programming
over the machines emptied.  Nothing here asks where the groups go, so the sum
over the cheapest domains bounds every plan from below.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from dcplan.placement.defrag.room import Ints
from dcplan.placement.defrag.types import Domain, Standing

GROUP = 1 << 24
"""Weight of one group that leaves; what it takes (devices) breaks ties below that."""

ROUNDING = 1 << 12
"""Above what rounding takes from the shares of groups, far below a group."""

FAR = 1 << 60
"""Weight of what cannot be."""

MOST_TIED = 8
"""Groups of a component whose subsets are all looked at; with more, the bound is loosened instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """Some machines of a component emptied."""

    nodes: tuple[int, ...]
    groups: frozenset[int]
    weight: int
    low: int
    """No way to empty so many of its machines weighs less; below ``weight`` where not all ways are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Emptied:
    """Machines to be emptied in one domain, and the groups that must leave for it."""

    nodes: tuple[int, ...]
    groups: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """Of one domain, for 0, 1, 2 ... slices: the fewest groups that leave, and how."""

    bound: tuple[int, ...]
    """No way has fewer groups leave."""
    weight: tuple[int, ...]
    """Of ``ways``: groups first, then what they take."""
    ways: tuple[Emptied, ...]


def drain(standing: Standing, domain: Domain) -> Drain:
    """The cheapest ways to free slices in one domain."""
    options = [_options(standing, nodes) for nodes in components(standing, domain)]
    wanted = [count * domain.slice_nodes for count in range(domain.most_slices + 1)]
    best, back = joined([[(len(o.nodes), o.weight) for o in one] for one in options], wanted[-1])
    low, _ = joined([[(len(o.nodes), o.low) for o in one] for one in options], wanted[-1])
    return Drain(
        bound=tuple((int(low[size]) + ROUNDING) // GROUP for size in wanted),
        weight=tuple(int(best[size]) for size in wanted),
        ways=tuple(_way(options, back, size) for size in wanted),
    )


def components(standing: Standing, domain: Domain) -> list[tuple[int, ...]]:
    """The machines of a domain, tied together by groups that span them."""
    left = dict.fromkeys(domain.nodes)
    found = []
    while left:
        start = next(iter(left))
        del left[start]
        members, edge = [start], [start]
        while edge:
            for group in standing.on[edge.pop()]:
                for node in standing.groups[group].seats:
                    if node in left:
                        del left[node]
                        members.append(node)
                        edge.append(node)
        found.append(tuple(members))
    return found


def weight_of(standing: Standing, groups: Iterable[int]) -> int:
    """Groups first, then the devices that they take."""
    return sum(
        GROUP + len(standing.groups[one].seats) * standing.groups[one].size_milli // 1000 for one in groups
    )


def _options(standing: Standing, nodes: Sequence[int]) -> list[Option]:
    """Ways to empty machines of one component, none worse than another in both."""
    tied = sorted({g for n in nodes for g in standing.on[n] if len(set(standing.groups[g].seats)) > 1})
    if len(tied) > MOST_TIED:
        return _loose_options(standing, nodes)
    found = []
    for size in range(len(tied) + 1):
        for gone in combinations(tied, size):
            stays = set(tied) - set(gone)
            open_nodes = [n for n in nodes if not stays.intersection(standing.on[n])]
            alone = {n: [g for g in standing.on[n] if g not in gone] for n in open_nodes}
            weights = {n: weight_of(standing, alone[n]) for n in open_nodes}
            order = sorted(open_nodes, key=weights.__getitem__)
            base = weight_of(standing, gone)
            for count in range(len(order) + 1):
                chosen = order[:count]
                weight = base + sum(weights[n] for n in chosen)
                groups = frozenset(gone).union(*(alone[n] for n in chosen))
                found.append(Option(nodes=tuple(chosen), groups=groups, weight=weight, low=weight))
    return _undominated(found)


def _undominated(options: list[Option]) -> list[Option]:
    """Of each number of machines the lightest, and only where more machines weigh more."""
    kept: list[Option] = []
    for one in sorted(options, key=lambda o: (o.weight, -len(o.nodes))):
        if not kept or len(one.nodes) > len(kept[-1].nodes):
            kept.append(one)
    return kept


def _loose_options(standing: Standing, nodes: Sequence[int]) -> list[Option]:
    """The same where too many groups are tied together: machines in order of the shares of groups on them.

    The bound splits each group evenly over its machines, which no way to empty
    machines can undercut, because it has to pay for the whole of each group.
    """
    groups = standing.groups
    parts = {n: sum(GROUP // len(set(groups[g].seats)) for g in standing.on[n]) for n in nodes}
    order = sorted(nodes, key=parts.__getitem__)
    found, gone, low = [Option(nodes=(), groups=frozenset(), weight=0, low=0)], set[int](), 0
    for count, node in enumerate(order, start=1):
        gone |= set(standing.on[node])
        low += parts[node]
        found.append(
            Option(
                nodes=tuple(order[:count]), groups=frozenset(gone), weight=weight_of(standing, gone), low=low
            )
        )
    return found


def joined(options: Sequence[Sequence[tuple[int, int]]], most: int) -> tuple[Ints, list[Ints]]:
    """Least weight to get at least 0 .. ``most`` of something, and the option of each chooser that gives it.

    An option is how much it gives and what it weighs; each chooser takes one:
    ``best[j] = min over options (n, w): before[max(0, j - n)] + w``.
    """
    best = np.full(most + 1, FAR, dtype=np.int64)
    best[0] = 0
    back = []
    for one in options:
        joined = np.full(most + 1, FAR, dtype=np.int64)
        picked = np.zeros(most + 1, dtype=np.int64)
        for at, (count, weight) in enumerate(one):
            shifted = best
            if count:
                shifted = np.concatenate(
                    [np.full(min(count, most + 1), best[0]), best[: max(0, most + 1 - count)]]
                )
            better = shifted + weight < joined
            joined = np.where(better, shifted + weight, joined)
            picked = np.where(better, at, picked)
        best = joined
        back.append(picked)
    return best, back


def _way(options: list[list[Option]], back: list[Ints], size: int) -> Emptied:
    """Walk the choices back from ``size`` machines; what is emptied beyond them may take others in."""
    nodes: list[int] = []
    groups: set[int] = set()
    left = size
    for one, picked in zip(reversed(options), reversed(back), strict=True):
        option = one[int(picked[left])]
        nodes += option.nodes
        groups |= option.groups
        left = max(0, left - len(option.nodes))
    return Emptied(nodes=tuple(sorted(nodes[:size])), groups=frozenset(groups))
