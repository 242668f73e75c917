"""Which replicas may share a machine, so that counting machines is exact.

When every replica size divides the next larger one and all divide the devices
of a machine, first-fit decreasing wastes nothing: the machines needed are the
sum of devices over the devices of a machine, rounded up (a special case of
divisible item sizes, Coffman, Garey and Johnson 1987).  Tensor-parallel
degrees nearly always are such a chain: 1, 2, 4, 8.

The law: in one pool, the sizes of the longest such chain share machines; each
size outside of it (7 on a machine of 8, say) keeps to machines of its own.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dcplan.placement.types import Problem


@dataclass(frozen=True, slots=True)
class Shelf:
    """Sizes that share machines of one pool, and how many devices of a machine they can use."""

    sizes: tuple[int, ...]
    devices: int

    def machines(self, devices: int) -> int:
        """Machines that hold replicas of together ``devices``."""
        return -(-devices // self.devices)


def shelves_of(sizes: Iterable[int], devices: int) -> tuple[Shelf, ...]:
    """The shelves of a machine with ``devices``: the chain first, then each other size alone.

    Sizes above ``devices`` fit nowhere and have no shelf.
    """
    chain: list[int] = []
    alone: list[int] = []
    for size in sorted({s for s in sizes if s <= devices}, reverse=True):
        above = chain[-1] if chain else devices
        (chain if above % size == 0 else alone).append(size)
    shared = (Shelf(tuple(chain), devices),) if chain else ()
    return shared + tuple(Shelf((size,), devices // size * size) for size in alone)


def shelves_by_pool(problem: Problem) -> dict[str, tuple[Shelf, ...]]:
    """The shelves of every pool, from all sharing choices that may use it, taken or not."""
    sizes: defaultdict[str, set[int]] = defaultdict(set)
    for choice in problem.choices:
        for part in choice.parts:
            if part.machines == 0:
                for pool in part.pools:
                    sizes[pool].add(part.devices)
    return {pool.id: shelves_of(sizes[pool.id], pool.devices) for pool in problem.pools}
