"""Managed instance groups: members that come and go as the weather allows, resize requests, autoscalers.

A group is looked after whenever somebody asks the server for something, as everything here.  A group that is
created or resized answers at once; that machines are sold out is told by its errors, as by Google.
"""

from __future__ import annotations

import copy
import itertools
import re
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from clouds.gcp import reservations
from clouds.gcp.managed_rules import check_size, invalid, model_of, template_of
from clouds.gcp.world import Key, RefusedError, Thing, World, fingerprint, now

if TYPE_CHECKING:
    from clouds.gcp.compute import Call, Compute

GROUPS = "instanceGroupManagers"

OF_REQUEST = re.compile(
    r"/compute/v1/projects/([^/]+)/(zones/[^/]+)/(instanceGroupManagers/[^/]+/resizeRequests)(?:/([^/]+))?.*"
)

SUFFIXES = itertools.count(1)

MOST_ERRORS = 20
"""How many of its last errors a group tells."""


def request_key(path: str) -> Key | None:
    """The key of a resize request, which belongs to its group; None for other paths."""
    found = OF_REQUEST.fullmatch(path)
    return Key(found[1], found[2], found[3], found[4] or "") if found else None


def after_insert(world: World, key: Key, thing: Thing) -> None:
    """Resize requests wait for their machines."""
    if key.collection.endswith("/resizeRequests"):
        thing.body["state"] = "ACCEPTED"
        thing.queued_s = thing.settled_s + world.weather.queue_s


# What happens by itself


def reconcile(world: World, root: str) -> None:
    """Groups get the members that they shall have, as far as there are any."""
    now_s = time.monotonic()
    every = [(key, thing) for key, thing in world.things.items() if key.collection == GROUPS]
    for key, thing in every:
        if "-gke" in thing.body:
            continue  # A cluster looks after its own.
        if thing.gone_s < float("inf"):
            _gone_with(world, key, thing.gone_s)
        elif thing.settled_s <= now_s:
            _autoscaled(world, key, thing)
            _requested(world, key, thing, root)
            _sized(world, key, thing, root)


def members(world: World, key: Key) -> list[Thing]:
    """The instances of a group, in the order in which they came."""
    return [
        thing
        for other, thing in world.things.items()
        if other.collection == "instances" and thing.body.get("-of") == f"{key.scope} {key.name}"
    ]


def _staying(world: World, key: Key) -> list[Thing]:
    return [thing for thing in members(world, key) if thing.gone_s == float("inf")]


def _autoscaler(world: World, key: Key) -> Thing | None:
    for _, thing in world.in_collection("autoscalers", key.project, key.scope):
        if thing.body["target"].endswith(key.path) and thing.gone_s == float("inf"):
            return thing
    return None


def _autoscaled(world: World, key: Key, thing: Thing) -> None:
    """Nothing asks these machines for anything, so that only the bounds matter."""
    scaler = _autoscaler(world, key)
    if scaler is not None:
        policy, size = scaler.body["autoscalingPolicy"], thing.body["targetSize"]
        thing.body["targetSize"] = min(max(size, policy.get("minNumReplicas", 2)), policy["maxNumReplicas"])


def _requested(world: World, key: Key, thing: Thing, root: str) -> None:

    machine = template_of(world, key, thing.body)["machineType"]
    requests = world.in_collection(f"{GROUPS}/{key.name}/resizeRequests", key.project, key.scope)
    for _, request in requests:
        if request.body.get("state") != "ACCEPTED" or request.queued_s > time.monotonic():
            continue
        if _room(world, key, machine) < request.body["resizeBy"]:
            told = {"code": "ZONE_RESOURCE_POOL_EXHAUSTED", "message": reservations.sold_out(key)[1]}
            request.body["status"] = {"lastAttempt": {"error": {"errors": [told]}}}
            continue
        for _ in range(request.body["resizeBy"]):
            _made(world, key, thing, root)
        thing.body["targetSize"] += request.body["resizeBy"]
        request.body["state"] = "SUCCEEDED"


