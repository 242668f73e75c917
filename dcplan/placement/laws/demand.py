"""Every workload runs that must."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.diag import plural
from dcplan.placement.model import Rule

if TYPE_CHECKING:
    from dcplan.placement.model import Builder


def every_workload_runs(b: Builder) -> None:
    r"""Every workload runs, in one of its ways; one that is not required may be left out.

        sum over choices c of w of  take[c]   =   1               where w is required
        sum over choices c of w of  take[c]   =   1 - left[w]     elsewhere

    Label: ``demand[w]``.  More than one is impossible by the meaning of choice, except in a mixed fleet
    (``mixed_fleets``), of which the sum is 1 when any choice is taken.
    """
    for w in b.problem.workloads:
        choices = b.choices_of[w.name]
        takes = b.runs(w.name)
        if not w.required:
            b.left[w.name] = left = b.model.boolean()
            b.define([*takes, (1, left)], low=1, high=1)
            continue
        b.define(takes, high=1)
        says = f'"{w.name}" has no choice that fits on any machine on offer'
        if choices:
            least = min(choices, key=lambda c: (c.replicas * c.devices, c.id))
            size = f"{plural(least.replicas, 'replica')} of {plural(least.devices, 'device')}"
            ways = f"{len(choices)} ways, the smallest with {size}" if len(choices) > 1 else size
            says = f'"{w.name}" must run ({ways})'
        rule = Rule(law="demand", label=f"demand[{w.name}]", says=says, origins=(w.origin,))
        b.require(takes, rule, at_least=1)
