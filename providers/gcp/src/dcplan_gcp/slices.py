"""Slices of several TPU hosts: one queued resource of Cloud TPU each, which all hosts of a gang share.

A host is a resource like any machine, and its id names the queued resource it is a part of.  The first
host's create orders the slice, the others find it; the first delete takes it away, the others find it gone:
hosts of a slice are had and lost together.  What was asked for, and what runs, stands in the metadata of the
slice's node.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

from dcplan.provider import errors
from dcplan.provider.start_up import KEY, check_planned
from dcplan.provider.types import Ack, Found
from dcplan.resources import Address
from dcplan_gcp.answers import rpc_failure
from dcplan_gcp.composite import SOON_S, go_on
from dcplan_gcp.launch import lot_of
from dcplan_gcp.naming import OWNER, Note, labels_of, name_of, request_id, tag
from dcplan_gcp.rest import FIRST_LOOK_S, LONGEST_PAUSE_S, pause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dcplan.provider.types import Request
    from dcplan.resources import JsonValue
    from dcplan_gcp.instances import Instances
    from dcplan_gcp.places import Places
    from dcplan_gcp.rest import Rest
    from dcplan_gcp.settings import GcpSettings

TYPES: Mapping[str, tuple[str, int, str]] = {
    "ct5lp-": ("v5litepod", 1, "v2-alpha-tpuv5-lite"),
    "ct5p-": ("v5p", 2, "v2-alpha-tpuv5"),
    "ct6e-": ("v6e", 1, "v2-alpha-tpuv6e"),
}
"""By machine type: the slice's family, what its number counts of each chip (two TensorCores), its runtime.

