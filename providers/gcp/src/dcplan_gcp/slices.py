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
from dcplan_gcp.naming import LINEAGE, OWNER, Note, labels_of, name_of, request_id, tag
from dcplan_gcp.rest import FIRST_LOOK_S, LONGEST_PAUSE_S, last, pause
from dcplan_gcp.slice_views import (
    hosts_of,
    node_of,
    note_of,
    outputs_of,
    own_key,
    slice_of,
    state_of,
    view_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
            if state_of(there) in GOING:
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
        self.edit(str(request.object_id), lambda items: {**items, own_key(str(request.object_id)): text})
        return Ack(object_id=str(request.object_id))

    def begin_delete(self, request: Request) -> Ack:
        """The whole slice; the other hosts find it gone."""
        path = slice_of(str(request.object_id))
        there = self._rest.find(path)
        if there is not None:
            others = {host.lineage for host in self._owned(request)} - {request.lineage}
            if others:
                said = f"Hosts of {last(path)} belong to others, and are had and lost together: "
                raise errors.Denied(f"{said}let one state have them all, or forget them here.")
            if state_of(there) in GOING:
                return Ack(object_id=str(request.object_id))
        self._rest.send("DELETE", path, request_id=request_id(request.token), force="true")
        return Ack(object_id=str(request.object_id))

    def wait(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> dict[str, JsonValue]:
        """The slice is there; a slice that is not to be had is taken back, so that it does not come later."""
        path, pause_s = slice_of(ack.object_id), FIRST_LOOK_S
        while True:
            queued = self._rest.find(path)
            if queued is None:
                gone = errors.AlreadyGone(f"{request.address} ({ack.object_id}) does not exist.")
                raise self._refused.get(path, gone)
            state = state_of(queued)
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
        return outputs_of(ack.object_id, host)

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
        while self._rest.find(slice_of(ack.object_id)) is not None:
            pause(pause_s, stop)
            pause_s = min(pause_s * 1.6, LONGEST_PAUSE_S)

    def _owned(self, request: Request) -> list[Found]:
        """All hosts of the slice of a request, whose own host must be its owner's."""
        path = str(request.object_id)
        queued = self._rest.find(slice_of(path))
        hosts = [] if queued is None else [*hosts_of(queued, self._rest.find(node_of(path)))]
        mine = next((host for host in hosts if host.object_id == path), None)
        if mine is None:
            raise errors.AlreadyGone(f"{request.address} ({path}) does not exist.")
        if mine.lineage != request.lineage:
            raise errors.Denied(f"{path} does not belong to this state.")
        return hosts

    def set_owner(self, request: Request) -> None:
        """Another owner and name of one host: its note, and the label that its slice is searched by."""
        path = str(request.object_id)
        queued, node = self._rest.find(slice_of(path)), self._rest.find(node_of(path))
        if queued is None or path not in {host.object_id for host in hosts_of(queued, node)}:
            raise errors.AlreadyGone(f"{path} is no host of dcplan.")
        if node is None:
            raise errors.NotReady(f"{path} has no node yet, which its owner would stand on.")
        labels = {LINEAGE: tag(request.lineage)} if request.lineage else {}

        def handed(items: dict[str, str]) -> dict[str, str]:
            note = Note.read(items.get(own_key(path))) or note_of(queued)
            return items if note is None else {**items, own_key(path): note.handed_to(request).text}

        self.edit(path, handed, labels=labels)

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

    def edit(
        self,
        path: str,
        change: Callable[[dict[str, str]], dict[str, str]],
        *,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Change the metadata of the slice's node, which all its hosts read; and its lineage among labels."""
        node_path = node_of(path)
        with self._editing:
            node = self._rest.get(node_path)
            items = dict(node.get("metadata", {}))
            wanted = change(dict(items))
            body: dict[str, Any] = {} if wanted == items else {"metadata": wanted}
            if labels is not None:
                others = {k: v for k, v in node.get("labels", {}).items() if k != LINEAGE}
                body["labels"] = {**others, **labels}
            if body:
                self._rest.send("PATCH", node_path, body, updateMask=",".join(sorted(body)))

    def view(self, path: str) -> dict[str, Any] | None:
        """A host as if it were an instance; None where its slice is not there."""
        queued = self._rest.find(slice_of(path))
        return None if queued is None else view_of(path, queued, self._rest.find(node_of(path)))

    # Looking

    def lookup(self, request: Request) -> tuple[Found, ...]:
        """This host, in its slice."""
        if request.object_id is not None:
            path = request.object_id
        else:
            zone = self._places.zones(request.attributes)[0]
            base = f"projects/{self._rest.project}/locations/{zone}/queuedResources"
            path = f"{base}/{_slice_name(request)}/hosts/{request.address.name}"
        queued = self._rest.find(slice_of(path))
        if queued is None or state_of(queued) in GOING:
            return ()
        node = self._rest.find(node_of(path))
        return tuple(f for f in hosts_of(queued, node) if f.object_id == path)

    def listed(self, named: str) -> tuple[list[Found], list[dict[str, Any]]]:
        """All hosts of the slices whose names begin so, and as instances that things may run on."""
        base = f"projects/{self._rest.project}/locations/-"
        queued = self._rest.pages(f"{base}/queuedResources", "queuedResources")
        mine = [q for q in queued if f"/{named}" in q["name"] and state_of(q) not in GOING]
        if not mine:
            return [], []
        nodes = {n.get("queuedResource"): n for n in self._rest.pages(f"{base}/nodes", "nodes")}
        found = [host for q in mine for host in hosts_of(q, nodes.get(q["name"]))]
        views = [
            view_of(host.object_id, q, nodes.get(q["name"]))
            for q in mine
            for host in hosts_of(q, nodes.get(q["name"]))
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
            f"Cloud TPU makes no slices of several {machine}: they are managed instance groups with a "
            "workload policy."
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
