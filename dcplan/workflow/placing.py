"""Place candidates, seat their gangs in racks, and price them again behind the links of their seats."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dcplan.catalog.efficiency import load_efficiencies
from dcplan.diag import Result
from dcplan.placement.aims import Measure, Proof
from dcplan.placement.assign import assign
from dcplan.placement.places import Atlas, unpriced_traffic
from dcplan.placement.problem import pools_of, state_problem
from dcplan.placement.purchases import overdrawn, paid_anyway, quota_rules
from dcplan.placement.ranked import rank_maps
from dcplan.placement.seats import Hall, Seats, seat, seated
from dcplan.placement.solve import solve
from dcplan.placement.tight import tight
from dcplan.placement.twins import without_spare_twins
from dcplan.placement.verify_cuts import check_cuts, check_domains
from dcplan.plan.current import allotments_of, assignment_of, beside_of, known_again, places_of, racks_of
from dcplan.sharding.names import plain_id, told_apart
from dcplan.sharding.reprice import repriced
from dcplan.sharding.types import Within
from dcplan.workflow.pods import pods_of
from dcplan.workflow.types import AS_ALWAYS, Tuning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dcplan.placement.rank_types import RankMap
    from dcplan.placement.types import (
        Assignment,
        Pool,
        Problem,
        RackRule,
        ReplicaSlot,
        Solution,
        SolverReport,
    )
    from dcplan.sharding.types import Candidate, MachineClass
    from dcplan.state.types import State
    from dcplan.topology.types import PoolLinks
    from dcplan.workflow.types import Checked, Gathered

ROUNDS = 12
"""Of placing and seating.  Each forbids a set of gangs that no racks hold, or adds a price; then gangs that
need one rack are done without."""

QUICK = 0.1
"""Of the solver's usual effort, where it is asked with little."""

LEAST_SOLVER_S = 0.5
"""For each round, however late it is."""

