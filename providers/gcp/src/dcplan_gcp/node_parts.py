"""The body of a node pool, and what its labels hold of what was asked for.  Pure.

A node pool has labels and nothing else that may be changed and read again, so these hold the numbers, and a
hash of the rest.  Its nodes' metadata, which is fixed, holds the note of the create.  Source: GKE API,
``NodePool``; GKE documentation, "Add and manage node pools", "Plan TPUs", "About flex-start".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dcplan.catalog import load_machines
from dcplan.catalog.slices import load_slices, text_of_shape
from dcplan_gcp.families import COMPUTE_TPU, family_of
from dcplan_gcp.group_parts import NOTE, queued, whole
from dcplan_gcp.launch import LONGEST_FLEX_S, bought_as, reservation_in
from dcplan_gcp.naming import Note, labels_of, tag
from dcplan_gcp.rest import last

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dcplan.provider.types import Request
    from dcplan.resources import Address, JsonValue
    from dcplan_gcp.settings import GcpSettings

AT_LEAST, AT_MOST, TOLD = "dcplan-at-least", "dcplan-at-most", "dcplan-told"
"""Labels: the bounds, and a hash of what only the state can tell."""

UNTOLD = ("members", "runs", "storage")
"""Attributes that a node pool cannot hold: they are the state's, as long as the hash fits."""

WORKLOAD = "dcplan-workload"
"""The label of nodes in Kubernetes."""

GPUS: Mapping[str, str] = {
    "a2-highgpu": "nvidia-tesla-a100",
    "a2-megagpu": "nvidia-tesla-a100",
    "a2-ultragpu": "nvidia-a100-80gb",
    "a3-highgpu": "nvidia-h100-80gb",
    "a3-edgegpu": "nvidia-h100-80gb",
    "a3-megagpu": "nvidia-h100-mega-80gb",
    "a3-ultragpu": "nvidia-h200-141gb",
    "a4-highgpu": "nvidia-b200",
    "a4x-highgpu": "nvidia-gb200",
    "a4x-maxgpu": "nvidia-gb300",
    "g2-standard": "nvidia-l4",
    "g4-standard": "nvidia-rtx-pro-6000",
}
"""What Kubernetes Engine wants to be told of machine types with GPUs (GKE documentation, "About GPUs")."""


def pool_name(lineage: str, address: Address) -> str:
    """The name of an address's node pool: these have 40 characters, not 63."""
    return f"dcplan-{tag(lineage)}-{tag(str(address))}"


def digest(attributes: Mapping[str, JsonValue]) -> str:
    """Of what a node pool cannot hold."""
    return tag(json.dumps([attributes.get(key) for key in UNTOLD], sort_keys=True))


def resource_labels(request: Request) -> dict[str, str]:
    """The labels of a pool."""
    return {
        **labels_of(request),
        AT_LEAST: str(whole(request, "at_least")),
        AT_MOST: str(whole(request, "at_most")),
        TOLD: digest(request.attributes),
    }


def scaling(floor: int, ceiling: int, *, waits: bool) -> dict[str, Any]:
    """Bounds of the cluster's autoscaler; nodes that wait in a queue come when Kubernetes asks for them."""
    if waits:
        return {
            "enabled": True,
            "totalMinNodeCount": 0,
            "totalMaxNodeCount": ceiling,
            "locationPolicy": "ANY",
        }
    if ceiling == floor:
        return {"enabled": False}
    return {
        "enabled": True,
        "totalMinNodeCount": floor,
        "totalMaxNodeCount": ceiling,
        "locationPolicy": "ANY",
    }


def body_of(
    request: Request, zone: str, project: str, settings: GcpSettings, policies: Sequence[str]
) -> dict[str, Any]:
    """The node pool of a request, in one zone, so that its numbers are those of the whole pool."""
    ask, waits = request.attributes, queued(request.attributes)
    machine, floor = str(ask["machine"]), whole(request, "at_least")
    family = family_of(machine)
    config: dict[str, Any] = {
        "machineType": machine,
        "diskType": family.disk,
        "diskSizeGb": settings.boot_disk_gb,
        "oauthScopes": ["https://www.googleapis.com/auth/cloud-platform"],
        "labels": {WORKLOAD: str(ask["workload"])},
        "resourceLabels": resource_labels(request),
        "metadata": {NOTE: Note.of(request).text},
        **_bought(request, project, settings),
    }
    if settings.service_account:
        config["serviceAccount"] = settings.service_account
    gpu = next((name for start, name in GPUS.items() if machine.startswith(f"{start}-")), None)
    if gpu is not None:
        count = load_machines("gcp")[machine].devices
        config["accelerators"] = [
            {
                "acceleratorType": gpu,
                "acceleratorCount": str(count),
                "gpuDriverInstallationConfig": {"gpuDriverVersion": "LATEST"},
            }
        ]
        config["taints"] = [{"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}]
    body: dict[str, Any] = {
        "name": pool_name(request.lineage, request.address),
        "initialNodeCount": 0 if waits else floor,
        "locations": [zone],
        "config": config,
        "autoscaling": scaling(floor, whole(request, "at_most"), waits=waits),
    }
    placement = _placement(request, policies)
    if placement:
        body["placementPolicy"] = placement
    if waits:
        body["management"] = {"autoRepair": False}
        if ask.get("gang"):
            body["queuedProvisioning"] = {"enabled": True}
    return body


def _bought(request: Request, project: str, settings: GcpSettings) -> dict[str, Any]:
    """How nodes are bought."""
    purchase = str(request.attributes.get("purchase"))
    made = bought_as(purchase, reservation_in(request), project, settings)
    affinity = {"reservationAffinity": made["reservationAffinity"]} if "reservationAffinity" in made else {}
    if purchase == "spot":
        return {"spot": True, **affinity}
    if purchase == "queued":
        keeps = made["scheduling"].get("maxRunDuration", {}).get("seconds", str(int(LONGEST_FLEX_S)))
        return {"flexStart": True, "maxRunDuration": f"{keeps}s", **affinity}
    return affinity


def _placement(request: Request, policies: Sequence[str]) -> dict[str, str]:
    """What keeps the nodes of a gang together: for TPUs the slice that they are."""
    gang, machine = request.attributes.get("gang"), str(request.attributes["machine"])
    if not isinstance(gang, dict):
        return {}
    about = load_machines("gcp")[machine]
    slices = load_slices().get(about.accelerator)
    if slices is not None and not machine.startswith(COMPUTE_TPU):
        shape = slices.shape_of(int(str(gang["size"])) * about.devices)
        return {} if shape is None else {"type": "COMPACT", "tpuTopology": text_of_shape(shape)}
    if needs_policy(machine):
        return {"policyName": last(policies[0])} if policies else {}
    return {"type": "COMPACT"} if family_of(machine).compact else {}


def needs_policy(machine: str) -> bool:
    """Whether a gang of these needs a workload policy of its own: TPU7x and A4X (GKE documentation)."""
    return machine.startswith((COMPUTE_TPU, "a4x-"))


def as_told(asked: Mapping[str, JsonValue], labels: Mapping[str, str]) -> dict[str, JsonValue]:
    """Attributes with what the labels say of them; ``asked`` are somebody's who may know the rest."""
    numbers = {key: labels.get(label) for key, label in (("at_least", AT_LEAST), ("at_most", AT_MOST))}
    return {**asked, **{key: int(text) for key, text in numbers.items() if text and text.isdigit()}}
