"""``plan``: gather what is known, decide, and say what would change."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from dcplan.diag import Result, has_errors
from dcplan.plan.bought import bought_ahead
from dcplan.plan.diff import diff
from dcplan.plan.footprint import footprint_of
from dcplan.plan.make import make_plan, placed_workloads, with_generations
from dcplan.plan.outputs import planned_outputs
from dcplan.plan.price_sources import price_sources
from dcplan.plan.room import bounds_of
from dcplan.plan.types import Digests
from dcplan.provider.origins import origins
from dcplan.resources import Address, ResourceGraph
from dcplan.state import StateError
from dcplan.state.types import State
from dcplan.workflow.checking import check
from dcplan.workflow.conditions import with_conditions
from dcplan.workflow.history import at_work
from dcplan.workflow.inputs import kept_nowhere
from dcplan.workflow.looking import ask_all, not_in_document
from dcplan.workflow.refactoring import as_held, as_told, kinds_of, with_notes
from dcplan.workflow.ruling import compared, forbidden, room_of, with_rules
from dcplan.workflow.selecting import Named, replaced_by, select, unknown
from dcplan.workflow.settings import settings_of
from dcplan.workflow.standing import there_already
from dcplan.workflow.stores import open_state
from dcplan.workflow.types import (
    AS_ALWAYS,
    EVERYTHING,
    Checked,
    Planned,
    Progress,
    Project,
    Scope,
    StateView,
    Tuning,
    silent,
)

if TYPE_CHECKING:
    from dcplan.plan.diff import Diff
    from dcplan.plan.room import Bound
    from dcplan.plan.types import Partial, PlacedWorkload, Plan
    from dcplan.provider.protocol import Provider
    from dcplan.provider.types import Found
    from dcplan.resources import Resource
    from dcplan.workflow.types import Decided, Gathered


def plan(
    project: Project,
    *,
    refresh: bool = True,
    progress: Progress = silent,
    tuning: Tuning = AS_ALWAYS,
    scope: Scope = EVERYTHING,
) -> Result[Planned]:
    """The plan from today's state to what the document wants.  Takes no lock, changes nothing.

    ``scope`` confines the changes; what is decided is the same without it.
    """
    from dcplan.workflow.falling_back import decide_around  # noqa: PLC0415 - solver: only plans need it
    from dcplan.workflow.gathering import gather  # noqa: PLC0415 - as above

    progress("reading the document")
    checked = check(project)
    if checked.value is None:
        return Result(None, checked.diagnostics)
    place = checked.value.loaded.source.place
    view = as_told(checked.value, read_state(project))
    if view.value is None:
        return Result(None, (*checked.diagnostics, *view.diagnostics))
    progress("asking the providers what they offer")
    gathered = gather(checked.value, view.value.state.lineage, datetime.now(UTC).timestamp())
    said = (*checked.diagnostics, *view.diagnostics, *place(gathered.diagnostics))
    if gathered.value is None:
        return Result(None, said)
    offered = as_held(view.value, gathered.value)
    decided = decide_around(checked.value, offered, view.value.state, progress, tuning)
    said = (*said, *place(decided.diagnostics))
    if decided.value is None:
        return Result(None, said)
    progress("comparing with what runs")
    found = refreshed(view.value.state, checked.value.providers) if refresh else Result({})
    said = (*said, *found.diagnostics)
    if found.value is None:
        return Result(None, said)
    made = _make(
        project,
        checked.value,
        offered,
        decided.value,
        view.value,
        found.value if refresh else None,
        scope,
        tuning,
    )
    said = (*said, *made.diagnostics)
    if refresh and made.value is not None:
        again = partial(read_state, project)
        said = (*said, *there_already(made.value, view.value, checked.value.providers, again))
    planned = (
        None
        if made.value is None
        else Planned(plan=made.value, checked=checked.value, state=view.value.state, decided=decided.value)
    )
    return Result(planned, said)


def plan_destroy(project: Project, *, refresh: bool = True, scope: Scope = EVERYTHING) -> Result[Planned]:
    """The plan that deletes everything in the state, or what ``scope`` leaves.  The solver is not asked."""
    checked = check(project)
    if checked.value is None:
        return Result(None, checked.diagnostics)
    view = as_told(checked.value, read_state(project), destroy=True)
    if view.value is None:
        return Result(None, (*checked.diagnostics, *view.diagnostics))
    state = view.value.state
    found = refreshed(state, checked.value.providers) if refresh else Result({})
    said = (*checked.diagnostics, *view.diagnostics, *found.diagnostics)
    if found.value is None:
        return Result(None, said)
    everything = diff(state.resources, ResourceGraph.of(()), kinds_of(checked.value.providers), found.value)
    named = Named.of(scope, state.resources, {}, checked.value.loaded.document.workloads)
    selected = select(everything, named, scope, _cost_of)
    if selected.value is None:
        return Result(None, (*said, *selected.diagnostics))
    changes, partial = selected.value
    said = (*said, *forbidden(checked.value, view.value, changes))
    if has_errors(said):
        return Result(None, said)
    made = make_plan(
        project=checked.value.demand.project,
        mode="destroy",
        created_at=now(),
        diff=changes,
        state=state,
        inputs=digests(checked.value, "", state),
        interrupted=to_finish(checked.value, view.value),
        root=root_of(project, checked.value),
        settings=checked.value.loaded.portable_settings,
        before_usd_per_h=cost_today(state),
    )
    settings = settings_of(checked.value.loaded.document)
    made = replace(made, partial=partial, refreshed=refresh, apply=settings, held_by=view.value.held_by)
    made = with_notes(view.value, made)
    return Result(Planned(plan=made, checked=checked.value, state=state), said)


def read_state(project: Project) -> Result[StateView]:
    """The state and what an interrupted apply left open; an empty one before the first apply."""
    opened = open_state(project, create=False)
    if opened.value is None:
        if [d.code for d in opened.diagnostics] == ["state-missing"]:
            return Result(StateView(state=State()))
        return Result(None, opened.diagnostics)
    store = opened.value
    try:
        operations = store.open_operations()
        held_by = at_work(store) if operations else None
        if operations and held_by is None:
            operations = store.open_operations()  # Whoever was at work on them may have ended since.
        names = tuple(dict.fromkeys(f"{o.action.value} {o.address}" for o in operations))
        view = StateView(
            tries=store.tries(),
            state=store.read(),
            interrupted=names,
            open=operations,
            held_by=held_by or "" if operations else "",
        )
        return Result(view, opened.diagnostics)
    except StateError as problem:
        return Result(None, (problem.diagnostic(),))
    finally:
        store.close()


def to_finish(checked: Checked, view: StateView) -> tuple[str, ...]:
    """What is open, and what is done about each operation before anything else, a line each.

    Of what somebody is at work on, nothing has to be done.
    """
    if not view.open or view.held_by:
        return view.interrupted
    from dcplan.apply.ways import describe_open  # noqa: PLC0415 - only after an interruption

    found = describe_open(view.open, checked.providers, datetime.now(UTC).timestamp())
    return tuple(prospect.text for prospect in found)


def refreshed(state: State, providers: Mapping[str, Provider]) -> Result[Mapping[Address, Found | None]]:
    """What the providers have for each resource of the state."""
    by_provider: dict[str, list[Resource]] = {}
    for address, resource in state.resources.items():
        by_provider.setdefault(address.provider, []).append(resource)
    missing = tuple(
        not_in_document(name, len(mine)) for name, mine in by_provider.items() if name not in providers
    )
    asked = {name: providers[name] for name in by_provider if name in providers}
    looked, said = ask_all(asked, lambda name, provider: provider.refresh(by_provider[name]).found)
    if missing or said:
        return Result(None, (*missing, *said))
    return Result({a: there for found in looked.values() for a, there in found.items()})


def _make(  # noqa: PLR0913, PLR0917 - the values of all stages
    project: Project,
    checked: Checked,
    gathered: Gathered,
    decided: Decided,
    view: StateView,
    found: Mapping[Address, Found | None] | None,
    scope: Scope,
    tuning: Tuning,
) -> Result[Plan]:
    state = view.state
    changed = _changes(checked, gathered, decided, view, found, scope)
    if changed.value is None:
        return Result(None, changed.diagnostics)
    changes, partial = changed.value
    from dcplan.workflow.falling_back import sold_out_of  # noqa: PLC0415 - as ``plan``
    from dcplan.workflow.foreseeing import if_sold_out  # noqa: PLC0415 - as ``plan``

    elsewhere, instead = if_sold_out(checked, gathered, decided, state, changes.changes, tuning)
    made = make_plan(
        project=checked.demand.project,
        mode="apply",
        created_at=now(),
        diff=changes,
        state=state,
        inputs=digests(checked, gathered.digest, state),
        interrupted=to_finish(checked, view),
        root=root_of(project, checked),
        settings=checked.loaded.portable_settings,
        before_usd_per_h=cost_today(state, gathered),
        solution=decided.solution,
        workloads=_told(checked, decided),
        left_out=decided.left_out,
        footprint=footprint_of(decided.solution.pools, decided.pools),
        bought_ahead=bought_ahead(decided.problem.paid, decided.solution, gathered.at_s),
    )
    made = replace(
        made,
        partial=partial,
        held_by=view.held_by,
        replaced=scope.replaces,
        refreshed=found is not None,
        outputs=planned_outputs(checked.loaded.document),
        fallbacks=elsewhere,
        next_best=instead,
        sold_out=sold_out_of(checked, gathered, decided, state, changes.changes),
        price_sources=price_sources(decided.solution.pools, gathered.catalog.offerings),
        apply=settings_of(checked.loaded.document),
    )
    made, said = with_conditions(checked, view, with_rules(checked, gathered, decided, view, made))
    made = with_generations(made, view.tries)
    said = (*said, *checked.loaded.source.place(kept_nowhere(made)))
    return Result(None if has_errors(said) else made, (*changed.diagnostics, *said))


def _told(checked: Checked, decided: Decided) -> tuple[PlacedWorkload, ...]:
    """What the plan says of each workload."""
    from dcplan.workflow.fleets import mixes_of  # noqa: PLC0415 - as ``plan``

    return placed_workloads(
        checked.demand,
        decided.solution,
        decided.candidates,
        decided.searches,
        decided.pools,
        {w.name: w for w in decided.problem.workloads},
        mixes_of(checked, decided),
        {one.workload: one for one in decided.ranks},
        decided.classes,
    )


def _changes(  # noqa: PLR0913, PLR0917 - as ``_make``
    checked: Checked,
    gathered: Gathered,
    decided: Decided,
    view: StateView,
    found: Mapping[Address, Found | None] | None,
    scope: Scope,
) -> Result[tuple[Diff, Partial | None]]:
    """What would change, as far as ``scope`` lets it."""
    state = view.state
    named = Named.of(scope, state.resources, decided.graph.resources, checked.loaded.document.workloads)
    replaced = replaced_by(scope, named)
    if replaced.value is None:
        return Result(None, (*replaced.diagnostics, *unknown(scope, named)))
    everything = compared(checked, gathered, decided, view, found, replaced.value)
    if everything.value is None:
        return Result(None, (*replaced.diagnostics, *everything.diagnostics))
    # Successors have names of their own, which the decision does not know.
    made = {c.address: c.after for c in everything.value.changes if c.after is not None}
    wanted = {**decided.graph.resources, **made}
    named = Named.of(scope, state.resources, wanted, checked.loaded.document.workloads)
    bounds: tuple[Bound, ...] = ()
    if scope.confined:
        bounds = bounds_of(room_of(gathered, decided), state.resources, everything.value.changes)
    selected = select(everything.value, named, scope, lambda left: _cost_of(left, gathered), bounds)
    said = (*replaced.diagnostics, *everything.diagnostics, *selected.diagnostics)
    if selected.value is None:
        return Result(None, said)
    harm = forbidden(checked, view, selected.value[0])
    return Result(None if has_errors(harm) else selected.value, (*said, *harm))


def root_of(project: Project, checked: Checked) -> str:
    """The document's folder, seen from the project's: a saved plan may be applied from a moved checkout."""
    return os.path.relpath(checked.loaded.root, project.folder)


def cost_today(state: State, gathered: Gathered | None = None) -> float | None:
    """Dollars per hour of the machines in the state; None when that is not known.

    At today's prices, so that an apply that failed half-way counts with what
    it made.  Where these do not know a machine, or nobody was asked, what the
    last whole apply told.
    """
    cost = _cost_of(state.resources, gathered)
    if cost is not None:
        return cost
    told = state.deployment.get("usd_per_h")
    return float(told) if isinstance(told, int | float) else None


def _cost_of(resources: Mapping[Address, Resource], gathered: Gathered | None = None) -> float | None:
    """Dollars per hour of the machines among ``resources`` at today's prices; None when that is not known."""
    if not resources:
        return 0.0
    if gathered is None:
        return None
    from dcplan.plan.current import assignment_of  # noqa: PLC0415 - as ``decide``

    price = {o.pool: o.usd_per_h for o in gathered.catalog.offerings}
    prices = [price.get(m.pool) for m in assignment_of(resources.values()).machines]
    known = [p for p in prices if p is not None]
    return sum(known) if len(known) == len(prices) else None


def digests(checked: Checked, offerings: str, state: State) -> Digests:
    """What a plan is made from; ``offerings`` is the digest of what was on offer, if anybody asked."""
    return Digests(
        document=checked.loaded.digest,
        offerings=offerings,
        lineage=state.lineage,
        serial=state.serial,
        providers=origins(checked.providers),
        workspace=checked.workspace,
    )


def now() -> str:
    """The time of a plan: ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
