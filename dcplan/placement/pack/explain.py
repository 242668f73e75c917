"""Why a job is refused: what it is short of, on every machine or at today's prices."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np

from dcplan.diag import did_you_mean, listed, plural
from dcplan.placement.pack.classes import fits_empty
from dcplan.placement.pack.types import RESOURCES, Bound, Instance, NodeClass, Refusal, Shape


def refusals(instance: Instance, bound: Bound, refused: Iterable[int]) -> tuple[Refusal, ...]:
    """A reason for each of these jobs; reasons are found once a group."""
    group_of = {job: index for index, group in enumerate(instance.groups) for job in group.jobs}
    found: dict[int, tuple[str, str, str]] = {}
    reasons = []
    for job in sorted(refused):
        index = group_of[job]
        if index not in found:
            found[index] = _reason(instance, bound, index)
        cause, resource, says = found[index]
        reasons.append(Refusal(job=job, cause=cause, resource=resource, says=says))
    return tuple(reasons)


def _reason(instance: Instance, bound: Bound, index: int) -> tuple[str, str, str]:
    group = instance.groups[index]
    fits = np.flatnonzero(instance.may_fit[group.shape])
    if not len(fits):
        return _nowhere(instance, instance.shapes[group.shape])
    holds = sum(int(instance.count[k]) for k in fits)
    if group.parts > 1 and not bound.slot_worth[group.shape]:
        says = f"Its {group.parts} parts did not all find room; a gang is placed whole or not at all."
        return "room", RESOURCES[2] if instance.need[2, group.shape] else RESOURCES[0], says
    # What the part would take, at the prices of each class; it would go where that is least.
    cost = bound.prices[:, fits] * instance.need[:, [group.shape]]
    cheapest = cost[:, int(cost.sum(axis=0).argmin())]
    if cheapest.sum() <= 0:
        resource = RESOURCES[2] if instance.need[2, group.shape] else RESOURCES[0]
        says = "Room is left in sum, but in pieces too small; it lies within the gap to the bound."
        return "room", resource, says
    resource = RESOURCES[int(cheapest.argmax())]
    says = (
        f"The {resource} of {plural(holds, 'machine')} that it may run on went to other jobs, which are "
        "worth more for what they take."
    )
    return "room", resource, says


def _nowhere(instance: Instance, shape: Shape) -> tuple[str, str, str]:
    """A part that fits no machine: not even an empty one, or none beside what runs."""
    empty = {
        NodeClass(n.cpu_milli, n.memory_mib, n.devices, n.model if n.devices else "") for n in instance.nodes
    }
    if not any(fits_empty(shape, machine) for machine in empty):
        return ("impossible", *_impossible(empty, shape))
    says = (
        "Each machine that it may run on is too full of what runs already. dcplan defrag moves things "
        "together, and -move places what runs anew, too."
    )
    return "room", RESOURCES[2] if shape.accelerators else RESOURCES[0], says


def _impossible(machines: Collection[NodeClass], shape: Shape) -> tuple[str, str]:
    """Which need no empty machine meets, or that none meets all at once."""
    models = sorted({c.model for c in machines if c.devices})
    here = [c for c in machines if not shape.models or c.model in shape.models]
    if shape.models and not here:
        hint = did_you_mean(shape.models[0], models) or (f"It has {listed(models)}." if models else "")
        says = (
            f"No machine of the fleet has accelerators of the model {listed(shape.models, last='or')}. {hint}"
        )
        return "model", says.strip()
    most = (
        max(c.cpu_milli for c in here),
        max(c.memory_mib for c in here),
        max(c.devices for c in here),
    )
    needs = (shape.cpu_milli, shape.memory_mib, max(shape.devices, 1 if shape.share_milli else 0))
    words = ("{} millicores", "{} MiB of memory", "{} accelerators")
    for resource, need, there, word in zip(RESOURCES, needs, most, words, strict=True):
        if need > there:
            says = f"A part needs {word.format(need)}, and no machine it may run on has more than {there}."
            return resource, says
    says = "No single machine it may run on has enough CPU, memory and accelerators at once."
    return RESOURCES[0], says
