"""What is free on a large floor, counted by lowest domain (leaf) and by how many devices a machine has free.

Everything is counts: (free devices, leaf) to machines.  Finding a seat costs
as much as there are leaves, not machines; a machine is looked up when it is taken.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.placement.gangs.tree import Indices, Mask, Tree


@dataclass(slots=True)
class Floor:
    """Free devices of every machine, and machines by leaf and free devices."""

    tree: Tree
    devices: int
    """Of a machine."""
    free: list[int]
    """Devices of each machine."""
    counts: Indices = field(init=False)
    """(free devices, leaf) to machines."""
    shelves: list[list[set[int]]] = field(init=False)
    """[leaf][free devices]: its machines."""
    above: Indices = field(init=False)
    """(levels, leaves): the domain around a leaf."""
    leaves_of: list[list[Indices]] = field(init=False)
    """[level][domain]: its leaves."""
    heaps: list[list[int]] = field(init=False)
    """[free devices]: leaves that have such machines, and some that no longer have."""

    def __post_init__(self) -> None:
        leaves = len(self.tree.members)
        self.counts = np.zeros((self.devices + 1, leaves), dtype=np.int64)
        self.shelves = [[set() for _ in range(self.devices + 1)] for _ in range(leaves)]
        self.above = np.zeros((len(self.tree.levels), leaves), dtype=np.int64)
        self.above[:, self.tree.at[-1]] = self.tree.at
        self.leaves_of = [
            [np.flatnonzero(row == domain) for domain in range(len(self.tree.uplink_bytes_per_s[level]))]
            for level, row in enumerate(self.above[:-1])
        ]
        self.leaves_of.append([np.array([leaf]) for leaf in range(leaves)])
        for node, leaf in enumerate(self.tree.at[-1].tolist()):
            self.counts[self.free[node], leaf] += 1
            self.shelves[leaf][self.free[node]].add(node)
        self.heaps = [np.flatnonzero(row > 0).tolist() for row in self.counts]

    def room(self, devices: int, allowed: Mask | None = None) -> Indices:
        """How many parts of so many devices each leaf can take, 0 where not allowed."""
        each = np.arange(self.devices + 1) // devices
        room = each @ self.counts
        return room if allowed is None else np.where(allowed, room, 0)

    def free_devices(self, level: int) -> Indices:
        """Of every domain of a level."""
        of_leaf = np.arange(self.devices + 1) @ self.counts
        return self.sum_up(level, of_leaf)

    def sum_up(self, level: int, of_leaf: Indices) -> Indices:
        """Sums over the leaves of each domain of a level."""
        domains = len(self.tree.uplink_bytes_per_s[level])
        return np.bincount(self.above[level], weights=of_leaf, minlength=domains).astype(np.int64)

    def change(self, node: int, devices: int) -> None:
        """Take so many devices of a machine, or give them back when negative."""
        leaf, before = int(self.tree.at[-1, node]), self.free[node]
        after = self.free[node] = before - devices
        self.counts[before, leaf] -= 1
        self.counts[after, leaf] += 1
        if self.counts[after, leaf] == 1:
            heapq.heappush(self.heaps[after], leaf)
        self.shelves[leaf][before].remove(node)
        self.shelves[leaf][after].add(node)

    def take(self, leaf: int, parts: int, devices: int) -> list[int]:
        """Machines of a leaf with room for so many parts, each where least is left over; takes them."""
        out: list[int] = []
        for free in range(devices, self.devices + 1):
            shelf = self.shelves[leaf][free]
            while shelf and len(out) < parts:
                node = min(shelf)
                put = min(parts - len(out), free // devices)
                self.change(node, put * devices)
                out += [node] * put
        return out

    def tightest(self, devices: int, allowed: Mask | None) -> int | None:
        """The leaf with the machine on which one part leaves least over, and few whole machines; or None."""
        for free in range(devices, self.devices + 1):
            heap = self.heaps[free]
            while heap and not self.counts[free, heap[0]]:
                heapq.heappop(heap)
            if allowed is None and free < self.devices:
                if heap:
                    return heap[0]
                continue
            with_it = self.counts[free] > 0
            if allowed is not None:
                with_it &= allowed
            leaves = np.flatnonzero(with_it)
            if len(leaves):
                return int(leaves[np.argmin(self.counts[self.devices][leaves])])
        return None


def tightly(room: Sequence[int], places: Sequence[int], parts: int) -> list[tuple[int, int]]:
    """(place, parts): the fewest places, those with most room first, the last one as tight as possible."""
    order = sorted(range(len(places)), key=lambda i: -room[i])
    out: list[tuple[int, int]] = []
    left = parts
    for position, index in enumerate(order):
        if room[index] >= left:
            enough = [i for i in order[position:] if room[i] >= left]
            return [*out, (places[enough[-1]], left)]
        out.append((places[index], room[index]))
        left -= room[index]
    msg = "There is less room than was counted. This is a bug in dcplan."
    raise RuntimeError(msg)
