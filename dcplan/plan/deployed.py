"""What is remembered of a plan that was applied, where it was not a plan of everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dcplan.plan.codec import deployment_of

if TYPE_CHECKING:
    from dcplan.plan.types import Plan
    from dcplan.resources import JsonValue


def deployment_after(plan: Plan, before: Mapping[str, JsonValue], applied_at: str) -> Mapping[str, JsonValue]:
    """What the state keeps of ``plan`` once its changes are made; ``before`` is what it kept until then.

    Of a partial plan only the workloads count that run as it says; of the others what was told before holds.
    """
    partial = plan.partial
    if partial is None or not partial.left:
        # Of a destroy only when: a plan saved before is out of date from now on.
        return {"applied_at": applied_at} if plan.mode == "destroy" else deployment_of(plan, applied_at)
    now: Mapping[str, JsonValue] = {} if plan.mode == "destroy" else deployment_of(plan, applied_at)
    kept = [w for w in _workloads(before) if _name(w) in partial.unfinished]
    made = [w for w in _workloads(now) if _name(w) not in partial.unfinished]
    return {
        **now,
        "project": plan.project,
        "workloads": [*kept, *made],
        "usd_per_h": partial.usd_per_h,
        "solver": None,
        "applied_at": applied_at,
        "partial": True,
    }


def _workloads(deployment: Mapping[str, JsonValue]) -> list[JsonValue]:
    found = deployment.get("workloads")
    return list(found) if isinstance(found, list | tuple) else []


def _name(workload: JsonValue) -> JsonValue:
    return workload.get("name") if isinstance(workload, dict) else None
