"""Machine by machine: exact for small fleets, with cores, memory and shares of devices.

One variable for each group and machine, so it is for a few racks; what is
larger is counted (``aggregate``) and then seated (``settle``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from dcplan.demand.jobs import WHOLE_DEVICE_MILLI
from dcplan.placement.cpsat import Effort, Model, Status, Var, run
from dcplan.placement.defrag.room import devices_for_shares
from dcplan.placement.defrag.settle import aligned
from dcplan.placement.defrag.types import Ending, Group, Standing

MOST_VARIABLES = 20_000
"""Groups times machines up to which this is worth a try."""

MOST_ROUNDS = 30
"""Times that shares may turn out not to pack, and are told to the model."""


def small(standing: Standing) -> bool:
    """Whether a fleet is small enough to be solved machine by machine."""
    return len(standing.groups) * len(standing.nodes) <= MOST_VARIABLES


def exact(standing: Standing, wanted: int, effort: Effort) -> tuple[Status, Ending | None, int]:
    """How it went, the ending with the fewest groups that move, and a bound on their number.

    ``effort`` is for each of at most ``MOST_ROUNDS`` rounds.
    """
    flat = _Flat(standing, wanted)
    for _ in range(MOST_ROUNDS):
        answer = run(flat.model, effort, minimise=[(1, var) for var in flat.moved])
        if not answer.found:
            return answer.status, None, answer.bound
        ending = flat.read(answer.values)
        if flat.packs(answer.values):
            return answer.status, ending, answer.bound
    return Status.UNKNOWN, None, answer.bound


class _Flat:
    """The model: what of each group is on each machine."""

    def __init__(self, standing: Standing, wanted: int) -> None:
        self.standing = standing
        self.model = Model()
        self.on: list[dict[int, Var]] = []
        self.moved: list[Var] = []
        for group in standing.groups:
            self._group(group)
        self.shared = [self.model.integer(0, node.devices) for node in standing.nodes]
        self.free = [self.model.boolean() for _ in standing.nodes]
        self.here: list[list[tuple[Group, Var]]] = [[] for _ in standing.nodes]
        for group, places in zip(standing.groups, self.on, strict=True):
            for node, var in places.items():
                self.here[node].append((group, var))
        for node in range(len(standing.nodes)):
            self._capacity(node)
        self.gives = [self.model.integer(0, domain.most_slices) for domain in standing.domains]
        for domain, gives in zip(standing.domains, self.gives, strict=True):
            self.model.add([*((1, self.free[n]) for n in domain.nodes), (-domain.slice_nodes, gives)], 0, 0)
        self.model.add([(1, var) for var in self.gives], wanted, wanted)

    def _group(self, group: Group) -> None:
        """All parts sit somewhere, in one domain, and any change of machines is a move."""
        model, standing, parts = self.model, self.standing, len(group.seats)
        places = {
            node: model.integer(0, parts)
            for node, machine in enumerate(standing.nodes)
            if not group.models or machine.model in group.models or node in group.seats
        }
        moved = model.boolean()
        if parts == 1:
            model.add([(1, var) for var in places.values()], 1, 1)
        else:
            by_domain: dict[int, list[Var]] = defaultdict(list)
            for node, var in places.items():
                by_domain[standing.domain_of[node]].append(var)
            goes = {domain: model.boolean() for domain in by_domain}
            model.add([(1, var) for var in goes.values()], 1, 1)
            for domain, variables in by_domain.items():
                model.add([*((1, var) for var in variables), (-parts, goes[domain])], 0, 0)
        for node in set(group.seats):
            times = group.seats.count(node)
            model.add([(1, places[node]), (times, moved)], low=times)
        self.on.append(places)
        self.moved.append(moved)

    def _capacity(self, node: int) -> None:
        """What runs on a machine fits, and on one of a slice nothing runs."""
        model, machine, here = self.model, self.standing.nodes[node], self.here[node]
        shared = self.shared[node]
        for at, has in ((2, machine.cpu_milli), (3, machine.memory_mib)):
            model.add([(group.needs[at], var) for group, var in here], high=has)
        model.add([*((group.needs[0], var) for group, var in here), (1, shared)], high=machine.devices)
        model.add([*((g.needs[1], var) for g, var in here), (-WHOLE_DEVICE_MILLI, shared)], high=0)
        for group, var in here:
            parts = len(group.seats)
            model.add([(1, var), (parts, self.free[node])], high=parts)

    def packs(self, values: Sequence[int]) -> bool:
        """Whether the shares on each machine pack on its devices; where not, the model learns it.

        A set of groups whose shares need ``b`` devices needs them whenever all
        of it is on the machine: ``devices >= b - b * (parts of it elsewhere)``.
        """
        fine = True
        for node, here in enumerate(self.here):
            chosen = [(group, var) for group, var in here if group.needs[1] and values[var]]
            shares = [group.needs[1] for group, var in chosen for _ in range(values[var])]
            needed = devices_for_shares(tuple(sorted(shares, reverse=True)))
            if needed > values[self.shared[node]]:
                fine = False
                # Of a group with several parts here, only all of them are known to be too many.
                terms = [(-needed, self._at_least(var, values[var], len(g.seats))) for g, var in chosen]
                self.model.add([(1, self.shared[node]), *terms], low=needed - needed * len(chosen))
        return fine

    def _at_least(self, var: Var, times: int, parts: int) -> Var:
        """A boolean that is true where ``var`` is ``times`` or more."""
        if parts == 1:
            return var
        enough = self.model.boolean()
        self.model.add([(1, var), (-(parts - times + 1), enough)], high=times - 1)
        return enough

    def read(self, values: Sequence[int]) -> Ending:
        """The new places, and the machines of each slice."""
        seats = {}
        for at, (group, places) in enumerate(zip(self.standing.groups, self.on, strict=True)):
            after = tuple(node for node, var in places.items() for _ in range(values[var]))
            if sorted(after) != sorted(group.seats):
                seats[at] = aligned(group.seats, after)
        slices = []
        for domain, gives in zip(self.standing.domains, self.gives, strict=True):
            nodes = [node for node in domain.nodes if values[self.free[node]]]
            size = domain.slice_nodes
            slices += [tuple(nodes[at * size : (at + 1) * size]) for at in range(values[gives])]
        return Ending(seats=seats, slices=tuple(slices))
