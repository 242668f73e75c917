"""How much is short: by how much the nearest placement goes beyond its limits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.diag import listed, plural
from dcplan.placement.conflicts import built, effort_of
from dcplan.placement.cpsat import Status, run
from dcplan.placement.laws.stretch import kg_per_h, usd_per_h
from dcplan.placement.model import allotments_in, beside_in
from dcplan.placement.moving import moved
from dcplan.placement.scale import exact, part_down
from dcplan.placement.usage import egress_per_h, machines_in_use, paid_anyway_per_h, price_per_h
from dcplan.units import format_power

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.placement.conflicts import Conflict
    from dcplan.placement.cpsat import Answer
    from dcplan.placement.model import Builder
    from dcplan.placement.types import Allotment, Problem


def shortage(problem: Problem, conflict: Conflict) -> list[str]:
    """How much is short at least: the elastic model's answer (load shedding, in PyPSA's words).

    Rules that belong to other conflicts do not count here: each has a sentence of its own.  Where nothing
    helps but to break a rule that does not stretch, the clashing rules are weighed alone.
    """
    if not any(rule.stretch for rule in conflict.rules):
        return []
    b = built(problem, elastic=True)
    without, alone = conflict.elsewhere, False
    answer = _nearest(b, without)
    if not answer.found:
        mine = {rule.label for rule in conflict.rules}
        without, alone = frozenset(rule.label for rule in b.rules.values()) - mine, True
        answer = _nearest(b, without)
    if not answer.found:
        return []
    kept = _lifted(problem, without)
    lacks = lacks_of(kept, allotments_in(b, answer.values), beside_in(b, answer.values))
    return [_told(lacks, conflict, alone=alone, proven=answer.status is Status.OPTIMAL)] if lacks else []


def _nearest(b: Builder, without: frozenset[str]) -> Answer:
    """The placement that stretches least, with all rules but those of these labels."""
    fixed = {var: int(rule.label not in without) for var, rule in b.rules.items()}
    return run(b.model, effort_of(b.problem), minimise=b.shortage, fixed=fixed)


def _lifted(problem: Problem, without: frozenset[str]) -> Problem:
    """The problem without the limits of these labels: what is beyond them is not short."""
    return replace(
        problem,
        pools=tuple(
            replace(p, machines=None) if f"pool-capacity[{p.id}]" in without else p for p in problem.pools
        ),
        budget=None if "budget" in without else problem.budget,
        carbon=None if "carbon" in without else problem.carbon,
        power=None if "power" in without else problem.power,
        sites=tuple(s for s in problem.sites if f"site-power[{s.site}]" not in without),
        quotas=tuple(q for q in problem.quotas if f"{q.law}[{q.name}]" not in without),
        max_moves=None if "max-moves" in without else problem.max_moves,
        workloads=tuple(
            replace(w, spot=None) if f"spot-share[{w.name}]" in without else w for w in problem.workloads
        ),
    )


def _told(lacks: list[str], conflict: Conflict, *, alone: bool, proven: bool) -> str:
    """The sentence; an elastic solve that stopped early gives only the most that is short."""
    other = ""
    if alone:
        other = "By these rules alone, "
    elif conflict.elsewhere:
        other = "With the other conflicts mended, "
    the = "the" if other else "The"
    if proven:
        return f"{other}{the} nearest placement is {listed(lacks)}."
    return f"{other}{the} nearest placement found is {listed(lacks)}; that is at most what is short."


def lacks_of(problem: Problem, allotments: tuple[Allotment, ...], beside: tuple[Allotment, ...]) -> list[str]:
    """By how much a placement goes beyond capacities, budget and spot shares."""
    used = {pool: sum(parts) for pool, parts in machines_in_use(problem, allotments, beside).items()}
    lacks = [
        f"{plural(used[pool.id] - pool.machines, 'machine')} short in pool {pool.id}"
        for pool in problem.pools
        if pool.machines is not None and used.get(pool.id, 0) > pool.machines
    ]
    if problem.budget is not None:
        spent = price_per_h(problem, used) + egress_per_h(problem, allotments) + paid_anyway_per_h(problem)
        over = spent - exact(problem.budget.usd_per_h)
        if over > 0:
            lacks.append(f"{usd_per_h(float(over))} over the budget of {usd_per_h(problem.budget.usd_per_h)}")
    lacks += [*_over_caps(problem, used), *_over_quotas(problem, used)]
    if problem.max_moves is not None:
        beyond = sum(moved(problem, allotments, beside).values()) - problem.max_moves.at_most
        if beyond > 0:
            lacks.append(f"{plural(beyond, 'move')} more than max_moves allows")
    spot = {pool.id for pool in problem.pools if pool.spot}
    for workload in problem.workloads:
        mine = [a for a in allotments if a.workload == workload.name]
        others = [a for a in beside if a.workload == workload.name]
        # Of a unit in two parts, either may be on spot machines: at least as many as of one kind.
        on_spot = max(sum(a.replicas for a in side if a.pool in spot) for side in (mine, others))
        if workload.spot is not None:
            allowed = part_down(workload.spot.share, sum(a.replicas for a in mine))
            if on_spot > allowed:
                much = plural(on_spot - allowed, "replica")
                lacks.append(f'{much} of "{workload.name}" above its share of spot machines')
    return lacks


def _over_quotas(problem: Problem, used: Mapping[str, int]) -> list[str]:
    """By how much machines go beyond quotas and commitments."""
    over = [(q, sum(each * used.get(pool, 0) for pool, each in q.each) - q.at_most) for q in problem.quotas]
    return [
        f"{plural(count, q.unit.removesuffix('s'))} over the {q.law} of {q.name}"
        for q, count in over
        if count > 0
    ]


def _over_caps(problem: Problem, used: Mapping[str, int]) -> list[str]:
    """By how much machines go beyond the caps on carbon and power, as far as theirs is known."""
    carbon = sum(p.kgco2_per_h * used.get(p.id, 0) for p in problem.pools if p.kgco2_per_h is not None)
    watts = {p.id: p.power_w * used.get(p.id, 0) for p in problem.pools if p.power_w is not None}
    over = []
    if problem.carbon is not None and carbon > problem.carbon.at_most:
        much, cap = kg_per_h(carbon - problem.carbon.at_most), kg_per_h(problem.carbon.at_most)
        over.append(f"{much} of CO2e over the cap of {cap}")
    limits = [(site.watts, site.pools, f"the limit of {site.site}") for site in problem.sites]
    if problem.power is not None:
        cap_w = problem.power.at_most
        limits.append((cap_w, frozenset(watts), f"the cap of {format_power(cap_w)}"))
    for limit, pools, name in limits:
        drawn = sum(watts[pool] for pool in pools if pool in watts)
        if drawn > limit:
            over.append(f"{format_power(drawn - limit)} over {name}")
    return over
