"""Seat gangs on a fabric: who stays, who is admitted, who goes where, in which rank order.

1. A gang that sits today keeps its nodes while they exist and keep its rules.
2. The most nodes of each priority are admitted (``admit``).
3. Gangs with rules below the widest level are seated one after the other (``deep``).
4. All others are dealt over the widest domains together (``joint``), and then
   inside each domain; ranks follow (``ranks``).
5. BestFit of all gangs, one after the other, is kept instead where it sends fewer bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dcplan.diag import Diagnostic, Result, has_errors, plural, warning
from dcplan.placement.gangs.admit import refused
from dcplan.placement.gangs.best_fit import one_by_one, place_one
from dcplan.placement.gangs.check import check
from dcplan.placement.gangs.deal_down import deal_down, pieces_of
from dcplan.placement.gangs.deep import seat_deep
from dcplan.placement.gangs.joint import bound_of, deal_jointly
from dcplan.placement.gangs.pieces import Deal
from dcplan.placement.gangs.ranks import rank_order
from dcplan.placement.gangs.rules import broken, deep_gangs, usable
from dcplan.placement.gangs.tree import ROOT, plant, traffic_of
from dcplan.placement.gangs.types import GangEffort, Refused, Seat, Seats

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dcplan.placement.gangs.tree import Indices, Mask, Tree
    from dcplan.placement.gangs.types import Fabric, Gang, Quota


def seat_gangs(
    fabric: Fabric,
    gangs: Sequence[Gang],
    taken: Iterable[str] = (),
    *,
    quotas: Sequence[Quota] = (),
    effort: GangEffort | None = None,
) -> Result[Seats]:
    """Seats for the gangs on machines that are not taken, by priority; each refused gang has a warning.

    Only errors of the input leave the result without a value.
    """
    taken = tuple(taken)
    found = check(fabric, gangs, quotas, taken)
    if has_errors(found):
        return Result(None, found)
    tree = plant(fabric)
    free = np.ones(len(tree.names), dtype=bool)
    free[[tree.index[name] for name in taken]] = False
    hall = _Hall(
        tree,
        tuple(gangs),
        {q.name: q.devices // fabric.devices_per_node for q in quotas},
        effort or GangEffort(),
        free,
    )
    moved = hall.keep()
    hall.fill()
    return Result(hall.seats(), (*moved, *(_warn(hall, r) for r in hall.refused)))


@dataclass(slots=True)
class _Hall:
    """One seating under way."""

    tree: Tree
    gangs: tuple[Gang, ...]
    quotas: dict[str, int]
    effort: GangEffort
    free: Mask
    seated: dict[str, Indices] = field(default_factory=dict)
    """Nodes in rank order."""
    kept: set[str] = field(default_factory=set)
    refused: list[Refused] = field(default_factory=list)
    bound_bytes: float = 0.0
    """Of the gangs that do not sit today."""

    def named(self) -> dict[str, Gang]:
        """Gangs by name."""
        return {gang.name: gang for gang in self.gangs}

    def sit(self, gang: Gang, nodes: Indices) -> None:
        """Give these nodes to a gang."""
        self.seated[gang.name] = nodes
        self.free[nodes] = False

    def keep(self) -> list[Diagnostic]:
        """Let those stay who can; a warning for each that cannot."""
        said = []
        for gang in self.gangs:
            if not gang.today:
                continue
            why = self._why_not_stay(gang)
            if why is None:
                self.sit(gang, np.array([self.tree.index[name] for name in gang.today]))
                self.kept.add(gang.name)
            else:
                said.append(
                    warning(
                        "gangs-must-move",
                        "A gang cannot stay where it is",
                        f"{gang.name} must move: {why}.",
                        path=gang.origin,
                    )
                )
        return said

    def _why_not_stay(self, gang: Gang) -> str | None:
        gone = [name for name in gang.today if name not in self.tree.index]
        if gone:
            return f"{gone[0]} is no longer in the fabric"
        nodes = np.array([self.tree.index[name] for name in gang.today])
        if len(set(gang.today)) != gang.nodes or len(nodes) != gang.nodes:
            return f"it sits on {plural(len(set(gang.today)), 'node')} and needs {gang.nodes}"
        if not self.free[nodes].all():
            return f"{self.tree.names[nodes[~self.free[nodes]][0]]} is taken"
        sitting = {name: at for name, at in self.seated.items() if name in self.kept}
        return broken(self.tree, gang, nodes, sitting, self.named())

    def waiting(self) -> list[Gang]:
        """Gangs without a seat that were not refused, highest priority first, then as given."""
        out = {r.gang for r in self.refused}
        left = [g for g in self.gangs if g.name not in self.seated and g.name not in out]
        return sorted(left, key=lambda g: -g.priority)

    def fill(self) -> None:
        """Seat everybody who can be seated."""
        first = self.waiting()
        if not first:
            return
        whole_deal = self._deal(first)
        out = refused(whole_deal, self._quota_left(), self.effort)
        admitted = [gang for index, gang in enumerate(first) if index not in out]
        deep = deep_gangs(self.tree, self.gangs)
        empty = self.free.copy()
        peer = one_by_one(self.tree, admitted, self.free, self.seated, self.named())
        below = [gang for gang in admitted if gang.name in deep]
        for name, nodes in seat_deep(self.tree, below, self.free, self.seated, self.named()).items():
            self.sit(self.named()[name], nodes)
        # Those that found no room below leave room to others.
        rest = [gang for gang in self.waiting() if gang.name not in deep]
        deal = self._deal(rest)
        out = refused(deal, self._quota_left(), self.effort)
        rest = [gang for index, gang in enumerate(rest) if index not in out]
        self._seat_jointly(rest)
        self._or_as_the_peer(admitted, peer, empty)
        self._rise_alone()
        self._bound(empty, searched_all=len(rest) == len(admitted))
        for gang in self.waiting():
            self.refused.append(Refused(gang=gang.name, why=self._why_out(gang)))

    def _quota_left(self) -> dict[str, int]:
        """Nodes that each quota still allows."""
        left = dict(self.quotas)
        for gang in self.gangs:
            if gang.quota is not None and gang.name in self.seated:
                left[gang.quota] -= gang.nodes
        return left

    def _deal(self, gangs: Sequence[Gang], free: Mask | None = None) -> Deal:
        """These gangs, to be dealt over the widest domains."""
        mask = self.free if free is None else free
        return pieces_of(self.tree, gangs, mask, self.seated, self.named())

    def _seat_jointly(self, gangs: Sequence[Gang]) -> None:
        """Deal over the widest domains together, then down to nodes."""
        deal = self._deal(gangs)
        dealt = deal_jointly(deal, self.effort)
        if dealt is None:
            for gang in gangs:
                nodes = place_one(self.tree, gang, self.free, self.seated, self.named())
                if nodes is not None:
                    self.sit(gang, nodes)
            return
        self.bound_bytes = dealt.bound
        given = list(zip(deal.pieces, dealt.counts, strict=True))
        stages = deal_down(self.tree, given, (ROOT, 0), self.free, self.effort)
        for gang, own in zip(gangs, stages, strict=True):
            self.sit(gang, rank_order(self.tree, gang, own))

    def _or_as_the_peer(self, gangs: Sequence[Gang], peer: dict[str, Indices], empty: Mask) -> None:
        """Take BestFit's seats where it seats more of these gangs, or all of them and sends fewer bytes."""
        ours = {g.name: self.seated[g.name] for g in gangs if g.name in self.seated}
        others = [name for name in self.seated if name not in self.kept and name not in ours]
        if len(peer) < len(ours) or (len(peer) == len(ours) and (others or len(ours) < len(gangs))):
            return
        if len(ours) == len(gangs) and self._sent(gangs, ours) <= self._sent(gangs, peer):
            return
        for name in (*ours, *others):
            del self.seated[name]
        self.free = empty.copy()
        for gang in gangs:
            if gang.name in peer:
                self.sit(gang, peer[gang.name])
        left = self._quota_left()
        for gang in self.waiting():
            nodes = place_one(self.tree, gang, self.free, self.seated, self.named())
            if nodes is not None and (gang.quota is None or left[gang.quota] >= gang.nodes):
                self.sit(gang, nodes)
                left = self._quota_left()

    def _rise_alone(self) -> None:
        """Those who want to be with a gang without a seat give up theirs, unless they sat there before."""
        while True:
            alone = [
                gang
                for gang in self.gangs
                if gang.name in self.seated and gang.name not in self.kept and self._lone(gang)
            ]
            if not alone:
                return
            for gang in alone:
                self.free[self.seated.pop(gang.name)] = True

    def _lone(self, gang: Gang) -> bool:
        return any(not tie.apart and tie.other not in self.seated for tie in gang.ties)

    def _sent(self, gangs: Sequence[Gang], nodes: dict[str, Indices]) -> list[float]:
        """Bytes of each level, widest first."""
        return [level.bytes for level in traffic_of(self.tree, gangs, nodes)]

    def _bound(self, empty: Mask, *, searched_all: bool) -> None:
        """The bound of the search, or, where rules below were decided before it, one of everything seated."""
        new = [gang for gang in self.gangs if gang.name in self.seated and gang.name not in self.kept]
        if not searched_all or any(g.name not in self.seated for g in new):
            others = {name: nodes for name, nodes in self.seated.items() if name in self.kept}
            self.bound_bytes = bound_of(pieces_of(self.tree, new, empty, others, self.named()), self.effort)

    def _why_out(self, gang: Gang) -> str:
        """Why a gang has no seat, as far as one number tells it."""
        left = self._quota_left()
        if gang.quota is not None and left[gang.quota] < gang.nodes:
            return (
                f"it needs {plural(gang.nodes, 'node')}, and its quota {gang.quota} has "
                f"{max(left[gang.quota], 0)} left"
            )
        mask = usable(self.tree, gang, self.free, self.seated, self.named())
        if gang.required is not None:
            most = int(self.tree.free_in(self.tree.level(gang.required), mask).max())
            kind = gang.required
            nodes = plural(gang.nodes, "node")
            return f"it needs {nodes} in one {kind}, and no {kind} has more than {most} left"
        return f"it needs {plural(gang.nodes, 'node')}, and its rules and other gangs leave {int(mask.sum())}"

    def seats(self) -> Seats:
        """What is to be told."""
        placed = [gang for gang in self.gangs if gang.name in self.seated]
        traffic = traffic_of(self.tree, placed, self.seated)
        stay = traffic_of(self.tree, [g for g in placed if g.name in self.kept], self.seated)[0].bytes
        return Seats(
            seats=tuple(
                Seat(
                    gang=gang.name,
                    nodes=tuple(self.tree.names[i] for i in self.seated[gang.name]),
                    kept=gang.name in self.kept,
                )
                for gang in placed
            ),
            refused=tuple(self.refused),
            traffic=traffic,
            bound_bytes=min(self.bound_bytes + stay, traffic[0].bytes),
        )


def _warn(hall: _Hall, refusal: Refused) -> Diagnostic:
    return warning(
        "gangs-refused",
        "A gang has no seat",
        f"{refusal.gang} has no seat: {refusal.why}. Add nodes, or relax its rules.",
        path=hall.named()[refusal.gang].origin,
    )
