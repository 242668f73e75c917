"""Gangs of one pool that lie in several racks: keep uplinks wide enough, then choose racks by rank."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.placement.cuts import Sender, by_rack, crossing, deal, overloaded
from dcplan.placement.groups import Grouped, torn
from dcplan.placement.ranked import better_ranked
from dcplan.placement.types import RackRule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dcplan.placement.types import Choice, ReplicaSlot


@dataclass(frozen=True, slots=True, kw_only=True)
class Seating:
    """One pool while gangs are seated in it."""

    pool: str
    choices: Mapping[str, Choice]
    groups: Mapping[str, int]
    """Replica to so many of its machines, one after the other, that need one rack."""
    left: Counter[str]
    """Free machines by rack."""
    racks: dict[str, str]
    """Machine to rack, those of today too."""
    today: Mapping[str, str]
    """What stands already."""
    uplinks: Mapping[str, float]
    """Bytes/s out of each rack."""

    def stands(self, gang: ReplicaSlot) -> bool:
        """Some of it stood before."""
        return any(m in self.today for m in gang.machines)

    def senders(self, gangs: Iterable[ReplicaSlot]) -> dict[str, Sender]:
        """Those that have racks, by name."""
        return {
            g.name: Sender(
                name=g.name,
                machines=len(g.machines),
                sent_bytes_per_s=self.choices[g.choice].sent_bytes_per_s or 0.0,
                group=self.groups.get(g.name, 1),
            )
            for g in gangs
            if all(m in self.racks for m in g.machines)
        }

    def crowded(self, gangs: Sequence[ReplicaSlot]) -> bool:
        """Several of them together send more out of a rack than its uplink carries."""
        senders = self.senders(gangs)
        seats = {g.name: Counter(self.racks[m] for m in g.machines) for g in gangs if g.name in senders}
        return bool(overloaded(seats, senders, self.uplinks))

    def move(self, gang: ReplicaSlot, racks: Iterable[str]) -> None:
        """Other racks for a gang, in the order of its machines."""
        for machine, rack in zip(gang.machines, racks, strict=True):
            self.left[self.racks[machine]] += 1
            self.left[rack] -= 1
            self.racks[machine] = rack


def widened(hall: Seating, gangs: Sequence[ReplicaSlot]) -> RackRule | None:
    """Seat gangs again where they meet on an uplink that is too narrow; what was learned where that fails."""
    if not hall.crowded(gangs):
        return None
    senders = hall.senders(gangs)
    moving = [g for g in gangs if g.name in senders and not hall.stands(g)]
    names = {g.name for g in moving}
    room, standing = Counter(hall.left), defaultdict[str, float](float)
    for gang in gangs:
        if gang.name in senders:
            for rack, inside in Counter(hall.racks[m] for m in gang.machines).items():
                if gang.name in names:
                    room[rack] += inside
                else:
                    standing[rack] += crossing(senders[gang.name], inside)
    dealt = deal([senders[g.name] for g in moving], room, hall.uplinks, standing)
    if dealt.seats is None:
        sending = tuple(sorted({g.choice for g in gangs if g.name in senders}))
        proven = dealt.proven and len(moving) == len(gangs)
        return RackRule(
            pool=hall.pool, choices=sending, at_most=len(senders) - 1, law="cut-bandwidth", proven=proven
        )
    for gang in moving:
        racks = by_rack(dealt.seats[gang.name], senders[gang.name].group)
        hall.move(gang, [rack for rack, count in racks for _ in range(count)])
    return None


def ranked(hall: Seating, gangs: Sequence[ReplicaSlot]) -> None:
    """Seat new gangs again where ranks that talk to each other can share more racks.

    What stands keeps its order, so that the next plan has nothing to change.
    """
    between = {g.name: b for g in gangs if (b := hall.choices[g.choice].between) is not None}
    new = [
        g
        for g in gangs
        if g.name in between
        and between[g.name].machines == len(g.machines)
        and not hall.stands(g)
        and all(m in hall.racks for m in g.machines)
    ]
    if not new:
        return
    before = {g.name: tuple(hall.racks[m] for m in g.machines) for g in new}
    room = hall.left + Counter(rack for racks in before.values() for rack in racks)
    found = better_ranked(before, between, room)
    if found is None:
        return
    for gang in new:
        hall.move(gang, found[gang.name])
    whole = (Grouped(name=g.name, machines=g.machines, group=hall.groups.get(g.name, 1)) for g in new)
    if hall.crowded(gangs) or any(torn(gang, hall.racks) for gang in whole):
        for gang in new:
            hall.move(gang, before[gang.name])