def _room(world: World, key: Key, machine: str) -> float:
    """How many more machines of a type the zone has."""
    from clouds.gcp import rules  # noqa: PLC0415 - it asks the rules of groups

    left = rules.room(world, key, machine, own=True)
    return float("inf") if left is None else left


def _refusal(world: World, key: Key, thing: Thing) -> reservations.Failure | None:
    """Why a group gets no further member now."""
    properties = template_of(world, key, thing.body)
    body = {**properties, "machineType": f"machineTypes/{properties['machineType']}"}
    if reservations.reservation_of(body) is not None:
        return reservations.refuses_instance(world, key, body)
    return None if _room(world, key, properties["machineType"]) >= 1 else reservations.sold_out(key)


def _sized(world: World, key: Key, thing: Thing, root: str) -> None:
    there, target = _staying(world, key), thing.body["targetSize"]
    for surplus in there[target:]:
        surplus.gone_s = time.monotonic() + world.weather.delete_s
    missing, refusal = max(target - len(there), 0), None
    machine = template_of(world, key, thing.body)["machineType"]
    if thing.body.get("targetSizePolicy", {}).get("mode") == "BULK" and _room(world, key, machine) < missing:
        refusal = reservations.sold_out(key)
    while missing and refusal is None:
        refusal = _refusal(world, key, thing)
        if refusal is None:
            _made(world, key, thing, root)
            missing -= 1
    thing.body["-missing"] = missing
    if refusal is not None and thing.body.get("-told") != (target, len(there)):
        thing.body["-told"] = (target, len(there))
        error = {"code": refusal[0], "message": refusal[1]}
        about = {"action": "CREATING", "instance": f"{root}{key.path.replace(GROUPS, 'instances')}-none"}
        entry = {"error": error, "instanceActionDetails": about, "timestamp": now()}
        thing.body["-errors"] = [entry, *thing.body.get("-errors", [])][:MOST_ERRORS]


def _made(world: World, key: Key, thing: Thing, root: str) -> None:
    """One more member, from the template and what the group says of all of them."""
    from clouds.gcp import rules  # noqa: PLC0415 - it asks the rules of groups

    properties = copy.deepcopy(template_of(world, key, thing.body))
    patch = thing.body.get("allInstancesConfig", {}).get("properties", {})
    name = f"{thing.body.get('baseInstanceName', key.name)}-{next(SUFFIXES):04d}"
    there = Key(key.project, key.scope, "instances", name)
    zone = f"{root}projects/{key.project}/{key.scope}"
    body = {
        **{
            k: v for k, v in properties.items() if k not in ("description", "machineType", "resourcePolicies")
        },
        "kind": "compute#instance",
        "id": world.new_id(),
        "name": name,
        "zone": zone,
        "selfLink": f"{root}{there.path}",
        "creationTimestamp": now(),
        "machineType": f"{zone}/machineTypes/{properties['machineType']}",
        "labels": {**properties.get("labels", {}), **patch.get("labels", {})},
        "-of": f"{key.scope} {key.name}",
    }
    body["labelFingerprint"] = fingerprint(body["labels"])
    region = key.scope.partition("/")[2].rpartition("-")[0]
    policies = [
        f"{root}projects/{key.project}/regions/{region}/resourcePolicies/{policy}"
        for policy in properties.get("resourcePolicies", [])
    ]
    if policies:
        body["resourcePolicies"] = policies
    items = {item["key"]: item["value"] for item in properties.get("metadata", {}).get("items", [])}
    items |= {"created-by": key.path, **patch.get("metadata", {})}
    body["metadata"] = {"items": [{"key": k, "value": v} for k, v in sorted(items.items())]}
    rules.complete(world, there, body)
    now_s = time.monotonic()
    world.put(there, body, settled_s=now_s, ready_s=now_s + world.weather.boot_s)


