"""Names of machines and replicas: the smallest free number behind a fixed prefix."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dcplan.placement.types import MachineSlot, Pool

LONGEST_PREFIX = 42
"""Leaves room for a hyphen and seven digits within 50 characters, which every cloud allows."""


def machine_prefix(pool: Pool) -> str:
    """``dc1-a-h100x8`` for a machine ``h100x8`` in zone ``dc1-a``; lower-case letters, digits, hyphens."""
    words = re.sub(r"[^a-z0-9]+", "-", f"{pool.zone}-{pool.machine}".lower()).strip("-")
    if not words[:1].isalpha():
        words = f"m-{words}".strip("-")
    return words[:LONGEST_PREFIX].rstrip("-")


def number_of(name: str) -> int:
    """The number at the end of a name; -1 without one."""
    digits = name.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else -1


def by_number(name: str) -> tuple[str, int]:
    """Sort key under which ``a-9`` comes before ``a-10``."""
    return name.rpartition("-")[0], number_of(name)


class MachineNames:
    """Gives names to machines: those of idle machines of the same pool first, then new ones.

    A name that any machine has today is never given to another pool: a machine
    would have to go before its namesake could come.  And no name is new while a
    machine of the pool is idle: a full pool could not give the new one before
    the idle one is gone.
    """

    def __init__(self, pools: Iterable[Pool], today: Iterable[MachineSlot], kept: set[str]) -> None:
        """``today`` are all machines there are, ``kept`` the names that are already spoken for."""
        self._prefix = {pool.id: machine_prefix(pool) for pool in pools}
        self._taken: defaultdict[str, set[int]] = defaultdict(set)
        self._idle: defaultdict[str, set[int]] = defaultdict(set)
        self._odd: defaultdict[str, list[str]] = defaultdict(list)
        for slot in today:
            prefix, number = by_number(slot.name)
            self._taken[prefix].add(number)
            if slot.name in kept or slot.pool not in self._prefix:
                continue
            if prefix == self._prefix[slot.pool] and number >= 0:
                self._idle[slot.pool].add(number)
            else:
                self._odd[slot.pool].append(slot.name)
        self._end = {pool: max(self._idle[pool], default=-1) + 1 for pool in self._prefix}
        for names in self._odd.values():
            names.sort(key=by_number, reverse=True)
        self._start: dict[tuple[str, int, bool], int] = {}
        self._queue: dict[str, list[int]] = {}

    def give(self, pool: str, count: int) -> list[str]:
        """Names for ``count`` machines of one pool that belong together, where possible in a row."""
        if count == 1 and self._odd[pool]:
            return [self._odd[pool].pop()]
        run = self._run(pool, count, fresh=False)
        odd: list[str] = []
        if run is None:
            numbers = [self._lowest_idle(pool) for _ in range(min(count, len(self._idle[pool])))]
            odd = [self._odd[pool].pop() for _ in range(min(count - len(numbers), len(self._odd[pool])))]
            missing = count - len(numbers) - len(odd)
            numbers += self._run(pool, missing, fresh=True) or range(0)
        else:
            numbers = list(run)
        prefix = self._prefix[pool]
        self._taken[prefix].update(numbers)
        self._idle[pool].difference_update(numbers)
        return [*(f"{prefix}-{number}" for number in numbers), *odd]

    def _lowest_idle(self, pool: str) -> int:
        """Take the idle machine with the smallest number; those taken in a row are passed over."""
        if pool not in self._queue:
            self._queue[pool] = sorted(self._idle[pool], reverse=True)
        while (number := self._queue[pool].pop()) not in self._idle[pool]:
            pass
        self._idle[pool].remove(number)
        return number

    def _run(self, pool: str, count: int, *, fresh: bool) -> range | None:
        """The first numbers in a row that are free; without ``fresh``, only those of idle machines.

        Numbers are only ever taken, so each search goes on where the last one
        of its kind ended, and all searches together are linear.
        """
        taken, idle = self._taken[self._prefix[pool]], self._idle[pool]
        if not fresh and len(idle) < count:
            return None
        end = self._end[pool]
        start = at = self._start.get((pool, count, fresh), 0)
        while at < start + count:
            if not fresh and at >= end:
                self._start[pool, count, fresh] = start
                return None
            free = at in idle or (fresh and at not in taken)
            start = start if free else at + 1
            at += 1
        self._start[pool, count, fresh] = start
        return range(start, start + count)


class ReplicaNames:
    """Gives names to replicas: ``chat-0``, ``chat-1``, the smallest number that is free."""

    def __init__(self, kept: Iterable[str]) -> None:
        """``kept`` are the names of replicas that stay."""
        self._taken = set(kept)
        self._next: defaultdict[str, int] = defaultdict(int)

    def give(self, workload: str) -> str:
        """A name for one more replica of ``workload``."""
        while (name := f"{workload}-{self._next[workload]}") in self._taken:
            self._next[workload] += 1
        self._taken.add(name)
        return name
