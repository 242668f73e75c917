"""What binds a placement, and what it costs: each rule is loosened by a unit, and all is solved again.

Duals of a linear relaxation would be cheaper, but what they tell of whole machines and whole choices can be
far off; a placement that was found and verified is not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dcplan.diag import plural
from dcplan.placement.laws.stretch import kg_per_h, usd_per_h
from dcplan.placement.solve import solve
from dcplan.units import format_power

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor

    from dcplan.placement.types import Choice, Pool, Problem, Solution, Workload

MOST_RULES = 16
"""That are tried for one workload; machines are added first where they are cheapest."""
PART = 0.05
"""Of a budget or a cap: the unit by which it is raised."""
NOTHING_USD = 0.005
"""Savings below are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loosened:
    """A rule that a placement would be otherwise without, and by how much it is loosened."""

    label: str
    """As in conflicts: ``pool-capacity[fra1-a/h100x8]``."""
    unit: str
    """How much looser: ``with one more machine there``."""
    problem: Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A rule that binds, and what a unit more of it would save."""

    label: str
    unit: str
    saves_usd: float
    """Over the time that is paid for, of all workloads together."""
    saves_usd_per_h: float
    proven: bool
    """Both placements are proven to be the cheapest; otherwise it is the saving of what was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """All that binds one workload."""

    workload: str
    binding: tuple[Binding, ...]
    """Those that save most first."""
    tried: int
    left_out: int
    """Rules that were not tried because there are too many."""


def prices_of(
    problem: Problem,
    solution: Solution,
    workload: str,
    progress: Callable[[str], None],
    executor: Executor | None = None,
) -> Prices:
    """The rules that keep a workload from a cheaper placement, each with what a unit more would save.

    ``executor`` tries them at the same time; without one they are tried one after the other.
    """
    every = list(_loosened(problem, solution, workload))
    tried = every[:MOST_RULES]
    problems = [one.problem for one in tried]
    answers = iter(executor.map(solve, problems) if executor else map(solve, problems))
    found = []
    for number, one in enumerate(tried, start=1):
        progress(f"pricing rules of {workload}, {number} of {len(tried)}")
        again = next(answers).value
        if again is None:
            continue
        saves = solution.report.objective_usd - again.report.objective_usd
        if saves >= NOTHING_USD:
            found.append(
                Binding(
                    label=one.label,
                    unit=one.unit,
                    saves_usd=saves,
                    saves_usd_per_h=_usd_per_h(solution) - _usd_per_h(again),
                    proven={solution.report.status, again.report.status} == {"optimal"},
                )
            )
    found.sort(key=lambda b: (-b.saves_usd, b.label))
    return Prices(
        workload=workload,
        binding=tuple(found),
        tried=len(tried),
        left_out=max(len(every) - MOST_RULES, 0),
    )


def _usd_per_h(solution: Solution) -> float:
    return solution.usd_per_h + solution.egress_usd_per_h


def _loosened(problem: Problem, solution: Solution, name: str) -> Iterator[Loosened]:
    """The problem with each rule that may bind a workload loosened, the likeliest first."""
    workload = next(w for w in problem.workloads if w.name == name)
    yield from _own_rules(problem, workload)
    yield from _shared_rules(problem)
    yield from _pools(problem, solution, name)


def _pools(problem: Problem, solution: Solution, name: str) -> Iterator[Loosened]:
    """Pools without room for one replica more, with that room; cheapest first."""
    used = {use.pool: use.machines for use in solution.pools}
    need: dict[str, int] = {}
    for choice in (c for c in problem.choices if c.workload == name):
        for part in choice.parts:
            gang = choice.replicas if choice.one_pool and part is choice else 1
            machines = max(part.machines * gang, 1)
            for name_of_pool in part.pools:
                need[name_of_pool] = min(need.get(name_of_pool, machines), machines)
    full = [
        p
        for p in problem.pools
        if p.id in need and p.machines is not None and p.machines - used.get(p.id, 0) < need[p.id]
    ]
    for pool in sorted(full, key=lambda p: (p.usd_per_h / p.devices, p.id)):
        yield _with_machines(problem, pool, need[pool.id])


def _with_machines(problem: Problem, pool: Pool, more: int) -> Loosened:
    pools = tuple(
        replace(p, machines=(p.machines or 0) + more) if p.id == pool.id else p for p in problem.pools
    )
    return Loosened(
        label=f"pool-capacity[{pool.id}]",
        unit=f"{plural(more, 'more machine')} there",
        problem=replace(problem, pools=pools),
    )


