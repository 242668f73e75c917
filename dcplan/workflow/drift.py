"""``drift`` and refresh-only plans: where the providers have something else than the state says."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dcplan.apply import ApplyReport
from dcplan.apply.fresh import check_fresh
from dcplan.diag import Diagnostic, Result, error, has_errors, warning
from dcplan.plan.diff import Diff
from dcplan.plan.drift import Ignore, drift_of, idle
from dcplan.plan.lifecycle import drift_ignored
from dcplan.plan.make import make_plan
from dcplan.plan.types import ReadEntry
from dcplan.resources import digest_of
from dcplan.state.types import Recorded
from dcplan.workflow.checking import check
from dcplan.workflow.planning import cost_today, digests, now, read_state, refreshed, root_of, to_finish
from dcplan.workflow.ruling import rules_of
from dcplan.workflow.selecting import Named, select_drift
from dcplan.workflow.types import EVERYTHING, Applied, Checked, Planned, Project, Scope, StateView

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dcplan.diag import Diagnostics
    from dcplan.plan.types import Drift, Plan
    from dcplan.state import StateStore
    from dcplan.state.types import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Drifted:
    """What was found where the state was compared with the providers."""

    drifts: tuple[Drift, ...]
    """What asks for a change: of the cloud, or of the state."""
    ignored: tuple[Drift, ...] = ()
    """What ``lifecycle.ignore_changes`` leaves to others: no plan changes it."""
    looked_at: int
    """Resources that were compared."""
    interrupted: tuple[str, ...] = ()
    """Operations that an earlier apply left open; their resources are not judged."""
    held_by: str = ""
    """Who is at work on these now, in words: then they are in flight.  Empty for nobody."""


def find_drift(project: Project, ignore: Iterable[str] = ()) -> Result[Drifted]:
    """Compare the state with the providers; takes no lock and writes nothing.

    ``ignore`` are rules (``ADDRESS.ATTRIBUTE``, ``KIND.ATTRIBUTE``) besides those of the document.
    Diagnostics: ``ignore-rule`` for one that cannot be read, and those of the providers.
    """
    rules = _rules(ignore)
    if has_errors(rules.diagnostics):
        return Result(None, rules.diagnostics)
    checked = check(project)
    if checked.value is None:
        return Result(None, checked.diagnostics)
    found = _look(project, checked.value, rules.value or ())
    said = (*checked.diagnostics, *found.diagnostics)
    if found.value is None:
        return Result(None, said)
    drifted, view = found.value
    asking, ignored = drift_ignored(drifted.drifts, view.state.resources, rules_of(checked.value))
    return Result(replace(drifted, drifts=asking, ignored=ignored), said)


def plan_refresh(project: Project, *, scope: Scope = EVERYTHING) -> Result[Planned]:
    """The plan that brings the state up to date with the providers, and changes nothing else."""
    checked = check(project)
    if checked.value is None:
        return Result(None, checked.diagnostics)
    found = _look(project, checked.value, ())
    said = (*checked.diagnostics, *found.diagnostics)
    if found.value is None:
        return Result(None, said)
    drifted, view = found.value
    named = Named.of(scope, view.state.resources, {}, checked.value.loaded.document.workloads)
    selected = select_drift(tuple(d for d in drifted.drifts if d.before != d.after), named, scope)
    if selected.value is None:
        return Result(None, (*said, *selected.diagnostics))
    made = make_plan(
        project=checked.value.demand.project,
        mode="refresh-only",
        created_at=now(),
        diff=Diff(changes=(), unchanged=drifted.looked_at - len(selected.value)),
        state=view.state,
        inputs=digests(checked.value, "", view.state),
        interrupted=to_finish(checked.value, view),
        root=root_of(project, checked.value),
        settings=checked.value.loaded.portable_settings,
        before_usd_per_h=cost_today(view.state),
    )
    made = replace(
        made,
        usd_per_h=None,
        held_by=view.held_by,
        drift=selected.value,
        read_set=tuple(ReadEntry(address=str(d.address), digest=digest_of(d.before)) for d in selected.value),
    )
    return Result(Planned(plan=made, checked=checked.value, state=view.state), said)


def record_drift(store: StateStore, plan: Plan, stop: threading.Event) -> Result[Applied]:
    """Write what a refresh-only plan found into the state, under the lease of ``store``.

    What is in the state already is not written again.  Errors: the state is not what the plan was made from.
    """
    state = store.read()
    busy = {str(operation.address) for operation in store.open_operations()}
    left = tuple(d for d in plan.drift if state.resources.get(d.address) != d.after)
    read = {str(d.address) for d in left}
    stale = check_fresh(
        replace(plan, read_set=tuple(entry for entry in plan.read_set if entry.address in read)), state
    )
    stale = (*stale, *(_busy(d) for d in left if str(d.address) in busy))
    if has_errors(stale):
        return Result(None, stale)
    if not stop.is_set():
        store.write([Recorded(address=d.address, resource=d.after) for d in left])
    report = ApplyReport(results=(), interrupted=stop.is_set() and bool(left), serial=store.read().serial)
    return Result(Applied(plan=plan, report=report, recovered=0, already_made=len(plan.drift) - len(left)))


def _look(project: Project, checked: Checked, rules: tuple[Ignore, ...]) -> Result[tuple[Drifted, StateView]]:
    """What differs, by the rules given and those of the document, and the state it was compared with."""
    view = read_state(project)
    if view.value is None:
        return Result(None, view.diagnostics)
    found = refreshed(view.value.state, checked.providers)
    said = (*view.diagnostics, *found.diagnostics)
    if found.value is None:
        return Result(None, said)
    told = _rules(checked.loaded.document.drift.ignore)
    said = (*said, *_idle_rules(checked, rules, told.value or (), view.value.state))
    # What is under way is no drift: the next apply finds out what came of it.
    busy = {operation.address for operation in view.value.open}
    judged = {a: there for a, there in found.value.items() if a not in busy}
    drifts = drift_of(view.value.state.resources, judged, (*rules, *(told.value or ())))
    drifted = Drifted(
        drifts=drifts, looked_at=len(judged), interrupted=view.value.interrupted, held_by=view.value.held_by
    )
    return Result((drifted, view.value), said)


def _rules(texts: Iterable[str]) -> Result[tuple[Ignore, ...]]:
    rules: list[Ignore] = []
    said: list[Diagnostic] = []
    for text in texts:
        try:
            rules.append(Ignore.parse(text))
        except ValueError as problem:
            detail = (
                f"{problem}. Write local.machine.a-0.rack for one resource, machine.rack or "
                "local.machine.rack for all of a kind."
            )
            said.append(error("ignore-rule", "A rule of what to ignore cannot be read", detail))
    return Result(tuple(rules), tuple(said))


def _idle_rules(
    checked: Checked, given: Sequence[Ignore], told: Sequence[Ignore], state: State
) -> Diagnostics:
    """A warning for each rule, of the command line or the document, that can hide nothing."""
    kinds = {(name, kind) for name, provider in checked.providers.items() for kind in provider.info.kinds}

    def judged(rules: Sequence[Ignore]) -> Iterator[tuple[int, str]]:
        found = ((i, idle(rule, state.resources, kinds)) for i, rule in enumerate(rules))
        return ((i, why) for i, why in found if why is not None)

    summary = "A rule of what to ignore hides nothing"
    placed = [
        warning("ignore-rule-idle", summary, why, path=("drift", "ignore", i)) for i, why in judged(told)
    ]
    return (
        *(warning("ignore-rule-idle", summary, why) for _, why in judged(given)),
        *checked.loaded.source.place(placed),
    )


def _busy(drift: Drift) -> Diagnostic:
    detail = (
        f"An operation on {drift.address} is not resolved, so its row is left alone. Nothing was written. "
        "Run dcplan recover first."
    )
    return error(
        "operation-unresolved", "An earlier operation is not resolved", detail, address=str(drift.address)
    )
