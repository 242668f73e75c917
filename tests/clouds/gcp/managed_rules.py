"""What Compute Engine holds instance templates, managed instance groups and what belongs to them to.

Sources: the API's own description of the fields; Compute Engine documentation, "Create a MIG with multi-host
TPU slice", "About resize requests in a MIG", "About bulk mode in a MIG", "Autoscaling groups of instances".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from clouds.gcp.world import Key, RefusedError, World

Refusal = tuple[str, str, int, str]

REFERENCE = re.compile(r"(?:.*/)?(?:projects/([^/]+)/)?(global|zones/[^/]+|regions/[^/]+)/(\w+)/([^/]+)")

SHORTEST_S, LONGEST_S = 600, 7 * 86_400
"""How long flex-start machines may be asked for."""

QUEUES = frozenset({"FLEX_START", "RESERVATION_BOUND"})
"""Provisioning models of which a group makes machines all at once only."""


def invalid(field: str, why: str) -> RefusedError:
    """A value that is refused at once."""
    return RefusedError(400, "invalid", f"Invalid value for field '{field}': {why}")


def named(project: str, link: str) -> Key:
    """The key of what a link names."""
    found = REFERENCE.fullmatch(link)
    if found is None:
        raise invalid("resource", f"'{link}'. The URL is malformed.")
    return Key(found[1] or project, found[2], found[3], found[4])


def template_of(world: World, key: Key, body: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of the template of a group."""
    links = [body.get("instanceTemplate"), *(v.get("instanceTemplate") for v in body.get("versions", []))]
    link = next((link for link in links if link), None)
    if link is None:
        raise RefusedError(400, "required", "Required field 'resource.instanceTemplate' not specified")
    properties: dict[str, Any] = world.there(named(key.project, link), unseen=True).body["properties"]
    return properties


def model_of(properties: Mapping[str, Any]) -> str:
    """How machines of a template are bought."""
    return str(properties.get("scheduling", {}).get("provisioningModel", "STANDARD"))


def topology_of(world: World, key: Key, body: Mapping[str, Any]) -> str | None:
    """The shape that a group's workload policy asks for."""
    link = body.get("resourcePolicies", {}).get("workloadPolicy")
    if not link:
        return None
    policy = world.there(named(key.project, link), unseen=True).body.get("workloadPolicy")
    if policy is None:
        raise invalid("resource.resourcePolicies.workloadPolicy", f"'{link}' is no workload policy.")
    found: str | None = policy.get("acceleratorTopology")
    return found


def check_size(world: World, key: Key, body: Mapping[str, Any], size: int) -> None:
    """A slice has as many hosts as its topology needs, or none."""
    topology, properties = topology_of(world, key, body), template_of(world, key, body)
    chips = re.search(r"-(\d+)t$", properties["machineType"])
    if topology is None or chips is None or not size:
        return
    hosts = math.prod(map(int, topology.split("x"))) // int(chips[1])
    if size != hosts:
        raise invalid("resource.targetSize", f"'{size}'. The topology {topology} needs {hosts} instances.")


def _template(world: World, key: Key, body: Mapping[str, Any]) -> Refusal | None:
    from clouds.gcp import rules  # noqa: PLC0415 - it asks this module

    properties = body.get("properties", {})
    rules.check_labels(properties.get("labels", {}))
    rules.check_metadata(properties.get("metadata", {}))
    if not properties.get("networkInterfaces") or not properties.get("disks"):
        raise invalid("resource.properties.disks", "at least one is needed.")
    if "/" in properties.get("machineType", "/"):
        return (
            "INTERNAL_ERROR",
            "Internal error. Please try again or contact Google Support.",
            500,
            "INTERNAL",
        )
    if properties["machineType"] not in {machine for machine, _ in rules.machine_types()}:
        raise invalid("resource.properties.machineType", f"'{properties['machineType']}'.")
    for disk in properties["disks"]:
        if "/" in disk.get("initializeParams", {}).get("diskType", ""):
            raise invalid("resource.properties.disks.initializeParams.diskType", "it is no name.")
    if any("/" in policy for policy in properties.get("resourcePolicies", [])):
        raise invalid("resource.properties.resourcePolicies", "names, not URLs.")
    del world, key
    return None


