"""``apply`` and ``destroy``: finish what was interrupted, then carry out a plan."""

from __future__ import annotations

import getpass
import os
import platform
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dcplan.apply import ApplyOptions, ApplyReport, Event, check_fresh, execute, recover
from dcplan.config import filled
from dcplan.diag import Diagnostics, Result, error, has_errors
from dcplan.plan.remaining import remaining, superseded
from dcplan.provider import open_providers
from dcplan.state import LockInfo, StateError, StateStore, open_store
from dcplan.workflow.checking import check
from dcplan.workflow.types import Applied, Project

if TYPE_CHECKING:
    from dcplan.plan.types import Plan
    from dcplan.provider.protocol import Provider
    from dcplan.resources import Address

Report = Callable[[Event], None]


def apply(
    project: Project,
    plan: Plan,
    *,
    report: Report,
    stop: threading.Event,
    options: ApplyOptions | None = None,
) -> Result[Applied]:
    """Carry out ``plan``: exactly its changes, or none when the state is not what it was made from.

    Changes that an interrupted apply of the same plan has made already are not
    made again, so a saved plan can be applied until it is done.
    """
    try:
        return _apply(project, plan, report=report, stop=stop, chosen=options or ApplyOptions())
    except StateError as problem:
        return Result(None, (problem.diagnostic(),))


def _apply(
    project: Project, plan: Plan, *, report: Report, stop: threading.Event, chosen: ApplyOptions
) -> Result[Applied]:
    providers = providers_of(project, plan)
    if providers.value is None:
        return Result(None, providers.diagnostics)
    with writing(project, "destroy" if plan.mode == "destroy" else "apply") as held:
        if held.value is None:
            return Result(None, held.diagnostics)
        store = held.value
        recovered = _recover(store, providers.value, report=report, stop=stop, options=chosen)
        if recovered.value is None or has_errors(recovered.diagnostics):
            return Result(None, recovered.diagnostics)
        state = store.read()
        left = remaining(plan, state)
        stale = check_fresh(left, state)
        if has_errors(stale):
            return Result(None, stale)
        done = execute(
            left.changes,
            store=store,
            providers=providers.value,
            options=chosen,
            report=report,
            stop=stop,
            run_id=str(uuid.uuid4()),
        )
        if done.value is None:
            return Result(None, done.diagnostics)
        already_made = len(plan.changes) - len(left.changes)
        if left.changes or not superseded(plan, state):
            _remember(store, plan, done.value)
    return Result(
        Applied(
            plan=plan, report=done.value, recovered=len(recovered.value.results), already_made=already_made
        ),
        done.diagnostics,
    )


def finish_interrupted(
    project: Project,
    *,
    report: Report,
    stop: threading.Event,
    options: ApplyOptions | None = None,
    choices: Mapping[Address, str | None] | None = None,
) -> Result[ApplyReport]:
    """Bring to an end what an interrupted apply left open, so that a plan can be made on firm ground.

    ``choices`` are the user's answers where dcplan must not guess: the id of
    the object that this address's operation made, or None for "nothing was made".
    """
    checked = check(project)
    if checked.value is None:
        return Result(None, checked.diagnostics)
    try:
        with writing(project, "recover") as held:
            if held.value is None:
                return Result(None, held.diagnostics)
            return _recover(
                held.value,
                checked.value.providers,
                report=report,
                stop=stop,
                options=options or ApplyOptions(),
                choices=choices,
            )
    except StateError as problem:
        return Result(None, (problem.diagnostic(),))


def force_unlock(project: Project) -> Result[int]:
    """Take the lock from a process that hangs: it can write no more.  The number of the next lease."""
    opened = open_store(project.state_path, create=False)
    if opened.value is None:
        return Result(None, opened.diagnostics)
    try:
        return Result(opened.value.force_unlock())
    except StateError as problem:
        return Result(None, (problem.diagnostic(),))
    finally:
        opened.value.close()


def providers_of(project: Project, plan: Plan) -> Result[Mapping[str, Provider]]:
    """The providers of a plan, opened with the settings it was made with."""
    settings = filled(plan.settings, project.env)
    if settings.value is None:
        return Result(None, settings.diagnostics)
    opened = open_providers(settings.value, project.folder / plan.root)
    said = (*opened.diagnostics, *_plan_only(plan, opened.value or {}))
    if opened.value is None or has_errors(said):
        return Result(None, said)
    return Result(opened.value, said)


def _plan_only(plan: Plan, providers: Mapping[str, Provider]) -> Diagnostics:
    """An error for each provider of the plan's changes that can plan but not yet act."""
    names = sorted({change.address.provider for change in plan.changes})
    return tuple(
        error(
            "provider-plans-only",
            "A provider cannot apply yet",
            f"This release of the provider {name} plans, but does not apply. Nothing was changed.",
            address=name,
        )
        for name in names
        if name in providers and "apply" in providers[name].info.lacks
    )


@contextmanager
def writing(project: Project, operation: str) -> Iterator[Result[StateStore]]:
    """The state, locked for this process; a diagnostic says who else holds it."""
    opened = open_store(project.state_path, create=True)
    if opened.value is None:
        yield Result(None, opened.diagnostics)
        return
    store = opened.value
    try:
        lease = store.lock(LockInfo(pid=os.getpid(), who=_who(), operation=operation, since=_now()))
        if lease.value is None:
            yield Result(None, lease.diagnostics)
            return
        with lease.value:
            yield Result(store, lease.diagnostics)
    finally:
        store.close()


def _recover(  # noqa: PLR0913 - what ``recover`` meets
    store: StateStore,
    providers: Mapping[str, Provider],
    *,
    report: Report,
    stop: threading.Event,
    options: ApplyOptions,
    choices: Mapping[Address, str | None] | None = None,
) -> Result[ApplyReport]:
    if not store.open_operations() and not choices:
        return Result(ApplyReport(results=()))
    return recover(
        store=store,
        providers=providers,
        options=options,
        report=report,
        stop=stop,
        run_id=str(uuid.uuid4()),
        choices=choices,
    )


def _remember(store: StateStore, plan: Plan, report: ApplyReport) -> None:
    """Keep what the plan says of the workloads for ``show``, once all of it is true."""
    if report.interrupted or report.failed or report.skipped or report.in_progress:
        return
    if plan.mode == "destroy":
        # Only when: a plan saved before is out of date from now on.
        store.set_deployment({"applied_at": _now()})
        return
    from dcplan.plan.codec import deployment_of  # noqa: PLC0415 - pydantic, only when all went well

    store.set_deployment(deployment_of(plan, _now()))


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A container may run as a user id that has no name.
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    return f"{user}@{platform.node()}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
