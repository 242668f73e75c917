"""Which rules clash: every conflict that has a reason of its own, each as small as it can be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dcplan.placement.cpsat import Effort, Status, Var, run
from dcplan.placement.laws import CONSTRAINTS
from dcplan.placement.model import Builder, Rule
from dcplan.placement.pairs import possible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dcplan.placement.types import Problem

GUILT = (
    *("budget", "carbon", "power", "residency", "network", "survive", "quota", "commitment", "spot-share"),
    *("purchase-window", "spread", "affinity", "one-pool"),
    *("max-moves", "pin", "carbon-known", "ceiling"),
    *("beside", "demand", "rack-room", "scale-up-domain", "cut-bandwidth", "site-power", "pool-capacity"),
)
"""Laws from the line most worth looking at first to the one that nobody wrote."""

MOST_WORK = 400_000
"""Rows of all models that are solved to shorten a conflict; with more, it is shown longer than need be."""

MOST_CONFLICTS = 6
"""Conflicts told in one run; one where the time is limited."""

EACH_SHARE = 0.1
"""Of the time that placing may take, for one question of an explanation, but at least ``EACH_LEAST_S``."""

EACH_LEAST_S = 0.5

HURRIED = 16
"""Times as many rows count for a model where the time is limited: fewer questions are asked of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Rules that cannot hold together."""

    rules: tuple[Rule, ...]
    """The most guilty first."""
    minimal: bool
    """Proven: without any one of them, the others can hold."""
    elsewhere: frozenset[str] = frozenset()
    """Labels of the rules that only other conflicts have."""


def find_conflicts(problem: Problem) -> tuple[Conflict, ...]:
    """Every conflict with a reason of its own, up to ``MOST_CONFLICTS``; ``problem`` must be infeasible.

    First those of different workloads: what remains clashes although the workloads of each conflict found
    so far need not run.  Then further reasons of the same workloads: what remains clashes although every
    limit found so far is lifted.  Large models are asked for fewer.
    """
    b = built(problem)
    most = min(MOST_CONFLICTS, max(1, MOST_WORK // (4 * max(len(b.model.rows), 1))))
    most = most if problem.time_limit_s is None else 1
    found = [_conflict(b, frozenset())]
    off = _demands(b, found[0].core) or frozenset(found[0].core)
    while len(found) < most and _clash(b, [var for var in b.rules if var not in off]):
        again = _conflict(b, off)
        if _has_own_reason(b, again.core, found):
            found.append(again)
            off |= _demands(b, again.core) or frozenset(again.core)
        else:
            off |= frozenset(again.core)
    off = frozenset[Var]().union(*(_limits(b, one.core) for one in found))
    while len(found) < most and _clash(b, [var for var in b.rules if var not in off]):
        found.append(_conflict(b, off))
        off |= _limits(b, found[-1].core)
    every = {var for one in found for var in one.core}
    return tuple(
        Conflict(
            rules=tuple(sorted((b.rules[var] for var in one.core), key=_guilt)),
            minimal=one.minimal,
            elsewhere=frozenset(b.rules[var].label for var in every - set(one.core)),
        )
        for one in found
    )


def find_conflict(problem: Problem) -> tuple[Rule, ...]:
    """The first of the conflicts."""
    b = built(problem)
    return tuple(b.rules[var] for var in _conflict(b, frozenset()).core)


def built(problem: Problem, *, elastic: bool = False) -> Builder:
    """The whole model: what pruning would drop may be what the explanation needs."""
    b = Builder(problem, possible(problem), elastic=elastic)
    for add in CONSTRAINTS:
        add(b)
    return b


def effort_of(problem: Problem, *, presolve: bool = True) -> Effort:
    """How hard the solver tries for one question of an explanation."""
    effort = Effort(seed=problem.seed, limit=problem.deterministic_limit, presolve=presolve)
    if problem.time_limit_s is None:
        return effort
    return replace(effort, time_s=max(problem.time_limit_s * EACH_SHARE, EACH_LEAST_S))


def _guilt(rule: Rule) -> tuple[int, str]:
    return GUILT.index(rule.law), rule.label


@dataclass(frozen=True, slots=True)
class _Core:
    """Literals of rules that clash, and whether it is proven that none of them is needless."""

    core: list[Var]
    minimal: bool


def _demands(b: Builder, core: list[Var]) -> frozenset[Var]:
    """The rules of a conflict by which workloads must run."""
    return frozenset(var for var in core if b.rules[var].law == "demand")


def _limits(b: Builder, core: list[Var]) -> frozenset[Var]:
    """All others; of a workload that nothing can hold, its demand."""
    return (frozenset(core) - _demands(b, core)) or frozenset(core)


def _has_own_reason(b: Builder, core: list[Var], found: list[_Core]) -> bool:
    """Whether a conflict says more than those before: another limit, or one workload that alone is too much.

    Of many workloads that are too dear together, some are as much to blame as others: that is one reason.
    """
    told = frozenset[Var]().union(*(_limits(b, one.core) for one in found))
    return len(_demands(b, core)) <= 1 or not _limits(b, core) <= told


def _clash(b: Builder, rules: Iterable[Var]) -> bool:
    return _asked(b, rules) is Status.INFEASIBLE


def _asked(b: Builder, rules: Iterable[Var]) -> Status:
    """Whether these rules, and no others, can hold together."""
    fixed = {**dict.fromkeys(b.rules, 0), **dict.fromkeys(rules, 1)}
    return run(b.model, effort_of(b.problem), fixed=fixed).status


def _conflict(b: Builder, off: frozenset[Var]) -> _Core:
    """Rules that cannot hold together, and whether it is proven that none of them is needless.

    CP-SAT names a sufficient set of assumptions; one worker and no presolve
    keep it honest (OR-Tools issues 5141 and 2563), literals that are not ours
    are ignored, and the set is proven again before it is believed.  QuickXplain
    (Junker, AAAI 2004) then makes it minimal, keeping rules that somebody
    wrote rather than what pools have.  Rules that are ``off`` take no part.
    """
    work = MOST_WORK // 8 if off else MOST_WORK
    work = work if b.problem.time_limit_s is None else work // HURRIED
    checker = _Checker(b, max(12, work // max(len(b.model.rows), 1)))
    asked = [var for var in b.rules if var not in off]
    effort = effort_of(b.problem, presolve=False)
    if off:
        # Only a head start: of a first conflict it is worth more, because there the most rules clash.
        effort = replace(effort, limit=effort.limit / 10)
    named = run(b.model, effort, assume=asked, fixed=dict.fromkeys(off, 0)).core
    suspects = [var for var in asked if var in named]
    if not checker.clash(suspects):
        suspects = asked
    suspects.sort(key=lambda var: GUILT.index(b.rules[var].law))
    core = checker.smallest([], suspects, grown=False)
    # With a plain answer to every question QuickXplain's set is minimal by its own proof.
    return _Core(core, minimal=True) if checker.sure else checker.verified(core)


class _Checker:
    """Asks the solver whether rules clash, at most so many times."""

    def __init__(self, b: Builder, tries: int) -> None:
        self._b = b
        self._tries = tries
        self.sure = True
        """Every question so far had an answer."""

    def clash(self, rules: Iterable[Var]) -> bool:
        """Whether it is proven that these rules cannot hold together."""
        return self._ask(rules) is Status.INFEASIBLE

    def _ask(self, rules: Iterable[Var]) -> Status:
        """Whether they can hold together; unknown without tries left."""
        status = Status.UNKNOWN if self._tries <= 0 else _asked(self._b, rules)
        self._tries -= 1
        self.sure = self.sure and status is not Status.UNKNOWN
        return status

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

    def verified(self, core: list[Var]) -> _Core:
        """The core without what proves needless, and whether the others were seen to hold without each."""
        needed, minimal = list(core), True
        for var in core:
            rest = [other for other in needed if other != var]
            status = self._ask(rest)
            if status is Status.INFEASIBLE:
                needed = rest
            elif status is Status.UNKNOWN:
                minimal = False
        return _Core(needed, minimal)