def shown(world: World, thing: Thing) -> dict[str, Any]:
    """What a group says of its members."""
    if "-gke" in thing.body:
        return {}
    key = _key_of(thing)
    now_s = time.monotonic()
    staying = _staying(world, key)
    running = sum(member.ready_s <= now_s for member in staying)
    missing = int(thing.body.get("-missing", 0))
    going = len(members(world, key)) - len(staying)
    stable = thing.settled_s <= now_s and running == len(staying) == thing.body["targetSize"] and not going
    return {
        "currentActions": {
            "none": running,
            "creating": len(staying) - running + missing,
            "deleting": going,
        },
        "status": {"isStable": stable, **_scaled_by(world, key)},
    }


def _scaled_by(world: World, key: Key) -> dict[str, str]:
    scaler = _autoscaler(world, key)
    return {} if scaler is None else {"autoscaler": scaler.body["selfLink"]}


def _key_of(thing: Thing) -> Key:
    parts = thing.body["selfLink"].partition("/projects/")[2].split("/")
    return Key(parts[0], f"{parts[1]}/{parts[2]}", parts[3], parts[4])


# What is asked


def _listed(world: World, key: Key, root: str) -> tuple[str, list[Any]]:
    from clouds.gcp import rules  # noqa: PLC0415 - it asks the rules of groups

    del root
    thing, now_s = world.there(key), time.monotonic()
    found: list[Any] = []
    for member in members(world, key):
        status = rules.status_of(member, now_s)
        going, up = member.gone_s < float("inf"), status == "RUNNING"
        found.append(
            {
                "id": member.body["id"],
                "name": member.body["name"],
                "instance": member.body["selfLink"],
                "instanceStatus": status,
                "currentAction": "DELETING" if going else "NONE" if up else "CREATING",
            }
        )
    for number in range(int(thing.body.get("-missing", 0))):
        error = (thing.body.get("-errors") or [{"error": {}}])[0]["error"]
        link = thing.body["selfLink"].replace(GROUPS, "instances")
        found.append(
            {
                "name": f"{key.name}-no{number:02d}",
                "instance": f"{link}-no{number:02d}",
                "currentAction": "CREATING",
                "lastAttempt": {"errors": {"errors": [error]}},
            }
        )
    return "managedInstances", found


def _errors(world: World, key: Key, root: str) -> tuple[str, list[Any]]:
    del root
    return "items", list(world.there(key).body.get("-errors", []))


LISTS: Mapping[tuple[str, str], Callable[[World, Key, str], tuple[str, list[Any]]]] = {
    (GROUPS, "listManagedInstances"): _listed,
    (GROUPS, "listErrors"): _errors,
}


def _resize(compute: Compute, call: Call) -> dict[str, Any]:
    """Another number of members."""
    thing, size = compute.world.there(call.key, unseen=True), int(call.query["size"])
    if _autoscaler(compute.world, call.key) is not None:
        raise RefusedError(400, "invalidUsage", "The group is being autoscaled, so it cannot be resized.")
    if (
        size > thing.body["targetSize"]
        and model_of(template_of(compute.world, call.key, thing.body)) == "FLEX_START"
    ):
        raise invalid("size", "flex-start machines come by resize requests.")
    check_size(compute.world, call.key, thing.body, size)
    thing.body["targetSize"] = size
    return compute.started(call, "compute.instanceGroupManagers.resize", thing.body)


def _applied(compute: Compute, call: Call) -> dict[str, Any]:
    """Members get what the group says of all of them; with REFRESH none is started anew."""
    from clouds.gcp import rules  # noqa: PLC0415 - it asks the rules of groups

    thing = compute.world.there(call.key, unseen=True)
    patch = thing.body.get("allInstancesConfig", {}).get("properties", {})
    for member in _staying(compute.world, call.key):
        items = {item["key"]: item["value"] for item in member.body["metadata"].get("items", [])}
        items |= patch.get("metadata", {})
        metadata = {"items": [{"key": k, "value": v} for k, v in sorted(items.items())]}
        rules.check_metadata(metadata)
        mark = fingerprint([metadata, compute.world.new_id()])
        member.body["metadata"] = {"kind": "compute#metadata", **metadata, "fingerprint": mark}
        member.body["labels"] = {**member.body.get("labels", {}), **patch.get("labels", {})}
    return compute.started(call, "compute.instanceGroupManagers.applyUpdatesToInstances", thing.body)


