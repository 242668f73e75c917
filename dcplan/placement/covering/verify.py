"""The laws of a cover, in plain Python: shares nothing with the model."""

from __future__ import annotations

from dcplan.placement.covering.types import Cover, CoverProblem

TOLERANCE = 1e-7
"""Of one machine.  Numerical guard: sums of floats."""


def broken(problem: CoverProblem, found: Cover) -> tuple[str, ...]:
    """The laws that a cover breaks, in words; none for a right one.

    All slices of a class go somewhere; ``sum slices x load <= machines`` of each
    type; nothing goes where it cannot run; no more machines than there are; the
    cost is that of the machines and not below the bound.
    """
    return (*_carried(problem, found), *_paid(problem, found))


def _carried(problem: CoverProblem, found: Cover) -> list[str]:
    said = []
    busy = [0.0] * len(problem.machines)
    for which, one in enumerate(problem.classes):
        row = found.slices[which]
        if sum(row) != one.slices or min(row) < 0:
            said.append(f"{one.name} has {one.slices} slices and {sum(row)} go somewhere")
        for at, count in enumerate(row):
            rate = problem.rates[which][at]
            if not count:
                continue
            if rate is None or rate <= 0:
                said.append(f"{one.name} cannot run on {problem.machines[at].name}")
                continue
            busy[at] += count * (one.requests_per_s / one.slices) / rate
    for at, machine in enumerate(problem.machines):
        count = found.machines[at]
        if busy[at] > count + TOLERANCE:
            said.append(f"{count} machines of {machine.name} carry the load of {busy[at]}")
        if machine.most is not None and count > machine.most:
            said.append(f"{count} machines of {machine.name} are taken and {machine.most} are there")
    return said


def _paid(problem: CoverProblem, found: Cover) -> list[str]:
    said = []
    cost = sum(c * m.usd_per_h for c, m in zip(found.machines, problem.machines, strict=True))
    if abs(cost - found.usd_per_h) > TOLERANCE * max(1.0, cost):
        said.append(f"the machines cost {cost} and {found.usd_per_h} is said")
    if found.bound_usd_per_h > cost + TOLERANCE * max(1.0, cost):
        said.append(f"the cost {cost} is below the bound {found.bound_usd_per_h}")
    return said
