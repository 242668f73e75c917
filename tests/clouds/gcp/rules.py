"""What Google's description does not say and its server holds to: references, labels, capacity, filters."""

from __future__ import annotations

import ipaddress
import itertools
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from clouds.gcp import managed_rules, reservations
from clouds.gcp.judge import Method
from clouds.gcp.world import Key, RefusedError, Thing, World, fingerprint, texts

REFERENCE = re.compile(r"(?:.*/)?projects/([^/]+)/(global|zones/[^/]+|regions/[^/]+)/(\w+)/([^/]+)")

KEPT = frozenset(
    {
        "networks", "subnetworks", "resourcePolicies", "healthChecks", "networkEndpointGroups", "instances",
        "backendServices", "urlMaps", "targetHttpProxies", "instanceTemplates", "instanceGroupManagers",
    }
)  # fmt: skip
"""Collections whose objects must be there when another object names them."""

FINGERPRINTED = frozenset({"backendServices", "urlMaps", "targetHttpProxies", "subnetworks"})
"""Collections whose objects are patched only by whoever knows the newest fingerprint."""

LABEL_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
DESCRIPTION = 2048
METADATA_KEY = re.compile(r"[a-zA-Z0-9_-]{1,128}")
METADATA_VALUE_BYTES, METADATA_BYTES = 256 * 1024, 512 * 1024

RESERVED = frozenset({"reservations", "futureReservations"})
"""Collections of machines that are kept for somebody."""

HOSTS = itertools.count(2)


def check_references(world: World, body: Any) -> None:
    """Whatever is named must be there."""
    for text in texts(body):
        found = REFERENCE.fullmatch(text.replace("/instanceGroups/", "/instanceGroupManagers/"))
        if found and found[3] in KEPT and Key(*found.groups()) not in world.things:
            said = text[text.index("projects/") :]
            raise RefusedError(
                400, "invalid", f"Invalid value: '{said}'. The referenced resource cannot be found."
            )


def check_labels(labels: Mapping[str, str]) -> None:
    """The narrow alphabet of labels."""
    for name, value in labels.items():
        if not LABEL_NAME.fullmatch(name) or not LABEL_VALUE.fullmatch(value):
            raise RefusedError(
                400, "invalid", f"Invalid value for field 'resource.labels': '{name}: {value}'."
            )


def check_description(body: Mapping[str, Any]) -> None:
    """Descriptions have a length."""
    if len(body.get("description", "")) > DESCRIPTION:
        raise RefusedError(400, "invalid", "Invalid value for field 'description': it is too long.")


def check_metadata(metadata: Mapping[str, Any]) -> None:
    """The keys and the sizes of metadata."""
    items = metadata.get("items", [])
    sizes = [len(item.get("value", "").encode()) for item in items]
    if sum(sizes) > METADATA_BYTES or any(size > METADATA_VALUE_BYTES for size in sizes):
        raise RefusedError(413, "uploadTooLarge", "Metadata is too large.")
    keys = [item.get("key", "") for item in items]
    if len(set(keys)) < len(keys) or not all(METADATA_KEY.fullmatch(key) for key in keys):
        raise RefusedError(400, "invalid", "Invalid value for field 'metadata.items': keys.")


def refuses(world: World, method: Method, key: Key, body: Any) -> tuple[str, str, int, str] | None:
    """The error with which a create's operation ends; what is refused at once is raised."""
    check_labels(body.get("labels", {}))
    check_description(body)
    if key.collection == "subnetworks":
        _check_range(world, key, body)
    check = managed_rules.check_of(key.collection)
    if check is not None:
        return check(world, key, body)
    if key.collection in RESERVED:
        machine = reservations.machine_of(key, body)
        _check_machine(machine, key)
        return reservations.refuses(world, key, body, room(world, key, machine, own=True))
    if key.collection != "instances":
        return None
    check_metadata(body.get("metadata", {}))
    machine = body["machineType"].rpartition("/")[2]
    _check_machine(machine, key)
    if not body.get("networkInterfaces") or not body.get("disks"):
        raise RefusedError(
            400, "invalid", "Invalid value for field 'resource.disks': at least one is needed."
        )
    if reservations.reservation_of(body) is not None:
        return reservations.refuses_instance(world, key, body)
    left = room(world, key, machine, own=True)
    return reservations.sold_out(key) if left is not None and left <= 0 else None


