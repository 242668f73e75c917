"""A proven bound: the fluid relaxation, in which a class of machines is one large machine.

CPU, memory and accelerators of a class are summed up, so that boundaries
between machines are ignored; shared accelerators keep theirs, by a flow of
arcs (Valério de Carvalho, "Exact solution of bin-packing problems using
column generation and branch-and-bound", Annals of Operations Research 86,
1999): a path from 0 to 1,000 thousandths is one accelerator, an arc is a
share or waste, and an accelerator that others share already starts at what
they take.  One graph serves all classes.  Every packing is a solution
of this linear program, so its optimum is a bound.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from itertools import pairwise

import numpy as np

from dcplan.demand.jobs import WHOLE_DEVICE_MILLI
from dcplan.placement.lp import Floats, LpAnswer, LpStatus, Program, solve_program
from dcplan.placement.pack.types import Bound, Instance

CPU_UNIT, MEMORY_UNIT = 1000.0, 1024.0
"""Rows are in cores and GiB: a solver wants coefficients near 1."""


def bound(instance: Instance) -> Bound:
    """What no packing of ``instance`` can beat, and the prices that prove it."""
    plain = np.array([g.parts * instance.shapes[g.shape].accelerators for g in instance.groups])
    worth = np.array([g.worth for g in instance.groups])
    accelerators = _Fluid(instance).solve(plain)
    weighted = _Fluid(instance).solve(worth)
    shapes, classes = len(instance.shapes), len(instance.classes)
    # How many parts fit one machine tightens the bound, but hides the price of what they run out of.
    priced = np.maximum(_Fluid(instance, whole_parts=False).solve(worth).duals, 0.0)
    prices = priced[shapes : shapes + 3 * classes].reshape(classes, 3).T
    return Bound(
        accelerators=accelerators.bound,
        worth=weighted.bound,
        slot_worth=np.maximum(weighted.duals[:shapes], 0.0),
        prices=prices / np.array([[CPU_UNIT], [MEMORY_UNIT], [1.0]]),
    )


class _Fluid:
    """The linear program, put together entry by entry.

    Rows: one a shape (places for it cover what is taken), three a class
    (resources), then the flow.  Columns: jobs taken of each group, parts of
    each shape in each class, then the flow.
    """

    def __init__(self, instance: Instance, *, whole_parts: bool = True) -> None:
        self.instance, self.whole_parts = instance, whole_parts
        self.upper: list[float] = [float(len(g.jobs)) for g in instance.groups]
        self.row_lower: list[float] = []
        self.row_upper: list[float] = []
        self.entries: list[tuple[int, int, float]] = []
        for _ in instance.shapes:
            self._row(-math.inf, 0.0)
        for k in range(len(instance.classes)):
            for resource, unit in enumerate((CPU_UNIT, MEMORY_UNIT, 1.0)):
                self._row(-math.inf, instance.total[resource, k] / unit)
        for column, group in enumerate(instance.groups):
            self.entries.append((group.shape, column, float(group.parts)))
        self._flow()
        self._places()

    def solve(self, worth: Floats) -> LpAnswer:
        """The most worth; RuntimeError when there is no answer, which is our bug."""
        objective = np.zeros(len(self.upper))
        objective[: len(worth)] = worth
        row, column, value = (np.array(part) for part in zip(*self.entries, strict=True))
        answer = solve_program(
            Program(
                objective=objective,
                lower=np.zeros(len(self.upper)),
                upper=np.array(self.upper),
                row_lower=np.array(self.row_lower),
                row_upper=np.array(self.row_upper),
                row=row,
                column=column,
                value=value,
            )
        )
        if answer.status is not LpStatus.OPTIMAL:
            msg = f"The bound of a packing is {answer.status.value}. This is a bug in dcplan."
            raise RuntimeError(msg)
        return answer

    def _row(self, low: float, high: float) -> int:
        self.row_lower.append(low)
        self.row_upper.append(high)
        return len(self.row_lower) - 1

    def _column(self, high: float) -> int:
        self.upper.append(high)
        return len(self.upper) - 1

    def _class_row(self, node_class: int, resource: int) -> int:
        return len(self.instance.shapes) + 3 * node_class + resource

    def _flow(self) -> None:
        """Arcs over filled thousandths, in units of what divides all shares."""
        shares = sorted({int(s) for s in self.instance.share if s}, reverse=True)
        self.size_row: dict[int, int] = {}
        if not shares:
            return
        partial = self.instance.partial
        points = reachable(shares, {WHOLE_DEVICE_MILLI - free for free in partial})
        balance = {point: self._row(0.0, 0.0) for point in points}
        for share in shares:
            self.size_row[share] = self._row(0.0, math.inf)
            for point in points:
                if point + share in balance:
                    arc = self._arc(balance[point], balance[point + share])
                    self.entries.append((self.size_row[share], arc, 1.0))
        for here, there in pairwise(points):
            self._arc(balance[here], balance[there])
        for free, there in partial.items():
            used = self._column(float(there))
            self.entries.append((balance[WHOLE_DEVICE_MILLI - free], used, 1.0))
            self.entries.append((balance[WHOLE_DEVICE_MILLI], used, -1.0))
        for k in range(len(self.instance.classes)):
            used = self._column(self.instance.total[2, k])
            self.entries.append((balance[0], used, 1.0))
            self.entries.append((balance[WHOLE_DEVICE_MILLI], used, -1.0))
            self.entries.append((self._class_row(k, 2), used, 1.0))

    def _arc(self, here: int, there: int) -> int:
        arc = self._column(math.inf)
        self.entries.append((here, arc, -1.0))
        self.entries.append((there, arc, 1.0))
        return arc

    def _places(self) -> None:
        """Parts of each shape in each class."""
        instance = self.instance
        for shape, node_class in np.argwhere(instance.may_fit).tolist():
            most = int(instance.demand[shape])
            if self.whole_parts:
                held = _per_node(instance, shape, node_class)
                most = min(most, int(instance.count[node_class]) * held)
            place = self._column(float(most))
            self.entries.append((shape, place, -1.0))
            cpu, memory = instance.need[0, shape], instance.need[1, shape]
            if cpu:
                self.entries.append((self._class_row(node_class, 0), place, cpu / CPU_UNIT))
            if memory:
                self.entries.append((self._class_row(node_class, 1), place, memory / MEMORY_UNIT))
            if instance.whole[shape]:
                self.entries.append((self._class_row(node_class, 2), place, float(instance.whole[shape])))
            if instance.share[shape]:
                self.entries.append((self.size_row[int(instance.share[shape])], place, -1.0))


def reachable(shares: list[int], starts: Collection[int] = ()) -> list[int]:
    """Sums of these thousandths on top of 0 or of a start, up to a whole accelerator; ascending."""
    sums = np.zeros(WHOLE_DEVICE_MILLI + 1, bool)
    sums[[0, *starts]] = True
    for share in shares:
        for point in range(share, WHOLE_DEVICE_MILLI + 1):
            sums[point] |= sums[point - share]
    sums[WHOLE_DEVICE_MILLI] = True
    return [int(point) for point in np.flatnonzero(sums)]


def _per_node(instance: Instance, shape: int, node_class: int) -> int:
    """Parts of a shape that one machine of a class holds at most, with nothing else of ours on it."""
    room, share = instance.most[node_class], int(instance.share[shape])
    most = [
        there // need
        for there, need in zip((room.cpu_milli, room.memory_mib), instance.need[:2, shape], strict=True)
        if need
    ]
    if instance.whole[shape]:
        most.append(room.devices // int(instance.whole[shape]))
    elif share:
        free = (*(WHOLE_DEVICE_MILLI for _ in range(room.devices)), *room.partial)
        most.append(sum(one // share for one in free))
    return int(min(most, default=instance.demand[shape]))
