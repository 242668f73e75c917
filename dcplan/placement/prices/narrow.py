"""Which pairs of choice and pool a good placement may use: those that cost little more than the bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dcplan.placement.pairs import Pairs, joined
from dcplan.placement.prices.relax import prices_in

if TYPE_CHECKING:
    from dcplan.placement.prices.columns import Columns, Floats
    from dcplan.placement.prices.relax import Limits, Relaxed


def excess(cols: Columns, limits: Limits, charges: Floats, at: Relaxed) -> list[Floats]:
    """By group, of each part and pool: what any placement costs beyond the bound that has a replica there.

    The workload takes the choice, and one replica moves from the dearest slot in use to the pool; what all
    other workloads cost is no less than in the bound.  So no placement with that replica costs less than
    the bound and the excess (reduced-cost fixing).
    """
    charge = charges @ limits.take
    spare = at.choice - at.least[cols.of_workload]
    found = []
    for group in cols.groups:
        price, slots = prices_in(group, charge)
        of = cols.choice_of[group.parts]
        machines = cols.machines[group.parts][:, None]
        more = np.maximum(machines * (price[None, :] - at.last[group.parts][:, None]), 0.0)
        together = np.array([cols.parts[p].together for p in group.parts.tolist()])[:, None]
        whole = machines * cols.replicas[group.parts][:, None] * price[None, :]
        own = at.part[group.parts][:, None]
        more = np.where(together, np.maximum(whole - np.where(np.isfinite(own), own, 0.0), 0.0), more)
        fleet = cols.share[of] > 0
        if fleet.any():
            share = np.minimum(cols.share[of], 1.0)[:, None]
            best = np.where(np.isfinite(at.workload), at.workload, 0.0)[cols.of_workload[of]][:, None]
            unit = share * at.choice[of][:, None] + machines * (price[None, :] - slots.min())
            alone = np.maximum(unit + (1 - share) * best - at.least[cols.of_workload[of]][:, None], 0.0)
            total = np.where(fleet[:, None], alone, spare[of][:, None] + more)
        else:
            total = spare[of][:, None] + more
        found.append(np.where(group.may, total, np.inf))
    return found


def within(cols: Columns, beyond: list[Floats], limit: Floats) -> Pairs:
    """The pairs whose excess is at most ``limit`` (of each workload)."""
    own: dict[str, list[int]] = {}
    beside: dict[str, list[int]] = {}
    for group, over in zip(cols.groups, beyond, strict=True):
        of = cols.choice_of[group.parts]
        keep = over <= limit[cols.of_workload[of]][:, None]
        for row in np.flatnonzero(keep.any(axis=1)).tolist():
            part = cols.parts[int(group.parts[row])]
            side = beside if part.beside else own
            side[cols.choices[part.choice].id] = group.pools[keep[row]].tolist()
    left = []
    for choice in cols.choices:
        if choice.id in own:
            parts = [own[choice.id]] if choice.beside is None else [own[choice.id], beside.get(choice.id, [])]
            left.append((choice, [tuple(cols.pools[i] for i in part) for part in parts]))
    return joined(left)


def least_outside(cols: Columns, beyond: list[Floats], limit: Floats, kept: Pairs) -> float:
    """The least excess of a pair that is not ``within`` the limit nor ``kept``; infinite where all are."""
    least = np.inf
    index = {pool.id: i for i, pool in enumerate(cols.pools)}
    own = {choice: {index[p.id] for p in pools} for choice, pools in kept.own.items()}
    beside = {choice: {index[p.id] for p in pools} for choice, pools in kept.beside.items()}
    for group, over in zip(cols.groups, beyond, strict=True):
        of = cols.choice_of[group.parts]
        outside = np.where(over > limit[cols.of_workload[of]][:, None], over, np.inf)
        # Only those that might be the least are looked up.
        while outside.size and outside.min() < least:
            row, column = np.unravel_index(int(outside.argmin()), outside.shape)
            part = cols.parts[int(group.parts[row])]
            side = beside if part.beside else own
            if int(group.pools[column]) not in side.get(cols.choices[part.choice].id, set()):
                least = float(outside[row, column])
            outside[row, column] = np.inf
    return least
