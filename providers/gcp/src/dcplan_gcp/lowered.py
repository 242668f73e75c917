"""From a placement to resources of Google Cloud: what machines stand in comes before them.  Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.provider.lowering import lower
from dcplan.provider.start_up import KEY
from dcplan.resources import Address, Resource
from dcplan_gcp.families import SYSTEM_MTU, family_of
from dcplan_gcp.kinds import INSTANCE, KINDS, NETWORK

if TYPE_CHECKING:
    from dcplan.provider.types import MachineGroup, Placement
    from dcplan.resources import JsonValue

CLOUD = "gcp"

MAIN = "main"
"""The name of the one network: a VPC of Google Cloud spans all regions."""


def resources_of(
    placement: Placement, *, own_network: bool, start_up: str | None = None
) -> tuple[Resource, ...]:
    """The resources of a placement; ``own_network``: dcplan makes the network as well.

    ``start_up`` says with which of the user's files machines boot.
    """
    plain = lower(placement, provider=CLOUD, machine_kind=INSTANCE, kinds=KINDS)
    networks = (_network(),) if own_network and placement.machines else ()
    needs = tuple(network.address for network in networks)
    slices = {name: list(g.names) for g in placement.machines if _is_slice(g) for name in g.names}
    grounded = (
        _machine(r, needs, slices.get(r.address.name), start_up) if r.address.kind == INSTANCE else r
        for r in plain
    )
    return (*networks, *grounded)


def _network() -> Resource:
    """The network of all machines.  Subnets come with the machines, wherever these are had in the end."""
    return Resource(
        address=Address(CLOUD, NETWORK, MAIN),
        attributes={"mtu": SYSTEM_MTU, "routing": "global"},
        known_after_apply=KINDS[NETWORK].outputs,
    )


def _is_slice(group: MachineGroup) -> bool:
    """Whether these machines are the hosts of one TPU slice."""
    return group.gang and len(group.names) > 1 and family_of(group.machine).tpu


def _machine(
    machine: Resource, needs: tuple[Address, ...], hosts: list[str] | None, start_up: str | None
) -> Resource:
    """A machine in its network; a host of a slice knows the others."""
    told: JsonValue = None if hosts is None else {"hosts": list(hosts)}
    attributes = {**machine.attributes, "slice": told, KEY: start_up}
    return replace(machine, attributes=attributes, needs=(*machine.needs, *needs))
