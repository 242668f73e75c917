"""Put a plan together from the values that the stages before it gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from dcplan import __version__
from dcplan.demand.types import ServeDemand
from dcplan.plan.bought import as_placed, survived, ways_in_words
from dcplan.plan.cost import usd_for_job, usd_per_h_of
from dcplan.plan.diff import touched
from dcplan.plan.footprint import egress_of, trips_of
from dcplan.plan.network import network_in_words
from dcplan.plan.types import Digests, PlacedWorkload, Plan, ReadEntry
from dcplan.resources import Address, digest_of
from dcplan.state.types import Tries
from dcplan.units import HOURS_PER_MONTH, format_count, format_duration, format_rate

if TYPE_CHECKING:
    from dcplan.demand.types import Demand, WorkloadDemand
    from dcplan.placement.aims import LeftOut
    from dcplan.placement.rank_types import RankMap
    from dcplan.placement.types import Pool, Solution, Workload
    from dcplan.plan.bought import BoughtAhead
    from dcplan.plan.diff import Diff
    from dcplan.plan.types import Footprint, Mix
    from dcplan.sharding.types import Candidate, MachineClass, Search
    from dcplan.state.types import State


def placed_workloads(  # noqa: PLR0913, PLR0917 - the values of all the stages before it
    demand: Demand,
    solution: Solution,
    candidates: Sequence[Candidate],
    searches: Sequence[Search],
    pools: Mapping[str, Pool],
    rules: Mapping[str, Workload] = MappingProxyType({}),
    mixes: Mapping[str, Mix] = MappingProxyType({}),
    ranks: Mapping[str, RankMap] = MappingProxyType({}),
    classes: Mapping[str, Sequence[MachineClass]] = MappingProxyType({}),
) -> tuple[PlacedWorkload, ...]:
    """What the plan says of each workload that runs, in the order of the document.

    ``rules``: workloads as placement knows them, by name; they tell of users and traffic.
    ``mixes``: the kinds of mixed fleets, by workload; ``ranks``: where the ranks of jobs are;
    ``classes``: the kinds of machines that each workload may use.
    """
    by_id = {c.id: c for c in candidates}
    search = {s.workload: str(s) for s in searches}
    costs = usd_per_h_of(solution, by_id, pools)
    placed = []
    for workload in demand.workloads:
        allotments = tuple(a for a in solution.allotments if a.workload == workload.name)
        if not allotments:
            continue
        candidate = by_id[allotments[0].choice]
        cost = costs[workload.name]
        mix = mixes.get(workload.name)
        placed.append(
            PlacedWorkload(
                name=workload.name,
                kind="serve" if isinstance(workload, ServeDemand) else "train",
                model=workload.model,
                candidate=mix.kinds[0].candidate if mix else as_placed(candidate, allotments),
                mix=mix,
                allotments=allotments,
                beside=tuple(a for a in solution.beside if a.workload == workload.name),
                regions=tuple(dict.fromkeys(pools[a.pool].region for a in allotments)),
                usd_per_h=cost,
                usd_per_month=cost * HOURS_PER_MONTH,
                usd_for_job=usd_for_job(cost, candidate),
                search=search.get(workload.name, ""),
                demand=in_words(workload),
                ranks=ranks.get(workload.name),
                network=network_in_words(candidate, classes.get(workload.name, ())),
                bought=ways_in_words(allotments, pools),
                survives=survived(rules.get(workload.name)),
                users=trips_of(rules.get(workload.name), allotments),
                egress_usd_per_h=egress_of(rules.get(workload.name), allotments, by_id),
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
    left_out: tuple[LeftOut, ...] = (),
    footprint: Footprint | None = None,
    bought_ahead: tuple[BoughtAhead, ...] = (),
) -> Plan:
    """The plan.  Its read-set holds what it believes about every address it will touch."""
    return Plan(
        dcplan=__version__,
        project=project,
        created_at=created_at,
        mode=mode,
        workloads=workloads,
        left_out=left_out,
        pools=solution.pools if solution else (),
        usd_per_h=solution.usd_per_h if solution else 0.0,
        egress_usd_per_h=solution.egress_usd_per_h if solution else 0.0,
        footprint=footprint,
        bought_ahead=bought_ahead,
        before_usd_per_h=before_usd_per_h,
        solver=solution.report if solution else None,
        changes=diff.changes,
        unchanged=diff.unchanged,
        interrupted=interrupted,
        inputs=inputs,
        read_set=_read_set(diff, state),
        root=root,
        settings={name: dict(values) for name, values in settings.items()},
    )


def with_generations(plan: Plan, tries: Mapping[Address, Tries]) -> Plan:
    """The plan with how often each address of its read-set had been made, by the state's ``tries``."""
    read_set = (
        replace(entry, generation=tries.get(Address.parse(entry.address), Tries()).generation)
        for entry in plan.read_set
    )
    return replace(plan, read_set=tuple(read_set))


def _read_set(diff: Diff, state: State) -> tuple[ReadEntry, ...]:
    """What the plan believes of each address it will touch, here or as ``before`` of its change."""
    told = {c.address for c in diff.changes if c.before is not None}
    return tuple(
        ReadEntry(
            address=str(a),
            digest=digest_of(state.resources.get(a)),
            found=None if a in told else state.resources.get(a),
        )
        for a in touched(diff.changes, state.resources)
    )
