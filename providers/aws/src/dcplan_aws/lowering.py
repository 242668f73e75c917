"""From a placement to AWS's resources: what all clouds have, and networks and placement groups besides.

Whether a machine can be had in another zone is verified with these resources alone, so nothing but the
machine itself may say in which zone it stands (``dcplan.plan.alternatives``).
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

from dcplan.catalog import Purchase
from dcplan.diag import Diagnostic, Result, has_errors, warning
from dcplan.provider.grouping import GROUPS, grouped
from dcplan.provider.lowering import ENDPOINT, lower
from dcplan.provider.start_up import KEY
from dcplan.provider.storage import with_storage
from dcplan.provider.types import Kind, Placement
from dcplan.resources import Address, JsonValue, Resource
from dcplan_aws import stores
from dcplan_aws.group_settings import wishes_of
from dcplan_aws.group_shares import too_many_ports
from dcplan_aws.kinds import (
    BLOCK,
    FLEET,
    GROUP,
    INSTANCE,
    MACHINE_GROUPS,
    NETWORK,
    NODE_GROUP,
    RESERVATION,
    SCALING_GROUP,
)
from dcplan_aws.settings import (
    ARM_IMAGE,
    GPU_IMAGE,
    NEURON_IMAGE,
    AdoptedNetwork,
    AwsCapacityBlockSpec,
    AwsReservationSpec,
    AwsSettings,
)

NAME = "aws"
_KEPT = frozenset({Purchase.CAPACITY_BLOCK.value, Purchase.RESERVATION.value})
_EVERYBODY = "0.0.0.0/0"
_IN_NETWORKS = frozenset({INSTANCE, SCALING_GROUP, FLEET})
"""What stands in a network that dcplan makes, or that settings name."""
_NEURON = frozenset({"trn", "inf"})
"""Machine types whose name begins so have no GPUs."""
_GRACE = "p6e-gb"
"""Machine types whose name begins so have Arm CPUs."""
_LOCAL_ZONE = re.compile(r"^[a-z]+\d-[a-z]+\d*-az\d+$")
"""Ids of Local Zones, such as use1-dfw2-az1."""


def resources_of(
    placement: Placement, settings: AwsSettings, kinds: Mapping[str, Kind], regions: Mapping[str, str]
) -> Result[tuple[Resource, ...]]:
    """The resources of a placement, what is needed first; ``regions`` are those of zones.  Pure.

    A warning for each machine in a capacity block of which nothing says which it is: it can be planned.  And
    one for each file system that is not where its machines are.
    """
    apart = grouped(placement, wishes_of(settings.machine_groups), provider=NAME, kinds=kinds)
    if apart.value is None:
        return Result(None, apart.diagnostics)
    rest = lower(apart.value.rest, provider=NAME, machine_kind=INSTANCE, kinds=kinds)
    plain = (*apart.value.groups, *rest, *apart.value.endpoints)
    lowering = _Lowering(placement.project, plain, settings, kinds, regions)
    said = (
        *apart.diagnostics,
        *lowering.unnamed_blocks(plain),
        *lowering.without_subnet(plain),
        *stores.far(settings.storage, plain),
        *too_many_ports(apart.value.endpoints),
    )
    return Result(None if has_errors(said) else tuple(lowering.resources(plain)), said)


class _Lowering:
    """One placement on its way."""

    def __init__(
        self,
        project: str,
        plain: tuple[Resource, ...],
        settings: AwsSettings,
        kinds: Mapping[str, Kind],
        zones: Mapping[str, str],
    ) -> None:
        self._project = project
        self._settings = settings
        self._kinds = kinds
        self._adopted = {network.region: _adopted(network) for network in settings.networks}
        self._lots = _lots(settings)
        self._bought = {
            _pool(Purchase.CAPACITY_BLOCK, spec): spec for spec in settings.capacity_blocks if spec.buy
        }
        self._ordered = {
            _pool(Purchase.RESERVATION, spec): self._reservation(spec, zones[spec.zone])
            for spec in settings.reservations
            if spec.order and spec.zone in zones
        }
        """Kept as long as they stand in the document, used or not."""
        # Machines of a node group stand in the network of its cluster.
        regions = {str(r.attributes["region"]) for r in plain if r.address.kind in _IN_NETWORKS}
        regions |= stores.grounds(settings.storage)
        self._made = sorted(regions - self._adopted.keys())
        """Regions in which dcplan makes a network."""

    def unnamed_blocks(self, plain: tuple[Resource, ...]) -> Iterator[Diagnostic]:
        """Blocks that no machine can be started in."""
        pools = {
            str(machine.attributes["pool"])
            for machine in plain
            if machine.attributes.get("purchase") == Purchase.CAPACITY_BLOCK
            and self._lot(machine) is None
            and machine.attributes["pool"] not in self._bought
        }
        for pool in sorted(pools):
            detail = (
                f"Machines are to stand in the capacity block {pool}, and nothing says which one that is. It "
                "can be planned, but not applied: give the block its `id`, the capacity reservation (cr-...) "
                "that EC2 made of it, or let dcplan `buy` it."
            )
            path = ("providers", NAME, "capacity_blocks")
            yield warning("block-id", "A capacity block has no id", detail, path=path)

    def without_subnet(self, plain: tuple[Resource, ...]) -> Iterator[Diagnostic]:
        """Local Zones that a network of dcplan's has no subnet in."""
        places = {
            (str(one.attributes["region"]), str(one.attributes["zone"]))
            for one in plain
            if one.address.kind in _IN_NETWORKS and _LOCAL_ZONE.match(str(one.attributes["zone"]))
        }
        for region, zone in sorted(places):
            if region in self._adopted:
                continue
            detail = (
                f"Machines are to stand in the Local Zone {zone}, and the networks that dcplan makes have no "
                "subnets in Local Zones. It can be planned, but not applied: name a VPC with a subnet there "
                f"under `networks`, for {region}."
            )
            path = ("providers", NAME)
            yield warning("zone-subnet", "A Local Zone needs a subnet", detail, path=path, on_key=True)

    def resources(self, plain: tuple[Resource, ...]) -> Iterator[Resource]:
        """Networks, groups, and the others with what they need of these."""
        for region in self._made:
            yield self._network(region)
        yield from self._ordered.values()
        groups: set[Address] = set()
        for pool, block in self._bought.items():
            within = {str(r.attributes["region"]) for r in plain if r.attributes.get("pool") == pool}
            for region in within:
                yield self._block(block, region)
        yield from stores.resources(self._settings.storage, self._project, self._adopted)
        region_of: dict[Address, str] = {}
        for resource in with_storage(plain, stores.stored(self._settings.storage)):
            if resource.address.kind == INSTANCE:
                group = self._group(resource)
                if group is not None and group.address not in groups:
                    groups.add(group.address)
                    yield group
                region_of[resource.address] = str(resource.attributes["region"])
                yield self._instance(resource, group)
            elif resource.address.kind in MACHINE_GROUPS:
                group = self._group(resource)
                if group is not None:
                    yield group
                region_of[resource.address] = str(resource.attributes["region"])
                yield self._machine_group(resource, group)
            elif resource.address.kind == ENDPOINT:
                yield from self._endpoints(resource, region_of)
            else:
                region_of[resource.address] = region_of[resource.needs[0]]
                yield resource

    def _network(self, region: str) -> Resource:
        """One that lost a part is told as one that is not whole, so that the plan mends it."""
        attributes: dict[str, JsonValue] = {
            "project": self._project,
            "region": region,
            "cidr": self._settings.cidr,
            "nat": self._settings.nat,
            "whole": True,
        }
        return self._resource(NETWORK, region, attributes)

    def _block(self, spec: AwsCapacityBlockSpec, region: str) -> Resource:
        attributes: dict[str, JsonValue] = {
            "project": self._project,
            "region": region,
            "zone": spec.zone,
            "machine_type": spec.machine,
            "machines": spec.machines,
            "start": _moment(spec.start),
            "end": _moment(spec.end),
            "most_usd": spec.price,
        }
        return self._resource(BLOCK, _lot_name(spec), attributes)

    def _reservation(self, spec: AwsReservationSpec, region: str) -> Resource:
        attributes: dict[str, JsonValue] = {
            "project": self._project,
            "region": region,
            "zone": spec.zone,
            "machine_type": spec.machine,
            "machines": spec.machines,
            "end": None if spec.until is None else _moment(spec.until),
        }
        return self._resource(RESERVATION, _lot_name(spec), attributes)

    def _group(self, machine: Resource) -> Resource | None:
        """The placement group of a gang.

        None where capacity is kept: a block's machines stand close together already, and a reservation
        that was not made inside a placement group cannot be used from one (EC2 User Guide, "Capacity
        Reservations in cluster placement groups").
        """
        gang = machine.attributes["gang"]
        if not isinstance(gang, dict) or machine.attributes["purchase"] in _KEPT:
            return None
        attributes: dict[str, JsonValue] = {
            "project": self._project,
            "region": machine.attributes["region"],
            "strategy": "cluster",
        }
        return self._resource(GROUP, str(gang["name"]), attributes)

    def _instance(self, plain: Resource, group: Resource | None) -> Resource:
        attributes = {**plain.attributes, **self._bought_with(plain), **self._launched(plain)}
        network = self._network_of(str(plain.attributes["region"]))
        return replace(plain, attributes=attributes, needs=(*network, *self._grounds(plain, group)))

    def _machine_group(self, plain: Resource, group: Resource | None) -> Resource:
        """Machines of a node group have image and network of their cluster; others are as machines alone."""
        if plain.address.kind != NODE_GROUP:
            return self._instance(plain, group)
        attributes = {**plain.attributes, **self._bought_with(plain)}
        return replace(plain, attributes=attributes, needs=self._grounds(plain, group))

    def _bought_with(self, plain: Resource) -> dict[str, JsonValue]:
        return {
            "project": self._project,
            "disk_gib": self._settings.disk_gib,
            "reservation": self._lot(plain),
            "network": self._adopted.get(str(plain.attributes["region"])),
        }

    def _launched(self, plain: Resource) -> dict[str, JsonValue]:
        settings = self._settings
        return {
            "image": settings.image or self._image(str(plain.attributes["machine"])),
            "instance_profile": settings.instance_profile,
            "launcher": settings.launcher,
            KEY: settings.start_up_attribute,
            "public": str(plain.attributes["region"]) not in self._adopted and not settings.nat,
        }

    def _grounds(self, plain: Resource, group: Resource | None) -> tuple[Address, ...]:
        """What machines stand in, besides their network."""
        block = self._bought.get(str(plain.attributes["pool"]))
        ordered = self._ordered.get(str(plain.attributes["pool"]))
        return (
            *(() if block is None else (Address(NAME, BLOCK, _lot_name(block)),)),
            *(() if ordered is None else (ordered.address,)),
            *(() if group is None else (group.address,)),
            *plain.needs,
        )

    def _endpoints(self, plain: Resource, region_of: Mapping[Address, str]) -> Iterator[Resource]:
        """One in each region that has replicas: a load balancer reaches no further."""
        parts: defaultdict[str, list[Address]] = defaultdict(list)
        for need in plain.needs:
            parts[region_of[need]].append(need)
        for region, replicas in sorted(parts.items()):
            names = {replica.name for replica in replicas}
            mine: dict[str, JsonValue] = {
                key: {n: w for n, w in weights.items() if n in names}
                for key in ("replicas", GROUPS)
                if isinstance(weights := plain.attributes.get(key), dict)
            }
            name = plain.address.name if len(parts) == 1 else f"{plain.address.name}-{region}"
            yield replace(
                plain,
                address=replace(plain.address, name=name),
                attributes={
                    **plain.attributes,
                    **mine,
                    "scheme": self._settings.scheme,
                    "clients": self._clients(region),
                    "network": self._adopted.get(region),
                },
                needs=(*self._network_of(region), *replicas),
            )

    def _clients(self, region: str) -> list[JsonValue]:
        """Who may ask an endpoint; the security groups of a network that is there say so themselves."""
        if region in self._adopted:
            return []
        return [_EVERYBODY if self._settings.scheme == "internet-facing" else self._settings.cidr]

    def _resource(self, kind: str, name: str, attributes: dict[str, JsonValue]) -> Resource:
        return Resource(
            address=Address(NAME, kind, name),
            attributes=attributes,
            known_after_apply=self._kinds[kind].outputs,
        )

    def _network_of(self, region: str) -> tuple[Address, ...]:
        return () if region in self._adopted else (Address(NAME, NETWORK, region),)

    def _image(self, machine: str) -> str:
        if machine.startswith(_GRACE):
            return ARM_IMAGE
        return NEURON_IMAGE if machine[:3] in _NEURON else GPU_IMAGE

    def _lot(self, machine: Resource) -> str | None:
        """The capacity reservation of a machine that stands in one, as far as the settings tell."""
        return self._lots.get(str(machine.attributes.get("pool")))


