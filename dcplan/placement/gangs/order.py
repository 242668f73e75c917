"""The order in which a floor is filled: the largest first, those that belong together one after the other."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.placement.gangs.types import Gang


def groups_in_order(gangs: Sequence[Gang], first: Sequence[str], devices: int) -> list[list[Gang]]:
    """Gangs in the order of seating; those that want to be with others come right after them."""
    by_name = {gang.name: gang for gang in gangs}
    leader = {name: name for name in by_name}

    def lead(name: str) -> str:
        while leader[name] != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    for gang in gangs:
        for tie in gang.ties:
            if not tie.apart and tie.other in by_name:
                leader[lead(gang.name)] = lead(tie.other)
    groups: defaultdict[str, list[Gang]] = defaultdict(list)
    for gang in gangs:
        groups[lead(gang.name)].append(gang)
    soon = {name: place for place, name in enumerate(first)}

    def size(gang: Gang) -> tuple[int, int]:
        return -(gang.devices or devices), -gang.nodes

    for members in groups.values():
        members.sort(key=size)
    ordered = [_others_first(members) for members in groups.values()]
    return sorted(
        ordered,
        key=lambda m: (min(soon.get(g.name, len(soon)) for g in m), min(size(g) for g in m)),
    )


def _others_first(members: Sequence[Gang]) -> list[Gang]:
    """Each after those that it wants to be with; where they want it of each other, as they are."""
    names = {gang.name for gang in members}
    waits = {gang.name: {t.other for t in gang.ties if not t.apart} & names for gang in members}
    out: list[Gang] = []
    left = list(members)
    while left:
        done = {gang.name for gang in out}
        ready = [gang for gang in left if waits[gang.name] <= done] or left[:1]
        out += ready
        placed = {gang.name for gang in ready}
        left = [gang for gang in left if gang.name not in placed]
    return out
