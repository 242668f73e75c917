"""Which workloads may have a mixed fleet, and what one replica of each choice then carries."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.demand.types import ServeDemand
from dcplan.placement.aims import Measure
from dcplan.placement.fleet_types import WHOLE_LOAD, Fleet
from dcplan.placement.laws.fleet import machines_of
from dcplan.sharding.availability import most_with
from dcplan.sharding.types import ServeEstimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dcplan.demand.types import Demand
    from dcplan.placement.types import Choice, Problem, Workload
    from dcplan.sharding.types import Candidate

ADD_UP = frozenset({Measure.COST, Measure.CARBON, Measure.TIME})
"""What is known of a mixed fleet: the sum over its replicas, or nothing that serving changes."""


def with_fleets(problem: Problem, demand: Demand, candidates: Sequence[Candidate]) -> Problem:
    """The problem in which the workloads that may have a mixed fleet have one.

    Not where a law or goal asks for each replica's equal share of the load: round trips to users, traffic
    that is paid for, moves that are counted, the worst share of an SLA.  There one choice carries it all.
    """
    measures = {measure for goal in demand.goals for measure, _ in goal.weights}
    if problem.max_moves is not None or not measures <= ADD_UP:
        return problem
    may = {w.name: w for w in demand.workloads if isinstance(w, ServeDemand) and w.mixed}
    fleets = {
        w.name: Fleet(availability=may[w.name].availability)
        for w in problem.workloads
        if w.name in may and _equal_shares_do_not_matter(w)
    }
    if not fleets:
        return problem
    known = {c.id: c for c in candidates}
    return replace(
        problem,
        workloads=tuple(replace(w, fleet=fleets.get(w.name)) for w in problem.workloads),
        choices=tuple(
            _weighed(choice, known[choice.id], may[choice.workload]) if choice.workload in fleets else choice
            for choice in problem.choices
        ),
    )


def _equal_shares_do_not_matter(workload: Workload) -> bool:
    return not workload.network and not workload.egress_usd_per_h and workload.stay is None


def _weighed(choice: Choice, candidate: Candidate, demand: ServeDemand) -> Choice:
    """The choice with what a replica of it carries, in parts of the load.

    As many as are needed of it alone carry the whole load, whatever is rounded.
    """
    if not isinstance(candidate.estimate, ServeEstimate):
        return choice
    share = candidate.estimate.max_requests_per_s / demand.requests_per_s
    weight = max(math.floor(min(share, 1.0) * WHOLE_LOAD), -(-WHOLE_LOAD // choice.needed))
    return replace(choice, weight=weight, answers=candidate.model or demand.model)


def routing_weights(most_requests_per_s: Mapping[str, float]) -> dict[str, int]:
    """By choice, how many parts of the requests one replica gets: 1 where all are alike, else in thousandths.

    In proportion to what a replica can take, the largest 1000, divided by what all have in common.
    """
    most = max(most_requests_per_s.values(), default=0.0)
    parts = {name: max(1, round(1000 * rate / most)) for name, rate in most_requests_per_s.items()}
    common = math.gcd(*parts.values()) if parts else 1
    return {name: part // common for name, part in parts.items()}


def spares_in(fleet: Sequence[tuple[Choice, int]], demand: ServeDemand) -> int:
    """How many of a fleet's replicas are spares: the fewest with which enough of them are up.

    ``fleet``: how many replicas of each choice.  All count like those over most machines.
    """
    if demand.availability is None or not fleet:
        return 0
    size = max(machines_of(choice) for choice, _ in fleet)
    replicas = sum(count for _, count in fleet)
    return next(k for k in range(replicas + 1) if most_with(k, size, demand.availability) >= replicas)
