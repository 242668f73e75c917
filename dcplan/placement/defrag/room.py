"""Free room on machines, as jobs come and go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from dcplan.demand.jobs import WHOLE_DEVICE_MILLI
from dcplan.placement.defrag.types import Group, Needs, Standing

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

PLENTY = 1 << 30
"""Parts that fit where they need nothing."""


@lru_cache(maxsize=1 << 16)
def devices_for_shares(shares: tuple[int, ...]) -> int:
    """The fewest devices that hold these shares (thousandths, largest first): bin packing, exactly.

    First-fit decreasing, and where that is above the volume bound a search by
    depth with one device fewer each time.
    """
    bound = -(-sum(shares) // WHOLE_DEVICE_MILLI)
    fills: list[int] = []
    for share in shares:
        at = next((i for i, fill in enumerate(fills) if fill + share <= WHOLE_DEVICE_MILLI), None)
        if at is None:
            fills.append(share)
        else:
            fills[at] += share
    best = len(fills)
    while best > bound and _pack(shares, [0] * (best - 1)):
        best -= 1
    return best


def _pack(shares: Sequence[int], fills: list[int]) -> bool:
    """Whether the shares fit on so many devices, filled so far; equal fills are tried once."""
    if not shares:
        return True
    for fill in sorted(set(fills), reverse=True):
        if fill + shares[0] <= WHOLE_DEVICE_MILLI:
            at = fills.index(fill)
            fills[at] += shares[0]
            if _pack(shares[1:], fills):
                return True
            fills[at] -= shares[0]
    return False


class Room:
    """What is free on each machine; changes as groups are taken out and put in."""

    def __init__(self, standing: Standing) -> None:
        """The room of today."""
        nodes = standing.nodes
        self._whole = np.array([node.devices for node in nodes], dtype=np.int64)
        self.cpu: Ints = np.array([node.cpu_milli for node in nodes], dtype=np.int64)
        self.memory: Ints = np.array([node.memory_mib for node in nodes], dtype=np.int64)
        self.devices: Ints = self._whole.copy()
        self.domain: Ints = np.array(standing.domain_of, dtype=np.int64)
        self._shares: dict[int, tuple[int, ...]] = {}
        self._gap: Ints = np.zeros(len(nodes), dtype=np.int64)
        self._models = [node.model for node in nodes]
        self._allowed: dict[tuple[str, ...], Flags] = {}
        for group in standing.groups:
            self.put(group.needs, group.seats)

    def copy(self) -> Room:
        """The same room, to be changed apart."""
        twin = copy(self)
        for name in ("_whole", "cpu", "memory", "devices", "_gap"):
            setattr(twin, name, getattr(self, name).copy())
        twin._shares = dict(self._shares)  # noqa: SLF001 - its own twin
        return twin

    def put(self, needs: Needs, seats: Iterable[int], sign: int = 1) -> None:
        """Parts with these needs now run on these nodes, too."""
        devices, share, cpu, memory = needs
        for node in seats:
            self._whole[node] -= sign * devices
            self.cpu[node] -= sign * cpu
            self.memory[node] -= sign * memory
            if share:
                self._shares[node] = _changed(self._shares.get(node, ()), share, sign)
            self._refresh(node)

    def take(self, needs: Needs, seats: Iterable[int]) -> None:
        """Parts with these needs have left these nodes."""
        self.put(needs, seats, -1)

    def _refresh(self, node: int) -> None:
        """Whole free devices, and how much of the shared ones is free at least."""
        shares = self._shares.get(node, ())
        used = devices_for_shares(shares)
        self.devices[node] = self._whole[node] - used
        self._gap[node] = used * WHOLE_DEVICE_MILLI - sum(shares)

    def put_all(self, needs: Needs, seats: Sequence[int]) -> bool:
        """``put`` where every part fits, else nothing and False."""
        for count, node in enumerate(seats):
            if not self.fits_on(needs, node):
                self.take(needs, seats[:count])
                return False
            self.put(needs, (node,))
        return True

    def allowed(self, models: tuple[str, ...]) -> Flags:
        """Nodes with one of these models; all nodes where none is named."""
        if models not in self._allowed:
            self._allowed[models] = np.array(
                [not models or model in models for model in self._models], dtype=np.bool_
            )
        return self._allowed[models]

    def fits_on(self, needs: Needs, node: int) -> bool:
        """Whether one part fits on one node."""
        devices, share, cpu, memory = needs
        if devices > self.devices[node] or cpu > self.cpu[node] or memory > self.memory[node]:
            return False
        if not share:
            return True
        shares = _changed(self._shares.get(node, ()), share, 1)
        return devices_for_shares(shares) <= int(self._whole[node])

    def counts(self, needs: Needs) -> Ints:
        """How many such parts fit on each node; for shares at most, because gaps of devices do not join."""
        devices, share, cpu, memory = needs
        most = np.full(len(self.devices), PLENTY, dtype=np.int64)
        if devices:
            most = self.devices // devices
        if share:
            most = self.devices * (WHOLE_DEVICE_MILLI // share) + self._gap // share
        if cpu:
            most = np.minimum(most, self.cpu // cpu)
        if memory:
            most = np.minimum(most, self.memory // memory)
        return np.maximum(most, 0)

    def seat(self, group: Group, usable: Flags, domain: int | None = None) -> tuple[int, ...]:
        """Nodes for all parts of a group, in one domain and tight, and take them; empty where there is none.

        ``usable``: nodes that may be used; ``domain``: only there.
        """
        counts = np.where(usable & self.allowed(group.models), self.counts(group.needs), 0)
        if domain is not None:
            counts = np.where(self.domain == domain, counts, 0)
        if len(group.seats) == 1:
            return self._one(group.needs, counts)
        parts = len(group.seats)
        totals = np.bincount(self.domain, weights=np.minimum(counts, parts))
        order = np.argsort(totals, kind="stable")
        for chosen in order[np.searchsorted(totals[order], parts) :]:
            seats = self._several(group.needs, parts, counts, np.flatnonzero(self.domain == chosen))
            if seats:
                return seats
        return ()

    def _one(self, needs: Needs, counts: Ints) -> tuple[int, ...]:
        """The tightest node for one part: the fewest devices free, then the fewest cores."""
        free = self.devices * WHOLE_DEVICE_MILLI + self._gap
        keys = np.where(counts > 0, free * PLENTY + np.minimum(self.cpu, PLENTY - 1), np.iinfo(np.int64).max)
        for _ in range(int(np.count_nonzero(counts))):
            node = int(keys.argmin())
            if self.fits_on(needs, node):
                self.put(needs, (node,))
                return (node,)
            keys[node] = np.iinfo(np.int64).max
        return ()

    def _several(self, needs: Needs, parts: int, counts: Ints, nodes: Ints) -> tuple[int, ...]:
        """Nodes of one domain for so many parts, the tightest first; all or none."""
        seats: list[int] = []
        for node in nodes[np.argsort(self.devices[nodes], kind="stable")].tolist():
            for _ in range(min(int(counts[node]), parts - len(seats))):
                if not self.fits_on(needs, node):
                    break
                self.put(needs, (node,))
                seats.append(node)
        if len(seats) == parts:
            return tuple(sorted(seats))
        self.take(needs, seats)
        return ()


def _changed(shares: tuple[int, ...], share: int, sign: int) -> tuple[int, ...]:
    """The shares with one more or one fewer, largest first."""
    changed = list(shares)
    if sign > 0:
        changed.append(share)
    else:
        changed.remove(share)
    return tuple(sorted(changed, reverse=True))
