"""Seats of slices in TPU pods whose places are known: each slice is a box of hosts that are free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.placement.boxes import Spot, pack_boxes, spots_around

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence

    from dcplan.catalog.slice_hosts import HostGrid
    from dcplan.placement.types import ReplicaSlot


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod, rack by rack (a cube each, or one grid)."""

    grid: HostGrid
    """Of each rack."""
    places: Mapping[str, tuple[str, ...]]
    """Names of the places of each rack, in the order of the grid."""
    free: Mapping[str, frozenset[int]]
    """Those that nobody holds."""

    def place(self, name: str) -> tuple[str, int] | None:
        """The rack and the number of a place; None for a name that the pod does not have."""
        rack = name.rpartition("/")[0]
        cells = self.places.get(rack, ())
        return (rack, cells.index(name)) if name in cells else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSeats:
    """What seating writes down."""

    racks: dict[str, str]
    """Machine to rack."""
    nodes: dict[str, str]
    """Machine to the name of its place."""
    left: Counter[str]
    """Free machines by rack."""

    def give(self, machines: Sequence[str], spots: Sequence[Spot], pod: Pod) -> None:
        """Places for machines, one after the other; those that stand are passed over."""
        cells = [(rack, cell) for rack, own in spots for cell in own]
        for machine, (rack, cell) in zip(machines, cells, strict=True):
            if machine not in self.racks:
                self.racks[machine] = rack
                self.nodes[machine] = pod.places[rack][cell]
                self.left[rack] -= 1


def seat_slices(
    pod: Pod,
    gangs: Sequence[ReplicaSlot],
    alone: Sequence[str],
    seats: PodSeats,
    standing: Mapping[str, str],
) -> list[str]:
    """Give places to what has none; the names of gangs that are no slice, or for which there is no room.

    ``alone`` are machines of no gang.  ``standing``: machine to the place where it stands today.
    """
    free = {rack: set(cells) for rack, cells in pod.free.items()}
    lost, new = [], {}
    for gang in gangs:
        stand = {i: standing[m] for i, m in enumerate(gang.machines) if m in seats.racks and m in standing}
        if all(m in seats.racks for m in gang.machines):
            continue
        if not any(m in seats.racks for m in gang.machines):
            new[gang.name] = gang
            continue
        held = {i: place for i, name in stand.items() if (place := pod.place(name)) is not None}
        frozen = {rack: frozenset(cells) for rack, cells in free.items()}
        spot = spots_around(len(gang.machines), held, frozen, pod.grid)
        if spot is None:
            lost.append(gang.name)
            continue
        free[spot[0]] -= set(spot[1])
        seats.give(gang.machines, [spot], pod)
    frozen = {rack: frozenset(cells) for rack, cells in free.items()}
    waiting = [m for m in alone if m not in seats.racks]
    wanted = {name: len(gang.machines) for name, gang in new.items()}
    packed = pack_boxes({**wanted, **dict.fromkeys(waiting, 1)}, frozen, pod.grid)
    for name, spots in packed.spots.items():
        seats.give(new[name].machines if name in new else [name], spots, pod)
    return [*lost, *(name for name in new if name not in packed.spots)]
