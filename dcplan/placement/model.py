"""The variables of a placement, and the builder that laws and objectives speak to."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.placement.cpsat import FAR, Model, Terms, Var
from dcplan.placement.domains import DOMAIN_OF, Domain
from dcplan.placement.packing import Shelf, shelves_by_pool
from dcplan.placement.types import Allotment, Beside, Choice, Pool, Problem, Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dcplan.diag import ConfigPath
    from dcplan.placement.pairs import Pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A hard rule of the model, and the lines of the document it comes from."""

    law: str
    """Name of the law, one of those in ``laws.CONSTRAINTS``."""
    label: str
    """The law and what it is about: ``pool-capacity[dc1-a/h100x8]``."""
    says: str
    """The rule in words, as part of a sentence."""
    origins: tuple[ConfigPath, ...]
    """Empty when no line of the document says it."""
    stretch: int = 0
    """What one unit beyond the limit weighs when we ask how much is short; 0: it does not stretch."""


@dataclass(frozen=True, slots=True)
class Load:
    """What each replica of a choice takes in one pool, and how many there are."""

    choice: Choice
    part: Choice | Beside
    """Which of the choice's parts lies there."""
    count: Var


class Builder:
    """A placement model under construction.

    ``take[c]`` says that choice c is taken, ``replicas[c, p]`` how many of its
    replicas lie in pool p, ``beside[c, p]`` how many of their other parts,
    ``shared[p, i]`` how many machines of pool p hold the replicas of its i-th
    shelf.  Every rule has a literal of its own, so
    that one model serves solving (all literals fixed true) and explaining
    (literals as assumptions).  With ``elastic``, rules that can stretch do,
    and ``shortage`` weighs by how much.
    """

    def __init__(self, problem: Problem, pairs: Pairs, *, elastic: bool = False) -> None:
        """Variables for the choices and pools of ``pairs``; laws are added by the caller."""
        self.problem = problem
        self.pairs = pairs
        self.model = Model()
        self.rules: dict[Var, Rule] = {}
        self.shortage: list[tuple[int, Var]] = []
        self.choices_of: defaultdict[str, list[Choice]] = defaultdict(list)
        self.take: dict[str, Var] = {}
        self.replicas: dict[tuple[str, str], Var] = {}
        self.beside: dict[tuple[str, str], Var] = {}
        self.shared: dict[tuple[str, int], Var] = {}
        self.loads: defaultdict[str, list[Load]] = defaultdict(list)
        self.mixing = frozenset(w.name for w in problem.workloads if w.fleet is not None)
        """Workloads of which several choices may be taken."""
        self._runs: dict[str, Var] = {}
        self._elastic = elastic
        self._literals: dict[str, Var] = {}
        self._present: dict[tuple[str, str, Domain], Var] = {}
        self._kept: list[tuple[Choice, list[Var], list[Var]]] | None = None
        self.left: dict[str, Var] = {}
        """By workload that is not required: whether it is left out; the law of demand fills it."""
        for choice in problem.choices:
            if choice.id in pairs.own:
                self._add_choice(choice)
        self.shelves: dict[str, tuple[Shelf, ...]] = {}
        for pool, shelves in shelves_by_pool(problem).items():
            if pool in self.loads:
                self._add_shelves(pool, shelves)

    def _add_choice(self, choice: Choice) -> None:
        self.choices_of[choice.workload].append(choice)
        self.take[choice.id] = self.model.boolean()
        for part, pools in self.pairs.of(choice):
            counts = self.replicas if part is choice else self.beside
            for pool in pools:
                counts[choice.id, pool.id] = var = self.model.integer(0, choice.most)
                self.loads[pool.id].append(Load(choice, part, var))

    def _add_shelves(self, pool: str, shelves: tuple[Shelf, ...]) -> None:
        self.shelves[pool] = shelves
        for i, shelf in enumerate(shelves):
            by_choice: Counter[tuple[str, str]] = Counter()
            for load in self.sharing(pool, shelf):
                by_choice[load.choice.workload, load.choice.id] += load.part.devices * load.choice.most
            most: dict[str, int] = {}
            for (workload, _), devices in by_choice.items():
                before = most.get(workload, 0)
                most[workload] = before + devices if workload in self.mixing else max(before, devices)
            self.shared[pool, i] = self.model.integer(0, shelf.machines(sum(most.values())))

    @property
    def pools(self) -> list[Pool]:
        """The pools that some choice may use, in the problem's order."""
        return [pool for pool in self.problem.pools if pool.id in self.loads]

    def sharing(self, pool: str, shelf: Shelf) -> list[Load]:
        """What would share machines of ``shelf``."""
        return [one for one in self.loads[pool] if one.part.machines == 0 and one.part.devices in shelf.sizes]

    def whole(self, pool: str) -> list[Load]:
        """What would have machines of ``pool`` to itself."""
        return [one for one in self.loads[pool] if one.part.machines > 0]

    def machines(self, pool: str) -> list[tuple[int, Var]]:
        """The machines in use in ``pool``, whole and shared, as an expression."""
        whole = [(one.part.machines, one.count) for one in self.whole(pool)]
        return whole + [(1, self.shared[pool, i]) for i in range(len(self.shelves[pool]))]

    def placed(self, choice: Choice, where: Callable[[Pool], bool]) -> list[tuple[int, Var]]:
        """The replicas of ``choice`` in the pools for which ``where`` holds, as an expression."""
        return [(1, self.replicas[choice.id, p.id]) for p in self.pairs.own[choice.id] if where(p)]

    def placed_beside(self, choice: Choice, where: Callable[[Pool], bool]) -> list[tuple[int, Var]]:
        """The parts beside of ``choice`` in the pools for which ``where`` holds, as an expression."""
        return [(1, self.beside[choice.id, p.id]) for p in self.pairs.beside.get(choice.id, ()) if where(p)]

    def domains(self, workloads: Iterable[Workload | str], over: str) -> list[Domain]:
        """The zones or regions that any of ``workloads`` could use, sorted."""
        names = {w if isinstance(w, str) else w.name for w in workloads}
        of = DOMAIN_OF[over]
        return sorted({of(p) for name in names for c in self.choices_of[name] for p in self.pairs.own[c.id]})

    def in_domain(self, workload: str, over: str, domain: Domain) -> list[tuple[int, Var]]:
        """The replicas of ``workload`` in one zone or region, as an expression."""
        of = DOMAIN_OF[over]
        return [term for c in self.choices_of[workload] for term in self.placed(c, lambda p: of(p) == domain)]

    def present(self, workload: str, over: str, domain: Domain) -> Var:
        """A literal that is true exactly when ``workload`` has replicas in ``domain``."""
        key = (workload, over, domain)
        if key not in self._present:
            literal = self._present[key] = self.model.boolean()
            here = self.in_domain(workload, over, domain)
            most = self.most_replicas(workload)
            self.define([*here, (-1, literal)], low=0)
            self.define([*here, (-most, literal)], high=0)
        return self._present[key]

    def kept(self, *, wanted: bool = True) -> list[tuple[str, Var]]:
        """How many replicas of today, and of their parts beside, stay at most; each with its workload.

        kept <= n[c, p],  kept <= replicas today    for each allotment of today

        ``wanted``: of a choice that needs fewer than run today, no more than it needs.
        """
        if self._kept is None:
            self._kept = [
                *self._stays(self.replicas, self.problem.current),
                *self._stays(self.beside, self.problem.current_beside),
            ]
        return [
            (choice.workload, var)
            for choice, every, capped in self._kept
            for var in (capped if wanted else every)
        ]

    def _stays(
        self, counts: Mapping[tuple[str, str], Var], there: Iterable[Allotment]
    ) -> Iterable[tuple[Choice, list[Var], list[Var]]]:
        """Each choice of today with how many stay in each pool, and the same as far as they are needed."""
        stay: defaultdict[str, list[Var]] = defaultdict(list)
        today: Counter[str] = Counter()
        for one in there:
            now = counts.get((one.choice, one.pool))
            today[one.choice] += one.replicas
            if now is not None and one.replicas > 0:
                var = self.model.integer(0, one.replicas)
                self.define([(1, var), (-1, now)], high=0)
                stay[one.choice].append(var)
        for choice in self.problem.choices:
            every = stay.get(choice.id)
            if every is None:
                continue
            capped = every
            fixed = choice.workload not in self.mixing
            if fixed and choice.extra and today[choice.id] > choice.replicas:
                capped = [self.model.integer(0, choice.replicas)]
                self.define([(1, capped[0]), *((-1, var) for var in every)], high=0)
            yield choice, every, capped

    def runs(self, workload: str) -> list[tuple[int, Var]]:
        """1 when any choice of the workload is taken, else 0, as an expression."""
        takes = [(1, self.take[c.id]) for c in self.choices_of[workload]]
        if workload not in self.mixing or not takes:
            return takes
        if workload not in self._runs:
            self._runs[workload] = runs = self.model.boolean()
            self.define([*takes, (-1, runs)], low=0)
        return [(1, self._runs[workload])]

    def most_replicas(self, workload: str) -> int:
        """The most replicas that the workload can have; 0 without choices."""
        counts = [c.most for c in self.choices_of[workload]]
        return sum(counts) if workload in self.mixing else max(counts, default=0)

    def define(self, terms: Terms, *, low: int = -FAR, high: int = FAR) -> None:
        """Tie variables together: true by the meaning of the words, so never part of a conflict."""
        self.model.add(terms, low, high)

    def require(
        self, terms: Terms, rule: Rule, *, at_least: int = -FAR, at_most: int = FAR, step: int = 1
    ) -> None:
        """A row that holds while the rule's literal is true.

        In an elastic model a rule with ``stretch`` may go beyond ``at_most``
        in steps of ``step``, each of which weighs ``stretch``.
        """
        if self._elastic and rule.stretch:
            worst = sum(max(k * self.model.bounds[v][0], k * self.model.bounds[v][1]) for k, v in terms)
            beyond = self.model.integer(0, max(0, worst - at_most) // step + 1)
            self.shortage.append((rule.stretch, beyond))
            terms = [*terms, (-step, beyond)]
        self.model.add(terms, at_least, at_most, self._literal(rule))

    def _literal(self, rule: Rule) -> Var:
        """The literal of the rule with this label, new at its first row."""
        if rule.label not in self._literals:
            self._literals[rule.label] = literal = self.model.boolean()
            self.rules[literal] = rule
        return self._literals[rule.label]


def allotments_in(b: Builder, values: tuple[int, ...]) -> tuple[Allotment, ...]:
    """Where replicas lie by the solver's values, in the order of workloads and then of names."""
    return _counted(b, b.pairs.own, b.replicas, values)


def beside_in(b: Builder, values: tuple[int, ...]) -> tuple[Allotment, ...]:
    """Where their parts beside lie, in the same order."""
    return _counted(b, b.pairs.beside, b.beside, values)


def _counted(
    b: Builder,
    pairs: Mapping[str, tuple[Pool, ...]],
    counts: Mapping[tuple[str, str], Var],
    values: tuple[int, ...],
) -> tuple[Allotment, ...]:
    return tuple(
        Allotment(workload=workload.name, choice=choice.id, pool=pool.id, replicas=values[var])
        for workload in b.problem.workloads
        for choice in sorted(b.choices_of[workload.name], key=lambda c: c.id)
        for pool in pairs.get(choice.id, ())
        if values[var := counts[choice.id, pool.id]] > 0
    )
