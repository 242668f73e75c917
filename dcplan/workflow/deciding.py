"""Decide: search layouts, place them, say what each provider shall hold.  No clock, no network, no file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, Result, has_errors
from dcplan.placement.left_out import left_out
from dcplan.plan.lower import lower
from dcplan.plan.standing import under_standing_names
from dcplan.provider.types import Placement
from dcplan.resources import Resource, ResourceGraph
from dcplan.sharding.classes import classes_for
from dcplan.sharding.search import search_all
from dcplan.workflow.placing import place
from dcplan.workflow.types import AS_ALWAYS, Checked, Decided, Gathered, Progress, Tuning

if TYPE_CHECKING:
    from dcplan.demand import WorkloadDemand
    from dcplan.sharding.classes import Reach
    from dcplan.sharding.types import Candidates, MachineClass
    from dcplan.state.types import State


def decide(
    checked: Checked,
    gathered: Gathered,
    state: State,
    progress: Progress,
    tuning: Tuning = AS_ALWAYS,
) -> Result[Decided]:
    """The solution of the document on what is offered, as close to ``state`` as its cost allows."""
    classes: dict[str, tuple[MachineClass, ...]] = {}
    searched = search_layouts(checked, gathered, progress, classes)
    if searched.value is None:
        return Result(None, searched.diagnostics)
    progress("placing")
    placed = place(checked, gathered, searched.value.candidates, classes, state, tuning)
    said = (*searched.diagnostics, *placed.diagnostics)
    if placed.value is None:
        return Result(None, said)
    candidates = placed.value.candidates
    offerings = {o.pool: o for o in gathered.catalog.offerings}
    placements = lower(checked.demand, {c.id: c for c in candidates}, placed.value.assignment, offerings)
    graph = _graph(checked, placements)
    if graph.value is None:
        return Result(None, (*said, *graph.diagnostics))
    return Result(
        Decided(
            candidates=candidates,
            searches=searched.value.searches,
            found=searched.value.candidates,
            classes=classes,
            pools={p.id: p for p in placed.value.pools},
            problem=placed.value.problem,
            solution=placed.value.solution,
            graph=under_standing_names(graph.value, state.resources),
            left_out=left_out(placed.value.problem, placed.value.solution),
            ranks=placed.value.ranks,
            placed=placed.value,
        ),
        (*said, *graph.diagnostics),
    )


def search_layouts(
    checked: Checked,
    gathered: Gathered,
    progress: Progress,
    classes: dict[str, tuple[MachineClass, ...]],
) -> Result[Candidates]:
    """The layouts of every workload on the machines that its constraints leave, which go into ``classes``."""
    catalog = gathered.catalog
    known: dict[str, list[Reach]] = {}

    def classes_of(workload: WorkloadDemand) -> Result[tuple[MachineClass, ...]]:
        progress(f"searching layouts for {workload.name}")
        found = classes_for(
            workload, catalog.offerings, catalog.machines, catalog.accelerators, gathered.topology, known
        )
        classes[workload.name] = found.value or ()
        return found

    return search_all(checked.demand, checked.models, classes_of, checked.efficiencies)


def _graph(checked: Checked, placements: dict[str, Placement]) -> Result[ResourceGraph]:
    """The resources that realise the placements, from each provider: also what one keeps without machines."""
    resources: list[Resource] = []
    diagnostics: list[Diagnostic] = []
    for name, provider in checked.providers.items():
        nothing = Placement(project=checked.demand.project, machines=(), workloads=())
        made = provider.resources_for(placements.get(name, nothing))
        diagnostics.extend(made.diagnostics)
        resources.extend(made.value or ())
    if has_errors(tuple(diagnostics)):
        return Result(None, tuple(diagnostics))
    return Result(ResourceGraph.of(resources), tuple(diagnostics))