def _lots(settings: AwsSettings) -> dict[str, str]:
    """Pool (as ``Offering.pool`` names it) to the id of a capacity reservation."""
    told: list[tuple[Purchase, AwsReservationSpec | AwsCapacityBlockSpec]] = [
        *((Purchase.RESERVATION, spec) for spec in settings.reservations),
        *((Purchase.CAPACITY_BLOCK, spec) for spec in settings.capacity_blocks),
    ]
    return {_pool(purchase, spec): spec.id for purchase, spec in told if spec.id is not None}


def _pool(purchase: Purchase, spec: AwsReservationSpec | AwsCapacityBlockSpec) -> str:
    """As ``Offering.pool`` names it."""
    return f"{spec.zone}/{spec.machine}/{'-'.join(filter(None, (purchase.value, spec.name)))}"


def _lot_name(spec: AwsCapacityBlockSpec | AwsReservationSpec) -> str:
    return spec.name or f"{spec.zone}-{spec.machine}".replace(".", "-")


def _moment(at_s: float) -> str:
    """Unix time as people write it, in UTC."""
    return dt.datetime.fromtimestamp(at_s, tz=dt.UTC).strftime("%Y-%m-%dT%H:%MZ")


def _adopted(network: AdoptedNetwork) -> dict[str, JsonValue]:
    """As attributes have it."""
    return {
        "vpc": network.vpc,
        "subnets": list(network.subnets),
        "security_groups": list(network.security_groups),
    }