def _group(world: World, key: Key, body: Mapping[str, Any]) -> Refusal | None:
    from clouds.gcp import rules  # noqa: PLC0415 - it asks this module

    properties, zone = template_of(world, key, body), key.scope.partition("/")[2]
    region = zone.rpartition("-")[0]
    if (properties["machineType"], zone) not in rules.machine_types():
        raise invalid("resource.instanceTemplate", f"{zone} has no {properties['machineType']}.")
    for nic in properties["networkInterfaces"]:
        if nic.get("subnetwork") and named(key.project, nic["subnetwork"]).scope != f"regions/{region}":
            raise invalid("resource.instanceTemplate", f"a subnetwork is not in {region}.")
    for policy in properties.get("resourcePolicies", []):
        if Key(key.project, f"regions/{region}", "resourcePolicies", policy) not in world.things:
            said = f"projects/{key.project}/regions/{region}/resourcePolicies/{policy}"
            raise invalid("resource.resourcePolicies", f"'{said}'. The referenced resource cannot be found.")
    if len(body.get("baseInstanceName", body["name"])) > 58:
        raise invalid("resource.baseInstanceName", "it is too long.")
    bulk = body.get("targetSizePolicy", {}).get("mode") == "BULK"
    if bulk and model_of(properties) not in QUEUES:
        raise invalid("resource.targetSizePolicy.mode", "BULK is for flex-start and reservation-bound alone.")
    if body["targetSize"] and not bulk and model_of(properties) == "FLEX_START":
        raise invalid("resource.targetSize", "flex-start machines come by resize requests, or in bulk.")
    check_size(world, key, body, body["targetSize"])
    return None


def _request(world: World, key: Key, body: Mapping[str, Any]) -> Refusal | None:
    igm = world.there(Key(key.project, key.scope, "instanceGroupManagers", key.collection.split("/")[1]))
    properties = template_of(world, key, igm.body)
    if igm.body.get("instanceLifecyclePolicy", {}).get("defaultActionOnFailure") != "DO_NOTHING":
        raise invalid("resource", "the group repairs instances, which resize requests do not allow.")
    if igm.body.get("updatePolicy", {}).get("type") != "OPPORTUNISTIC":
        raise invalid("resource", "the group updates proactively, which resize requests do not allow.")
    if properties.get("reservationAffinity", {}).get("consumeReservationType") != "NO_RESERVATION":
        raise invalid("resource", "the template's reservation affinity must be NO_RESERVATION.")
    if model_of(properties) not in {"FLEX_START", "STANDARD"}:
        raise invalid("resource", f"resize requests are not for {model_of(properties)}.")
    wanted_s = int(body.get("requestedRunDuration", {}).get("seconds", SHORTEST_S))
    if not SHORTEST_S <= wanted_s <= LONGEST_S:
        raise invalid("resource.requestedRunDuration", "from ten minutes to seven days.")
    if body.get("resizeBy", 0) < 1:
        raise invalid("resource.resizeBy", "at least one.")
    check_size(world, key, igm.body, igm.body["targetSize"] + body["resizeBy"])
    return None


def _autoscaler(world: World, key: Key, body: Mapping[str, Any]) -> Refusal | None:
    policy, target = body.get("autoscalingPolicy", {}), named(key.project, body.get("target", ""))
    igm = world.there(target, unseen=True)
    if target.scope != key.scope or target.collection != "instanceGroupManagers":
        raise invalid("resource.target", f"'{body.get('target')}'.")
    others = [t for _, t in world.in_collection("autoscalers", key.project, key.scope)]
    if any(t.body["target"].endswith(target.path) for t in others):
        raise invalid("resource.target", f"'{target.path}' has an autoscaler.")
    if "maxNumReplicas" not in policy or policy["maxNumReplicas"] < max(policy.get("minNumReplicas", 2), 1):
        raise invalid("resource.autoscalingPolicy.maxNumReplicas", "it is below the least.")
    if igm.body.get("resourcePolicies", {}).get("workloadPolicy") and topology_of(world, key, igm.body):
        raise invalid("resource.target", "a group of a fixed topology cannot be autoscaled.")
    return None


def check_backends(body: Mapping[str, Any]) -> None:
    """Backends of a service are of one sort; instance groups answer on a named port."""
    groups = [backend.get("group", "") for backend in body.get("backends", [])]
    sorts = {group.split("/")[-2] for group in groups if group.count("/") > 1}
    if len(sorts) > 1:
        raise invalid("resource.backends", "instance groups and network endpoint groups do not mix.")
    for backend in body.get("backends", []):
        of_group = "/instanceGroups/" in backend.get("group", "")
        wrong = "maxRatePerEndpoint" if of_group else "maxRatePerInstance"
        if wrong in backend:
            raise invalid("resource.backends[].group", f"{wrong} is not for such a group.")


def _service(world: World, key: Key, body: Mapping[str, Any]) -> Refusal | None:
    del world, key
    check_backends(body)
    return None


Check = Callable[[World, Key, Mapping[str, Any]], Refusal | None]

CHECKS: Mapping[str, Check] = {
    "backendServices": _service,
    "instanceTemplates": _template,
    "instanceGroupManagers": _group,
    "autoscalers": _autoscaler,
}


def check_of(collection: str) -> Check | None:
    """What is held to for a collection; that of resize requests is told by its end."""
    return _request if collection.endswith("/resizeRequests") else CHECKS.get(collection)
