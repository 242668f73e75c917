"""Why there is no placement: which rules clash, and how much is short."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.diag import ConfigPath, Diagnostics, Related, error, listed, plural
from dcplan.placement.constraints import CONSTRAINTS, usd_per_h
from dcplan.placement.cpsat import Effort, Status, Var, run
from dcplan.placement.model import Builder, Rule, allotments_in
from dcplan.placement.objective import unmet_demand
from dcplan.placement.prune import possible
from dcplan.placement.scale import exact, part_down
from dcplan.placement.usage import machines_in_use, price_per_h

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dcplan.placement.types import Allotment, Problem

SUMMARY = "No placement satisfies every rule"

WAY_OUT = "Loosen one of these rules, allow more machines, or ask for less."

GUILT = ("budget", "spot-share", "spread", "affinity", "one-pool", "demand", "pool-capacity")
"""Laws from the line most worth looking at first to the one that nobody wrote."""

MOST_WORK = 400_000
"""Rows of all models that are solved to shorten a conflict; with more, it is shown longer than need be."""

MOST_RULES = 6
"""Rules named in one sentence, apart from pools."""

MOST_POOLS = 4
"""Pools named in one sentence; of more, only the number is told."""


def explain(problem: Problem) -> Diagnostics:
    """One error that names the clashing rules, how much is short, and what would fit.

    ``problem`` must be infeasible.  The error points at the line most worth
    looking at; the other lines that take part are ``related``.
    """
    conflict = find_conflict(problem)
    order = sorted(conflict, key=lambda rule: (GUILT.index(rule.law), rule.label))
    sentences = [_clash(order), *_short(problem, conflict), *_left_out(problem), WAY_OUT]
    lines = _lines(order)
    first = lines[0].path if lines else None
    return (error("no-placement", SUMMARY, " ".join(sentences), path=first, related=lines[1:]),)


def find_conflict(problem: Problem) -> tuple[Rule, ...]:
    """Rules that cannot hold together; without any one of them, the others can.

    CP-SAT names a sufficient set of assumptions; one worker and no presolve
    keep it honest (OR-Tools issues 5141 and 2563), literals that are not ours
    are ignored, and the set is proven again before it is believed.  QuickXplain
    (Junker, AAAI 2004) then makes it minimal, keeping rules that somebody
    wrote rather than what pools have.
    """
    b = _built(problem)
    tries = max(12, MOST_WORK // max(len(b.model.rows), 1))
    checker = _Checker(b, tries)
    core = run(b.model, _effort(problem, presolve=False), assume=b.rules).core
    suspects = [var for var in b.rules if var in core]
    if not checker.clash(suspects):
        suspects = list(b.rules)
    suspects.sort(key=lambda var: GUILT.index(b.rules[var].law))
    found = checker.smallest([], suspects, grown=False)
    return tuple(b.rules[var] for var in found)


class _Checker:
    """Asks the solver whether rules clash, at most so many times."""

    def __init__(self, b: Builder, tries: int) -> None:
        self._b = b
        self._tries = tries

    def clash(self, rules: Iterable[Var]) -> bool:
        """Whether it is proven that these rules cannot hold together."""
        if self._tries <= 0:
            return False
        self._tries -= 1
        fixed = {**dict.fromkeys(self._b.rules, 0), **dict.fromkeys(rules, 1)}
        return run(self._b.model, _effort(self._b.problem), fixed=fixed).status is Status.INFEASIBLE

    def smallest(self, held: list[Var], rules: list[Var], *, grown: bool) -> list[Var]:
        """The rules out of ``rules`` that are needed to clash with ``held``, the first ones preferred.

        ``grown`` says that ``held`` has become larger since it was last known
        not to clash by itself.
        """
        if grown and self.clash(held):
            return []
        if len(rules) <= 1:
            return rules
        first, second = rules[: len(rules) // 2], rules[len(rules) // 2 :]
        late = self.smallest(held + first, second, grown=True)
        early = self.smallest(held + late, first, grown=bool(late))
        return early + late


def _built(problem: Problem, *, elastic: bool = False) -> Builder:
    """The whole model: what pruning would drop may be what the explanation needs."""
    b = Builder(problem, possible(problem), elastic=elastic)
    for add in CONSTRAINTS:
        add(b)
    return b


def _effort(problem: Problem, *, presolve: bool = True) -> Effort:
    return Effort(seed=problem.seed, limit=problem.deterministic_limit, presolve=presolve)


def _clash(rules: list[Rule]) -> str:
    """The clashing rules in one sentence."""
    said = [rule.says for rule in rules if rule.law != "pool-capacity"]
    pools = [rule.says for rule in rules if rule.law == "pool-capacity"]
    if len(pools) > MOST_POOLS:
        more = plural(len(pools) - MOST_POOLS + 1, "more pool")
        pools = [*pools[: MOST_POOLS - 1], f"{more} have what they have"]
    if len(said) > MOST_RULES:
        said = [*said[: MOST_RULES - 1], plural(len(said) - MOST_RULES + 1, "more rule")]
    words = said + pools
    if len(words) == 1:
        return f"This cannot be: {words[0]}."
    return f"These rules cannot hold together: {listed([', '.join(words[:-1]), words[-1]])}."


def _lines(rules: list[Rule]) -> tuple[Related, ...]:
    """The lines of the document behind the rules, each once, the most guilty first."""
    notes: dict[ConfigPath, str] = {}
    for rule in rules:
        for origin in rule.origins:
            notes.setdefault(
                origin, f"{rule.says[0].upper()}{rule.says[1:]}." if rule.says[0] != '"' else f"{rule.says}."
            )
    return tuple(Related(note=note, path=path) for path, note in notes.items())


def _short(problem: Problem, conflict: tuple[Rule, ...]) -> list[str]:
    """How much is short at least: the elastic model's answer (load shedding, in PyPSA's words)."""
    if not any(rule.stretch for rule in conflict):
        return []
    b = _built(problem, elastic=True)
    answer = run(b.model, _effort(problem), minimise=b.shortage, fixed=dict.fromkeys(b.rules, 1))
    if not answer.found:
        return []
    lacks = _lacks(problem, allotments_in(b, answer.values))
    return [f"The nearest placement is {listed(lacks)}."] if lacks else []


def _lacks(problem: Problem, allotments: tuple[Allotment, ...]) -> list[str]:
    """By how much a placement goes beyond capacities, budget and spot shares."""
    used = {pool: sum(parts) for pool, parts in machines_in_use(problem, allotments).items()}
    lacks = [
        f"{plural(used[pool.id] - pool.machines, 'machine')} short in pool {pool.id}"
        for pool in problem.pools
        if pool.machines is not None and used.get(pool.id, 0) > pool.machines
    ]
    if problem.budget is not None:
        over = price_per_h(problem, used) - exact(problem.budget.usd_per_h)
        if over > 0:
            lacks.append(f"{usd_per_h(float(over))} over the budget of {usd_per_h(problem.budget.usd_per_h)}")
    spot = {pool.id for pool in problem.pools if pool.spot}
    for workload in problem.workloads:
        mine = [a for a in allotments if a.workload == workload.name]
        on_spot = sum(a.replicas for a in mine if a.pool in spot)
        if workload.spot is not None:
            allowed = part_down(workload.spot.share, sum(a.replicas for a in mine))
            if on_spot > allowed:
                much = plural(on_spot - allowed, "replica")
                lacks.append(f'{much} of "{workload.name}" above its share of spot machines')
    return lacks


def _left_out(problem: Problem) -> list[str]:
    """Which workloads would have to go so that the others fit."""
    if len(problem.workloads) < 2:  # noqa: PLR2004 - with one workload there are no others
        return []
    b = _built(problem)
    fixed = {var: 1 for var, rule in b.rules.items() if rule.law != "demand"}
    answer = run(b.model, _effort(problem), minimise=unmet_demand(b), fixed=fixed)
    if not answer.found:
        return []
    running = {a.workload for a in allotments_in(b, answer.values)}
    missing = [f'"{w.name}"' for w in problem.workloads if w.name not in running]
    if not missing or not running:
        return []
    return [f"Without {listed(missing)}, everything else fits."]
