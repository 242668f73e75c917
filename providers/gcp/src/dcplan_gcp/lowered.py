"""From a placement to resources of Google Cloud: what machines stand in comes before them.  Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.provider.lowering import lower
from dcplan.resources import Address, Resource
from dcplan_gcp.families import SYSTEM_MTU
from dcplan_gcp.kinds import INSTANCE, KINDS, NETWORK

if TYPE_CHECKING:
    from dcplan.provider.types import Placement

CLOUD = "gcp"

MAIN = "main"
"""The name of the one network: a VPC of Google Cloud spans all regions."""


def resources_of(placement: Placement, *, own_network: bool) -> tuple[Resource, ...]:
    """The resources of a placement; ``own_network``: dcplan makes the network as well."""
    plain = lower(placement, provider=CLOUD, machine_kind=INSTANCE, kinds=KINDS)
    networks = (_network(),) if own_network and placement.machines else ()
    needs = tuple(network.address for network in networks)
    grounded = (replace(r, needs=(*r.needs, *needs)) if r.address.kind == INSTANCE else r for r in plain)
    return (*networks, *grounded)


def _network() -> Resource:
    """The network of all machines.  Subnets come with the machines, wherever these are had in the end."""
    return Resource(
        address=Address(CLOUD, NETWORK, MAIN),
        attributes={"mtu": SYSTEM_MTU, "routing": "global"},
        known_after_apply=KINDS[NETWORK].outputs,
    )
