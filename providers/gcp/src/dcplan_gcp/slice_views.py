"""How a slice of TPU hosts looks: as hosts that the state knows, as instances that things run on.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dcplan.provider.types import Found
from dcplan.resources import Address
from dcplan_gcp.naming import OWNER, Note, tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dcplan.resources import JsonValue


def own_key(path: str) -> str:
    """Where the note of one host stands, in the metadata of its slice's node."""
    return f"{OWNER}-{tag(path)}"


def slice_of(path: str) -> str:
    """The queued resource of a host."""
    return path.partition("/hosts/")[0]


def node_of(path: str) -> str:
    """The node that a queued resource becomes."""
    return slice_of(path).replace("/queuedResources/", "/nodes/")


def state_of(queued: Mapping[str, Any]) -> str:
    """Where a queued resource is."""
    return str(queued.get("state", {}).get("state", "STATE_UNSPECIFIED"))


def asked_of(queued: Mapping[str, Any]) -> dict[str, Any]:
    """The node that was asked for."""
    specs = queued.get("tpu", {}).get("nodeSpec") or [{}]
    return dict(specs[0].get("node", {}))


def note_of(queued: Mapping[str, Any]) -> Note | None:
    """The note that a slice was ordered with, of the host that ordered it."""
    return Note.read(asked_of(queued).get("metadata", {}).get(OWNER))


def hosts_of(queued: Mapping[str, Any], node: Mapping[str, Any] | None) -> Iterator[Found]:
    """The hosts of a slice, each as the state knows it."""
    slice_note = note_of(queued)
    told = None if slice_note is None else slice_note.attributes.get("slice")
    names = told.get("hosts") if isinstance(told, dict) else None
    if slice_note is None or not isinstance(names, (list, tuple)):
        return
    items = (node or {}).get("metadata", {})
    for name in map(str, names):
        path = f"{queued['name']}/hosts/{name}"
        note = Note.read(items.get(own_key(path)))
        host = view_of(path, queued, node)
        yield Found(
            object_id=path,
            address=note.address if note else Address(slice_note.address.provider, "instance", name),
            ready=host["status"] == "RUNNING",
            attributes=(note or slice_note).attributes,
            outputs=outputs_of(path, host),
            token=note.token if note else None,
            lineage=(note or slice_note).lineage or None,
        )


def view_of(path: str, queued: Mapping[str, Any], node: Mapping[str, Any] | None) -> dict[str, Any]:
    """A host as if it were an instance of Compute Engine, marked as ``tpu``."""
    here: Mapping[str, Any] = node or asked_of(queued)
    note = note_of(queued)
    told = note.attributes.get("slice") if note else None
    names = told.get("hosts") if isinstance(told, dict) else None
    number = list(names).index(path.rpartition("/")[2]) if isinstance(names, (list, tuple)) else 0
    addresses = here.get("networkEndpoints") or []
    running = state_of(queued) == "ACTIVE" and here.get("state") == "READY"
    return {
        "selfLink": path,
        "name": path.rpartition("/")[2],
        "zone": path.split("/")[3],
        "status": "RUNNING" if running else "PROVISIONING",
        "tpu": True,
        "metadata": {"items": [{"key": k, "value": v} for k, v in here.get("metadata", {}).items()]},
        "networkInterfaces": [
            {
                "networkIP": addresses[number]["ipAddress"] if number < len(addresses) else None,
                **here.get("networkConfig", {}),
            }
        ],
    }


def outputs_of(path: str, host: Mapping[str, Any]) -> dict[str, JsonValue]:
    """What a host answers."""
    return {"id": path, "address": host["networkInterfaces"][0]["networkIP"], "zone": host["zone"]}
