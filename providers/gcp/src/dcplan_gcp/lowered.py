"""From a placement to resources of Google Cloud: what machines stand in comes before them.  Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.catalog import Purchase
from dcplan.diag import Result
from dcplan.provider.lowering import lower
from dcplan.provider.start_up import KEY
from dcplan.provider.storage import with_storage
from dcplan.resources import Address, Resource
from dcplan_gcp import stores
from dcplan_gcp.families import SYSTEM_MTU
from dcplan_gcp.in_groups import in_groups, is_slice
from dcplan_gcp.kinds import INSTANCE, KINDS, MANAGED_GROUP, NETWORK, NODE_POOL
from dcplan_gcp.lots import address_of, is_always, named_in, ordered, resource_of

if TYPE_CHECKING:
    from dcplan.provider.types import Placement
    from dcplan.resources import JsonValue
    from dcplan_gcp.settings import GcpSettings

CLOUD = "gcp"

_KEPT = frozenset({Purchase.RESERVATION.value, Purchase.CAPACITY_BLOCK.value})

_ON_NETWORK = frozenset({INSTANCE, MANAGED_GROUP})
"""What stands in the network."""

_IN_POOLS = _ON_NETWORK | {NODE_POOL}
"""What may stand in a reservation."""

MAIN = "main"
"""The name of the one network: a VPC of Google Cloud spans all regions."""


def resources_of(placement: Placement, settings: GcpSettings) -> Result[tuple[Resource, ...]]:
    """The resources of a placement; where the settings name no network, dcplan makes it as well.

    Errors: those of ``in_groups``.
    """
    taken = in_groups(placement, settings)
    if taken.value is None:
        return Result(None, taken.diagnostics)
    rest, groups = taken.value.rest, taken.value.groups
    plain = (*lower(rest, provider=CLOUD, machine_kind=INSTANCE, kinds=KINDS), *groups)
    on_network = any(resource.address.kind in _ON_NETWORK for resource in plain)
    networks = (_network(),) if settings.network is None and on_network else ()
    needs = tuple(network.address for network in networks)
    lots = ordered(settings)
    used = {group.pool for group in placement.machines}
    kept = [
        resource_of(lot, placement.project, settings)
        for pool, lot in lots.items()
        if placement.machines and (pool in used or is_always(lot, settings))
    ]
    slices = {name: list(g.names) for g in rest.machines if is_slice(g) for name in g.names}

    def grounded(plain: Resource) -> Resource:
        if plain.address.kind not in _IN_POOLS:
            return plain
        pool, way = str(plain.attributes["pool"]), str(plain.attributes["purchase"])
        stands_in = (*needs, *((address_of(lots[pool]),) if pool in lots else ()))
        more: dict[str, JsonValue] = {
            KEY: settings.start_up_attribute,
            "project": placement.project,
            "reservation": named_in(pool, way, lots) if way in _KEPT else None,
        }
        if plain.address.kind == NODE_POOL:  # Its cluster has a network, and boots its nodes.
            kept_by = {key: more[key] for key in ("project", "reservation")}
            return replace(plain, attributes={**plain.attributes, **kept_by}, needs=stands_in[len(needs) :])
        if plain.address.kind == MANAGED_GROUP:
            return replace(plain, attributes={**plain.attributes, **more}, needs=stands_in)
        return _machine(plain, stands_in, slices.get(plain.address.name), more)

    stored = with_storage(map(grounded, plain), stores.stored(settings.storage))
    standing = (*networks, *kept, *stores.resources(settings.storage), *stored, *taken.value.endpoints)
    return Result(standing, taken.diagnostics)


def _network() -> Resource:
    """The network of all machines.  Subnets come with the machines, wherever these are had in the end."""
    return Resource(
        address=Address(CLOUD, NETWORK, MAIN),
        attributes={"mtu": SYSTEM_MTU, "routing": "global"},
        known_after_apply=KINDS[NETWORK].outputs,
    )


def _machine(
    machine: Resource, needs: tuple[Address, ...], hosts: list[str] | None, more: dict[str, JsonValue]
) -> Resource:
    """A machine in its network and reservation; a host of a slice knows the others."""
    told: JsonValue = None if hosts is None else {"hosts": list(hosts)}
    attributes = {**machine.attributes, **more, "slice": told}
    return replace(machine, attributes=attributes, needs=(*machine.needs, *needs))
