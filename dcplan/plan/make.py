"""Put a plan together from the values that the stages before it gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dcplan import __version__
from dcplan.demand.types import ServeDemand
from dcplan.plan.cost import usd_for_job, usd_per_h_of
from dcplan.plan.diff import touched
from dcplan.plan.types import Digests, PlacedWorkload, Plan, ReadEntry
from dcplan.resources import digest_of
from dcplan.units import HOURS_PER_MONTH, format_count, format_duration, format_rate

if TYPE_CHECKING:
    from dcplan.demand.types import Demand, WorkloadDemand
    from dcplan.placement.types import Pool, Solution
    from dcplan.plan.diff import Diff
    from dcplan.sharding.types import Candidate, Search
    from dcplan.state.types import State


def placed_workloads(
    demand: Demand,
    solution: Solution,
    candidates: Sequence[Candidate],
    searches: Sequence[Search],
    pools: Mapping[str, Pool],
) -> tuple[PlacedWorkload, ...]:
    """What the plan says of each workload, in the order of the document."""
    by_id = {c.id: c for c in candidates}
    search = {s.workload: str(s) for s in searches}
    costs = usd_per_h_of(solution, by_id, pools)
    placed = []
    for workload in demand.workloads:
        allotments = tuple(a for a in solution.allotments if a.workload == workload.name)
        candidate = by_id[allotments[0].choice]
        cost = costs[workload.name]
        placed.append(
            PlacedWorkload(
                name=workload.name,
                kind="serve" if isinstance(workload, ServeDemand) else "train",
                model=workload.model,
                candidate=candidate,
                allotments=allotments,
                regions=tuple(dict.fromkeys(pools[a.pool].region for a in allotments)),
                usd_per_h=cost,
                usd_per_month=cost * HOURS_PER_MONTH,
                usd_for_job=usd_for_job(cost, candidate),
                search=search.get(workload.name, ""),
                demand=in_words(workload),
            )
        )
    return tuple(placed)


def in_words(workload: WorkloadDemand) -> str:
    """What is planned for, in one line."""
    if isinstance(workload, ServeDemand):
        return (
            f"{format_rate(workload.requests_per_s)} of {workload.prompt_tokens.mean:,.0f} tokens in, "
            f"{workload.output_tokens.mean:,.0f} out  [{workload.basis}]"
        )
    deadline = "" if workload.deadline_s is None else f" within {format_duration(workload.deadline_s)}"
    return (
        f"{format_count(workload.tokens)} tokens{deadline}, {workload.global_batch_sequences:,} sequences "
        f"of {workload.sequence_tokens:,} a step"
    )


def make_plan(  # noqa: PLR0913 - the values of all the stages before it
    *,
    project: str,
    mode: str,
    created_at: str,
    diff: Diff,
    state: State,
    inputs: Digests,
    interrupted: tuple[str, ...],
    root: str,
    settings: Mapping[str, Mapping[str, object]],
    before_usd_per_h: float | None,
    solution: Solution | None = None,
    workloads: tuple[PlacedWorkload, ...] = (),
) -> Plan:
    """The plan.  Its read-set holds what it believes about every address it will touch."""
    return Plan(
        dcplan=__version__,
        project=project,
        created_at=created_at,
        mode=mode,
        workloads=workloads,
        pools=solution.pools if solution else (),
        usd_per_h=solution.usd_per_h if solution else 0.0,
        before_usd_per_h=before_usd_per_h,
        solver=solution.report if solution else None,
        changes=diff.changes,
        unchanged=diff.unchanged,
        interrupted=interrupted,
        inputs=inputs,
        read_set=tuple(
            ReadEntry(address=str(a), digest=digest_of(state.resources.get(a)))
            for a in touched(diff.changes, state.resources)
        ),
        root=root,
        settings={name: dict(values) for name, values in settings.items()},
    )
