"""From the inventory file to every zone, block, rack and node."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dcplan.catalog.places import place_told
from dcplan.catalog.regions import filled
from dcplan.catalog.site import BlockSite, RackSite, ZoneSite
from dcplan.catalog.types import Machine, Place, Source
from dcplan.diag import ConfigPath, Diagnostic, Related, Result, did_you_mean, error, listed
from dcplan.provider.local.allocate import Rack
from dcplan.provider.local.inventory import (
    BlockSpec,
    RackPattern,
    Racks,
    RackSpec,
    ZoneSpec,
)
from dcplan.provider.local.nodes import Node
from dcplan.provider.local.parts import LinkSpec
from dcplan.provider.local.rows import ONLY_BLOCK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dcplan.provider.local.written import Written

FIRST_ADDRESS = int(ipaddress.IPv4Address("10.0.0.1"))
"""Nodes without a host name are numbered from here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """A data centre, written out."""

    name: str
    region: str
    source: Source
    machines: tuple[Machine, ...]
    usd_per_h: dict[str, float | None]
    """Price of each machine type; None is unknown."""
    zones: tuple[ZoneSite, ...]
    nodes: tuple[Node, ...]
    places: dict[str, Place] = field(default_factory=dict)
    """What is known of where each zone is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _RackPlan:
    """One rack with the names of its nodes, before links are reckoned."""

    name: str
    spec: RackSpec | RackPattern
    hosts: tuple[str, ...] | None
    nodes: int
    path: ConfigPath


def expand(written: Written, provider: str) -> Result[Inventory]:
    """The data centre of an inventory that is written out; every mistake with its path in that file."""
    file, work = written.file, _Expansion(written, provider)
    zones = tuple(work.zone(name, spec) for name, spec in written.zones.items())
    places = work.places()
    if work.problems:
        return Result(None, tuple(work.problems))
    source = Source(name=file.source, date=file.date)
    machines = tuple(
        Machine(
            name=name,
            provider=provider,
            accelerator=spec.accelerator,
            devices=spec.devices,
            vcpus=spec.vcpus,
            memory_bytes=round(spec.memory),
            network_bytes_per_s=spec.network,
            fabric=spec.fabric,
            scale_up_domain=spec.scale_up_domain or spec.devices,
            source=source,
            power_w=spec.power,
        )
        for name, spec in written.machines.items()
    )
    return Result(
        Inventory(
            name=file.name,
            region=file.region,
            source=source,
            machines=machines,
            usd_per_h={name: spec.price for name, spec in written.machines.items()},
            zones=zones,
            nodes=tuple(work.nodes),
            places=places,
        )
    )


class _Expansion:
    """Walks the file once; collects nodes and problems on the way."""

    def __init__(self, written: Written, provider: str) -> None:
        self.written = written
        self.file = written.file
        self.provider = provider
        self.nodes: list[Node] = []
        self.problems: list[Diagnostic] = []
        self._hosts: dict[str, ConfigPath] = {}

    def places(self) -> dict[str, Place]:
        """Where each zone is: what it says itself, then what the whole file says."""
        source = Source(name=self.file.source, date=self.file.date)
        whole = place_told(self.file.site, ("site",), source)
        self.problems += whole.diagnostics
        found: dict[str, Place] = {}
        for name, spec in self.written.zones.items():
            own = None if spec.site is None else place_told(spec.site, ("zones", name, "site"), source)
            self.problems += () if own is None else own.diagnostics
            told = [r.value for r in (own, whole) if r is not None and r.value is not None]
            if told:
                found[name] = filled(told)
        return found

    def zone(self, name: str, spec: ZoneSpec) -> ZoneSite:
        """One zone with all that stands in it."""
        path: ConfigPath = ("zones", name)
        if spec.racks is not None:
            return self._zone_site(name, spec, (self._block(name, ONLY_BLOCK, spec.racks, LinkSpec(), path),))
        blocks = tuple(
            self._block(name, key, block.racks, block, (*path, "blocks", key))
            for key, block in (spec.blocks or {}).items()
        )
        return self._zone_site(name, spec, blocks)

    def _zone_site(self, name: str, spec: ZoneSpec, blocks: tuple[BlockSite, ...]) -> ZoneSite:
        """A zone with its blocks."""
        return ZoneSite(
            name=name,
            provider=self.provider,
            region=self.file.region,
            blocks=blocks,
            latency_s=_first(spec.latency, self.file.links.zone.latency),
            power_w=spec.power,
            site_power_w=self.file.power,
        )

    def _block(self, zone: str, name: str, racks: Racks, links: LinkSpec, path: ConfigPath) -> BlockSite:
        """One block with its racks."""
        plans = list(_rack_plans(racks, (*path, "racks")))
        inside = sum(plan.nodes * self._network(plan) for plan in plans)
        return BlockSite(
            name=name,
            racks=tuple(self._rack(zone, name, plan) for plan in plans),
            uplink_bytes_per_s=_uplink(links, self.file.links.block, inside),
            latency_s=_first(links.latency, self.file.links.block.latency),
            assumed=(zone, "block") in self.written.assumed,
            one_domain=zone in self.written.pods,
            power_w=links.power if isinstance(links, BlockSpec) else None,
        )

    def _rack(self, zone: str, block: str, plan: _RackPlan) -> RackSite:
        """One rack; its nodes are noted on the way."""
        if plan.spec.machine not in self.written.machines:
            self._unknown_machine(plan)
        rack = Rack(zone=zone, block=block, name=plan.name)
        first = len(self.nodes)
        for number in range(plan.nodes):
            self._node(rack, plan, number)
        pod = zone in self.written.pods
        return RackSite(
            name=plan.name,
            machine=plan.spec.machine,
            nodes=plan.nodes,
            uplink_bytes_per_s=_uplink(plan.spec, self.file.links.rack, plan.nodes * self._network(plan)),
            latency_s=_first(plan.spec.latency, self.file.links.rack.latency),
            assumed=(zone, "rack") in self.written.assumed,
            places=tuple(node.name for node in self.nodes[first:]) if pod else (),
        )

    def _node(self, rack: Rack, plan: _RackPlan, number: int) -> None:
        """Note one node under its path, with its host name or a number for an address."""
        host = plan.hosts[number] if plan.hosts is not None else None
        if host is not None and host in self._hosts:
            earlier = Related(note="it stands here, too", path=self._hosts[host])
            detail = f'The node "{host}" stands in two places. Host names are unique in a data centre.'
            path = (*plan.path, "nodes", number)
            self.problems.append(
                error("inventory-node-twice", "Node listed twice", detail, path=path, related=(earlier,))
            )
            return
        if host is not None:
            self._hosts[host] = (*plan.path, "nodes", number)
        self.nodes.append(
            Node(
                name=f"{rack.zone}/{rack.block}/{rack.name}/{host or f'n{number + 1}'}",
                rack=rack,
                machine=plan.spec.machine,
                address=host or str(ipaddress.IPv4Address(FIRST_ADDRESS + len(self.nodes))),
            )
        )

    def _network(self, plan: _RackPlan) -> float:
        """Bytes per second out of one machine of a rack; 0 for a type that is reported as unknown."""
        machine = self.written.machines.get(plan.spec.machine)
        return machine.network if machine else 0.0

    def _unknown_machine(self, plan: _RackPlan) -> None:
        """Report a rack of machines that are not described, once for each place in the file."""
        wanted, known = plan.spec.machine, list(self.written.machines)
        detail = f'No machine "{wanted}" is described under `machines`. '
        detail += did_you_mean(wanted, known) or f"There are {listed(known)}."
        problem = error(
            "inventory-unknown-machine", "Unknown machine type", detail, path=(*plan.path, "machine")
        )
        if problem not in self.problems:
            self.problems.append(problem)


def _rack_plans(racks: Racks, path: ConfigPath) -> Iterator[_RackPlan]:
    """The racks of a block, whichever way they are written."""
    if isinstance(racks, dict):
        for name, rack in racks.items():
            hosts = rack.nodes if isinstance(rack.nodes, tuple) else None
            nodes = len(rack.nodes) if isinstance(rack.nodes, tuple) else rack.nodes
            yield _RackPlan(name=name, spec=rack, hosts=hosts, nodes=nodes, path=(*path, name))
        return
    patterns = [(racks, path)] if isinstance(racks, RackPattern) else _numbered(racks, path)
    digits = max(2, len(str(sum(pattern.count for pattern, _ in patterns))))
    number = 0
    for pattern, place in patterns:
        for _ in range(pattern.count):
            number += 1
            name = f"{pattern.prefix}{number:0{digits}}"
            yield _RackPlan(name=name, spec=pattern, hosts=None, nodes=pattern.nodes, path=place)


def _numbered(patterns: tuple[RackPattern, ...], path: ConfigPath) -> list[tuple[RackPattern, ConfigPath]]:
    """Each pattern with its place in the file."""
    return [(pattern, (*path, index)) for index, pattern in enumerate(patterns)]


def _first(own: float | None, usual: float | None) -> float | None:
    """What is told here, else what is told for all."""
    return usual if own is None else own


def _uplink(own: LinkSpec, usual: LinkSpec, inside_bytes_per_s: float) -> float | None:
    """Bytes per second that lead out: as told here, else as told for all, else unknown."""
    for link in (own, usual):
        if link.uplink is not None:
            return link.uplink
        if link.oversubscription is not None:
            return inside_bytes_per_s / link.oversubscription
    return None
