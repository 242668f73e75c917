"""Build the one graph of regions, zones, blocks, racks, nodes, scale-up domains and devices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import networkx as nx

from dcplan.basis import Basis
from dcplan.catalog.site import BlockSite, RackSite, ZoneSite
from dcplan.topology.query import Topology
from dcplan.topology.types import Link

if TYPE_CHECKING:
    from dcplan.catalog.types import Accelerator, Machine, Offering

REPRESENTATIVES = 2
"""Machines drawn for a pool whose cloud does not say how many it has: two show what lies between."""

NODE_LATENCY_S = 20e-6
"""Between two machines, where nobody tells; assumed (clouds promise only "single-digit milliseconds")."""

ZONE_LATENCY_S = 0.5e-3
"""Between zones of one region: 0.25 to 3.4 ms one way are seen on AWS; assumed."""

SCALE_UP_LATENCY_S = 2e-6
"""One hop over NVLink, ICI or PCIe; assumed.  Collectives have measured latencies of their own."""

UNKNOWN_BYTES_PER_S = float("inf")
"""Where nobody tells what a switch carries (clouds publish position, not bandwidth): assumed to be enough."""


def build(
    machines: Mapping[str, Machine],
    accelerators: Mapping[str, Accelerator],
    offerings: Iterable[Offering],
    sites: Sequence[ZoneSite],
) -> Topology:
    """The topology of every pool that ``offerings`` open.

    Zones that a site describes are drawn rack by rack, device by device; the
    others with two representative machines a pool.
    """
    drawing = _Drawing(graph=nx.Graph(), machines=machines, accelerators=accelerators)
    described = {(site.provider, site.name) for site in sites}
    pools: dict[str, tuple[str, ...]] = {}
    for site in sites:
        drawing.zone(site)
    for offering in offerings:
        if (offering.provider, offering.zone) in described:
            pools[offering.pool] = tuple(drawing.nodes_of(offering))
        else:
            pools[offering.pool] = drawing.representatives(offering)
    return Topology(graph=drawing.graph, pools=pools, machines=dict(machines))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawing:
    """A graph that is being drawn, and the facts to draw it from."""

    graph: nx.Graph[str]
    machines: Mapping[str, Machine]
    accelerators: Mapping[str, Accelerator]

    def zone(self, site: ZoneSite) -> None:
        """A zone with all that the site tells of it."""
        zone = self._zone_in_region(site.provider, site.region, site.name)
        for block in site.blocks:
            self._block(zone, block, site)

    def representatives(self, offering: Offering) -> tuple[str, ...]:
        """A few machines of a pool of which only the zone is known."""
        zone = self._zone_in_region(offering.provider, offering.region, offering.zone)
        count = min(offering.machines or REPRESENTATIVES, REPRESENTATIVES)
        names = tuple(f"{zone}/{offering.machine}-{i}" for i in range(count))
        for name in names:
            self._node(name, zone, self.machines[offering.machine], NODE_LATENCY_S / 2)
        return names

    def nodes_of(self, offering: Offering) -> list[str]:
        """The machines of a described zone that an offering is about."""
        zone = f"{offering.provider}:{offering.zone}"
        blocks = [f"{zone}/{offering.block}"] if offering.block else self._below(zone, "block")
        racks = [rack for block in blocks for rack in self._below(block, "rack")]
        return [
            node
            for rack in racks
            if self.graph.nodes[rack]["machine"] == offering.machine
            for node in self._below(rack, "node")
        ]

    def _zone_in_region(self, provider: str, region_name: str, zone_name: str) -> str:
        region, zone = f"{provider}:{region_name}", f"{provider}:{zone_name}"
        if zone not in self.graph:
            self.graph.add_node(region, kind="region")
            self.graph.add_node(zone, kind="zone")
            self._join(zone, region, _up(None, ZONE_LATENCY_S))
        return zone

    def _block(self, zone: str, block: BlockSite, site: ZoneSite) -> None:
        name = f"{zone}/{block.name}"
        self.graph.add_node(name, kind="block")
        inside_s = _told(block.latency_s, NODE_LATENCY_S)
        extra_s = max(_told(site.latency_s, inside_s) - inside_s, 0.0) / 2
        self._join(name, zone, _up(block.uplink_bytes_per_s, extra_s))
        for rack in block.racks:
            self._rack(name, rack, inside_s)

    def _rack(self, block: str, rack: RackSite, block_latency_s: float) -> None:
        name = f"{block}/{rack.name}"
        self.graph.add_node(name, kind="rack", machine=rack.machine)
        inside_s = min(_told(rack.latency_s, block_latency_s), block_latency_s)
        self._join(name, block, _up(rack.uplink_bytes_per_s, (block_latency_s - inside_s) / 2))
        for i in range(rack.nodes):
            self._node(f"{name}/{i}", name, self.machines[rack.machine], inside_s / 2)

    def _node(self, node: str, upper: str, machine: Machine, latency_s: float) -> None:
        """One machine with its devices and, where they have one, their scale-up domain."""
        self.graph.add_node(node, kind="node", machine=machine.name)
        self._join(node, upper, _up(machine.network_bytes_per_s, latency_s))
        devices = [f"{node}:{i}" for i in range(machine.devices)]
        # All devices in one call: a large data centre has very many, and networkx's price is the call.
        self.graph.add_nodes_from(devices, kind="device")
        own = Link(bytes_per_s=machine.network_bytes_per_s, latency_s=0.0, basis=Basis.ASSUMED)
        self.graph.add_edges_from(((device, node) for device in devices), **_marks(own))
        # A domain wider than a machine (NVL72, a TPU slice) hangs on the level above.
        wide = machine.scale_up_domain > machine.devices
        domain = f"{upper}#{machine.name}" if wide else f"{node}#"
        self.graph.add_node(domain, kind="domain")
        if machine.scale_up_domain > 1:
            bytes_per_s = self.accelerators[machine.accelerator].scale_up_bytes_per_s
            scale_up = _up(bytes_per_s, SCALE_UP_LATENCY_S / 2)
            self.graph.add_edges_from(((device, domain) for device in devices), **_marks(scale_up))

    def _join(self, lower: str, upper: str, link: Link) -> None:
        self.graph.add_edge(lower, upper, **_marks(link))

    def _below(self, upper: str, kind: str) -> list[str]:
        if upper not in self.graph:
            return []
        nodes = self.graph.nodes
        return [n for n in self.graph.neighbors(upper) if nodes[n]["kind"] == kind and n.startswith(upper)]


def _up(bytes_per_s: float | None, latency_s: float) -> Link:
    """A link as its datasheet or inventory has it; of unknown width, it is assumed to be no bottleneck."""
    if bytes_per_s is None:
        return Link(bytes_per_s=UNKNOWN_BYTES_PER_S, latency_s=latency_s, basis=Basis.ASSUMED)
    return Link(bytes_per_s=bytes_per_s, latency_s=latency_s, basis=Basis.ROOFLINE)


def _told(latency_s: float | None, default_s: float) -> float:
    return default_s if latency_s is None else latency_s


def _marks(link: Link) -> dict[str, object]:
    """What stands at an edge of the graph."""
    return {"bytes_per_s": link.bytes_per_s, "latency_s": link.latency_s, "basis": link.basis}
