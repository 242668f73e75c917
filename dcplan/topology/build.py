"""Build the one tree of regions, zones, blocks, racks and machines.

Nothing is drawn: equal machines of a rack share one ``Stand``, so a data centre
of 100,000 accelerators costs its racks and a name for each machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dcplan.basis import Basis
from dcplan.catalog.site import BlockSite, RackSite, ZoneSite
from dcplan.topology.query import Topology
from dcplan.topology.types import Link, Place, Stand

if TYPE_CHECKING:
    from dcplan.catalog.types import Accelerator, Machine, Offering

REPRESENTATIVES = 2
"""Machines named for a pool whose cloud does not say how many it has: two show what lies between."""

NODE_LATENCY_S = 20e-6
"""Between two machines, where nobody tells; assumed (clouds promise only "single-digit milliseconds")."""

ZONE_LATENCY_S = 0.5e-3
"""Between zones of one region: 0.25 to 3.4 ms one way are seen on AWS; assumed."""

UNKNOWN_BYTES_PER_S = float("inf")
"""Where nobody tells what a switch carries (clouds publish position, not bandwidth): assumed to be enough."""


def build(
    machines: Mapping[str, Machine],
    accelerators: Mapping[str, Accelerator],
    offerings: Iterable[Offering],
    sites: Sequence[ZoneSite],
) -> Topology:
    """The topology of every pool that ``offerings`` open.

    Zones that a site describes are known rack by rack; the others have two
    representative machines a pool.
    """
    work = _Building(machines)
    described = {(site.provider, site.name) for site in sites}
    pools: dict[str, tuple[str, ...]] = {}
    for site in sites:
        work.zone(site)
    for offering in offerings:
        if (offering.provider, offering.zone) in described:
            pools[offering.pool] = tuple(work.nodes_of(offering))
        else:
            pools[offering.pool] = work.representatives(offering)
    return Topology(
        places=work.places,
        standing=work.standing,
        pools=pools,
        machines=dict(machines),
        accelerators=dict(accelerators),
    )


@dataclass(slots=True)
class _Building:
    """A tree that grows, and the facts to grow it from."""

    machines: Mapping[str, Machine]
    places: dict[str, Place] = field(default_factory=dict)
    standing: dict[str, Stand] = field(default_factory=dict)
    _blocks: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """Names of the machines of a block, by block and machine type."""

    def zone(self, site: ZoneSite) -> None:
        """A zone with all that the site tells of it."""
        zone = self._zone_in_region(site.provider, site.region, site.name)
        for block in site.blocks:
            self._block(zone, block, site)

    def representatives(self, offering: Offering) -> tuple[str, ...]:
        """A few machines of a pool of which only the zone is known, and perhaps the block."""
        upper = self._zone_in_region(offering.provider, offering.region, offering.zone)
        if offering.block is not None:
            block = f"{upper}/{offering.block}"
            self._place(block, "block", upper, _up(None, 0.0))
            upper = block
        # Two even where there is one, or a lone machine would seem to have links that no other has.
        names = tuple(f"{upper}/{offering.machine}-{i}" for i in range(REPRESENTATIVES))
        stand = self._stand(offering.machine, upper, NODE_LATENCY_S / 2)
        self.standing.update(dict.fromkeys(names, stand))
        return names

    def nodes_of(self, offering: Offering) -> list[str]:
        """The machines of a described zone that an offering is about."""
        zone = f"{offering.provider}:{offering.zone}"
        if offering.block:
            return self._blocks.get((f"{zone}/{offering.block}", offering.machine), [])
        return [
            node
            for (block, machine), nodes in self._blocks.items()
            if machine == offering.machine and block.rpartition("/")[0] == zone
            for node in nodes
        ]

    def _place(self, name: str, kind: str, upper: str | None, up: Link | None) -> None:
        self.places.setdefault(name, Place(name=name, kind=kind, upper=upper, up=up))

    def _zone_in_region(self, provider: str, region_name: str, zone_name: str) -> str:
        region, zone = f"{provider}:{region_name}", f"{provider}:{zone_name}"
        # A zone may have its region's name: then the region has one part, itself.
        region = f"{region} (region)" if region == zone else region
        self._place(region, "region", None, None)
        self._place(zone, "zone", region, _up(None, ZONE_LATENCY_S))
        return zone

    def _block(self, zone: str, block: BlockSite, site: ZoneSite) -> None:
        name = f"{zone}/{block.name}"
        inside_s = _told(block.latency_s, NODE_LATENCY_S)
        extra_s = max(_told(site.latency_s, inside_s) - inside_s, 0.0) / 2
        self._place(name, "block", zone, _up(block.uplink_bytes_per_s, extra_s, block.assumed))
        for rack in block.racks:
            self._rack(name, rack, inside_s, block)

    def _rack(self, block: str, rack: RackSite, block_latency_s: float, site: BlockSite) -> None:
        """One rack with its machines."""
        name = f"{block}/{rack.name}"
        inside_s = min(_told(rack.latency_s, block_latency_s), block_latency_s)
        up = _up(rack.uplink_bytes_per_s, (block_latency_s - inside_s) / 2, rack.assumed)
        self._place(name, "rack", block, up)
        nodes = self._blocks.setdefault((block, rack.machine), [])
        stand = self._stand(rack.machine, name, inside_s / 2, block if site.one_domain else name)
        first = len(nodes)
        nodes.extend(f"{name}/{rack.machine}-{i}" for i in range(rack.nodes))
        self.standing.update(dict.fromkeys(nodes[first:], stand))

    def _stand(self, machine: str, upper: str, latency_s: float, around: str | None = None) -> Stand:
        """Machines of one type at one place."""
        type_ = self.machines[machine]
        # A domain wider than a machine (NVL72, a TPU slice) hangs on a level above.
        wide = type_.scale_up_domain > type_.devices
        return Stand(
            machine=machine,
            upper=upper,
            up=_up(type_.network_bytes_per_s, latency_s),
            domain=f"{around or upper}#{machine}" if wide else None,
        )


def _up(bytes_per_s: float | None, latency_s: float, assumed: bool = False) -> Link:
    """A link as its datasheet or inventory has it; of unknown width, it is assumed to be no bottleneck."""
    if bytes_per_s is None:
        return Link(bytes_per_s=UNKNOWN_BYTES_PER_S, latency_s=latency_s, basis=Basis.ASSUMED)
    basis = Basis.ASSUMED if assumed else Basis.ROOFLINE
    return Link(bytes_per_s=bytes_per_s, latency_s=latency_s, basis=basis)


def _told(latency_s: float | None, default_s: float) -> float:
    return default_s if latency_s is None else latency_s
