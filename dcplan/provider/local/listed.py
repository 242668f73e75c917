"""From a list of machines to zones, blocks and racks, with what is free on machines that are in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.provider.local.inventory import BlockSpec, MachineSpec, RackSpec, ZoneSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dcplan.provider.local.inventory import Links
    from dcplan.provider.local.parts import LinkSpec
    from dcplan.provider.local.rows import Row


def zones_of(
    rows: Sequence[Row], machines: Mapping[str, MachineSpec], links: Links
) -> tuple[dict[str, ZoneSpec], dict[str, MachineSpec]]:
    """Zones by blocks and racks, and the types of machines of which a part is free.

    A machine with nothing free is left out.  Those of which a part is free are
    a type of their own, ``h100x8-free-6``, with that many devices, their share
    of network and price, and the least processors and memory that are free on
    any of them.  Machines of several types in one rack are told as one part of
    the rack for each type, with its share of the uplink.
    """
    sorts = [_sort(row, machines[row.machine]) for row in rows]
    parts: dict[str, MachineSpec] = {}
    grouped: dict[str, dict[str, dict[str, _Rack]]] = {}
    for row, sort in zip(rows, sorts, strict=True):
        racks = grouped.setdefault(row.zone, {}).setdefault(row.block, {})
        rack = racks.setdefault(row.rack, _Rack({}))
        network = machines[row.machine].network
        rack.all_bytes_per_s += network
        if sort.devices == 0:
            continue
        rack.hosts.setdefault(sort.name, []).append(row.name)
        if sort.name != row.machine:
            parts[sort.name] = _part(row, sort, machines[row.machine], parts.get(sort.name))
    every = {**machines, **parts}
    zones = {
        zone: ZoneSpec.model_construct(
            blocks={block: _block(racks, every, links) for block, racks in blocks.items()}
        )
        for zone, blocks in grouped.items()
    }
    return zones, parts


@dataclass(slots=True)
class _Rack:
    """What stands in one rack."""

    hosts: dict[str, list[str]]
    """By type."""
    all_bytes_per_s: float = 0.0
    """Of the networks of all machines, those in use as well."""


@dataclass(frozen=True, slots=True)
class _Sort:
    """The type of a machine as far as it is free."""

    name: str
    devices: int


def _sort(row: Row, spec: MachineSpec) -> _Sort:
    """The type itself where all of it is free."""
    devices = spec.devices if row.free_devices is None else row.free_devices
    whole = (
        devices == spec.devices
        and (row.free_vcpus is None or row.free_vcpus >= spec.vcpus)
        and (row.free_memory_bytes is None or row.free_memory_bytes >= spec.memory)
    )
    return _Sort(row.machine if whole else f"{row.machine}-free-{devices}", devices)


def _part(row: Row, sort: _Sort, spec: MachineSpec, known: MachineSpec | None) -> MachineSpec:
    """A type of machines of which ``sort.devices`` are free, at least as free as each of them is."""
    share = sort.devices / spec.devices
    vcpus = spec.vcpus if row.free_vcpus is None else row.free_vcpus
    memory = spec.memory if row.free_memory_bytes is None else float(row.free_memory_bytes)
    if known is not None:
        vcpus, memory = min(vcpus, known.vcpus), min(memory, known.memory)
    domain = spec.scale_up_domain or spec.devices
    return spec.model_copy(
        update={
            "devices": sort.devices,
            "vcpus": max(vcpus, 1),
            "memory": memory,
            "network": spec.network * share,
            # What else runs on the machine has the rest of its domain.
            "scale_up_domain": min(domain, sort.devices) if domain <= spec.devices else domain,
            "price": None if spec.price is None else spec.price * share,
            "power": None if spec.power is None else spec.power * share,
        }
    )


def _block(racks: Mapping[str, _Rack], machines: Mapping[str, MachineSpec], links: Links) -> BlockSpec:
    """A block of racks; an uplink told for all is shared with machines that are in use."""
    made: dict[str, RackSpec] = {}
    free, everything = 0.0, 0.0
    for name, rack in racks.items():
        everything += rack.all_bytes_per_s
        for i, (machine, hosts) in enumerate(rack.hosts.items()):
            own = len(hosts) * machines[machine].network
            free += own
            made[name if i == 0 else f"{name}.{machine}"] = RackSpec.model_construct(
                machine=machine,
                nodes=tuple(hosts),
                uplink=_share(links.rack, own, rack.all_bytes_per_s),
            )
    return BlockSpec.model_construct(racks=made, uplink=_share(links.block, free, everything))


def _share(link: LinkSpec, own_bytes_per_s: float, all_bytes_per_s: float) -> float | None:
    """The part of an uplink that belongs to some of the machines behind it; None where none is told."""
    return None if link.uplink is None else link.uplink * own_bytes_per_s / all_bytes_per_s
