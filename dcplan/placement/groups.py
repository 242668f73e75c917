"""Seats of gangs whose tensor, context or expert groups are wider than a machine: each group in one rack."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.placement.cuts import Sender, by_rack, deal
from dcplan.placement.naming import by_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouped:
    """A gang, and how many of its machines, one after the other, need one scale-up domain."""

    name: str
    machines: tuple[str, ...]
    """In rank order."""
    group: int


def torn(gang: Grouped, racks: Mapping[str, str]) -> bool:
    """Whether a group of it, as far as it stands, is in more than one rack."""
    return any(
        len({racks[m] for m in gang.machines[first : first + gang.group] if m in racks}) > 1
        for first in range(0, len(gang.machines), gang.group)
    )


def seat_groups(gangs: Sequence[Grouped], room: Mapping[str, int], racks: dict[str, str]) -> list[str]:
    """Give racks to those of these gangs that do not stand yet; the names of those for which there are none.

    ``racks`` has where machines stand, and gets the new ones; ``room`` is what
    is free.  Whole gangs go into the tightest rack, others take what holds most
    of their groups; where that leaves one out, all are seated together, exactly.
    """
    lost = [gang.name for gang in gangs if torn(gang, racks) or _in_part(gang, racks)]
    waiting = [gang for gang in gangs if gang.machines[0] not in racks and gang.name not in lost]
    waiting.sort(key=lambda g: (-len(g.machines), by_number(g.name)))
    found = _one_by_one(waiting, room)
    if found is None:
        found = _together(waiting, room)
    for gang in waiting:
        if gang.name in found:
            racks.update(zip(gang.machines, found[gang.name], strict=True))
        else:
            lost.append(gang.name)
    return lost


def _in_part(gang: Grouped, racks: Mapping[str, str]) -> bool:
    """Some of its machines stand and some do not: the new ones may find no place beside the old."""
    return 0 < sum(m in racks for m in gang.machines) < len(gang.machines)


def _one_by_one(gangs: Sequence[Grouped], room: Mapping[str, int]) -> dict[str, list[str]] | None:
    """The rack of each machine of each gang; None where one is left out."""
    left = Counter(room)
    found: dict[str, list[str]] = {}
    for gang in gangs:
        places: list[str] = []
        while len(places) < len(gang.machines):
            missing = len(gang.machines) - len(places)
            holding = [rack for rack in sorted(left) if left[rack] >= min(gang.group, missing)]
            if not holding:
                return None
            fitting = [rack for rack in holding if left[rack] >= missing]
            rack = min(fitting, key=lambda r: left[r]) if fitting else max(holding, key=lambda r: left[r])
            taken = missing if fitting else left[rack] // gang.group * gang.group
            places += [rack] * taken
            left[rack] -= taken
        found[gang.name] = places
    return found


def _together(gangs: Sequence[Grouped], room: Mapping[str, int]) -> dict[str, list[str]]:
    """The same for all at once, in as few racks as can be; without one of them where that has no answer."""
    rest = list(gangs)
    while rest:
        senders = [
            Sender(name=g.name, machines=len(g.machines), sent_bytes_per_s=0.0, group=g.group) for g in rest
        ]
        group = {g.name: g.group for g in rest}
        dealt = deal(senders, room, {}, {})
        if dealt.seats is not None:
            return {
                name: [rack for rack, count in by_rack(racks, group[name]) for _ in range(count)]
                for name, racks in dealt.seats.items()
            }
        rest.pop(0)
    return {}
