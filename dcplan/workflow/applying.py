"""``apply`` and ``destroy``: finish what was interrupted, then carry out a plan."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dcplan.apply import (
    ApplyOptions,
    ApplyReport,
    Event,
    LockAcquired,
    LockWaiting,
    after_notes,
    check_first,
    check_fresh,
    check_made_since,
    execute,
    make_notes,
    recover,
)
from dcplan.catalog.live import laid_over
from dcplan.config import filled
from dcplan.diag import Diagnostics, Result, error, has_errors
from dcplan.diag.log import log
from dcplan.plan.begun import begin
from dcplan.plan.landed import landed
from dcplan.plan.remaining import remaining, superseded
from dcplan.plan.sold_out import noted, remembered
from dcplan.provider import open_providers
from dcplan.state import Fenced, StateError, StateStore
from dcplan.workflow.checking import check
from dcplan.workflow.conditions import of_applied
from dcplan.workflow.history import Noting, journaled
from dcplan.workflow.inputs import given_again
from dcplan.workflow.leasing import lock_info, take_lock, who
from dcplan.workflow.live_files import live_catalogs
from dcplan.workflow.locking import check_lock
from dcplan.workflow.saving import check_fits
from dcplan.workflow.settings import NO_FLAGS, ApplyFlags, settings_of
from dcplan.workflow.stores import open_state
from dcplan.workflow.types import Applied, Project

if TYPE_CHECKING:
    from dcplan.plan.types import Plan
    from dcplan.provider.protocol import Provider
    from dcplan.resources import Address, JsonValue
    from dcplan.state import Lease
    from dcplan.state.types import State

Report = Callable[[Event], None]


def apply(  # noqa: PLR0913 - a plan, who is told, and two ways to say how
    project: Project,
    plan: Plan,
    *,
    report: Report,
    stop: threading.Event,
    options: ApplyOptions | None = None,
    flags: ApplyFlags = NO_FLAGS,
    kept: Collection[Address] = (),
) -> Result[Applied]:
    """Carry out ``plan``: exactly its changes, or none when the state is not what it was made from.

    Changes that an interrupted apply of the same plan has made already are not
    made again, so a saved plan can be applied until it is done.  ``options``
    take the place of what the plan's document and ``flags`` say of applying.
    ``kept`` are machines that stay unless all machines that the plan buys are there.
    """
    chosen = options or flags.over(plan.apply)
    try:
        return _apply(project, plan, report=report, stop=stop, chosen=chosen, kept=kept)
    except StateError as problem:
        return Result(None, (problem.diagnostic(),))


def _apply(  # noqa: PLR0913 - as ``apply``
    project: Project,
    plan: Plan,
    *,
    report: Report,
    stop: threading.Event,
    chosen: ApplyOptions,
    kept: Collection[Address],
) -> Result[Applied]:
    providers = providers_of(project, plan)
    if providers.value is None:
        return Result(None, providers.diagnostics)
    with writing(project, plan.mode, report=report, stop=stop) as held:
        if held.value is None:
            return Result(None, held.diagnostics)
        store = held.value
        with journaled(store, operation=plan.mode, who=who(), plan=plan) as run:
            report(LockAcquired(epoch=store.epoch, operation=plan.mode))
            if plan.mode == "refresh-only":
                return _take_over(store, plan, run, stop)
            done = _carry_out(
                store, plan, providers.value, report=report, stop=stop, chosen=chosen, kept=kept
            )
            done = Result(done.value, (*done.diagnostics, *lost_lock(store, done.diagnostics)))
            if done.value is not None:
                run.end(done.value.report, recovered=done.value.recovered)
            return done


def lost_lock(store: StateStore, said: Diagnostics) -> Diagnostics:
    """That the lease was lost, unless a write has said so already."""
    if store.why_lost is None or any(d.code == Fenced.code for d in said):
        return ()
    return (Fenced(f"{store.why_lost} Nothing more was begun. Run dcplan apply to go on.").diagnostic(),)


def _take_over(store: StateStore, plan: Plan, run: Noting, stop: threading.Event) -> Result[Applied]:
    """Write what a refresh-only plan found."""
    from dcplan.workflow.drift import record_drift  # noqa: PLC0415 - only for such a plan

    done = record_drift(store, plan, stop)
    if done.value is not None:
        written = 0 if done.value.report.interrupted else len(plan.drift) - done.value.already_made
        run.end(done.value.report, drift=written)
    return done


def _carry_out(  # noqa: PLR0913 - as ``apply``
    store: StateStore,
    plan: Plan,
    providers: Mapping[str, Provider],
    *,
    report: Report,
    stop: threading.Event,
    chosen: ApplyOptions,
    kept: Collection[Address] = (),
) -> Result[Applied]:
    """End what was interrupted, then make what is left of the plan, under the lease."""
    recovered = _recover(store, providers, report=report, stop=stop, options=chosen)
    if recovered.value is None or has_errors(recovered.diagnostics):
        return Result(None, recovered.diagnostics)
    state = store.read()
    left = remaining(plan, state)
    stale = check_first(plan, left, state) or check_fresh(left, state)
    stale = stale or check_made_since(left, state, store.tries())
    if has_errors(stale):
        return Result(None, stale)
    begun = begin(plan, state)
    if begun is not None:
        store.set_deployment(begun)
    run_id = str(uuid.uuid4())
    done = after_notes(
        make_notes(left.state_changes, store=store, providers=providers, run_id=run_id, report=report),
        lambda: execute(
            left.changes,
            planned=plan.changes,
            fallbacks=plan.fallbacks,
            kept=kept,
            store=store,
            providers=providers,
            options=chosen,
            report=report,
            stop=stop,
            run_id=run_id,
        ),
    )
    if done.value is None:
        return Result(None, done.diagnostics)
    already_made = len(plan.changes) - len(left.changes)
    after = store.read()
    real, moved = landed(plan, after.resources)
    if left.changes or not superseded(plan, state):
        _remember(store, real, done.value, after)
    applied = Applied(
        plan=real,
        report=done.value,
        recovered=len(recovered.value.results),
        already_made=already_made,
        moved=moved,
    )
    asked = of_applied(real, after, done.value)
    return Result(applied, (*recovered.diagnostics, *done.diagnostics, *asked))


def finish_interrupted(  # noqa: PLR0913 - as ``apply``
    project: Project,
    *,
    report: Report,
    stop: threading.Event,
    options: ApplyOptions | None = None,
    flags: ApplyFlags = NO_FLAGS,
    choices: Mapping[Address, str | None] | None = None,
    agreed: Collection[str] | None = None,
) -> Result[ApplyReport]:
    """Bring to an end what an interrupted apply left open, so that a plan can be made on firm ground.

    ``choices`` are the user's answers where dcplan must not guess: the id of
    the object that this address's operation made, or None for "nothing was made".
    ``agreed`` are the ``op_id`` of those that may be ended (None: all): with more, nothing is done.
    """
    checked = check(project)
    if checked.value is None:
        return Result(None, checked.diagnostics)
    try:
        with writing(project, "recover", report=report, stop=stop) as held:
            if held.value is None:
                return Result(None, held.diagnostics)
            others = _others(held.value, agreed)
            if others:
                return Result(None, others)
            with journaled(held.value, operation="recover", who=who()) as run:
                report(LockAcquired(epoch=held.value.epoch, operation="recover"))
                done = _recover(
                    held.value,
                    checked.value.providers,
                    report=report,
                    stop=stop,
                    options=options or flags.over(settings_of(checked.value.loaded.document)),
                    choices=choices,
                )
                run.end(done.value, recovered=0 if done.value is None else len(done.value.results))
                return Result(done.value, (*done.diagnostics, *lost_lock(held.value, done.diagnostics)))
    except StateError as problem:
        return Result(None, (problem.diagnostic(),))


def _others(store: StateStore, agreed: Collection[str] | None) -> Diagnostics:
    """An error when something is open that nobody was shown."""
    if agreed is None or all(operation.op_id in agreed for operation in store.open_operations()):
        return ()
    detail = (
        "While you were asked, another dcplan began further operations, and left them open. Nothing was "
        "done. Run dcplan recover again to see them."
    )
    return (error("recover-moved-on", "More was interrupted meanwhile", detail),)


def providers_of(project: Project, plan: Plan) -> Result[Mapping[str, Provider]]:
    """The providers of a plan, opened with the settings it was made with."""
    other = (*check_fits(project, plan), *check_lock(project, plan.settings))
    if other:
        return Result(None, other)
    given = given_again(project, plan)
    if given.value is None:
        return Result(None, given.diagnostics)
    settings = filled(plan.settings, project.env, given.value)
    if settings.value is None:
        return Result(None, settings.diagnostics)
    root, elsewhere = project.folder / plan.root, project.other_work_folder
    live = live_catalogs(project)
    if live.value is None:
        return Result(None, live.diagnostics)
    with laid_over(live.value):
        opened = open_providers(settings.value, root, work_folder=elsewhere)
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
def writing(
    project: Project,
    operation: str,
    *,
    report: Report = lambda _: None,
    stop: threading.Event | None = None,
) -> Iterator[Result[StateStore]]:
    """The state, locked for this process; a diagnostic says who else holds it.

    Waits for it as long as the project says, told to ``report``.  ``stop`` ends
    the wait, and is set when the lock is lost, so that nothing more is begun.
    """
    opened = open_state(project, create=True)
    if opened.value is None:
        yield Result(None, opened.diagnostics)
        return
    store = opened.value
    try:
        lease = take_lock(
            store,
            lock_info(operation, project.env),
            wait_s=project.lock_timeout_s,
            waiting=lambda why, delay_s: report(LockWaiting(why=why, delay_s=delay_s)),
            stop=stop,
        )
        if lease.value is None:
            yield Result(None, lease.diagnostics)
            return
        if stop is not None:
            lease.value.when_lost(stop.set)
        with lease.value:
            yield Result(store, lease.diagnostics)
        _tell_end(lease.value)
    finally:
        store.close()


def _tell_end(lease: Lease) -> None:
    lost = lease.why_lost
    told = "lock released" if lost is None else "lock lost"
    log("info" if lost is None else "warn", "state", told, epoch=lease.epoch, why=lost)


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


def _remember(store: StateStore, plan: Plan, report: ApplyReport, state: State) -> None:
    """Keep what the plan says of the workloads for ``show``, once all of it is true."""
    if report.interrupted or report.failed or report.skipped or report.in_progress:
        return

    def keep(deployment: Mapping[str, JsonValue]) -> None:
        seen = remembered(state.deployment)
        store.set_deployment(noted(deployment, seen, datetime.now(UTC).timestamp()))

    from dcplan.plan.deployed import deployment_after  # noqa: PLC0415 - pydantic, only when all went well

    keep(deployment_after(plan, state.deployment, _now()))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
