"""``explain``: why what is not in a plan is not in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.catalog.efficiency import load_efficiencies
from dcplan.sharding.why_not import WhyNot, why_not

if TYPE_CHECKING:
    from dcplan.workflow.types import Checked, Decided


def reasons_against(workload: str, checked: Checked, decided: Decided) -> tuple[WhyNot, ...]:
    """The accelerators and ways to keep the model that a workload has no candidate for, with reasons."""
    demand = next(one for one in checked.demand.workloads if one.name == workload)
    return why_not(
        demand,
        checked.models[demand.model],
        checked.models,
        decided.classes[workload],
        decided.candidates,
        checked.efficiencies or load_efficiencies(),
    )
