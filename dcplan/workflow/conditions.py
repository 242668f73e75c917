"""Ask the conditions of a document: of a plan before it ends, and of the state after it was applied."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.plan.conditions import Scene, after, conditions_of, judged, told

if TYPE_CHECKING:
    from dcplan.apply import ApplyReport
    from dcplan.diag import Diagnostic, Diagnostics
    from dcplan.plan.types import Plan
    from dcplan.state.types import State
    from dcplan.workflow.types import Checked, StateView


def with_conditions(checked: Checked, view: StateView, plan: Plan) -> tuple[Plan, Diagnostics]:
    """The plan with the answers to the document's conditions, and what is to be said of them."""
    asked = conditions_of(checked.loaded.document)
    if not asked:
        return plan, ()
    scene = Scene(plan=plan, resources=after(plan, view.state.resources))
    answers = judged([one.condition for one in asked], scene)
    said = [told(answer, one.path) for one, answer in zip(asked, answers, strict=True)]
    return replace(plan, conditions=answers), checked.loaded.source.place(_some(said))


def of_applied(plan: Plan, state: State, report: ApplyReport) -> Diagnostics:
    """What is to be said of a plan's checks and postconditions now that it was applied, if it wholly was."""
    waiting = [one for one in plan.conditions if one.kind != "precondition"]
    whole = not (report.interrupted or report.failed or report.skipped or report.in_progress)
    if not waiting or not whole or plan.partial is not None:
        return ()
    scene = Scene(plan=plan, resources=state.resources, applied=True)
    return _some([told(answer) for answer in judged(waiting, scene)])


def _some(said: list[Diagnostic | None]) -> Diagnostics:
    return tuple(one for one in said if one is not None)
