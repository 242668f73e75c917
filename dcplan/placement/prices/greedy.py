"""A first placement: workload by workload, the largest first, each where it is cheapest in what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dcplan.placement.prices.relax import prices_in

if TYPE_CHECKING:
    from dcplan.placement.prices.columns import Columns, Floats, Group
    from dcplan.placement.prices.relax import Limits, Relaxed

NEARLY = 1e-6
"""Fractions of machines are sums of floats."""

Counts = dict[tuple[str, str], int]
"""Replicas by choice and pool."""


def greedy(cols: Columns, limits: Limits, charges: Floats, at: Relaxed) -> Counts | None:
    """Replicas of all workloads within the capacities of pools; None where some workload finds no room.

    Knows capacities and even spread, and of no other rule: what it gives is a place to start from.
    """
    return _Greedy(cols, limits, charges, at).place()


class _Greedy:
    def __init__(self, cols: Columns, limits: Limits, charges: Floats, at: Relaxed) -> None:
        self.cols = cols
        self.at = at
        self.left = np.array([np.inf if p.machines is None else p.machines for p in cols.pools], float)
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
        for workload in np.argsort(-self.at.workload, kind="stable").tolist():
            best_cost, best_part, best = np.inf, -1, {}
            for part in sorted(self.ways[workload], key=lambda p: self.at.part[p]):
                if self.at.part[part] >= best_cost:
                    break
                cost, put = self._fit(part, best_cost)
                if cost < best_cost:
                    best_cost, best_part, best = cost, part, put
            if best_part < 0:
                return None
            choice = self.cols.choices[int(self.cols.choice_of[best_part])]
            for pool, replicas in best.items():
                self.left[pool] -= replicas * self.cols.machines[best_part]
                counts[choice.id, self.cols.pools[pool].id] = replicas
        return counts

    def _fit(self, part: int, below: float) -> tuple[float, dict[int, int]]:
        """What a part costs in what is left, if that is ``below``, and where it goes."""
        number, row = self.place_of[part]
        group: Group = self.cols.groups[number]
        price, machines = self.prices[number], float(self.cols.machines[part])
        want, together = int(self.cols.replicas[part]), self.cols.parts[part].together
        room = group.room[row].copy()
        cost, put = 0.0, {}
        for column in self.orders[number]:
            slot, pool = int(group.slot[column]), int(group.pools[column])
            if not group.may[row, column] or room[slot] < 1:
                continue
            # Shared machines count in fractions: their sum, rounded up, fits where the sum does.
            here = min(room[slot], want, (self.left[pool] + NEARLY) // machines)
            if here < 1 or (together and here < want):
                continue
            put[pool] = int(here)
            room[slot] -= here
            want -= int(here)
            cost += here * machines * price[column]
            if want == 0 or cost >= below:
                break
        return (cost, put) if want == 0 else (np.inf, {})
