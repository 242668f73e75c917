"""Checks, preconditions and postconditions: what they see of a plan, and what is said when they fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dcplan.config.checks_spec import LATER_FIELDS
from dcplan.config.expressions import Verdict, ask
from dcplan.diag import ConfigPath, Diagnostic, error, warning
from dcplan.plan.types import Condition
from dcplan.provider.lowering import ENDPOINT
from dcplan.resources import Action, Address, Resource
from dcplan.resources.seats import seats_in_group, seats_of
from dcplan.sharding.types import ServeEstimate, TrainEstimate
from dcplan.units import HOURS_PER_MONTH

if TYPE_CHECKING:
    from dcplan.config import Document
    from dcplan.plan.types import PlacedWorkload, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A condition of the document, and where it stands."""

    condition: Condition
    path: ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What conditions are asked about."""

    plan: Plan
    resources: Mapping[Address, Resource]
    """All that exists once the plan is applied."""
    applied: bool = False
    """Whether it is."""


def conditions_of(document: Document) -> tuple[Asked, ...]:
    """All conditions, in the document's order: checks last, as they only warn."""
    asked = []
    for name, workload in document.workloads.items():
        for i, rule in enumerate(workload.preconditions):
            told = Condition(
                kind="precondition", workload=name, condition=rule.condition, message=rule.message
            )
            asked.append(Asked(condition=told, path=("workloads", name, "preconditions", i, "condition")))
        for i, rule in enumerate(workload.postconditions):
            told = Condition(
                kind="postcondition", workload=name, condition=rule.condition, message=rule.message
            )
            asked.append(Asked(condition=told, path=("workloads", name, "postconditions", i, "condition")))
    for i, check in enumerate(document.checks):
        told = Condition(kind="check", name=check.name, condition=check.assert_, message=check.message)
        asked.append(Asked(condition=told, path=("checks", i, "assert")))
    return tuple(asked)


def judged(conditions: Sequence[Condition], scene: Scene) -> tuple[Condition, ...]:
    """The conditions with their answers."""
    if not conditions:
        return ()
    workloads = {w.name: workload_view(w, scene) for w in scene.plan.workloads}
    everything = {"plan": plan_view(scene.plan, workloads), "workloads": workloads}
    answers = []
    for one in conditions:
        mine = workloads.get(one.workload)
        if one.workload and mine is None:
            answers.append(replace(one, verdict=Verdict.UNKNOWN.value, why="The workload does not run."))
            continue
        values = everything if mine is None else {**everything, "workload": mine}
        seen = [mine] if mine is not None and "workloads" not in one.condition else list(workloads.values())
        later = {field for field in LATER_FIELDS for view in seen if field not in view}
        answer = ask(one.condition, values, later)
        answers.append(replace(one, verdict=answer.verdict.value, why=answer.why))
    return tuple(answers)


