"""Mixed fleets as they were placed: how many replicas of each kind, and what is predicted at their share."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.catalog.efficiency import load_efficiencies
from dcplan.demand.types import ServeDemand
from dcplan.placement.fleets import routing_weights, spares_in
from dcplan.plan.types import Mix, PlacedKind
from dcplan.sharding.reprice import repriced
from dcplan.sharding.types import Candidate, ServeEstimate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.workflow.types import Checked, Decided


def mixes_of(checked: Checked, decided: Decided) -> dict[str, Mix]:
    """By workload that has one, its mixed fleet.

    Each replica gets requests in proportion to what it can take; so all are used alike, and the prediction of
    each kind is made anew at its own share, with the spares lost.
    """
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for a in decided.solution.allotments:
        counts[a.workload][a.choice] += a.replicas
    return {
        demand.name: _mix(demand, counts[demand.name], checked, decided)
        for demand in checked.demand.workloads
        if isinstance(demand, ServeDemand) and len(counts[demand.name]) > 1
    }


def _mix(demand: ServeDemand, counts: Mapping[str, int], checked: Checked, decided: Decided) -> Mix:
    candidates = {c.id: c for c in decided.candidates if c.id in counts}
    most = {
        c.id: c.estimate.max_requests_per_s
        for c in candidates.values()
        if isinstance(c.estimate, ServeEstimate)
    }
    weights = routing_weights(most)
    parts = sorted(weights[name] for name, n in counts.items() for _ in range(n))
    spares = spares_in([(c, counts[c.id]) for c in decided.problem.choices if c.id in counts], demand)
    up = sum(parts[: len(parts) - spares])

    def kind(name: str, count: int) -> PlacedKind:
        rate = min(demand.requests_per_s * weights[name] / up, most[name])
        there = _at(candidates[name], rate, demand, checked, decided)
        load = weights[name] * count / sum(parts)
        return PlacedKind(
            candidate=replace(there, replicas=count, spares=0),
            replicas=count,
            weight=weights[name],
            load=load,
        )

    kinds = [kind(name, count) for name, count in counts.items()]
    return Mix(kinds=tuple(sorted(kinds, key=lambda k: (-k.load, k.candidate.id))), spares=spares)


def _at(
    candidate: Candidate, rate: float, demand: ServeDemand, checked: Checked, decided: Decided
) -> Candidate:
    """The candidate with what is predicted when one replica gets ``rate`` requests/s."""
    of_class = (c for c in decided.classes[demand.name] if c.within is candidate.within)
    machines = next((c for c in of_class if c.pools == candidate.pools), None)
    alone = replace(demand, requests_per_s=rate, availability=None)
    found = None
    if machines is not None:
        efficiencies = checked.efficiencies or load_efficiencies()
        found = repriced(candidate, alone, checked.models, machines, efficiencies)
    return candidate if found is None else replace(candidate, estimate=found.estimate)
