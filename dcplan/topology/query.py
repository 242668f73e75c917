"""Ask the topology: how much fits through a cut, how long a path takes, what a pool's devices find."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import networkx as nx

from dcplan.basis import Basis
from dcplan.catalog.types import Machine
from dcplan.topology.types import Link, PoolLinks


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """A frozen face of one networkx graph.

    Nodes have a ``kind`` (region, zone, block, rack, node, domain, device);
    links have ``bytes_per_s`` per direction, ``latency_s`` and ``basis``.
    """

    graph: nx.Graph[str]
    pools: Mapping[str, tuple[str, ...]]
    """The machines (graph nodes) of each pool."""
    machines: Mapping[str, Machine]

    def kinds(self, kind: str) -> tuple[str, ...]:
        """All graph nodes of one kind, in the order in which they were drawn."""
        return tuple(n for n in self.graph if self.graph.nodes[n]["kind"] == kind)

    def devices_of(self, node: str) -> tuple[str, ...]:
        """The devices of one machine."""
        return tuple(n for n in self.graph.neighbors(node) if self.graph.nodes[n]["kind"] == "device")

    def cut_bytes_per_s(self, one: Iterable[str], other: Iterable[str]) -> float:
        """How much fits, per direction, between two sets of devices (or machines, racks, blocks).

        The minimum cut that separates them (max-flow min-cut theorem), over the
        links that lie above them: third devices do not relay.  Infinite where
        every link between them is of unknown width.
        """
        ones, others = set(one), set(other)
        if ones & others:
            return float("inf")
        near = self._with_above(ones | others)
        flow: nx.DiGraph[str] = nx.DiGraph()
        for a, b, data in self.graph.subgraph(near).edges(data=True):
            flow.add_edge(a, b, **_capacity(data["bytes_per_s"]))
            flow.add_edge(b, a, **_capacity(data["bytes_per_s"]))
        # An edge without a capacity is an infinite one for networkx.
        flow.add_edges_from(("source", n) for n in ones)
        flow.add_edges_from((n, "sink") for n in others)
        try:
            return float(nx.minimum_cut_value(flow, "source", "sink"))
        except nx.NetworkXUnbounded:
            return float("inf")

    def latency_s(self, one: str, other: str) -> float:
        """One way along the quickest path between two graph nodes."""
        near = self.graph.subgraph(self._with_above({one, other}))
        return float(nx.shortest_path_length(near, one, other, weight="latency_s"))

    def links_of(self, pool: str) -> PoolLinks:
        """What a gang in this pool finds between its devices, at worst: wherever it lies."""
        return self.links_among(pool, self.pools[pool])

    def links_among(self, pool: str, nodes: tuple[str, ...]) -> PoolLinks:
        """What a gang on these machines of a pool finds between its devices.

        Between machines it is their bisection: half of them send to the other
        half, all devices at once, so that all groups of a job that cross the cut
        at the same time have their share.
        """
        machine = self.machines[self.graph.nodes[nodes[0]]["machine"]]
        devices = self.devices_of(nodes[0])
        links = [
            self.graph.edges[devices[0], n]
            for n in self.graph.neighbors(devices[0])
            if _is_domain(self.graph, n)
        ]
        if links:
            scale_up = Link(
                bytes_per_s=links[0]["bytes_per_s"],
                latency_s=2 * links[0]["latency_s"],
                basis=links[0]["basis"],
            )
        else:
            # One device alone: there is nothing to talk to.
            scale_up = Link(bytes_per_s=machine.network_bytes_per_s, latency_s=0.0, basis=Basis.ASSUMED)
        return PoolLinks(
            pool=pool,
            scale_up_domain=machine.scale_up_domain,
            scale_up=scale_up,
            scale_out=self._scale_out(nodes, machine),
        )

    def _scale_out(self, nodes: tuple[str, ...], machine: Machine) -> Link:
        own = machine.network_bytes_per_s / machine.devices
        if len(nodes) == 1:
            return Link(bytes_per_s=own, latency_s=0.0, basis=Basis.ASSUMED)
        half = len(nodes) // 2
        one, other = _sides(nodes[:half], nodes[half:], self.graph)
        through = self.cut_bytes_per_s(one, other) / (half * machine.devices)
        above = [
            self.graph.edges[a, b]["basis"]
            for a, b in self.graph.subgraph(self._with_above({nodes[0]})).edges
        ]
        return Link(
            bytes_per_s=min(own, through),
            latency_s=self.latency_s(nodes[0], nodes[-1]),
            basis=Basis.weakest(above) if through < own else Basis.ROOFLINE,
        )

    def _with_above(self, starts: set[str]) -> set[str]:
        """These nodes and everything above them, scale-up domains included."""
        seen = set(starts)
        todo = list(starts)
        rank = {"device": 0, "domain": 1, "node": 1, "rack": 2, "block": 3, "zone": 4, "region": 5}
        while todo:
            node = todo.pop()
            mine = rank[self.graph.nodes[node]["kind"]]
            if self.graph.nodes[node]["kind"] == "domain":
                continue
            for upper in self.graph.neighbors(node):
                if upper not in seen and rank[self.graph.nodes[upper]["kind"]] > mine:
                    seen.add(upper)
                    todo.append(upper)
        return seen


def _capacity(bytes_per_s: float) -> dict[str, float]:
    return {} if bytes_per_s == float("inf") else {"capacity": bytes_per_s}


def _is_domain(graph: nx.Graph[str], node: str) -> bool:
    return bool(graph.nodes[node]["kind"] == "domain")


def _sides(
    one: tuple[str, ...], other: tuple[str, ...], graph: nx.Graph[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Two halves of a pool, told by their racks where no rack lies in both: a smaller flow, the same cut."""

    def racks(nodes: tuple[str, ...]) -> tuple[str, ...]:
        uppers = (n.rsplit("/", 1)[0] for n in nodes)
        return tuple(dict.fromkeys(u for u in uppers if graph.nodes[u]["kind"] == "rack"))

    rack_one, rack_other = racks(one), racks(other)
    if rack_one and rack_other and not set(rack_one) & set(rack_other):
        return rack_one, rack_other
    return one, other