def plan_view(plan: Plan, workloads: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """``plan`` in a condition; unknown figures are null."""
    counts = Counter(change.action.value for change in (*plan.state_changes, *plan.changes))
    changes = [
        {
            "address": str(c.address),
            "kind": c.address.kind,
            "action": c.action.value,
            "reason": c.reason.value,
        }
        for c in (*plan.state_changes, *plan.changes)
    ]
    monthly = None if plan.usd_per_h is None else plan.usd_per_h * HOURS_PER_MONTH
    return {
        "project": plan.project,
        "mode": plan.mode,
        "usd_per_h": plan.usd_per_h,
        "usd_per_month": monthly,
        "before_usd_per_h": plan.before_usd_per_h,
        "egress_usd_per_h": plan.egress_usd_per_h,
        "power_w": None if plan.footprint is None else plan.footprint.power_w,
        "kgco2_per_h": None if plan.footprint is None else plan.footprint.kgco2_per_h,
        "machines": sum(use.machines for use in plan.pools),
        "devices": sum(view["devices"] for view in workloads.values()),
        "unchanged": plan.unchanged,
        "counts": {action.value: counts[action.value] for action in Action},
        "changes": changes,
        "left_out": [one.workload for one in plan.left_out],
        "regions": sorted({region for view in workloads.values() for region in view["regions"]}),
    }


def workload_view(placed: PlacedWorkload, scene: Scene) -> dict[str, Any]:
    """``workload`` in a condition, and each of ``workloads``; what is known after apply is left out."""
    mine = {a: r for a, r in scene.resources.items() if r.attributes.get("workload") == placed.name}
    seats = {seat for resource in mine.values() for seat in (*seats_of(resource), *seats_in_group(resource))}
    candidate, estimate = placed.candidate, placed.candidate.estimate
    view: dict[str, Any] = {
        "name": placed.name,
        "kind": placed.kind,
        "model": placed.model,
        "replicas": sum(a.replicas for a in placed.allotments),
        "machines": len({seat[:2] for seat in seats}),
        "devices": len(seats),
        "devices_per_replica": candidate.devices,
        "accelerator": candidate.accelerator,
        "precision": candidate.precision,
        "usd_per_h": placed.usd_per_h,
        "usd_per_month": placed.usd_per_month,
        "usd_for_job": placed.usd_for_job,
        "egress_usd_per_h": placed.egress_usd_per_h,
        "regions": list(placed.regions),
        "pools": [a.pool for a in placed.allotments],
        "predicted": {},
        "utilisation": None,
        "duration_s": None,
    }
    if isinstance(estimate, ServeEstimate):
        view["utilisation"] = estimate.utilisation
        view["predicted"] = {
            f"{p.metric.value}_p{p.quantile * 100:g}_s": p.estimate.seconds for p in estimate.predicted
        }
    elif isinstance(estimate, TrainEstimate):
        view["duration_s"] = estimate.duration_s
    return view | _outputs(mine, scene)


def _outputs(mine: Mapping[Address, Resource], scene: Scene) -> dict[str, Any]:
    """Where a workload is reached, as far as that is known by now."""
    waits = set() if scene.applied else {c.address for c in scene.plan.changes}
    endpoints = {a: r for a, r in mine.items() if a.kind == ENDPOINT}
    replicas = {a: r for a, r in mine.items() if a.kind != ENDPOINT}
    known: dict[str, Any] = {}
    if not waits & endpoints.keys():
        known["endpoint"] = next((r.outputs.get("url") for r in endpoints.values()), None)
    if not waits & replicas.keys():
        known["addresses"] = [r.outputs["address"] for r in replicas.values() if "address" in r.outputs]
    return known


def after(plan: Plan, prior: Mapping[Address, Resource]) -> dict[Address, Resource]:
    """What will exist once the plan is applied; ``prior`` are the resources it starts from."""
    resources = dict(prior)
    for change in plan.changes:
        if change.after is None:
            resources.pop(change.address, None)
        else:
            resources[change.address] = change.after
    return resources


def told(condition: Condition, path: ConfigPath | None = None) -> Diagnostic | None:
    """What is to be said of an answer: a failed check is a warning, anything else that fails an error."""
    if condition.verdict in {Verdict.HOLDS.value, Verdict.UNKNOWN.value}:
        return None
    name = f'"{condition.name}"' if condition.name else f'"{condition.condition}" of {condition.workload}'
    say = warning if condition.kind == "check" else error
    if condition.verdict == Verdict.WRONG.value:
        detail = f"The {condition.kind} {name} cannot be answered. {condition.why}"
        return say("condition-wrong", "A condition cannot be answered", detail, path=path)
    summaries = {
        "check": ("check-failed", "A check failed"),
        "precondition": ("precondition-failed", "A precondition does not hold"),
        "postcondition": ("postcondition-failed", "A postcondition does not hold"),
    }
    code, summary = summaries[condition.kind]
    expression = f" ({condition.condition})" if condition.name else ""
    detail = f"{condition.message.rstrip()} The {condition.kind} {name}{expression} is false."
    return say(code, summary, detail, path=path)
