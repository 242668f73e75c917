"""From a placement to resources of Google Cloud: what machines stand in comes before them.  Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.provider.lowering import lower
from dcplan.resources import Address, Resource
from dcplan_gcp.families import family_of, wiring_of
from dcplan_gcp.kinds import INSTANCE, KINDS, NETWORK, POLICY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.provider.types import MachineGroup, Placement
    from dcplan.resources import JsonValue

CLOUD = "gcp"

MAIN = "main"
"""The name of the one network: a VPC of Google Cloud spans all regions."""


def resources_of(placement: Placement, *, own_network: bool) -> tuple[Resource, ...]:
    """The resources of a placement; ``own_network``: dcplan makes the network as well."""
    plain = lower(placement, provider=CLOUD, machine_kind=INSTANCE, kinds=KINDS)
    networks = (_network(placement),) if own_network and placement.machines else ()
    policies = {r.address.name: r for group in placement.machines for r in _policies(group)}
    needs = tuple(network.address for network in networks)
    grounded = (
        replace(r, needs=(*r.needs, *needs, *_policy_of(r, policies))) if r.address.kind == INSTANCE else r
        for r in plain
    )
    return (*networks, *policies.values(), *grounded)


def _network(placement: Placement) -> Resource:
    """The network of all machines, with what each region needs in it."""
    regions: dict[str, JsonValue] = {}
    serves = any(workload.kind == "serve" for workload in placement.workloads)
    for region in sorted({group.region for group in placement.machines}):
        here = [(g.machine, g.zone) for g in placement.machines if g.region == region]
        regions[region] = wiring_as_json(here, proxies=serves)
    return Resource(
        address=Address(CLOUD, NETWORK, MAIN),
        attributes={"regions": regions},
        known_after_apply=KINDS[NETWORK].outputs,
    )


def wiring_as_json(machines: list[tuple[str, str]], *, proxies: bool) -> dict[str, JsonValue]:
    """What machines of one region (type and zone) need in a network, as an attribute says it."""
    wiring = wiring_of(machines)
    rdma: dict[str, JsonValue] = dict(sorted(wiring.rdma.items()))
    return {"second": wiring.second, "gpu_vpcs": wiring.gpu_vpcs, "rdma": rdma, "proxies": proxies}


def _policies(group: MachineGroup) -> tuple[Resource, ...]:
    """What keeps the machines of a gang close to each other; none where the family has no such thing."""
    family = family_of(group.machine)
    if not group.gang or len(group.names) < 2 or not (family.compact or family.topology):  # noqa: PLR2004 - one is close to itself
        return ()
    form: JsonValue = {"compact": len(group.names)} if family.compact else {"topology": family.topology}
    return (
        Resource(
            address=Address(CLOUD, POLICY, group.names[0]),
            attributes={"region": group.region, "form": form},
            known_after_apply=KINDS[POLICY].outputs,
        ),
    )


def _policy_of(machine: Resource, policies: Mapping[str, Resource]) -> tuple[Address, ...]:
    """The policy that a machine's gang has."""
    gang = machine.attributes.get("gang")
    name = gang.get("name") if isinstance(gang, dict) else None
    return (policies[name].address,) if isinstance(name, str) and name in policies else ()
