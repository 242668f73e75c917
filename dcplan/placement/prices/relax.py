"""The least that all workloads cost, each by itself, when machines also cost what they take from the others.

Lagrangean relaxation (Geoffrion 1974; Fisher, Management Science 1981): the laws by which workloads meet
(capacities of pools, quotas, caps) are taken out, and what is used beyond a limit is charged instead.  For
any charges that are not negative, the sum of what the workloads cost then, less the charges times the
limits, is a lower bound of what any placement costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dcplan.placement.scale import micro_down, micro_up, money_down, money_up
from dcplan.placement.usage import paid_anyway_per_h

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.placement.prices.columns import Columns, Floats, Group, Ints
    from dcplan.placement.types import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What machines of all workloads together may not exceed: ``take @ machines <= at_most``."""

    names: tuple[str, ...]
    """Labels of the rules."""
    take: Floats
    """What one machine of a pool (column) takes of each limit (row)."""
    at_most: Floats
    leave: Floats
    """What leaving out a workload (column) takes of each limit (row)."""


def limits_of(problem: Problem, pools: Ints) -> Limits:
    """The limits of a problem over ``pools`` (indices), which are those that are in use at all."""
    rows: list[tuple[str, Floats, float]] = []
    used = set(pools.tolist())
    count = len(problem.pools)
    index = {p.id: i for i, p in enumerate(problem.pools)}
    for i, p in enumerate(problem.pools):
        if p.machines is not None and i in used:
            one = np.zeros(count)
            one[i] = 1.0
            rows.append((f"pool-capacity[{p.id}]", one, float(p.machines)))
    for q in problem.quotas:
        each = np.zeros(count)
        for name, much in q.each:
            if name in index:
                each[index[name]] = much
        rows.append((f"{q.law}[{q.name}]", each, float(q.at_most)))
    rows += _caps(problem)
    return Limits(
        names=tuple(name for name, _, _ in rows),
        take=np.array([take for _, take, _ in rows]).reshape(len(rows), count),
        at_most=np.array([most for _, _, most in rows]),
        leave=np.zeros((len(rows), len(problem.workloads))),
    )


def with_left_out(limits: Limits, problem: Problem, most: Mapping[int, int]) -> Limits:
    """The limits, and that of each priority no more workloads are left out than ``most`` says."""
    optional = [(w.priority, not w.required) for w in problem.workloads]
    leave = [[float(may and one == priority) for one, may in optional] for priority in most]
    return Limits(
        names=(*limits.names, *(f"left-out[{priority}]" for priority in most)),
        take=np.vstack([limits.take, np.zeros((len(most), limits.take.shape[1]))]),
        at_most=np.concatenate([limits.at_most, np.array(list(most.values()), float)]),
        leave=np.vstack([limits.leave, np.array(leave).reshape(len(most), len(optional))]),
    )


def _caps(problem: Problem) -> list[tuple[str, Floats, float]]:
    """Budget, and caps on carbon and power, as far as what machines take of them is known."""
    rows: list[tuple[str, Floats, float]] = []
    pools = problem.pools
    watts = np.array([micro_up(p.power_w or 0.0) for p in pools], float)
    if problem.budget is not None:
        left = money_down(problem.budget.usd_per_h) - money_up(float(paid_anyway_per_h(problem)))
        rows.append(("budget", np.array([money_up(p.usd_per_h) for p in pools], float), float(left)))
    if problem.carbon is not None:
        each = np.array([micro_up(p.kgco2_per_h or 0.0) for p in pools], float)
        rows.append(("carbon", each, float(micro_down(problem.carbon.at_most))))
    if problem.power is not None:
        rows.append(("power", watts, float(micro_down(problem.power.at_most))))
    for site in problem.sites:
        there = np.array([p.id in site.pools for p in pools], float)
        rows.append((f"site-power[{site.site}]", watts * there, float(micro_down(site.watts))))
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxed:
    """What came out for one set of charges."""

    bound: float
    """What every placement costs at least, in millionths of the goal's unit."""
    part: Floats
    """Least cost of each part, with charges; infinite where it fits nowhere."""
    choice: Floats
    """The same of each choice: of all its replicas; in a mixed fleet of what is carried by all."""
    workload: Floats
    """The same of each workload, while it runs."""
    least: Floats
    """The same, or what it costs to leave it out where that is less."""
    last: Floats
    """Of each part: what a machine costs in the dearest slot that it uses."""
    taken: Ints
    """Of each workload: index of the choice that is cheapest; -1 where there is none, or it is left out."""


