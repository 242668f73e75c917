"""Which free node a new machine gets.

A machine of its own goes where it leaves the largest racks whole; the machines
of a gang go into as few racks, of as few blocks, as is still possible, one call
after the other.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_Key = TypeVar("_Key", "Rack", tuple[str, str])


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Rack:
    """A place in the data centre."""

    zone: str
    block: str
    name: str


def choose_rack(free: Mapping[Rack, int], gang_size: int, gang_in: Iterable[Rack]) -> Rack | None:
    """The rack of the next machine, or None when nothing is free.

    ``free`` counts free nodes by rack (0 is as good as absent).  ``gang_size``
    is 1 for a machine of its own; ``gang_in`` lists the racks in which members
    of the gang already are, once for each.
    """
    racks = {rack: count for rack, count in free.items() if count > 0}
    if not racks:
        return None
    members = list(gang_in)
    missing = max(1, gang_size - len(members))
    near = _near(racks, members)
    if near is not None:
        return _fitting(near, missing)
    by_block: dict[tuple[str, str], dict[Rack, int]] = defaultdict(dict)
    for rack, count in racks.items():
        by_block[rack.zone, rack.block][rack] = count
    if gang_size == 1:
        # Whole racks, not whole blocks, are what a later gang needs.
        return _fitting(racks, 1)
    block = _fitting({key: sum(part.values()) for key, part in by_block.items()}, missing)
    return _fitting(by_block[block], missing)


def _near(racks: Mapping[Rack, int], members: list[Rack]) -> dict[Rack, int] | None:
    """The free racks where the gang already is, or else those of its blocks."""
    same_rack = {rack: racks[rack] for rack in members if rack in racks}
    if same_rack:
        return same_rack
    blocks = {(rack.zone, rack.block) for rack in members}
    return {rack: count for rack, count in racks.items() if (rack.zone, rack.block) in blocks} or None


def _fitting(free: Mapping[_Key, int], wanted: int) -> _Key:
    """The smallest that holds all that is wanted, else the largest; the first name among equals."""
    return min(
        free, key=lambda key: (free[key] < wanted, free[key] if free[key] >= wanted else -free[key], key)
    )
