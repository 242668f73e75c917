"""The counts model: jobs of one shape and machines in one state are interchangeable within a domain.

Variables count how many components (a machine, or machines tied together by
a gang) of each class of a domain lose which groups, how many groups of each
shape come to a domain, and whether it gives a slice.  That a set of parts fits
on machines is said by thresholds: for each size a of parts,

    sum over parts with size b >= a of floor(b / a)  <=  sum over machines of floor(free / a).

This is necessary, because floor is superadditive, and where sizes divide each
other (1, 2, 4, 8 devices) it is sufficient: placed from the largest down, each
part takes exactly its floor from every smaller size's count.  Cores and memory
are left to the seating that follows; so the bound holds with them as well.
Shapes that need not stay together (one part, any model) are counted over all
domains at once, where their size allows it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from dcplan.demand.jobs import WHOLE_DEVICE_MILLI
from dcplan.placement.cpsat import FAR, Effort, Model, Status, Terms, Var, run
from dcplan.placement.defrag.changes import Change, Class, Shape, classes_of, shape_of
from dcplan.placement.defrag.drain import Drain
from dcplan.placement.defrag.types import Standing
from dcplan.placement.lp import LpStatus, Program, solve_program

SLACK = 1e-4
"""Moves by which the solver of linear programs may be off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What the counts say: what leaves, what is freed, and where gangs may go."""

    status: Status
    bound: int
    """No plan has fewer groups leave; 0 where the model does not know every way."""
    slices: tuple[tuple[int, ...], ...] = ()
    leaving: frozenset[int] = frozenset()
    advice: Mapping[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Part:
    """The variables of one domain."""

    number: int
    classes: list[Class]
    changes: list[list[tuple[Change, Var]]]
    gives: list[Var]
    comes: dict[Shape, Var]


class _Counts:
    """Builds the model over some domains and reads its answer."""

    def __init__(
        self, standing: Standing, drains: Sequence[Drain], domains: Sequence[int], wanted: int
    ) -> None:
        self.standing = standing
        self.model = Model()
        self.groups: Counter[Shape] = Counter()
        for number in domains:
            for at in {g for n in standing.domains[number].nodes for g in standing.on[n]}:
                self.groups[shape_of(standing.groups[at])] += 1
        self.sizes = sorted({shape.size_milli for shape in self.groups})
        tight = [s.size_milli for s in self.groups if s.parts > 1 or s.models]
        self.local_from = min(tight, default=1 << 60)
        self.local = [s for s in self.groups if s.parts > 1 or s.models or s.size_milli > self.local_from]
        self.complete = True
        self.parts = [self._part(number, drains[number]) for number in domains]
        self.model.add([(1, var) for part in self.parts for var in part.gives], wanted, wanted)
        self.cost: Terms = [
            (change.groups, var) for part in self.parts for one in part.changes for change, var in one
        ]
        self._flow()
        for size in self.sizes:
            self._fits_overall(size)

    def _part(self, number: int, known: Drain) -> _Part:
        """One domain: its variables, and the rows that are its own."""
        model, domain = self.model, self.standing.domains[number]
        found, complete = classes_of(self.standing, domain, self.sizes)
        self.complete &= complete
        part = _Part(number=number, classes=found, changes=[], gives=[], comes={})
        for one in found:
            variables = [(change, model.integer(0, len(one.members))) for change in one.changes]
            part.changes.append(variables)
            if len(variables) > 1:
                model.add([(1, var) for _, var in variables], high=len(one.members))
        part.gives = [model.boolean() for _ in range(domain.most_slices)]
        self._frees(part, known)
        allowed = self.standing.nodes[domain.nodes[0]].model
        for shape in self.local:
            if not shape.models or allowed in shape.models:
                part.comes[shape] = model.integer(0, self.groups[shape])
        for at, size in enumerate(self.sizes):
            if size >= self.local_from:
                self._fits_here(part, at, size)
        return part

    def _frees(self, part: _Part, known: Drain) -> None:
        """A slice needs so many machines emptied, and at least so many groups gone."""
        model, domain = self.model, self.standing.domains[part.number]
        for earlier, later in zip(part.gives, part.gives[1:], strict=False):
            model.add([(1, earlier), (-1, later)], low=0)
        loses = [(change, var) for one in part.changes for change, var in one]
        if part.gives:
            empty = sum(map(self.standing.empty, domain.nodes))
            emptied = [(change.emptied, var) for change, var in loses if change.emptied]
            model.add([*emptied, *((-domain.slice_nodes, var) for var in part.gives)], low=-empty)
        for count, var in enumerate(part.gives, start=1):
            # True of every plan, and what makes the relaxation tight: half a slice is not free.
            if known.bound[count]:
                model.add([*((change.groups, v) for change, v in loses), (-known.bound[count], var)], low=0)

    def _fits_here(self, part: _Part, at: int, size: int) -> None:
        """What comes to a domain and must stay together finds places of its size there."""
        base, terms = self._slots(part, at)
        comes = [(-shape.takes(size), var) for shape, var in part.comes.items() if shape.size_milli >= size]
        self.model.add([*terms, *comes], low=-base)
        for takes in sorted({-coefficient for coefficient, _ in comes}):
            self._rounded([(-coefficient, var) for coefficient, var in (*terms, *comes)], base, takes)

    def _rounded(self, terms: Terms, most: int, by: int) -> None:
        """What ``terms <= most`` says of whole gangs: mixed-integer rounding of the row divided by ``by``.

        Three free machines are not three eighths of a gang of eight.  With
        ``a // by`` and ``a % by`` of each coefficient and ``r = most % by``:
        ``sum((by - r) (a // by) + max(0, a % by - r)) x <= (by - r) (most // by)``
        (Nemhauser and Wolsey, Integer and Combinatorial Optimization, II.1.7).
        """
        rest = most % by
        if rest:
            rounded = [((by - rest) * (a // by) + max(0, a % by - rest), var) for a, var in terms]
            kept = [(a, var) for a, var in rounded if a]
            self.model.add(kept, high=(by - rest) * (most // by))

    def _slots(self, part: _Part, at: int) -> tuple[int, list[tuple[int, Var]]]:
        """Places for parts of size ``at`` in one domain: today's, and what changes and slices add."""
        domain, size = self.standing.domains[part.number], self.sizes[at]
        terms = [(change.slots[at], var) for one in part.changes for change, var in one if change.slots[at]]
        whole = self.standing.nodes[domain.nodes[0]].devices * WHOLE_DEVICE_MILLI // size if size else 0
        terms += [(-whole * domain.slice_nodes, var) for var in part.gives]
        base = sum(one.slots[at] * len(one.members) for one in part.classes)
        return base + whole * sum(map(self.standing.empty, domain.nodes)), terms

    def _leaves(self, shape: Shape) -> list[tuple[int, Var]]:
        """Groups of one shape that leave, wherever they are."""
        return [
            (change.gone[shape], var)
            for part in self.parts
            for one in part.changes
            for change, var in one
            if shape in change.gone
        ]

    def _flow(self) -> None:
        """What leaves arrives: for shapes that are counted by domain."""
        self.leaves = {shape: self._leaves(shape) for shape in self.groups}
        for shape in self.local:
            arrives = [(-1, part.comes[shape]) for part in self.parts if shape in part.comes]
            self.model.add([*self.leaves[shape], *arrives], 0, 0)

    def _fits_overall(self, size: int) -> None:
        """The thresholds over all domains together, for all shapes."""
        if size == 0:
            return
        total, terms = 0, []
        for part in self.parts:
            base, own = self._slots(part, self.sizes.index(size))
            total += base
            terms += own
        for shape, leaves in self.leaves.items():
            if shape.size_milli >= size:
                terms += [(-shape.takes(size) * count, var) for count, var in leaves]
        summed: dict[Var, int] = defaultdict(int)
        for coefficient, var in terms:
            summed[var] += coefficient
        self.model.add([(c, var) for var, c in summed.items() if c], low=-total)

    def read(
        self, values: Sequence[int]
    ) -> tuple[tuple[tuple[int, ...], ...], frozenset[int], dict[int, int]]:
        """Slices, groups that leave, and the domains to which those that stay together go."""
        standing, slices = self.standing, []
        leaving: set[int] = set()
        for part in self.parts:
            domain = standing.domains[part.number]
            empty = [node for node in domain.nodes if standing.empty(node)]
            for one, variables in zip(part.classes, part.changes, strict=True):
                members = iter(one.members)
                for change, var in variables:
                    for _ in range(values[var]):
                        gone, nodes = change.of(next(members), standing)
                        leaving |= gone
                        empty += nodes
            for count in range(sum(values[var] for var in part.gives)):
                size = domain.slice_nodes
                slices.append(tuple(sorted(empty[count * size : (count + 1) * size])))
        waiting: dict[Shape, list[int]] = defaultdict(list)
        for at in sorted(leaving):
            waiting[shape_of(standing.groups[at])].append(at)
        advice = {
            waiting[shape].pop(): part.number
            for part in self.parts
            for shape, var in part.comes.items()
            for _ in range(values[var])
        }
        return tuple(slices), frozenset(leaving), advice


def count_moves(
    standing: Standing, drains: Sequence[Drain], domains: Sequence[int], wanted: int, effort: Effort
) -> Counted:
    """The fewest groups that leave so that these domains together give exactly ``wanted`` slices."""
    counts = _Counts(standing, drains, domains, wanted)
    answer = run(counts.model, effort, minimise=counts.cost)
    bound = answer.bound if counts.complete else 0
    if not answer.found:
        # Only a model that knows every way may say that there is none.
        impossible = answer.status is Status.INFEASIBLE and counts.complete
        return Counted(status=Status.INFEASIBLE if impossible else Status.UNKNOWN, bound=bound)
    slices, leaving, advice = counts.read(answer.values)
    status = answer.status if counts.complete else Status.FEASIBLE
    return Counted(status=status, bound=bound, slices=slices, leaving=leaving, advice=advice)


def relaxed(standing: Standing, drains: Sequence[Drain], wanted: int) -> int | None:
    """A bound on the groups that leave: the counts model of all domains without whole numbers, rounded up.

    None: not even so can as many slices be freed.  0 where nothing is known.
    """
    counts = _Counts(standing, drains, range(len(drains)), wanted)
    if not counts.complete:
        return 0
    answer = solve_program(_program(counts.model, counts.cost))
    if answer.status is LpStatus.INFEASIBLE:
        return None
    # Programs maximise what is worth it; here, moves that are not made.
    return math.ceil(-answer.bound - SLACK) if answer.status is LpStatus.OPTIMAL else 0


def _program(model: Model, cost: Terms) -> Program:
    """The same rows and bounds as a linear program."""
    bounds = np.array(model.bounds, dtype=np.float64)
    objective = np.zeros(len(bounds))
    for worth, var in cost:
        objective[var] = -worth
    entries: dict[tuple[int, int], int] = defaultdict(int)
    for at, row in enumerate(model.rows):
        for coefficient, var in row.terms:
            entries[at, var] += coefficient
    places = np.array(list(entries), dtype=np.int64).reshape(-1, 2)
    return Program(
        objective=objective,
        lower=bounds[:, 0],
        upper=bounds[:, 1],
        row_lower=np.array([row.low if row.low > -FAR else -np.inf for row in model.rows]),
        row_upper=np.array([row.high if row.high < FAR else np.inf for row in model.rows]),
        row=places[:, 0],
        column=places[:, 1],
        value=np.array(list(entries.values()), dtype=np.float64),
    )