Facts = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where everything runs, by name, and what it was chosen from."""

    candidates: tuple[Candidate, ...]
    pools: tuple[Pool, ...]
    problem: Problem
    solution: Solution
    assignment: Assignment
    ranks: tuple[RankMap, ...] = ()
    """Where the ranks of jobs are, as far as racks are known."""
    racks: Mapping[str, str] = field(default_factory=dict)
    """Machine to the rack in which it stands today."""
    hall: Callable[[Assignment], Hall] = field(default=lambda _: Hall(), compare=False)
    """What is known of the racks of the pools that an assignment uses."""


def place(  # noqa: PLR0913, PLR0917 - the values of the stages before it
    checked: Checked,
    gathered: Gathered,
    candidates: tuple[Candidate, ...],
    classes: Mapping[str, tuple[MachineClass, ...]],
    state: State,
    tuning: Tuning = AS_ALWAYS,
) -> Result[Placed]:
    """The cheapest placement whose gangs have the links that their estimates count on.

    Candidates of one rack are optimistic until their machines have seats, and
    those of a whole pool are priced behind its narrowest cut; a job that is
    seated better than that is evaluated again behind the cut of its own
    machines (``sharding.reprice``), which can only make it cheaper.
    """
    work = _Placing(checked, gathered, candidates, classes, state, tuning)
    for round_ in range(2 * ROUNDS):
        if round_ == ROUNDS:
            work.settle()
        result = work.once()
        if result.value is None:
            return Result(None, (*work.unpriced, *overdrawn(work.quotas, work.today), *result.diagnostics))
        placed, seats = result.value.placed, result.value.seats
        if not seats.crowded and (round_ >= ROUNDS or not work.price_seats(placed, seats)):
            said = (*work.unpriced, *overdrawn(work.quotas, work.today), *result.diagnostics)
            said = (*said, *tight(work.quotas, work.today, placed.assignment))
            return Result(work.finished(placed, seats), said)
        work.rules += seats.crowded
    msg = "Placing and seating gangs did not come to an end. This is a bug in dcplan."
    raise RuntimeError(msg)


def idle_pools(today: Assignment) -> frozenset[str]:
    """Pools with machines on which nothing runs that is known."""
    used = {name for r in today.replicas for name in (*r.machines, *r.beside_machines)}
    return frozenset(machine.pool for machine in today.machines if machine.name not in used)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """One placement and the seats of its gangs."""

    placed: Placed
    seats: Seats


class _Placing:
    """What is learned from round to round."""

    def __init__(  # noqa: PLR0913, PLR0917 - as ``place``
        self,
        checked: Checked,
        gathered: Gathered,
        candidates: tuple[Candidate, ...],
        classes: Mapping[str, tuple[MachineClass, ...]],
        state: State,
        tuning: Tuning,
    ) -> None:
        self.checked = checked
        self.tuning = tuning
        self.solver_s = 0.0
        """Wall time of the solver so far."""
        self.gathered = gathered
        self.classes = classes
        self.candidates = {c.id: c for c in candidates}
        self.rules: tuple[RackRule, ...] = ()
        self.today = assignment_of(state.resources.values())
        self.racks = racks_of(state.resources.values())
        self.standing = places_of(state.resources.values())
        catalog = gathered.catalog
        self.pools = pools_of(catalog.offerings, catalog.machines, catalog.accelerators, gathered.at_s)
        self.quotas = quota_rules(gathered.quotas, catalog.offerings, catalog.machines, gathered.at_s)
        self.paid = paid_anyway(catalog.offerings, gathered.at_s)
        self.atlas = Atlas(
            offerings=catalog.offerings,
            sites=gathered.sites,
            told=checked.places,
            round_trips=checked.round_trips,
            elsewhere={(w, c.pools): c.elsewhere for w, some in classes.items() for c in some if c.elsewhere},
        )
        self.unpriced = unpriced_traffic(checked.demand, self.atlas)
        self._links: dict[str, Facts] = {}
        """Of candidates that were priced behind the links of a seat."""
        self._given_up: set[str] = set()
        self._settled = False

    def once(self) -> Result[_Round]:
        """Place and seat what is known now."""
        candidates = tuple(self.candidates.values())
        current = known_again(self.today, candidates)
        today = allotments_of(current), beside_of(current)
        problem = state_problem(self.checked.demand, candidates, self.pools, *today, self.atlas)
        problem = replace(
            problem, racks=self.rules, quotas=self.quotas, paid=self.paid, idle=idle_pools(current)
        )
        problem = self._tuned(problem)
        lean = without_spare_twins(problem)
        solved = solve(lean)
        if solved.value is None and lean is not problem and problem.explained:
            solved = solve(problem)  # to say what is missing of all that there is
        if solved.value is None:
            return Result(None, solved.diagnostics)
        self.solver_s += solved.value.report.wall_s
        assignment = assign(solved.value, problem, current)
        placed = Placed(
            candidates=candidates,
            pools=self.pools,
            problem=problem,
            solution=solved.value,
            assignment=assignment,
        )
        seats = seat(problem, assignment, self.gathered.free, self.racks, self._hall(assignment))
        return Result(_Round(placed=placed, seats=seats), solved.diagnostics)

    def _hall(self, assignment: Assignment) -> Hall:
        """Racks of the pools in use.  Once settled, prices leave all machines their share of the uplinks."""
        topology = self.gathered.topology
        pools = sorted({m.pool for m in assignment.machines})
        cubes = {pool: topology.cube_of(pool) for pool in pools}
        return Hall(
            uplinks={} if self._settled else {pool: topology.uplinks_of(pool) for pool in pools},
            cubes={pool: cube for pool, cube in cubes.items() if cube is not None},
            pods=pods_of(self.gathered, (pool for pool, cube in cubes.items() if cube is not None)),
            standing=self.standing,
        )

    def _tuned(self, problem: Problem) -> Problem:
        """The problem, asked as the command line says; of its time, what earlier rounds have left."""
        tuning = self.tuning
        left_s = None if tuning.timeout_s is None else max(tuning.timeout_s - self.solver_s, LEAST_SOLVER_S)
        return replace(
            problem,
            seed=tuning.seed,
            time_limit_s=left_s,
            goals=tuning.goals or problem.goals,
            ceilings=tuning.ceilings,
            explained=not tuning.quick,
            deterministic_limit=problem.deterministic_limit * (QUICK if tuning.quick else 1.0),
        )

    def settle(self) -> None:
        """Do without candidates that need one rack, and without prices of seats.

        Slices of TPUs need their cubes nevertheless, and groups wider than a machine their domain.
        """
        self._settled = True
        self.candidates = {
            c.id: c for c in self.candidates.values() if c.within is Within.POOL and c.id not in self._links
        }
        cube_of = self.gathered.topology.cube_of
        self.rules = tuple(
            rule for rule in self.rules if rule.law == "scale-up-domain" or cube_of(rule.pool) is not None
        )

    def price_seats(self, placed: Placed, seats: Seats) -> bool:
        """Price gangs behind the links of their seats; whether any price is new."""
        news = False
        for replica, pool in _lone_gangs(placed):
            candidate = self.candidates[replica.choice]
            links = self._links_at(replica, pool, seats)
            if links is None or candidate.within is Within.RACK:
                continue
            if candidate.id in self._links:
                if self._links[candidate.id] != links.facts:
                    # It was priced for another seat than the one it got: what it costs there is not known.
                    self._given_up.add(plain_id(candidate.id))
                    del self.candidates[candidate.id]
                    news = True
                continue
            news |= self._price(candidate, pool, links)
        return news

    def _price(self, candidate: Candidate, pool: str, links: PoolLinks) -> bool:
        """Add the candidate as it is behind these links; whether it is another one there."""
        machines = self._class_of(candidate, pool)
        if links.facts == machines.links.facts or plain_id(candidate.id) in self._given_up:
            return False
        demand = next(w for w in self.checked.demand.workloads if w.name == candidate.workload)
        efficiencies = self.checked.efficiencies or load_efficiencies()
        models = self.checked.models
        found = repriced(candidate, demand, models, replace(machines, links=links), efficiencies)
        if found is None or found == candidate:
            return False
        name = told_apart(plain_id(candidate.id), f"{pool}/seats")
        if self._links.get(name) == links.facts and name in self.candidates:
            return False
        self.candidates[name] = replace(found, id=name, pools=(pool,))
        self._links[name] = links.facts
        return True

    def _class_of(self, candidate: Candidate, pool: str) -> MachineClass:
        return next(
            one
            for one in self.classes[candidate.workload]
            if pool in one.pools and one.within is candidate.within
        )

    def _links_at(self, replica: ReplicaSlot, pool: str, seats: Seats) -> PoolLinks | None:
        """What the machines of a gang find between each other; None where their racks are not known."""
        counts: defaultdict[str, int] = defaultdict(int)
        for machine in replica.machines:
            counts[seats.racks.get(machine, "")] += 1
        racks = self.gathered.topology.racks_of(pool)
        if not set(counts) <= set(racks):
            return None
        nodes = tuple(node for rack, count in counts.items() for node in racks[rack][:count])
        return self.gathered.topology.links_among(pool, nodes)

    def finished(self, placed: Placed, seats: Seats) -> Placed:
        """The placement with its racks, and with a bound that holds for everything that was considered."""
        wished = {machine.name: machine.rack for machine in self.today.machines}
        assignment = seated(placed.assignment, seats, wished)
        hall = self._hall(assignment)
        broken = (
            *check_cuts(placed.problem, assignment, hall.uplinks),
            *check_domains(placed.problem, assignment, hall.cubes),
        )
        if broken and not self.racks:
            msg = f"Seats were found that {broken[0]}. This is a bug in dcplan."
            raise RuntimeError(msg)
        ranks = rank_maps(placed.problem, assignment, seats.racks)
        return replace(
            placed,
            assignment=assignment,
            solution=_bounded(placed),
            ranks=ranks,
            racks=self.racks,
            hall=self._hall,
        )


def _lone_gangs(placed: Placed) -> Iterator[tuple[ReplicaSlot, str]]:
    """Gangs that are the only replica of their workload, with their pools."""
    counts: defaultdict[str, int] = defaultdict(int)
    for replica in placed.assignment.replicas:
        counts[replica.workload] += 1
    pool_of = {machine.name: machine.pool for machine in placed.assignment.machines}
    for replica in placed.assignment.replicas:
        if counts[replica.workload] == 1 and len(replica.machines) > 1:
            yield replica, pool_of[replica.machines[0]]


def _bounded(placed: Placed) -> Solution:
    """The solution with a bound that holds although rules were learned.

    A rule about single gangs forbids nothing but what cannot be seated.  One
    about choices with several replicas may forbid more, so the bound is then
    that of the same problem without the rules.
    """
    problem, solution = placed.problem, placed.solution
    replicas = {choice.id: choice.replicas for choice in problem.choices}
    if all(rule.proven and replicas.get(c, 1) == 1 for rule in problem.racks for c in rule.choices):
        return solution
    relaxed = solve(without_spare_twins(replace(problem, racks=()))).value
    if relaxed is None:
        msg = "A placement is lost when its rules are taken away. This is a bug in dcplan."
        raise RuntimeError(msg)
    return replace(solution, report=loosened(solution.report, relaxed.report))


def loosened(report: SolverReport, relaxed: SolverReport) -> SolverReport:
    """The report with the bounds of a problem with fewer rules.

    The bound of a goal holds among placements as good in the goals before it;
    once one of these is better without the rules, nothing is known of the later ones.
    """
    proofs: list[Proof] = []
    alike = True
    for mine, other in zip(report.proofs, relaxed.proofs, strict=True):
        bound = min(other.bound, mine.value) if alike and other.bound is not None else None
        proven = bound is not None and bound >= mine.value
        proofs.append(replace(mine, bound=bound, status=mine.status if proven else "feasible"))
        alike = alike and other.value >= mine.value
    cost = next(proof for proof in proofs if proof.goal == Measure.COST)
    gap = 1.0 if cost.gap is None else cost.gap
    return replace(report, bound_usd=cost.bound or 0.0, gap=gap, status=cost.status, proofs=tuple(proofs))
