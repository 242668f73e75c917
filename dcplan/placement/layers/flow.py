"""The check of a layer placement: an exact maximum flow over single machines.

It shares no code with the search.  A machine passes tokens to those whose first
layer follows its last one; nothing else is assumed, stages least of all.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dcplan.placement.layers.types import LayerProblem, Stage

TOLERANCE = 1e-9
"""Relative.  Numerical guard: sums of floats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One machine and what it holds."""

    machine: str
    first: int
    layers: int
    tokens_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What one machine can send to another, or the door can send and receive."""

    sender: str
    receiver: str
    tokens_per_s: float


DOOR_IN, DOOR_OUT = "source", "sink"
"""Where tokens come from and go to, as ends of links."""


def seats_of(stages: Sequence[Stage]) -> tuple[Seat, ...]:
    """Each machine of each stage on its own, named kind-number."""
    seats, used = [], dict[str, int]()
    for stage in stages:
        for share in stage.shares:
            for _ in range(share.machines):
                number = used.get(share.kind, 0)
                used[share.kind] = number + 1
                rate = share.holding.tokens_per_s
                name = f"{share.kind}-{number}"
                seats.append(
                    Seat(machine=name, first=stage.first, layers=share.holding.layers, tokens_per_s=rate)
                )
    return tuple(seats)


def carried(layers: int, seats: Sequence[Seat], links: Iterable[Link] | None = None) -> float:
    """Tokens/s that pass all layers: the maximum flow from the first to behind the last one.

    Without ``links`` everything reaches everything; with them only what they
    join, as far as they carry, the door included.
    """
    network = _Network()
    reach = None if links is None else {(link.sender, link.receiver): link.tokens_per_s for link in links}

    def capacity(sender: str, receiver: str) -> float:
        return math.inf if reach is None else reach.get((sender, receiver), 0.0)

    for seat in seats:
        network.join(("in", seat.machine), ("out", seat.machine), seat.tokens_per_s)
        if seat.first == 0:
            network.join(DOOR_IN, ("in", seat.machine), capacity(DOOR_IN, seat.machine))
        if seat.first + seat.layers == layers:
            network.join(("out", seat.machine), DOOR_OUT, capacity(seat.machine, DOOR_OUT))
        for other in seats:
            if other.first == seat.first + seat.layers:
                width = capacity(seat.machine, other.machine)
                network.join(("out", seat.machine), ("in", other.machine), width)
    return network.flow(DOOR_IN, DOOR_OUT)


def checked(problem: LayerProblem, stages: Sequence[Stage]) -> float:
    """Tokens/s of a plan by maximum flow, after every law was held against it.

    Laws: the stages make all layers once; no kind has more machines than there
    are; what a machine does is one of its working points; the stages' times and
    ``once_s`` keep the cap; no more stages than allowed.  Raises RuntimeError
    when one is broken, which is our bug.
    """
    kinds = {kind.name: kind for kind in problem.kinds}
    used: dict[str, int] = dict.fromkeys(kinds, 0)
    follows, seconds = 0, problem.once_s
    for stage in stages:
        _law(stage.first == follows, "stages follow one another")
        follows += stage.layers
        for share in stage.shares:
            used[share.kind] += share.machines
            _law(share.holding in kinds[share.kind].holdings, "machines work at points that they have")
            _law(share.holding.layers == stage.layers, "machines hold the layers of their stage")
        seconds += max(share.holding.pass_s for share in stage.shares)
    _law(follows == problem.layers, "stages hold all layers")
    _law(all(used[name] <= kind.machines for name, kind in kinds.items()), "there are so many machines")
    cap = problem.latency_cap_s
    _law(cap is None or seconds <= cap * (1 + TOLERANCE), "a token keeps its cap")
    _law(problem.most_stages is None or len(stages) <= problem.most_stages, "no more stages than allowed")
    return carried(problem.layers, seats_of(stages))


def _law(holds: bool, law: str) -> None:
    if not holds:
        raise RuntimeError(f"The layer placement breaks a law: {law}. This is a bug in dcplan.")


Node = object


@dataclass(slots=True)
class _Network:
    """A flow network as residual capacities; Dinic's method (1970) on it."""

    rest: dict[Node, dict[Node, float]] = field(default_factory=dict)

    def join(self, tail: Node, head: Node, capacity: float) -> None:
        """An edge, and its way back with nothing on it."""
        if capacity <= 0:
            return
        out = self.rest.setdefault(tail, {})
        out[head] = out.get(head, 0.0) + capacity
        self.rest.setdefault(head, {}).setdefault(tail, 0.0)

    def flow(self, source: Node, sink: Node) -> float:
        """The maximum flow; finite, because every path passes a machine."""
        if source not in self.rest or sink not in self.rest:
            return 0.0
        total = 0.0
        while (levels := self._levels(source)).get(sink) is not None:
            ahead = {
                node: [to for to in out if levels.get(to) == levels[node] + 1]
                for node, out in self.rest.items()
                if node in levels
            }
            while (pushed := self._push(ahead, source, sink)) > 0:
                total += pushed
        return total

    def _levels(self, source: Node) -> dict[Node, int]:
        """Steps from the source along edges with capacity left."""
        levels: dict[Node, int] = {source: 0}
        queue = deque([source])
        while queue:
            node = queue.popleft()
            for to, left in self.rest[node].items():
                if left > 0 and to not in levels:
                    levels[to] = levels[node] + 1
                    queue.append(to)
        return levels

    def _push(self, ahead: Mapping[Node, list[Node]], source: Node, sink: Node) -> float:
        """Send as much as one more path carries; 0 when there is none."""
        path = [source]
        while path[-1] != sink:
            node = path[-1]
            while ahead[node] and self.rest[node][ahead[node][-1]] <= 0:
                ahead[node].pop()
            if ahead[node]:
                path.append(ahead[node][-1])
            elif node == source:
                return 0.0
            else:
                path.pop()
                ahead[path[-1]].pop()
        edges = list(pairwise(path))
        width = min(self.rest[tail][head] for tail, head in edges)
        for tail, head in edges:
            self.rest[tail][head] -= width
            self.rest[head][tail] += width
        return width
