"""``plan``: gather what is known, decide, and say what would change."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, Result, error, has_errors
from dcplan.plan.bought import bought_ahead
from dcplan.plan.diff import Kinds, diff
from dcplan.plan.footprint import footprint_of
from dcplan.plan.make import make_plan, placed_workloads
from dcplan.plan.types import Digests
from dcplan.provider.errors import ProviderError
from dcplan.resources import Address, ResourceGraph
from dcplan.state import StateError, open_store
from dcplan.state.types import State
from dcplan.workflow.checking import check
from dcplan.workflow.types import AS_ALWAYS, Checked, Planned, Progress, Project, StateView, Tuning, silent

if TYPE_CHECKING:
    from dcplan.plan.types import Plan
    from dcplan.provider.protocol import Provider
    from dcplan.provider.types import Found
    from dcplan.workflow.types import Decided, Gathered


def plan(
    project: Project, *, refresh: bool = True, progress: Progress = silent, tuning: Tuning = AS_ALWAYS
) -> Result[Planned]:
    """The plan from today's state to what the document wants.  Takes no lock, changes nothing."""
    from dcplan.workflow.deciding import decide  # noqa: PLC0415 - solver and networkx: only plans need them
    from dcplan.workflow.gathering import gather  # noqa: PLC0415 - as above

    progress("reading the document")
    checked = check(project)
    if checked.value is None:
        return Result(None, checked.diagnostics)
    place = checked.value.loaded.source.place
    view = read_state(project)
    if view.value is None:
        return Result(None, (*checked.diagnostics, *view.diagnostics))
    progress("asking the providers what they offer")
    gathered = gather(checked.value, view.value.state.lineage, datetime.now(UTC).timestamp())
    said = (*checked.diagnostics, *view.diagnostics, *place(gathered.diagnostics))
    if gathered.value is None:
        return Result(None, said)
    decided = decide(checked.value, gathered.value, view.value.state, progress, tuning)
    said = (*said, *place(decided.diagnostics))
    if decided.value is None:
        return Result(None, said)
    progress("comparing with what runs")
    found = refreshed(view.value.state, checked.value.providers) if refresh else Result({})
    said = (*said, *found.diagnostics)
    if found.value is None:
        return Result(None, said)
    made = _make(
        project, checked.value, gathered.value, decided.value, view.value, found.value if refresh else None
    )
    return Result(
        Planned(plan=made, checked=checked.value, state=view.value.state, decided=decided.value), said
    )


def plan_destroy(project: Project) -> Result[Planned]:
    """The plan that deletes everything in the state.  The solver has no say in it."""
    checked = check(project)
    if checked.value is None:
        return Result(None, checked.diagnostics)
    view = read_state(project)
    if view.value is None:
        return Result(None, (*checked.diagnostics, *view.diagnostics))
    state = view.value.state
    held = tuple(
        error(
            "protected",
            "A protected resource would be destroyed",
            f"{a} was made with protect: true, which the state remembers. Apply a document "
            "that sets protect: false first.",
            address=str(a),
        )
        for a, r in state.resources.items()
        if r.protect
    )
    found = refreshed(state, checked.value.providers)
    said = (*checked.diagnostics, *view.diagnostics, *held, *found.diagnostics)
    if found.value is None or has_errors(said):
        return Result(None, said)
    providers = checked.value.providers
    changes = diff(state.resources, ResourceGraph.of(()), kinds_of(providers), found.value)
    made = make_plan(
        project=checked.value.demand.project,
        mode="destroy",
        created_at=_now(),
        diff=changes,
        state=state,
        inputs=_digests(checked.value, "", state),
        interrupted=view.value.interrupted,
        root=_root(project, checked.value),
        settings=checked.value.loaded.portable_settings,
        before_usd_per_h=_cost_today(state),
    )
    return Result(Planned(plan=made, checked=checked.value, state=state), said)