def _check_machine(machine: str, key: Key) -> None:
    """The zone has the machine type."""
    if (machine, key.scope.partition("/")[2]) not in machine_types():
        said = f"Invalid value for field 'resource.machineType': '{machine}': there is none."
        raise RefusedError(400, "invalid", said)


def room(world: World, key: Key, machine: str, *, own: bool) -> int | None:
    """How many of a machine type a zone has left; None: any number.  ``own``: without those that run."""
    whole: int | None = world.weather.capacity.get(f"{key.scope.partition('/')[2]}/{machine}")
    if whole is None or not own:
        return whole
    used = sum(
        other.scope == key.scope and thing.body["machineType"].endswith(f"/{machine}")
        for other, thing in world.things.items()
        if other.collection == "instances" and other.project == key.project
    )
    return whole - used


def _check_range(world: World, key: Key, body: Mapping[str, Any]) -> None:
    """Ranges of one network do not overlap."""
    wanted = ipaddress.ip_network(body["ipCidrRange"])
    for _, thing in world.in_collection("subnetworks", key.project, None):
        same = thing.body["network"].endswith(body["network"].rpartition("/")[2])
        if same and ipaddress.ip_network(thing.body["ipCidrRange"]).overlaps(wanted):
            raise RefusedError(
                400,
                "invalid",
                f"Invalid IPCidrRange: {wanted} conflicts with existing subnetwork '{thing.body['name']}'.",
            )


def complete(world: World, key: Key, body: dict[str, Any]) -> None:
    """What the server says of objects of some collections."""
    if key.collection == "instances":
        body["status"] = "PROVISIONING"
        body["metadata"] = {
            "kind": "compute#metadata",
            "items": body.get("metadata", {}).get("items", []),
            "fingerprint": fingerprint([body.get("metadata"), key.path]),
        }
        for number, nic in enumerate(body["networkInterfaces"]):
            host = next(HOSTS)
            nic.update(name=f"nic{number}", networkIP=f"10.{number}.{host // 250 % 250}.{host % 250}")
    if key.collection == "networkEndpointGroups":
        body["size"] = 0
    if key.collection == "forwardingRules":
        host = next(HOSTS)
        body.setdefault("IPAddress", f"10.255.{host // 250 % 250}.{host % 250}")
    if key.collection == "instanceGroupManagers":
        body["instanceGroup"] = body["selfLink"].replace("instanceGroupManagers", "instanceGroups")


def resolved(world: World, key: Key) -> Key:
    """An instance may be named by its number."""
    if not key.name.isdigit():
        return key
    for other, thing in world.things.items():
        same = (other.project, other.scope, other.collection) == (key.project, key.scope, key.collection)
        if same and thing.body["id"] == key.name:
            return other
    return key


def status_of(thing: Thing, now_s: float) -> str:
    """Where an instance is in its life."""
    if thing.settled_s <= now_s < thing.queued_s:
        return "PENDING"
    if thing.gone_s < float("inf") and now_s >= thing.settled_s:
        return "STOPPING"
    if now_s < thing.settled_s:
        return "PROVISIONING"
    return "RUNNING" if now_s >= thing.ready_s else "STAGING"


# Filters: AIP-160 as far as anybody asks, and the older kind with regular expressions

COMPARISON = re.compile(r'\(?([\w.-]+)\s*(=|:|\beq\b)\s*(?:"([^"]*)"|([^"()]*))\)?')


