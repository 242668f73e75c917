"""The best fillings of one machine, given what a place for each shape is worth.

A search that keeps the best half-filled machines (a beam): units of
accelerators are added one at a time, and a half-filled machine is judged by
its worth and by what its rest is worth at the prices of the machine's linear
program.  Every filling is feasible, because CPU, memory and accelerators are
counted exactly; that none is better is not proven, and need not be: the bound
comes from elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dcplan.demand.jobs import WHOLE_DEVICE_MILLI
from dcplan.placement.lp import Floats, Ints
from dcplan.placement.pack.columns import MOST, NOISE, WORTHLESS, Counts, Units, Wanted, units_for, units_on
from dcplan.placement.pack.relaxed import resource_prices
from dcplan.placement.pack.types import Pattern, Unit

UNITS_TRIED = 160
OVERSAMPLED = 4
"""Times the width that are looked at again, as one machine comes up in several orders."""
TOPPED = 60
"""Fillings that get parts without accelerators on top."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Labels:
    """Half-filled machines of one step, and from which of the step before and by which unit they came."""

    cpu: Floats
    memory: Floats
    devices: Ints
    worth: Floats
    counts: Counts
    mark: Floats
    """Equal for equal sets of units: the sum of one random number a unit."""
    before: Ints
    unit: Ints
    units: Units
    slot: int
    """Of the shared accelerator that this step looked at; -1: idle ones."""


def best_patterns(wanted: Wanted, keep: int) -> list[tuple[float, Pattern]]:
    """Up to ``keep`` fillings of one machine, best first, with what they are worth."""
    usable = wanted.usable
    if not len(usable):
        return []
    instance = wanted.instance
    room = instance.room[:, wanted.node_class].copy()
    partial = instance.classes[wanted.node_class].partial
    room[2] += sum(partial) / WHOLE_DEVICE_MILLI
    scale = np.where(room > 0, room, 1.0)
    prices = resource_prices(instance.need[:, usable] / scale[:, None], wanted.worth[usable]) / scale
    profit = wanted.worth - prices[:2] @ instance.need[:2]
    units = units_for(wanted, profit, prices[2]).best(UNITS_TRIED, wanted.random)
    steps = [_empty(wanted, units)]
    for slot, free_milli in enumerate(partial):
        on_it = units_on(wanted, profit, prices[2], free_milli)
        if len(on_it.loss) > 1:
            steps += _filled(wanted, on_it, prices, steps[-1], slot)
    steps += _filled(wanted, units, prices, steps[-1], -1)
    return _finished(wanted, prices, steps, keep)


def _empty(wanted: Wanted, units: Units) -> _Labels:
    """The machine without anything of ours on it."""
    room, none = wanted.instance.room[:, wanted.node_class], np.zeros(1, np.int64)
    return _Labels(
        cpu=room[:1],
        memory=room[1:2],
        devices=room[2:].astype(np.int64),
        worth=np.zeros(1),
        counts=np.zeros((1, len(wanted.worth)), np.int16),
        mark=np.zeros(1),
        before=none,
        unit=none,
        units=units,
        slot=-1,
    )