def prices_in(group: Group, charge: Floats) -> tuple[Floats, Floats]:
    """What a machine costs in each pool and, at least, in each slot of a group; ``charge`` is by pool."""
    price = group.cost + charge[group.pools]
    slots = np.full(group.room.shape[1], np.inf)
    np.minimum.at(slots, group.slot, price)
    return price, slots


def filled(cols: Columns, group: Group, slots: Floats) -> tuple[Floats, Floats, list[tuple[int, Floats]]]:
    """Parts of a group in their cheapest slots: cost, price in the last slot, and (slot, replicas) of all."""
    left = cols.replicas[group.parts].copy()
    cost = np.zeros(len(left))
    last = np.zeros(len(left))
    steps: list[tuple[int, Floats]] = []
    for slot in np.argsort(slots, kind="stable").tolist():
        put = np.minimum(left, group.room[:, slot])
        cost += put * slots[slot]
        last[put > 0] = slots[slot]
        left -= put
        steps.append((slot, put))
        if not left.any():
            break
    cost *= cols.machines[group.parts]
    cost[left > 0] = np.inf
    return cost, last, steps


def relaxed(cols: Columns, limits: Limits, charges: Floats) -> tuple[Relaxed, Floats]:
    """The bound at ``charges`` (of each limit), and what the cheapest choices take of each limit."""
    charge = charges @ limits.take
    part, last = np.full(len(cols.parts), np.inf), np.zeros(len(cols.parts))
    fills = []
    for group in cols.groups:
        price, slots = prices_in(group, charge)
        part[group.parts], last[group.parts], steps = filled(cols, group, slots)
        fills.append((group, price, slots, steps))
    choice = np.zeros(len(cols.choices))
    np.add.at(choice, cols.choice_of, _of_fleets(cols, part, fills))
    workload = np.full(len(cols.workloads), np.inf)
    np.minimum.at(workload, cols.of_workload, choice)
    taken = np.full(len(cols.workloads), -1)
    # The first of equals: later assignments win, so they are made from behind.
    best = np.flatnonzero(choice <= workload[cols.of_workload])[::-1]
    taken[cols.of_workload[best]] = best
    leaving = cols.out + charges @ limits.leave
    left = leaving < workload
    taken[left] = -1
    least = np.where(left, leaving, workload)
    out = Relaxed(
        bound=float(least.sum() - charges @ limits.at_most),
        part=part,
        choice=choice,
        workload=workload,
        least=least,
        last=last,
        taken=taken,
    )
    return out, limits.take @ _machines(cols, taken, fills) + limits.leave @ left


def _of_fleets(
    cols: Columns, part: Floats, fills: list[tuple[Group, Floats, Floats, list[tuple[int, Floats]]]]
) -> Floats:
    """The cost of parts, of mixed fleets as if a choice could carry everything with parts of replicas."""
    fleet = cols.share[cols.choice_of] > 0
    if not fleet.any():
        return part
    part = part.copy()
    for group, _, slots, _ in fills:
        mine = group.parts[fleet[group.parts]]
        part[mine] = cols.machines[mine] * slots.min() / cols.share[cols.choice_of[mine]]
    return part


def _machines(
    cols: Columns, taken: Ints, fills: list[tuple[Group, Floats, Floats, list[tuple[int, Floats]]]]
) -> Floats:
    """Machines of each pool that the cheapest choices use, in the cheapest pool of each slot."""
    use = np.zeros(len(cols.pools))
    chosen = np.zeros(len(cols.choices), bool)
    chosen[taken[taken >= 0]] = True
    for group, price, slots, steps in fills:
        mine = chosen[cols.choice_of[group.parts]]
        if not mine.any():
            continue
        cheapest = np.full(len(slots), -1)
        at = np.flatnonzero(price <= slots[group.slot])[::-1]
        cheapest[group.slot[at]] = group.pools[at]
        share = cols.share[cols.choice_of[group.parts]]
        scale = np.where(share > 0, 1 / np.maximum(share * cols.replicas[group.parts], 1e-300), 1.0)
        for slot, put in steps:
            use[cheapest[slot]] += float((put * cols.machines[group.parts] * scale)[mine].sum())
    return use