def _deleted(compute: Compute, call: Call) -> dict[str, Any]:
    """A group goes with its members, unless a load balancer sends requests to it."""
    group = Key(call.key.project, call.key.scope, "instanceGroups", call.key.name)
    users = compute.world.users_of(group)
    users = [user for user in users if user != call.key and user.collection == "backendServices"]
    if users:
        said = f"The instance_group resource '{group.path}' is already being used by '{users[0].path}'"
        raise RefusedError(400, "resourceInUseByAnotherResource", said)
    answer = compute.delete(call)
    _gone_with(compute.world, call.key, compute.world.things[call.key].gone_s)
    return answer


def _gone_with(world: World, key: Key, gone_s: float) -> None:
    """Members and requests go with their group."""
    requests = world.in_collection(f"{GROUPS}/{key.name}/resizeRequests", key.project, key.scope)
    for part in (*members(world, key), *(request for _, request in requests)):
        part.gone_s = min(part.gone_s, gone_s)


def _cancelled(compute: Compute, call: Call) -> dict[str, Any]:
    """A request that waits does so no more."""
    name = call.key.name.partition("/")[0]
    thing = compute.world.there(Key(call.key.project, call.key.scope, call.key.collection, name), unseen=True)
    if thing.body.get("state") != "ACCEPTED":
        raise RefusedError(400, "invalid", f"The request is {thing.body.get('state')}.")
    thing.body["state"] = "CANCELLED"
    return compute.started(call, "cancel", thing.body)


def _request_deleted(compute: Compute, call: Call) -> dict[str, Any]:
    """Only requests that have ended can be deleted."""
    thing = compute.world.there(call.key, unseen=True)
    if thing.body.get("state") == "ACCEPTED":
        raise RefusedError(400, "invalid", "The request is ACCEPTED; cancel it first.")
    return compute.delete(call)


def _rescaled(compute: Compute, call: Call) -> dict[str, Any]:
    """The autoscaler is named in the query."""
    key = Key(call.key.project, call.key.scope, "autoscalers", call.query.get("autoscaler", ""))
    thing = compute.world.there(key, unseen=True)
    policy = {**thing.body["autoscalingPolicy"], **call.body.get("autoscalingPolicy", {})}
    if policy["maxNumReplicas"] < policy.get("minNumReplicas", 2):
        raise invalid("resource.autoscalingPolicy.maxNumReplicas", "it is below the least.")
    thing.body["autoscalingPolicy"] = policy
    return compute.started(call, "patch", thing.body)


def _patched(compute: Compute, call: Call) -> dict[str, Any]:
    """What is told is merged into what is there, like a JSON merge patch, given the newest fingerprint."""
    thing = compute.world.there(call.key, unseen=True)
    if call.body.get("fingerprint") != thing.body["fingerprint"]:
        raise RefusedError(412, "conditionNotMet", "Supplied fingerprint does not match current fingerprint.")
    for field in ("targetSize", "name", "baseInstanceName"):
        if field in call.body:
            raise invalid(f"resource.{field}", "it cannot be patched.")
    merged = _merged(thing.body, {k: v for k, v in call.body.items() if k != "fingerprint"})
    thing.body = {**merged, "fingerprint": fingerprint([call.body, compute.world.new_id()])}
    return compute.started(call, "patch", thing.body)


def _merged(before: dict[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    after = dict(before)
    for name, value in patch.items():
        there = after.get(name)
        after[name] = _merged(there, value) if isinstance(value, dict) and isinstance(there, dict) else value
    return after


ACTS: Mapping[tuple[str, str], Callable[[Compute, Call], dict[str, Any]]] = {
    (GROUPS, "resize"): _resize,
    (GROUPS, "patch"): _patched,
    (GROUPS, "applyUpdatesToInstances"): _applied,
    (GROUPS, "delete"): _deleted,
    ("instanceGroupManagerResizeRequests", "cancel"): _cancelled,
    ("instanceGroupManagerResizeRequests", "delete"): _request_deleted,
    ("autoscalers", "patch"): _rescaled,
}