def _filled(wanted: Wanted, units: Units, prices: Floats, labels: _Labels, slot: int) -> list[_Labels]:
    """``labels`` with one unit more, two more ...; with at most one on the shared accelerator ``slot``."""
    steps: list[_Labels] = []
    if not len(units.loss):
        return steps
    need = wanted.instance.need
    cost = (units.counts @ need[0], units.counts @ need[1], units.devices)
    gain, marks = units.counts @ wanted.worth, wanted.random.random(len(units.loss))
    for _ in range(int(labels.devices.max()) if slot < 0 else 1):
        rests = (labels.cpu, labels.memory, labels.devices)
        fits = [c <= rest[:, None] for c, rest in zip(cost, rests, strict=True)]
        before, unit = np.nonzero(fits[0] & fits[1] & fits[2])
        rest = [r[before] - c[unit] for r, c in zip(rests, cost, strict=True)]
        total = labels.worth[before] + gain[unit]
        rank = total + sum(p * r for p, r in zip(prices, rest, strict=True))
        rank = rank + NOISE * wanted.random.random(len(rank))
        chosen = _top(rank, OVERSAMPLED * wanted.width)
        # Different orders of the same units are one machine.
        mark = labels.mark[before[chosen]] + marks[unit[chosen]]
        chosen = chosen[np.unique(np.round(mark, 9), return_index=True)[1]]
        counts = labels.counts[before[chosen]] + units.counts[unit[chosen]]
        allowed = np.flatnonzero((counts <= wanted.left).all(axis=1))
        allowed = allowed[_top(rank[chosen[allowed]], wanted.width)]
        chosen, counts = chosen[allowed], counts[allowed]
        if not len(chosen):
            break
        labels = _Labels(
            cpu=rest[0][chosen],
            memory=rest[1][chosen],
            devices=rest[2][chosen],
            worth=total[chosen],
            counts=counts,
            mark=labels.mark[before[chosen]] + marks[unit[chosen]],
            before=before[chosen],
            unit=unit[chosen],
            units=units,
            slot=slot,
        )
        steps.append(labels)
    return steps


def _top(rank: Floats, most: int) -> Ints:
    """Indices of the ``most`` greatest."""
    if len(rank) <= most:
        return np.arange(len(rank))
    return np.argpartition(-rank, most)[:most]


def _finished(wanted: Wanted, prices: Floats, steps: list[_Labels], keep: int) -> list[tuple[float, Pattern]]:
    """The best of all steps, with parts that need no accelerator on top, those worth most a room first."""
    instance, node_class, worth = wanted.instance, wanted.node_class, wanted.worth
    step = np.repeat(np.arange(len(steps)), [len(s.worth) for s in steps])
    place = np.concatenate([np.arange(len(s.worth)) for s in steps])
    total = np.concatenate([s.worth for s in steps])
    rest = [np.concatenate([s.cpu for s in steps]), np.concatenate([s.memory for s in steps])]
    order = np.argsort(-(total + prices[0] * rest[0] + prices[1] * rest[1]), kind="stable")[:TOPPED]
    step, place, total = step[order], place[order], total[order]
    rest = [r[order] for r in rest]
    counts = np.array([steps[s].counts[p] for s, p in zip(step, place, strict=True)])
    light = wanted.usable[instance.need[2, wanted.usable] == 0]
    size = (instance.need[:2, light] / np.maximum(instance.room[:2, node_class], 1.0)[:, None]).sum(axis=0)
    for shape in light[np.argsort(-worth[light] / np.maximum(size, 1e-12), kind="stable")]:
        more = np.full(len(total), min(int(wanted.left[shape]), MOST))
        for r in (0, 1):
            if instance.need[r, shape]:
                more = np.minimum(more, rest[r] // instance.need[r, shape])
        more = more.astype(np.int64)
        counts[:, shape] += more.astype(np.int16)
        total = total + more * worth[shape]
        rest = [rest[r] - more * instance.need[r, shape] for r in (0, 1)]
    best = np.argsort(-total, kind="stable")[:keep]
    return [
        (
            float(total[i]),
            Pattern(node_class, counts[i].astype(np.int64), _traced(steps, step[i], place[i])),
        )
        for i in best
        if total[i] > WORTHLESS
    ]


def _traced(steps: list[_Labels], step: int, place: int) -> tuple[Unit, ...]:
    """The units of a half-filled machine, found by going back through the steps."""
    traced = []
    while step:
        labels = steps[step]
        unit, counts = int(labels.unit[place]), labels.units.counts
        parts = tuple((int(s), int(counts[unit, s])) for s in np.flatnonzero(counts[unit]))
        if parts:
            traced.append(Unit(int(labels.units.devices[unit]), parts, labels.slot))
        place, step = int(labels.before[place]), step - 1
    return tuple(reversed(traced))
