"""A first placement: workload by workload, the largest first, each where it is cheapest in what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dcplan.placement.laws.pins import is_at
from dcplan.placement.prices.relax import prices_in
from dcplan.placement.scale import part_down

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dcplan.placement.prices.columns import Columns, Floats, Group
    from dcplan.placement.prices.relax import Limits, Relaxed
    from dcplan.placement.types import Workload

NEARLY = 1e-6
"""Fractions of machines are sums of floats."""

Counts = dict[tuple[str, str], int]
"""Replicas by choice and pool."""


def greedy(cols: Columns, limits: Limits, charges: Floats, at: Relaxed) -> Counts | None:
    """Replicas of all workloads within what they share; None where one that must run finds no room.

    Those that may be left out come last, by priority, and are left out where there is no room.  Knows
    capacities, quotas, caps, even spread, pins and spot machines, and no other rule: what it gives is a place
    to start from.
    """
    return _Greedy(cols, limits, charges, at).place()


class _Greedy:
    def __init__(self, cols: Columns, limits: Limits, charges: Floats, at: Relaxed) -> None:
        self.cols = cols
        self.at = at
        self.left = limits.at_most.astype(float)
        self.takes = [
            [(int(row), float(limits.take[row, pool])) for row in np.flatnonzero(limits.take[:, pool])]
            for pool in range(len(cols.pools))
        ]
        charge = charges @ limits.take
        self.prices = [prices_in(group, charge)[0] for group in cols.groups]
        self.orders = [np.argsort(price, kind="stable").tolist() for price in self.prices]
        self.place_of: dict[int, tuple[int, int]] = {}
        for number, group in enumerate(cols.groups):
            for row, part in enumerate(group.parts.tolist()):
                self.place_of[part] = (number, row)
        self.ways: list[list[int]] = [[] for _ in cols.workloads]
        for part, choice in enumerate(cols.choice_of.tolist()):
            if cols.choices[choice].beside is None:
                self.ways[int(cols.of_workload[choice])].append(part)

    def place(self) -> Counts | None:
        """All workloads, one after the other."""
        counts: Counts = {}
        told = self.cols.workloads
        order = sorted(
            range(len(told)),
            key=lambda w: (not told[w].required, -told[w].priority, -float(self.at.workload[w])),
        )
        for workload in order:
            best_cost, best_part, best = np.inf, -1, {}
            for part in sorted(self.ways[workload], key=lambda p: self.at.part[p]):
                if self.at.part[part] >= best_cost:
                    break
                cost, put = self._fit(part, best_cost)
                if cost < best_cost:
                    best_cost, best_part, best = cost, part, put
            if best_part < 0 and told[workload].required:
                return None
            self._take(best_part, best, counts)
        return counts

    def _take(self, part: int, put: dict[int, int], counts: Counts) -> None:
        """Give the replicas of a part what they need."""
        for pool, replicas in put.items():
            for row, each in self.takes[pool]:
                self.left[row] -= each * replicas * self.cols.machines[part]
            choice = self.cols.choices[int(self.cols.choice_of[part])]
            counts[choice.id, self.cols.pools[pool].id] = replicas

    def _fit(self, part: int, below: float) -> tuple[float, dict[int, int]]:
        """What a part costs in what is left, if that is ``below``, and where it goes."""
        number, row = self.place_of[part]
        choice = int(self.cols.choice_of[part])
        filling = _Filling(
            cols=self.cols,
            group=self.cols.groups[number],
            row=row,
            part=part,
            workload=self.cols.workloads[int(self.cols.of_workload[choice])],
        )
        for columns, most in filling.turns(self.orders[number]):
            left = most
            for column in columns:
                left -= filling.put_in(column, self._room(part, int(filling.group.pools[column])), left)
                if left == 0 or filling.want == 0 or filling.cost(self.prices[number]) >= below:
                    break
        cost = filling.cost(self.prices[number])
        return (cost, filling.put) if filling.want == 0 else (np.inf, {})

    def _room(self, part: int, pool: int) -> float:
        """Replicas of a part that what is left holds in a pool.

        Shared machines count in fractions: their sum, rounded up, fits where the sum does.
        """
        machines = float(self.cols.machines[part])
        return min(
            ((self.left[row] + NEARLY) // (each * machines) for row, each in self.takes[pool]), default=np.inf
        )


class _Filling:
    """One part while its replicas are dealt out."""

    def __init__(self, *, cols: Columns, group: Group, row: int, part: int, workload: Workload) -> None:
        self.cols, self.group, self.row, self.part, self.workload = cols, group, row, part, workload
        self.want = int(cols.replicas[part])
        self.put: dict[int, int] = {}
        self._columns: dict[int, int] = {}
        self._room = group.room[row].copy()
        self._together = cols.parts[part].together
        spot = workload.spot
        self._spot = self.want if spot is None else part_down(spot.share, self.want)

    def turns(self, order: Iterable[int]) -> Iterable[tuple[list[int], int]]:
        """Columns of the group, cheapest first, and how many replicas to put there: where pins are, first."""
        pools = self.cols.pools
        allowed = [
            column
            for column in order
            if self.group.may[self.row, column]
            and all(
                is_at(pin, pools[int(self.group.pools[column])])
                for pin in self.workload.pins
                if pin.replicas is None
            )
        ]
        for pin in self.workload.pins:
            if pin.replicas is not None:
                there = [c for c in allowed if is_at(pin, pools[int(self.group.pools[c])])]
                yield there, pin.replicas
        yield allowed, self.want

    def put_in(self, column: int, room: float, most: int) -> int:
        """Put as many replicas into a pool as there is room for; how many that are."""
        slot, pool = int(self.group.slot[column]), int(self.group.pools[column])
        spot = self.cols.pools[pool].spot
        room -= self.put.get(pool, 0)
        here = int(min(self._room[slot], self.want, room, most, self._spot if spot else self.want))
        if here < 1 or (self._together and here < self.want):
            return 0
        self.put[pool] = self.put.get(pool, 0) + here
        self._columns[pool] = column
        self._room[slot] -= here
        self._spot -= here if spot else 0
        self.want -= here
        return here

    def cost(self, price: Floats) -> float:
        """Of what has a place."""
        machines = float(self.cols.machines[self.part])
        return sum(n * machines * float(price[self._columns[pool]]) for pool, n in self.put.items())
