"""What can leave: machines in equal states form classes, and each class has a list of changes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import prod

from dcplan.demand.jobs import WHOLE_DEVICE_MILLI
from dcplan.placement.defrag.drain import components
from dcplan.placement.defrag.types import Domain, Group, Standing

MOST_CHANGES = 64
"""Ways in which one component can change that are all looked at; with more, only all or nothing leaves."""


@dataclass(frozen=True, slots=True, order=True)
class Shape:
    """What is interchangeable to the counts model."""

    parts: int
    size_milli: int
    models: tuple[str, ...]

    def takes(self, size: int) -> int:
        """Places of a smaller size that a group of this shape takes at least."""
        return self.parts * (self.size_milli // size) if size else 0


Resident = tuple[Shape, tuple[int, ...]]
"""A group in a component: its shape, and the place within the component of each part."""
State = tuple[tuple[int, ...], tuple[Resident, ...]]
"""A component: thousandths of a device of each machine, and what runs there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Some groups leave a component."""

    leaves: tuple[int, ...]
    """Which, as places in the state's residents."""
    gone: Mapping[Shape, int]
    groups: int
    emptied: int
    """Machines on which nothing runs any more."""
    slots: tuple[int, ...]
    """Places that this makes, for each size of parts."""

    def of(self, member: Member, standing: Standing) -> tuple[set[int], list[int]]:
        """The groups that leave a certain component, and the machines that this empties."""
        gone = {member.groups[at] for at in self.leaves}
        return gone, [node for node in member.nodes if gone.issuperset(standing.on[node])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One component, with names."""

    nodes: tuple[int, ...]
    groups: tuple[int, ...]
    """In the order of the state's residents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Class:
    """Components of one domain in one state."""

    members: tuple[Member, ...]
    slots: tuple[int, ...]
    """Places on one of them as it is, for each size of parts."""
    changes: tuple[Change, ...]


def shape_of(group: Group) -> Shape:
    """The shape of a group."""
    return Shape(len(group.seats), group.size_milli, group.models)


def classes_of(standing: Standing, domain: Domain, sizes: Sequence[int]) -> tuple[list[Class], bool]:
    """The classes of a domain's busy components, and whether every way in which they can change is listed."""
    members: dict[State, list[Member]] = defaultdict(list)
    for nodes in components(standing, domain):
        if not standing.on[nodes[0]]:
            continue
        state, member = _state(standing, nodes)
        members[state].append(member)
    found, complete = [], True
    for state, those in members.items():
        slots, changes, all_listed = _changes(state, tuple(sizes))
        complete &= all_listed
        found.append(Class(members=tuple(those), slots=slots, changes=changes))
    return found, complete


def _state(standing: Standing, nodes: Sequence[int]) -> tuple[State, Member]:
    """A component without names, and its names in the same order."""
    place = {node: at for at, node in enumerate(nodes)}
    groups = dict.fromkeys(at for node in nodes for at in standing.on[node])
    residents = sorted(
        (shape_of(standing.groups[at]), tuple(sorted(place[n] for n in standing.groups[at].seats)), at)
        for at in groups
    )
    state = (
        tuple(standing.nodes[node].devices * WHOLE_DEVICE_MILLI for node in nodes),
        tuple((shape, places) for shape, places, _ in residents),
    )
    return state, Member(nodes=tuple(nodes), groups=tuple(at for _, _, at in residents))


@lru_cache(maxsize=1 << 14)
def _changes(state: State, sizes: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[Change, ...], bool]:
    """Places of a component as it is, its changes, and whether they are all."""
    capacities, residents = state
    equal: dict[Resident, list[int]] = defaultdict(list)
    for at, resident in enumerate(residents):
        equal[resident].append(at)
    classes = list(equal.values())
    complete = prod(len(those) + 1 for those in classes) <= MOST_CHANGES
    counts = (
        product(*(range(len(those) + 1) for those in classes))
        if complete
        else [tuple(len(those) for those in classes)]
    )
    base = _slots(capacities, residents, frozenset(), sizes)
    found = []
    for numbers in counts:
        leaves = frozenset(at for those, n in zip(classes, numbers, strict=True) for at in those[:n])
        if not leaves:
            continue
        after = _slots(capacities, residents, leaves, sizes)
        busy = {place for at, (_, places) in enumerate(residents) if at not in leaves for place in places}
        found.append(
            Change(
                leaves=tuple(sorted(leaves)),
                gone=Counter(residents[at][0] for at in leaves),
                groups=len(leaves),
                emptied=len(capacities) - len(busy),
                slots=tuple(new - old for new, old in zip(after, base, strict=True)),
            )
        )
    return base, tuple(found), complete


def _slots(
    capacities: Sequence[int], residents: Sequence[Resident], gone: frozenset[int], sizes: Sequence[int]
) -> tuple[int, ...]:
    """Places for parts of each size, once some residents are gone."""
    free = list(capacities)
    for at, (shape, places) in enumerate(residents):
        if at not in gone:
            for place in places:
                free[place] -= shape.size_milli
    return tuple(sum(one // size for one in free) if size else 0 for size in sizes)
