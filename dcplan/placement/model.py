"""The variables of a placement, and the builder that laws and objectives speak to."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.placement.cpsat import FAR, Model, Terms, Var
from dcplan.placement.packing import Shelf, shelves_by_pool
from dcplan.placement.types import Allotment, Choice, Pool, Problem, Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dcplan.diag import ConfigPath
    from dcplan.placement.prune import Pairs

Domain = tuple[str, ...]
"""A zone or region; providers may use the same words for different places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A hard rule of the model, and the lines of the document it comes from."""

    law: str
    """Name of the law, one of those in ``constraints.CONSTRAINTS``."""
    label: str
    """The law and what it is about: ``pool-capacity[dc1-a/h100x8]``."""
    says: str
    """The rule in words, as part of a sentence."""
    origins: tuple[ConfigPath, ...]
    """Empty when no line of the document says it."""
    stretch: int = 0
    """What one unit beyond the limit weighs when we ask how much is short; 0: it does not stretch."""


def zone_of(pool: Pool) -> Domain:
    """The zone of a pool."""
    return (pool.provider, pool.region, pool.zone)


def region_of(pool: Pool) -> Domain:
    """The region of a pool."""
    return (pool.provider, pool.region)


DOMAIN_OF: dict[str, Callable[[Pool], Domain]] = {"zone": zone_of, "region": region_of}


class Builder:
    """A placement model under construction.

    ``take[c]`` says that choice c is taken, ``replicas[c, p]`` how many of its
    replicas lie in pool p, ``shared[p, i]`` how many machines of pool p hold
    the replicas of its i-th shelf.  Every rule has a literal of its own, so
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
        self.shared: dict[tuple[str, int], Var] = {}
        self.used_by: defaultdict[str, list[Choice]] = defaultdict(list)
        self._elastic = elastic
        self._literals: dict[str, Var] = {}
        self._present: dict[tuple[str, str, Domain], Var] = {}
        for choice in problem.choices:
            if choice.id in pairs:
                self._add_choice(choice)
        self.shelves: dict[str, tuple[Shelf, ...]] = {}
        for pool, shelves in shelves_by_pool(problem).items():
            if pool in self.used_by:
                self._add_shelves(pool, shelves)

    def _add_choice(self, choice: Choice) -> None:
        self.choices_of[choice.workload].append(choice)
        self.take[choice.id] = self.model.boolean()
        for pool in self.pairs[choice.id]:
            self.replicas[choice.id, pool.id] = self.model.integer(0, choice.replicas)
            self.used_by[pool.id].append(choice)

    def _add_shelves(self, pool: str, shelves: tuple[Shelf, ...]) -> None:
        self.shelves[pool] = shelves
        for i, shelf in enumerate(shelves):
            most: dict[str, int] = {}
            for choice in self.sharing(pool, shelf):
                devices = choice.devices * choice.replicas
                most[choice.workload] = max(most.get(choice.workload, 0), devices)
            self.shared[pool, i] = self.model.integer(0, shelf.machines(sum(most.values())))

    @property
    def pools(self) -> list[Pool]:
        """The pools that some choice may use, in the problem's order."""
        return [pool for pool in self.problem.pools if pool.id in self.used_by]

    def sharing(self, pool: str, shelf: Shelf) -> list[Choice]:
        """The choices whose replicas would share machines of ``shelf``."""
        return [c for c in self.used_by[pool] if c.machines == 0 and c.devices in shelf.sizes]

    def machines(self, pool: str) -> list[tuple[int, Var]]:
        """The machines in use in ``pool``, whole and shared, as an expression."""
        whole = [(c.machines, self.replicas[c.id, pool]) for c in self.used_by[pool] if c.machines > 0]
        return whole + [(1, self.shared[pool, i]) for i in range(len(self.shelves[pool]))]

    def placed(self, choice: Choice, where: Callable[[Pool], bool]) -> list[tuple[int, Var]]:
        """The replicas of ``choice`` in the pools for which ``where`` holds, as an expression."""
        return [(1, self.replicas[choice.id, p.id]) for p in self.pairs[choice.id] if where(p)]

    def domains(self, workloads: Iterable[Workload | str], over: str) -> list[Domain]:
        """The zones or regions that any of ``workloads`` could use, sorted."""
        names = {w if isinstance(w, str) else w.name for w in workloads}
        of = DOMAIN_OF[over]
        return sorted({of(p) for name in names for c in self.choices_of[name] for p in self.pairs[c.id]})

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

    def most_replicas(self, workload: str) -> int:
        """The replicas of the choice with most of them; 0 without choices."""
        return max((c.replicas for c in self.choices_of[workload]), default=0)

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
    return tuple(
        Allotment(workload=workload.name, choice=choice.id, pool=pool.id, replicas=values[var])
        for workload in b.problem.workloads
        for choice in sorted(b.choices_of[workload.name], key=lambda c: c.id)
        for pool in b.pairs[choice.id]
        if values[var := b.replicas[choice.id, pool.id]] > 0
    )
