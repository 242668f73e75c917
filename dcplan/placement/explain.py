"""Why there is no placement: which rules clash, and how much is short."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.diag import ConfigPath, Diagnostics, Related, error, listed, plural
from dcplan.placement.conflicts import Conflict, built, effort_of, find_conflict, find_conflicts
from dcplan.placement.cpsat import Status, run
from dcplan.placement.model import Rule, allotments_in
from dcplan.placement.narrowed import narrowed_by
from dcplan.placement.objective import unmet_demand
from dcplan.placement.shortage import shortage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dcplan.placement.types import Problem

__all__ = ["explain", "find_conflict", "find_conflicts", "is_infeasible", "why_not"]

SUMMARY = "No placement satisfies every rule"

WAY_OUT = "Loosen one of these rules, allow more machines, or ask for less."

MOST_RULES = 6
"""Rules named in one sentence, apart from pools."""

MOST_POOLS = 4
"""Pools named in one sentence; of more, only the number is told."""


def explain(problem: Problem) -> Diagnostics:
    """One error for each conflict: it names the clashing rules, how much is short, and what would fit.

    ``problem`` must be infeasible.  Each error points at the line most worth
    looking at; the other lines that take part are ``related``, and with them
    the lines that left machines out with which it would do.
    """
    conflicts = find_conflicts(problem)
    beyond = _left_out(problem)
    found = []
    for conflict in conflicts:
        sentences = [*_sentences(problem, conflict), *beyond, *_ways_out(problem, conflict), WAY_OUT]
        beyond = []
        lines = (*_lines(conflict.rules), *narrowed_by(problem, conflict))
        first = lines[0].path if lines else None
        found.append(error("no-placement", SUMMARY, " ".join(sentences), path=first, related=lines[1:]))
    return tuple(found)


def _ways_out(problem: Problem, conflict: Conflict) -> list[str]:
    """How to have more of the quotas that clash, where a cloud tells them."""
    labels = {rule.label for rule in conflict.rules}
    return [q.way_out for q in problem.quotas if q.way_out and f"{q.law}[{q.name}]" in labels]


def why_not(problem: Problem) -> str:
    """The clashing rules and how much is short, in sentences; ``problem`` must be infeasible."""
    return " ".join(text for one in find_conflicts(problem) for text in _sentences(problem, one))


def is_infeasible(problem: Problem) -> bool:
    """Whether it is proven that no placement satisfies every rule."""
    b = built(problem)
    answer = run(b.model, effort_of(problem), fixed=dict.fromkeys(b.rules, 1))
    return answer.status is Status.INFEASIBLE


def _sentences(problem: Problem, conflict: Conflict) -> list[str]:
    """Which rules clash, whether fewer might, and how much is short."""
    more = [] if conflict.minimal else ["It is not proven that all of them are needed for that."]
    return [_clash(conflict.rules), *more, *shortage(problem, conflict)]


def _clash(rules: tuple[Rule, ...]) -> str:
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


def _lines(rules: Iterable[Rule]) -> tuple[Related, ...]:
    """The lines of the document behind the rules, each once, the most guilty first."""
    notes: dict[ConfigPath, str] = {}
    for rule in rules:
        for origin in rule.origins:
            notes.setdefault(
                origin, f"{rule.says[0].upper()}{rule.says[1:]}." if rule.says[0] != '"' else f"{rule.says}."
            )
    return tuple(Related(note=note, path=path) for path, note in notes.items())


def _left_out(problem: Problem) -> list[str]:
    """Which workloads would have to go so that the others fit."""
    if len(problem.workloads) < 2:  # noqa: PLR2004 - with one workload there are no others
        return []
    b = built(problem)
    fixed = {var: 1 for var, rule in b.rules.items() if rule.law != "demand"}
    answer = run(b.model, effort_of(problem), minimise=unmet_demand(b), fixed=fixed)
    if not answer.found:
        return []
    running = {a.workload for a in allotments_in(b, answer.values)}
    missing = [f'"{w.name}"' for w in problem.workloads if w.required and w.name not in running]
    if not missing or not running:
        return []
    return [f"Without {listed(missing)}, everything else fits."]