def _shared_rules(problem: Problem) -> Iterator[Loosened]:
    """Rules of the whole project, each a little looser."""
    if problem.budget is not None:
        more = problem.budget.usd_per_h * PART
        rule = replace(problem.budget, usd_per_h=problem.budget.usd_per_h + more)
        unit = f"{usd_per_h(more)} more"
        yield Loosened(label="budget", unit=unit, problem=replace(problem, budget=rule))
    if problem.carbon is not None:
        more = problem.carbon.at_most * PART
        rule_c = replace(problem.carbon, at_most=problem.carbon.at_most + more)
        unit = f"{kg_per_h(more)} more"
        yield Loosened(label="carbon", unit=unit, problem=replace(problem, carbon=rule_c))
    if problem.power is not None:
        more = problem.power.at_most * PART
        rule_c = replace(problem.power, at_most=problem.power.at_most + more)
        unit = f"{format_power(more)} more"
        yield Loosened(label="power", unit=unit, problem=replace(problem, power=rule_c))
    for site in problem.sites:
        more = site.watts * PART
        sites = tuple(replace(s, watts=s.watts + more) if s is site else s for s in problem.sites)
        label = f"site-power[{site.site}]"
        yield Loosened(label=label, unit=f"{format_power(more)} more", problem=replace(problem, sites=sites))
    for quota in problem.quotas:
        each = max((count for _, count in quota.each), default=0)
        quotas = tuple(replace(q, at_most=q.at_most + each) if q is quota else q for q in problem.quotas)
        label, unit = f"{quota.law}[{quota.name}]", f"{each:,} {quota.unit} more"
        yield Loosened(label=label, unit=unit, problem=replace(problem, quotas=quotas))
    if problem.max_moves is not None:
        looser = replace(problem.max_moves, at_most=problem.max_moves.at_most + 1)
        yield Loosened(label="max-moves", unit="one more move", problem=replace(problem, max_moves=looser))


def _own_rules(problem: Problem, w: Workload) -> Iterator[Loosened]:
    """Rules of one workload: a number of them one looser, the others taken out."""
    for i, rule in enumerate(w.spread):
        others = (*w.spread[:i], *w.spread[i + 1 :])
        looser = others if rule.at_least <= 2 else (*others, replace(rule, at_least=rule.at_least - 1))  # noqa: PLR2004 - over one is no spread
        unit = f"one {rule.over} fewer"
        yield _changed(problem, f"spread[{w.name}, {rule.over}]", unit, replace(w, spread=looser))
    if w.spot is not None and w.spot.share < 1 and any(p.spot for p in problem.pools):
        replicas = max((c.replicas for c in problem.choices if c.workload == w.name), default=1)
        share = min(w.spot.share + 1 / max(replicas, 1), 1.0)
        looser_spot = replace(w.spot, share=math.ceil(share * 1e6) / 1e6)
        unit = "one more replica on spot machines"
        yield _changed(problem, f"spot-share[{w.name}]", unit, replace(w, spot=looser_spot))
    for i, tie in enumerate(w.affinity):
        left = (*w.affinity[:i], *w.affinity[i + 1 :])
        yield _changed(problem, f"affinity[{w.name}, {tie.other}]", "no such rule", replace(w, affinity=left))
    for i, pin in enumerate(w.pins):
        kept = (*w.pins[:i], *w.pins[i + 1 :])
        yield _changed(problem, f"pin[{w.name}, {pin.place}]", "no such pin", replace(w, pins=kept))
    for label, there, without in (
        (f"survive[{w.name}]", w.survive, replace(w, survive=None)),
        (f"residency[{w.name}]", w.residency, replace(w, residency=None)),
        (f"network[{w.name}]", w.network, replace(w, network=())),
        (f"stay[{w.name}]", w.stay, replace(w, stay=None)),
    ):
        if there:
            yield _changed(problem, label, "no such rule", without)


def _changed(problem: Problem, label: str, unit: str, workload: Workload) -> Loosened:
    workloads = tuple(workload if w.name == workload.name else w for w in problem.workloads)
    return Loosened(label=label, unit=unit, problem=replace(problem, workloads=workloads))


def forced(problem: Problem, workload: str, pools: frozenset[str]) -> Problem:
    """The problem in which a workload runs, in one of its parts, in these pools alone."""

    def only(choice: Choice) -> Choice | None:
        own = tuple(p for p in choice.pools if p in pools)
        if own:
            return replace(choice, pools=own)
        if choice.beside is None:
            return None
        beside = tuple(p for p in choice.beside.pools if p in pools)
        return replace(choice, beside=replace(choice.beside, pools=beside)) if beside else None

    choices = [only(c) if c.workload == workload else c for c in problem.choices]
    return replace(problem, choices=tuple(c for c in choices if c is not None))
