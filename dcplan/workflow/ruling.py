"""Compare what is with what is wanted, under the lifecycle rules of the document."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.diag import Result
from dcplan.plan.data_loss import data_lost
from dcplan.plan.diff import diff
from dcplan.plan.lifecycle import Compared, ignoring, notes_of_rules, protected, ruled, unknown_ignored
from dcplan.plan.succession import Room, overlaps_of, succession
from dcplan.workflow.refactoring import by_new_names, kinds_of, with_notes, with_refactoring

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from dcplan.diag import Diagnostics
    from dcplan.plan.diff import Diff
    from dcplan.plan.lifecycle import Rules
    from dcplan.plan.types import Plan
    from dcplan.provider.types import Found
    from dcplan.resources import Address, ResourceGraph
    from dcplan.workflow.types import Checked, Decided, Gathered, StateView


def rules_of(checked: Checked) -> Rules:
    """The lifecycle rules of each workload."""
    return {name: workload.lifecycle for name, workload in checked.loaded.document.workloads.items()}


def compared(  # noqa: PLR0913, PLR0917 - the values of the stages before it
    checked: Checked,
    gathered: Gathered,
    decided: Decided,
    view: StateView,
    found: Mapping[Address, Found | None] | None,
    asked: Collection[Address],
) -> Result[Diff]:
    """All changes that are wanted.  ``asked`` are addresses to make anew.

    What the rules forbid of them is told once it is known which are made: see ``forbidden``.
    """
    rules, kinds = rules_of(checked), kinds_of(checked.providers)
    desired = ruled(decided.graph, view.state.resources, rules)
    misnamed = unknown_ignored(desired, rules)
    if misnamed:
        return Result(None, checked.loaded.source.place(misnamed))
    sides = ignoring(
        Compared(prior=view.state.resources, desired=desired, found=by_new_names(view, found)), rules
    )
    left_out = {one.workload for one in decided.left_out}

    def changes(graph: ResourceGraph) -> Diff:
        return diff(sides.prior, graph, kinds, sides.found, left_out, asked)

    first = changes(sides.desired)
    after = {name for name, rule in rules.items() if rule.create_before_destroy}
    wanted = succession(sides, first.changes, after, room_of(gathered, decided)) if after else None
    if wanted is not None and wanted.value is None:
        return Result(None, checked.loaded.source.place(wanted.diagnostics))
    graph = sides.desired if wanted is None or wanted.value is None else wanted.value
    made = with_refactoring(view, first if graph is sides.desired else changes(graph), graph, found)
    return Result(made.value, checked.loaded.source.place(made.diagnostics))


def room_of(gathered: Gathered, decided: Decided) -> Room:
    """How many machines there are."""
    return Room(pools=decided.pools, quotas=decided.problem.quotas, free=gathered.free)


def forbidden(checked: Checked, view: StateView, changes: Diff) -> Diagnostics:
    """Errors for what must not be destroyed, and would be; warnings of data that would go."""
    said = protected(changes.changes, view.state.resources, rules_of(checked))
    return checked.loaded.source.place((*said, *data_lost(changes.changes)))


def with_rules(checked: Checked, gathered: Gathered, decided: Decided, view: StateView, plan: Plan) -> Plan:
    """The plan, with what changes in the state alone and what is needed besides for a while."""
    rules, prior = rules_of(checked), view.state.resources
    after = {name for name, rule in rules.items() if rule.create_before_destroy}
    overlaps = overlaps_of(plan.changes, prior, after, room_of(gathered, decided)) if after else ()
    desired = ruled(decided.graph, prior, rules)
    notes = notes_of_rules(prior, desired, {c.address for c in plan.changes})
    return with_notes(view, replace(plan, overlaps=overlaps), notes)
