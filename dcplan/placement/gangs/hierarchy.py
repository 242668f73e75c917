"""Place a whole floor of 100,000 accelerators: gangs in domains, then small workloads on single machines.

Largest first, each whole in the narrowest domain that holds it, in the tightest
one; where none does, one smaller gang makes room by moving to another leaf
before anything is split.  Small workloads share the machines that are left,
each where it leaves least over.  Time grows with workloads x leaves.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dcplan.diag import Result, has_errors, plural, warning
from dcplan.placement.gangs.check import check
from dcplan.placement.gangs.floor import Floor, tightly
from dcplan.placement.gangs.order import groups_in_order
from dcplan.placement.gangs.rules import broken
from dcplan.placement.gangs.tree import plant, traffic_of
from dcplan.placement.gangs.types import Refused, Seat, Seats

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dcplan.placement.gangs.tree import Indices, Mask, Tree
    from dcplan.placement.gangs.types import Fabric, Gang, Quota

PROMOTIONS = 3
"""How often those who found no room are tried again before all others."""


def place_floor(
    fabric: Fabric, gangs: Sequence[Gang], taken: Iterable[str] = (), *, quotas: Sequence[Quota] = ()
) -> Result[Seats]:
    """Seats for gangs and for workloads that share machines; each refused one has a warning.

    The bytes are those of the seats; no bound is proven for them (it is 0).
    """
    taken = tuple(taken)
    found = check(fabric, gangs, quotas, taken, shared=True)
    if has_errors(found):
        return Result(None, found)
    tree = plant(fabric)
    closed = {tree.index[name] for name in taken}
    admitted, refused = _within_quotas(fabric, gangs, quotas)
    first: list[str] = []
    best: _Usher | None = None
    for _ in range(PROMOTIONS):
        usher = _Usher(tree, fabric.devices_per_node, {gang.name: gang for gang in gangs}, closed)
        usher.place_all(admitted, first)
        if best is None or usher.worth() > best.worth():
            best = usher
        again = [gang.name for gang in usher.out if gang.name not in first]
        if not again:
            break
        first = [*again, *first]
    if best is None:
        msg = "Nothing was tried. This is a bug in dcplan."
        raise RuntimeError(msg)
    refused += [Refused(gang=gang.name, why=best.why(gang)) for gang in best.out]
    origins = {gang.name: gang.origin for gang in gangs}
    said = tuple(
        warning(
            "gangs-refused",
            "A gang has no seat",
            f"{r.gang} has no seat: {r.why}. Add nodes, or relax its rules.",
            path=origins[r.gang],
        )
        for r in refused
    )
    return Result(best.seats(gangs, refused), said)


def _within_quotas(
    fabric: Fabric, gangs: Sequence[Gang], quotas: Sequence[Quota]
) -> tuple[list[Gang], list[Refused]]:
    """Those that their quotas allow, those that sit today first, then by priority, and the others."""
    left = {quota.name: quota.devices for quota in quotas}
    admitted, refused = [], []
    for gang in sorted(gangs, key=lambda g: (not g.today, -g.priority)):
        need = gang.nodes * (gang.devices or fabric.devices_per_node)
        if gang.quota is not None and left[gang.quota] < need:
            why = f"it needs {plural(need, 'device')}, and its quota {gang.quota} has {left[gang.quota]} left"
            refused.append(Refused(gang=gang.name, why=why))
            continue
        if gang.quota is not None:
            left[gang.quota] -= need
        admitted.append(gang)
    return admitted, refused


@dataclass(slots=True)
class _Usher:
    """One pass over all workloads."""

    tree: Tree
    devices: int
    gangs: dict[str, Gang]
    closed: set[int]
    floor: Floor = field(init=False)
    seated: dict[str, Indices] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    out: list[Gang] = field(default_factory=list)
    tied: set[str] = field(default_factory=set)
    """Gangs that a tie names."""
    sizes: list[Indices] = field(default_factory=list)
    """Machines of each domain, by level."""
    apart: defaultdict[str, list[tuple[str, int]]] = field(default_factory=lambda: defaultdict(list))
    """Of each gang: who wants to be apart from it, at which level."""
    movable: defaultdict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Of each leaf: gangs without rules that lie in it alone."""

    def __post_init__(self) -> None:
        free = [0 if node in self.closed else self.devices for node in range(len(self.tree.names))]
        self.floor = Floor(self.tree, self.devices, free)
        everything = self.floor.room(self.devices)
        self.sizes = [self.floor.sum_up(level, everything) for level in range(len(self.tree.levels))]
        for gang in self.gangs.values():
            for tie in gang.ties:
                self.tied |= {gang.name, tie.other}
                if tie.apart:
                    self.apart[tie.other].append((gang.name, self.tree.level(tie.level)))

    def worth(self) -> tuple[int, ...]:
        """Devices out of their seats, for each priority, highest first, negative: more is better."""
        lost: defaultdict[int, int] = defaultdict(int)
        for gang in self.out:
            lost[gang.priority] += gang.nodes * (gang.devices or self.devices)
        priorities = sorted({gang.priority for gang in self.gangs.values()}, reverse=True)
        return tuple(-lost[priority] for priority in priorities)

    def place_all(self, gangs: Sequence[Gang], first: Sequence[str]) -> None:
        """Seat them: those of today, then those to be tried first, then the largest."""
        for gang in gangs:
            self._keep(gang)
        for group in groups_in_order(gangs, first, self.devices):
            left = [gang for gang in group if gang.name not in self.seated]
            if len(left) < len(group) or len(group) == 1 or not self._seat_together(group):
                for gang in left:
                    self._seat(gang)
        # Who leaves may leave another alone.
        while alone := [gang for gang in gangs if gang.ties and self._left_alone(gang)]:
            for gang in alone:
                self._stand_up(gang)
            self.out += alone

    def _keep(self, gang: Gang) -> None:
        """Leave a gang where it sits, when its machines are there, have room and keep its rules."""
        devices = gang.devices or self.devices
        nodes = [self.tree.index.get(name, -1) for name in gang.today]
        if len(nodes) != gang.nodes or any(n < 0 or self.floor.free[n] < devices for n in nodes):
            return
        if len(set(nodes)) < len(nodes) or broken(self.tree, gang, np.array(nodes), {}, self.gangs):
            return
        self._sit(gang, np.array(nodes))
        self.kept.add(gang.name)
        for node in nodes:
            self.floor.change(node, devices)

    def _sit(self, gang: Gang, nodes: Indices) -> None:
        self.seated[gang.name] = nodes
        leaves = np.unique(self.tree.at[-1][nodes])
        plain = not (gang.name in self.tied or gang.spread or gang.today)
        if plain and len(leaves) == 1 and gang.devices in {None, self.devices}:
            self.movable[int(leaves[0])].append(gang.name)

    def _left_alone(self, gang: Gang) -> bool:
        """It wants to be with another that has no seat, and did not sit there before."""
        if gang.name not in self.seated or gang.name in self.kept:
            return False
        return any(not t.apart and t.other not in self.seated for t in gang.ties)

    def _stand_up(self, gang: Gang) -> None:
        """Give up a seat."""
        for node in self.seated.pop(gang.name).tolist():
            self.floor.change(node, -(gang.devices or self.devices))

    def _seat_together(self, group: Sequence[Gang]) -> bool:
        """Seat those that belong together in one domain, none of them split, or leave all as it was."""
        names = {gang.name for gang in group}
        ties = [t for gang in group for t in gang.ties if not t.apart and t.other in names]
        level = max(self.tree.level(tie.level) for tie in ties)
        together = sum(g.nodes * (g.devices or self.devices) for g in group)
        free = self.floor.free_devices(level)
        for domain in sorted(np.flatnonzero(free >= together).tolist(), key=lambda d: int(free[d])):
            inside = self.floor.above[level] == domain
            for gang in group:
                allowed = self._allowed(gang)
                self._try(gang, inside if allowed is None else inside & allowed, whole=True)
            if all(gang.name in self.seated for gang in group):
                return True
            for gang in group:
                if gang.name in self.seated:
                    self._stand_up(gang)
        return False

    def _seat(self, gang: Gang) -> None:
        """Find machines for one workload, or put it out."""
        self._try(gang, self._allowed(gang), whole=False)
        if gang.name not in self.seated:
            self.out.append(gang)

    def _try(self, gang: Gang, allowed: Mask | None, *, whole: bool) -> None:
        """Seat one workload where it is allowed, if it can be; ``whole``: in no more domains than it must."""
        portions = self._portions(gang, allowed)
        if self._avoidable(gang, portions):
            if whole:
                return
            if self._make_room(gang, allowed):
                portions = self._portions(gang, allowed)
        if portions is None:
            return
        devices = gang.devices or self.devices
        nodes = [n for leaf, parts in portions for n in self.floor.take(leaf, parts, devices)]
        self._sit(gang, np.array(nodes))
        if gang.name in self.tied and broken(
            self.tree, gang, self.seated[gang.name], self.seated, self.gangs
        ):
            self._stand_up(gang)

    def _avoidable(self, gang: Gang, portions: list[tuple[int, int]] | None) -> bool:
        """Whether a gang of whole machines is in more domains of a level than its size asks for."""
        if gang.spread is not None or gang.devices not in {None, self.devices} or gang.nodes == 1:
            return False
        if portions is None:
            return True
        leaves = [leaf for leaf, _ in portions]
        return any(
            len(set(self.floor.above[level][leaves].tolist())) > 1 and gang.nodes <= int(largest.max())
            for level, largest in enumerate(self.sizes)
        )

    def _allowed(self, gang: Gang) -> Mask | None:
        """Leaves that ties leave to it; None is all."""
        allowed: Mask | None = None
        wishes = [(t.other, self.tree.level(t.level), t.apart) for t in gang.ties]
        wishes += [(name, level, True) for name, level in self.apart[gang.name]]
        for other, level, apart in wishes:
            if other not in self.seated:
                continue
            there = np.isin(self.floor.above[level], np.unique(self.tree.at[level][self.seated[other]]))
            there = ~there if apart else there
            allowed = there if allowed is None else allowed & there
        return allowed

    def _portions(self, gang: Gang, allowed: Mask | None) -> list[tuple[int, int]] | None:
        """(leaf, parts) in rank order, or None where there is no room."""
        devices = gang.devices or self.devices
        if gang.nodes == 1:
            leaf = self.floor.tightest(devices, allowed)
            return None if leaf is None else [(leaf, 1)]
        room = self.floor.room(devices, allowed)
        if gang.spread is not None:
            return self._spread(gang, room)
        stop = -1 if gang.required is None else self.tree.level(gang.required)
        return self._narrowest(gang.nodes, room, stop)

    def _narrowest(self, parts: int, room: Indices, stop: int) -> list[tuple[int, int]] | None:
        """The tightest domain of the narrowest level that holds all, down to ``stop``; then all domains."""
        for level in range(len(self.tree.levels) - 1, max(stop, 0) - 1, -1):
            held = room if level == len(self.tree.levels) - 1 else self.floor.sum_up(level, room)
            holding = np.flatnonzero(held >= parts)
            if not len(holding):
                continue
            return self._fewest_leaves(parts, level, holding[np.argsort(held[holding], kind="stable")], room)
        if stop >= 0 or int(room.sum()) < parts:
            return None
        return self._over_all(parts, room)

    def _over_all(self, parts: int, room: Indices) -> list[tuple[int, int]]:
        """In the fewest of the widest domains, those with most room; the last one in few leaves, tight."""
        held = self.floor.sum_up(0, room)
        order, left = np.argsort(-held, kind="stable").tolist(), parts
        out: list[tuple[int, int]] = []
        while left > held[order[0]]:
            domain = order.pop(0)
            out += self._inside(int(held[domain]), 0, domain, room)
            left -= int(held[domain])
        enough = np.array([d for d in reversed(order) if held[d] >= left])
        return out + self._fewest_leaves(left, 0, enough, room)

    def _fewest_leaves(
        self, parts: int, level: int, domains: Indices, room: Indices
    ) -> list[tuple[int, int]]:
        """In the first of these domains that needs the fewest leaves for so many parts."""
        fewest = -(-parts // max(int(room.max()), 1))
        best: list[tuple[int, int]] = []
        for domain in domains.tolist():
            way = self._inside(parts, level, domain, room)
            if not best or len(way) < len(best):
                best = way
            if len(best) == fewest:
                break
        return best

    def _inside(self, parts: int, level: int, domain: int, room: Indices) -> list[tuple[int, int]]:
        """Leaves of one domain that together hold so many parts: few, the last one tight."""
        if level == len(self.tree.levels) - 1:
            return [(domain, parts)]
        leaves = self.floor.leaves_of[level][domain].tolist()
        return tightly(room[leaves].tolist(), leaves, parts)

    def _spread(self, gang: Gang, room: Indices) -> list[tuple[int, int]] | None:
        """Its share in each of the domains with most room, no more domains than there must be."""
        if gang.spread is None:
            return None
        level = self.tree.level(gang.spread.level)
        share = -(-gang.nodes // gang.spread.at_least)
        held = np.minimum(self.floor.sum_up(level, room), share)
        if gang.required is not None:
            wide = self.tree.level(gang.required)
            up = self.floor.above[wide]
            holders = np.zeros(len(held), dtype=np.int64)
            holders[self.floor.above[level]] = up
            sums = np.bincount(holders, weights=held)
            held = np.where(holders == int(np.argmax(sums)), held, 0)
        if int(held.sum()) < gang.nodes:
            return None
        out = []
        for domain, parts in tightly(held.tolist(), list(range(len(held))), gang.nodes):
            out += self._inside(parts, level, domain, room)
        return out

    def _make_room(self, gang: Gang, allowed: Mask | None) -> bool:
        """Move one gang to another domain so that this one is whole in its own; whether it worked."""
        room = self.floor.room(self.devices, allowed)
        everywhere = self.floor.room(self.devices)
        for level in range(len(self.tree.levels) - 1, -1, -1):
            above = self.floor.above[level]
            held = self.floor.sum_up(level, room)
            for domain in np.argsort(-held, kind="stable").tolist():
                lack = gang.nodes - int(held[domain])
                outside = np.where(above == domain, 0, everywhere)
                for leaf in self.floor.leaves_of[level][domain].tolist() if lack > 0 else ():
                    for name in self.movable[leaf]:
                        size = self.gangs[name].nodes
                        holding = np.flatnonzero(outside >= size)
                        if size >= lack and len(holding) and held[domain]:
                            self._move(name, leaf, int(holding[np.argmin(outside[holding])]))
                            return True
        return False

    def _move(self, name: str, leaf: int, to: int) -> None:
        """Seat a gang of one leaf in another."""
        for node in self.seated[name].tolist():
            self.floor.change(node, -self.devices)
        nodes = self.floor.take(to, self.gangs[name].nodes, self.devices)
        self.movable[leaf].remove(name)
        self._sit(self.gangs[name], np.array(nodes))

    def why(self, gang: Gang) -> str:
        """Why a workload has no seat, as far as one number tells it."""
        room = int(self.floor.room(gang.devices or self.devices, self._allowed(gang)).sum())
        return f"it needs {gang.nodes} places, and its rules and other gangs leave {room}"

    def seats(self, gangs: Sequence[Gang], refused: Sequence[Refused]) -> Seats:
        """What is to be told, in the order of the gangs."""
        placed = [gang for gang in gangs if gang.name in self.seated]
        return Seats(
            seats=tuple(
                Seat(
                    gang=gang.name,
                    nodes=tuple(self.tree.names[i] for i in self.seated[gang.name].tolist()),
                    kept=gang.name in self.kept,
                )
                for gang in placed
            ),
            refused=tuple(refused),
            traffic=traffic_of(self.tree, [g for g in placed if g.nodes > 1], self.seated),
            bound_bytes=0.0,
        )