def fits(body: Mapping[str, Any], asked: str) -> bool:
    """Whether an object is one of those that a list is to show."""
    if not asked:
        return True
    parts = re.split(r"\)\s*(?:AND\s*)?\(", asked) if asked.startswith("(") else [asked]
    for part in parts:
        found = COMPARISON.fullmatch(part.strip("() "))
        if found is None:
            raise RefusedError(400, "invalid", f"Invalid value for field 'filter': '{asked}'.")
        field, operator, quoted, bare = found.groups()
        value = bare if quoted is None else quoted
        there = body
        for name in re.split(r"\.", field, maxsplit=1) if field.startswith("labels.") else field.split("."):
            there = there.get(name, {}) if isinstance(there, Mapping) else {}
        text = there if isinstance(there, str) else ""
        if operator == ":" and value == "*":
            good = bool(text)
        else:
            good = bool(re.fullmatch(value, text)) if operator == "eq" else text == value
        if not good:
            return False
    return True


# What is the same in every world


@cache
def machine_types() -> Mapping[tuple[str, str], Any]:
    """Every accelerator machine type in each zone where dcplan's catalogue has it."""
    from dcplan.catalog import load_machines, load_offerings  # noqa: PLC0415 - it reads files

    machines = load_machines("gcp")
    places: dict[tuple[str, str], Any] = {}
    for offering in load_offerings("gcp"):
        zones = [offering.zone]
        if offering.zone == offering.region:
            zones = [f"{offering.region}-{letter}" for letter in "abc"]
        places.update({(offering.machine, zone): machines[offering.machine] for zone in zones})
    return places


CHIPS: Mapping[str, str] = {
    "A100-40": "nvidia-tesla-a100",
    "A100-80": "nvidia-a100-80gb",
    "B200": "nvidia-b200",
    "GB200": "nvidia-gb200",
    "GB300": "nvidia-gb300",
    "H100": "nvidia-h100-80gb",
    "H200": "nvidia-h200-141gb",
    "L4": "nvidia-l4",
    "RTX-PRO-6000": "nvidia-rtx-pro-6000",
    "TPU-v5e": "ct5lp",
    "TPU-v5p": "ct5p",
    "TPU-v6e": "ct6e",
    "TPU7x": "tpu7x",
}
"""What Compute Engine calls accelerators of the catalogue."""


def _machine_types(method: Method, key: Key, query: Mapping[str, str], root: str) -> Any:
    found: dict[str, list[Any]] = {}
    for (name, zone), machine in sorted(machine_types().items()):
        body = {
            "kind": "compute#machineType",
            "id": "1",
            "name": name,
            "zone": zone,
            "guestCpus": machine.vcpus,
            "memoryMb": int(machine.memory_bytes / 2**20),
            "accelerators": [
                {
                    "guestAcceleratorType": CHIPS[machine.accelerator],
                    "guestAcceleratorCount": machine.devices,
                }
            ],
            "selfLink": f"{root}projects/{key.project}/zones/{zone}/machineTypes/{name}",
        }
        if fits(body, query.get("filter", "")):
            found.setdefault(f"zones/{zone}", []).append(body)
    if method.name == "aggregatedList":
        items = {scope: {"machineTypes": types} for scope, types in found.items()}
        return {"kind": "compute#machineTypeAggregatedList", "id": "list", "items": items}
    types = found.get(key.scope, [])
    if not key.name:
        return {"kind": "compute#machineTypeList", "id": "list", "items": types}
    wanted = next((body for body in types if body["name"] == key.name), None)
    if wanted is None:
        raise RefusedError(404, "notFound", f"The resource '{key.path}' was not found")
    return wanted


def _zones(method: Method, key: Key, query: Mapping[str, str], root: str) -> Any:
    names = sorted({zone for _, zone in machine_types()})
    zones = [{"kind": "compute#zone", "name": name, "status": "UP"} for name in names]
    return {"kind": "compute#zoneList", "id": "list", "items": zones}


Static = Callable[[Method, Key, Mapping[str, str], str], Any]

STATIC: Mapping[str, Static] = {"machineTypes": _machine_types, "zones": _zones}
