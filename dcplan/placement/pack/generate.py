"""Column generation: patterns are made where the master program would pay for them.

Gilmore and Gomory, "A linear programming approach to the cutting-stock
problem", Operations Research 9, 1961; prices are smoothed towards the bound's
(Wentges, "Weighted Dantzig-Wolfe decomposition for linear mixed-integer
programming", 1997), without which they jump and most patterns are made in vain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dcplan.placement.lp import Floats, Ints
from dcplan.placement.pack.columns import WORTHLESS, Wanted
from dcplan.placement.pack.master import Master, Prices
from dcplan.placement.pack.pricing import best_patterns
from dcplan.placement.pack.types import Instance, Search

NEAR = 1e-5
"""Stop when the master program is within this share of the bound."""
SMOOTHING = 0.5
PATTERNS_A_CLASS = 6
CLASSES_A_ROUND = 40
"""Where there are more classes, they take turns."""
IDLE_ROUNDS = 4
"""Stop when so many rounds in a row have brought nothing worth telling."""
GAIN = 1e-6


def first_patterns(search: Search, master: Master) -> None:
    """Fill machine after machine with the parts still left, so that the master program starts sound."""
    instance = search.instance
    left, count = instance.demand.copy(), instance.count.copy()
    # A little more than the bound says, so that parts that are plentiful are looked at, too.
    worth = search.bound.slot_worth + 2 * WORTHLESS
    order = np.argsort(-instance.room[2] * instance.count, kind="stable")[: 4 * CLASSES_A_ROUND]
    for node_class in order.tolist():
        while count[node_class] > 0:
            found = best_patterns(
                Wanted(
                    instance=instance,
                    node_class=node_class,
                    worth=worth,
                    left=left,
                    width=max(search.effort.width // 3, 1),
                    random=search.random,
                ),
                keep=1,
            )
            if not found:
                break
            pattern = found[0][1]
            held = pattern.counts > 0
            times = int(min(count[node_class], (left[held] // pattern.counts[held]).min()))
            times = max(1, min(times, int(instance.count[node_class]) // 4))
            left = left - times * pattern.counts
            count[node_class] -= times
            master.add([pattern])


def generate(search: Search, master: Master) -> int:
    """Add patterns until the bound is near or nothing helps; gives the rounds."""
    instance, bound = search.instance, search.bound
    nothing = np.zeros(len(instance.shapes), np.int64)
    prices = master.solve(instance.count, nothing)
    smooth, idle, rounds = bound.slot_worth, 0, 0
    while rounds < search.effort.rounds and idle < IDLE_ROUNDS:
        if bound.worth - prices.worth <= NEAR * bound.worth:
            break
        worth = prices.slot if idle else SMOOTHING * smooth + (1 - SMOOTHING) * prices.slot
        # Where nothing was found, look wider.
        width = search.effort.width * (1 + idle)
        asked = Asked(worth, instance.demand, _turn(instance, rounds), width, PATTERNS_A_CLASS)
        added = price_classes(search, master, prices, asked)
        smooth = (smooth + prices.slot) / 2
        before = prices.worth
        if added:
            prices = master.solve(instance.count, nothing)
        idle = 0 if prices.worth > before * (1 + GAIN) else idle + 1
        rounds += 1
        master.trim(prices)
    return rounds


@dataclass(frozen=True, slots=True)
class Asked:
    """What one round of pricing looks for."""

    worth: Floats
    """(T) of a place for each shape."""
    left: Ints
    """(T) parts that are still to be placed."""
    classes: Ints
    width: int
    patterns: int
    """Of each class, at most."""


def price_classes(search: Search, master: Master, prices: Prices, asked: Asked) -> int:
    """Add the patterns that ``prices`` would pay for; gives how many."""
    added = 0
    for node_class in asked.classes.tolist():
        found = best_patterns(
            Wanted(
                instance=search.instance,
                node_class=node_class,
                worth=asked.worth,
                left=asked.left,
                width=asked.width,
                random=search.random,
            ),
            keep=asked.patterns,
        )
        added += master.add(p for _, p in found if p.counts @ prices.slot > prices.machine[node_class] + GAIN)
    return added


def _turn(instance: Instance, rounds: int) -> Ints:
    """The classes of this round."""
    classes = len(instance.classes)
    if classes <= CLASSES_A_ROUND:
        return np.arange(classes)
    start = rounds * CLASSES_A_ROUND
    return np.arange(start, start + CLASSES_A_ROUND) % classes