Source: Cloud TPU documentation, "TPU configurations" and "TPU software versions" (2026-08).
"""

WAITS = "600s"
"""How long a slice that is wanted now may wait for hosts, before another place is tried."""

COMING = frozenset({"STATE_UNSPECIFIED", "CREATING", "ACCEPTED", "PROVISIONING", "WAITING_FOR_RESOURCES"})
GOING = frozenset({"DELETING", "SUSPENDING"})


def is_slice(attributes: Mapping[str, JsonValue], object_id: str | None = None) -> bool:
    """Whether a machine is a host of a slice."""
    return "/queuedResources/" in (object_id or "") or isinstance(attributes.get("slice"), dict)


class Slices:
    """Makes and finds hosts of slices."""

    def __init__(self, rest: Rest, settings: GcpSettings, instances: Instances, places: Places) -> None:
        self._rest = rest
        self._settings = settings
        self._instances = instances
        self._places = places
        self._editing = threading.Lock()
        self._refused: dict[str, errors.CapacityUnavailable] = {}
        """Slices that were not to be had and were taken back, by path: all their hosts are told so."""

    def begin_create(self, request: Request) -> Ack:
        """Order the slice, unless another host has."""
        zone = self._places.zones(request.attributes)[0]
        name = _slice_name(request)
        path = f"projects/{self._rest.project}/locations/{zone}/queuedResources/{name}"
        ack = Ack(object_id=f"{path}/hosts/{request.address.name}")
        there = self._rest.find(path)
        if there is not None:
            if _state(there) in GOING:
                raise errors.NotReady(f"{name} of the same name is still being deleted.", retry_after_s=5.0)
            return ack
        self._refused.pop(path, None)
        body = self._body(request, zone, name)
        try:
            operation = self._rest.send(
                "POST",
                path.rpartition("/")[0],
                body,
                request_id=request_id(request.token, zone),
                queuedResourceId=name,
            )
            self._settled(operation, f"order {name}", within_s=SOON_S)
        except errors.Conflict:
            return ack  # Another host was quicker.
        except errors.AlreadyGone as missing:
            raise errors.Invalid(missing.detail) from None
        return ack

    def _body(self, request: Request, zone: str, name: str) -> dict[str, Any]:
        """The queued resource, with the one node it is to become."""
        check_planned(request.attributes.get(KEY), self._settings.start_up_file)
        ask = request.attributes
        nic = self._instances.nics(request, zone)[0]
        net = {key: nic[key] for key in ("network", "subnetwork") if key in nic}
        node: dict[str, Any] = {
            "acceleratorType": accelerator_type(str(ask["machine"]), _size(request)),
            "runtimeVersion": _type(str(ask["machine"]))[2],
            "networkConfig": {**net, "enableExternalIps": self._settings.public_addresses},
            "labels": labels_of(request),
            "metadata": {**self._settings.boot_metadata, OWNER: Note.of(request).text},
        }
        if self._settings.service_account:
            node["serviceAccount"] = {
                "email": self._settings.service_account,
                "scope": ["https://www.googleapis.com/auth/cloud-platform"],
            }
        bought = _bought(str(ask.get("purchase")), lot_of(ask), self._rest.project, zone)
        if "reservationName" in bought:
            node["schedulingConfig"] = {"reserved": True}
        parent = f"projects/{self._rest.project}/locations/{zone}"
        return {"tpu": {"nodeSpec": [{"parent": parent, "nodeId": name, "node": node}]}, **bought}

    def begin_update(self, request: Request) -> Ack:
        """A note of this host's own, beside that of the slice."""
        self._owned(request)
        text = Note.of(request).text
        self.edit(str(request.object_id), lambda items: {**items, _own(request): text})
        return Ack(object_id=str(request.object_id))

    def begin_delete(self, request: Request) -> Ack:
        """The whole slice; the other hosts find it gone."""
        path = _slice(str(request.object_id))
        there = self._rest.find(path)
        if there is not None:
            self._owned(request)
            if _state(there) in GOING:
                return Ack(object_id=str(request.object_id))
        self._rest.send("DELETE", path, request_id=request_id(request.token), force="true")
        return Ack(object_id=str(request.object_id))

    def wait(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> dict[str, JsonValue]:
        """The slice is there; a slice that is not to be had is taken back, so that it does not come later."""
        path, pause_s = _slice(ack.object_id), FIRST_LOOK_S
        while True:
            queued = self._rest.find(path)
            if queued is None:
                gone = errors.AlreadyGone(f"{request.address} ({ack.object_id}) does not exist.")
                raise self._refused.get(path, gone)
            state = _state(queued)
            if state == "ACTIVE":
                break
            if state not in COMING:
                refused = errors.CapacityUnavailable(f"Cloud TPU has no hosts for {path}: it is {state}.")
                self._refused.setdefault(path, refused)
                if state not in GOING:
                    self._taken_back(request, path, stop)
                raise self._refused[path]
            pause(pause_s, stop)
            pause_s = min(pause_s * 1.6, LONGEST_PAUSE_S)
        while (host := self.view(ack.object_id)) is None or host["status"] != "RUNNING":
            pause(pause_s, stop)
        return _outputs(ack.object_id, host)

    def _taken_back(self, request: Request, path: str, stop: Callable[[], bool]) -> None:
        try:
            self._rest.send("DELETE", path, request_id=request_id(request.token, "back"), force="true")
        except errors.AlreadyGone:
            return
        while self._rest.find(path) is not None:
            pause(FIRST_LOOK_S, stop)

    def wait_delete(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> None:
        """The slice is gone."""
        del request
        pause_s = FIRST_LOOK_S
        while self._rest.find(_slice(ack.object_id)) is not None:
            pause(pause_s, stop)
            pause_s = min(pause_s * 1.6, LONGEST_PAUSE_S)

    def _owned(self, request: Request) -> None:
        """The slice of a request must be its owner's."""
        queued = self._rest.find(_slice(str(request.object_id)))
        if queued is None:
            raise errors.AlreadyGone(f"{request.address} ({request.object_id}) does not exist.")
        note = _note(queued)
        if note is None or note.lineage != request.lineage:
            raise errors.Denied(f"{request.object_id} does not belong to this state.")

    def _settled(self, operation: Mapping[str, Any], what: str, *, within_s: float) -> None:
        """Look at an operation for a while; raises the error it ended with."""
        left_s, pause_s = within_s, FIRST_LOOK_S
        while not operation.get("done") and left_s > 0:
            pause(pause_s, go_on)
            left_s -= pause_s
            pause_s = min(pause_s * 1.6, LONGEST_PAUSE_S)
            try:
                operation = self._rest.get(str(operation["name"]))
            except errors.ProviderError:
                return  # What was begun goes on, whether anybody can see it or not.
        problem = rpc_failure(operation, what)
        if problem is not None:
            raise problem

    # What runs there

    def edit(self, path: str, change: Callable[[dict[str, str]], dict[str, str]]) -> None:
        """Change the metadata of the slice's node, which all its hosts read."""
        node_path = _node(path)
        with self._editing:
            node = self._rest.get(node_path)
            items = dict(node.get("metadata", {}))
            wanted = change(dict(items))
            if wanted != items:
                self._rest.send("PATCH", node_path, {"metadata": wanted}, updateMask="metadata")

    def view(self, path: str) -> dict[str, Any] | None:
        """A host as if it were an instance; None where its slice is not there."""
        queued = self._rest.find(_slice(path))
        return None if queued is None else _view(path, queued, self._rest.find(_node(path)))

    # Looking

    def lookup(self, request: Request) -> tuple[Found, ...]:
        """This host, in its slice."""
        if request.object_id is not None:
            path = request.object_id
        else:
            zone = self._places.zones(request.attributes)[0]
            base = f"projects/{self._rest.project}/locations/{zone}/queuedResources"
            path = f"{base}/{_slice_name(request)}/hosts/{request.address.name}"
        queued = self._rest.find(_slice(path))
        if queued is None or _state(queued) in GOING:
            return ()
        node = self._rest.find(_node(path))
        return tuple(f for f in _hosts(queued, node) if f.object_id == path)

    def listed(self, lineage_tag: str) -> tuple[list[Found], list[dict[str, Any]]]:
        """All hosts of a lineage's slices, and as instances that things may run on."""
        base = f"projects/{self._rest.project}/locations/-"
        queued = self._rest.pages(f"{base}/queuedResources", "queuedResources")
        mine = [q for q in queued if f"/dcplan-{lineage_tag}-" in q["name"] and _state(q) not in GOING]
        if not mine:
            return [], []
        nodes = {n.get("queuedResource"): n for n in self._rest.pages(f"{base}/nodes", "nodes")}
        found = [host for q in mine for host in _hosts(q, nodes.get(q["name"]))]
        views = [
            _view(host.object_id, q, nodes.get(q["name"]))
            for q in mine
            for host in _hosts(q, nodes.get(q["name"]))
        ]
        return found, views


def accelerator_type(machine: str, hosts: int) -> str:
    """The name of a slice of so many hosts: ``v5p-16`` is four hosts, of four chips with two cores each."""
    family, counts, _ = _type(machine)
    found = re.search(r"-(\d+)t$", machine)
    chips = int(found[1]) if found else 0
    return f"{family}-{hosts * chips * counts}"


def _type(machine: str) -> tuple[str, int, str]:
    known = next((about for start, about in TYPES.items() if machine.startswith(start)), None)
    if known is None:
        msg = (
            f"dcplan-gcp cannot make slices of several {machine}: they need managed instance groups with a "
            "workload policy, which it does not make yet."
        )
        raise errors.Invalid(msg)
    return known


def _bought(purchase: str, lot: str | None, project: str, zone: str) -> dict[str, Any]:
    """How a slice is bought."""
    soon = {"queueingPolicy": {"validUntilDuration": WAITS}}
    if purchase in {"on-demand", "committed"}:
        return {"guaranteed": {}, **soon}
    if purchase == "spot":
        return {"spot": {}, **soon}
    if purchase == "queued":
        return {"guaranteed": {}}
    if purchase in {"reservation", "capacity-block"} and lot is not None:
        name = f"projects/{project}/locations/{zone}/reservations/{lot}"
        return {"guaranteed": {}, "reservationName": name}
    msg = f"dcplan-gcp does not buy slices as {purchase}" + (" without a name." if lot is None else ".")
    raise errors.Invalid(msg)


def _slice_name(request: Request) -> str:
    gang = request.attributes.get("gang")
    named = gang.get("name") if isinstance(gang, dict) else request.address.name
    address = Address(request.address.provider, "slice", f"{named}-{_size(request)}")
    return name_of(request.lineage, address)


def _size(request: Request) -> int:
    told = request.attributes.get("slice")
    hosts = told.get("hosts") if isinstance(told, dict) else None
    if not isinstance(hosts, (list, tuple)):
        raise errors.Invalid(f"{request.address} does not say of which slice it is.")
    return len(hosts)


def _own(request: Request) -> str:
    return f"{OWNER}-{tag(str(request.object_id))}"


def _slice(path: str) -> str:
    """The queued resource of a host."""
    return path.partition("/hosts/")[0]


def _node(path: str) -> str:
    """The node that a queued resource becomes."""
    return _slice(path).replace("/queuedResources/", "/nodes/")


def _state(queued: Mapping[str, Any]) -> str:
    return str(queued.get("state", {}).get("state", "STATE_UNSPECIFIED"))


def _asked(queued: Mapping[str, Any]) -> dict[str, Any]:
    """The node that was asked for."""
    specs = queued.get("tpu", {}).get("nodeSpec") or [{}]
    return dict(specs[0].get("node", {}))


def _note(queued: Mapping[str, Any]) -> Note | None:
    return Note.read(_asked(queued).get("metadata", {}).get(OWNER))


def _hosts(queued: Mapping[str, Any], node: Mapping[str, Any] | None) -> Iterator[Found]:
    """The hosts of a slice, each as the state knows it."""
    slice_note = _note(queued)
    told = None if slice_note is None else slice_note.attributes.get("slice")
    names = told.get("hosts") if isinstance(told, dict) else None
    if slice_note is None or not isinstance(names, (list, tuple)):
        return
    items = (node or {}).get("metadata", {})
    for name in map(str, names):
        path = f"{queued['name']}/hosts/{name}"
        note = Note.read(items.get(f"{OWNER}-{tag(path)}"))
        host = _view(path, queued, node)
        yield Found(
            object_id=path,
            address=note.address if note else Address(slice_note.address.provider, "instance", name),
            ready=host["status"] == "RUNNING",
            attributes=(note or slice_note).attributes,
            outputs=_outputs(path, host),
            token=note.token if note else None,
            lineage=slice_note.lineage,
        )


def _view(path: str, queued: Mapping[str, Any], node: Mapping[str, Any] | None) -> dict[str, Any]:
    """A host as if it were an instance of Compute Engine, marked as ``tpu``."""
    here: Mapping[str, Any] = node or _asked(queued)
    note = _note(queued)
    told = note.attributes.get("slice") if note else None
    names = told.get("hosts") if isinstance(told, dict) else None
    number = list(names).index(path.rpartition("/")[2]) if isinstance(names, (list, tuple)) else 0
    addresses = here.get("networkEndpoints") or []
    running = _state(queued) == "ACTIVE" and here.get("state") == "READY"
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


def _outputs(path: str, host: Mapping[str, Any]) -> dict[str, JsonValue]:
    return {"id": path, "address": host["networkInterfaces"][0]["networkIP"], "zone": host["zone"]}
