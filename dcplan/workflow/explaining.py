"""``explain``: why what is not in a plan is not in it, and what its layouts trade against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dcplan.catalog.efficiency import load_efficiencies
from dcplan.sharding.front import on_front
from dcplan.sharding.why_not import WhyNot, why_not

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.sharding.types import Candidate
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


def front_of(priced: Sequence[tuple[Candidate, float]]) -> frozenset[str]:
    """Ids of the candidates of one workload that no other beats in money, time and memory left at once.

    ``priced`` has dollars per hour of each, which count for the whole job in
    training.  Time is that of the job, or the share of the SLA that is used.  A
    candidate of which one of these is not known is on no front.
    """
    known = [
        (one.id, usd_per_h * (one.hours or 1.0), used, one.memory_slack_bytes)
        for one, usd_per_h in priced
        for used in [one.sla_share if one.time_s is None else one.time_s]
        if used is not None and one.memory_slack_bytes is not None
    ]
    if not known:
        return frozenset()
    ids, usd, used_s, slack = zip(*known, strict=True)
    rows = on_front(-np.array(usd), -np.array(used_s), np.array(slack))
    return frozenset(one for one, good in zip(ids, rows, strict=True) if good)