def read_state(project: Project) -> Result[StateView]:
    """The state and what an interrupted apply left open; an empty one before the first apply."""
    if not project.state_path.exists():
        return Result(StateView(state=State()))
    opened = open_store(project.state_path, create=False)
    if opened.value is None:
        return Result(None, opened.diagnostics)
    store = opened.value
    try:
        operations = store.open_operations()
        names = tuple(dict.fromkeys(f"{o.action.value} {o.address}" for o in operations))
        return Result(StateView(state=store.read(), interrupted=names), opened.diagnostics)
    except StateError as problem:
        return Result(None, (problem.diagnostic(),))
    finally:
        store.close()


def refreshed(state: State, providers: Mapping[str, Provider]) -> Result[Mapping[Address, Found | None]]:
    """What the providers have for each resource of the state."""
    found: dict[Address, Found | None] = {}
    diagnostics: list[Diagnostic] = []
    for name in sorted({a.provider for a in state.resources}):
        mine = [r for a, r in state.resources.items() if a.provider == name]
        if name not in providers:
            detail = (
                f"The state holds {len(mine):,} resources of provider {name}, which the document no longer "
                "names. Put it back under `providers` until they are destroyed."
            )
            diagnostics.append(
                error(
                    "provider-missing", "A provider of the state is not in the document", detail, address=name
                )
            )
            continue
        try:
            found.update(providers[name].refresh(mine).found)
        except ProviderError as problem:
            diagnostics.append(error(problem.code, problem.summary, problem.detail, address=name))
    if diagnostics:
        return Result(None, tuple(diagnostics))
    return Result(found)


def kinds_of(providers: Mapping[str, Provider]) -> Kinds:
    """All kinds of all providers."""
    return {(name, kind.name): kind for name, p in providers.items() for kind in p.info.kinds.values()}


def _make(  # noqa: PLR0913, PLR0917 - the values of all stages
    project: Project,
    checked: Checked,
    gathered: Gathered,
    decided: Decided,
    view: StateView,
    found: Mapping[Address, Found | None] | None,
) -> Plan:
    state = view.state
    from dcplan.workflow.fleets import mixes_of  # noqa: PLC0415 - as ``plan``

    workloads = placed_workloads(
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
    return make_plan(
        project=checked.demand.project,
        mode="apply",
        created_at=_now(),
        diff=diff(
            state.resources,
            decided.graph,
            kinds_of(checked.providers),
            found,
            {one.workload for one in decided.left_out},
        ),
        state=state,
        inputs=_digests(checked, gathered.digest, state),
        interrupted=view.interrupted,
        root=_root(project, checked),
        settings=checked.loaded.portable_settings,
        before_usd_per_h=_cost_today(state, gathered),
        solution=decided.solution,
        workloads=workloads,
        left_out=decided.left_out,
        footprint=footprint_of(decided.solution.pools, decided.pools),
        bought_ahead=bought_ahead(decided.problem.paid, decided.solution, gathered.at_s),
    )


def _root(project: Project, checked: Checked) -> str:
    """The document's folder, seen from the project's: a saved plan may be applied from a moved checkout."""
    return os.path.relpath(checked.loaded.root, project.folder)


def _cost_today(state: State, gathered: Gathered | None = None) -> float | None:
    """Dollars per hour of the machines in the state; None when that is not known.

    At today's prices, so that an apply that failed half-way counts with what
    it made.  Where these do not know a machine, or nobody was asked, what the
    last whole apply told.
    """
    if not state.resources:
        return 0.0
    if gathered is not None:
        from dcplan.plan.current import assignment_of  # noqa: PLC0415 - as ``decide``

        price = {o.pool: o.usd_per_h for o in gathered.catalog.offerings}
        prices = [price.get(m.pool) for m in assignment_of(state.resources.values()).machines]
        known = [p for p in prices if p is not None]
        if len(known) == len(prices):
            return sum(known)
    cost = state.deployment.get("usd_per_h")
    return float(cost) if isinstance(cost, int | float) else None


def _digests(checked: Checked, offerings: str, state: State) -> Digests:
    return Digests(
        document=checked.loaded.digest, offerings=offerings, lineage=state.lineage, serial=state.serial
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
