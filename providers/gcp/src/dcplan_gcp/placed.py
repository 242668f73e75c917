"""Replicas and jobs: one key in the metadata of each machine they run on.

A machine's agent reads the keys and keeps running what they say.  A replica has a group of network endpoints
besides, which the endpoint of its workload sends requests to.  The first machine is where the object is; the
others hold the same under the same key.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from dcplan.provider import errors
from dcplan.provider.lowering import REPLICA
from dcplan.provider.types import Ack, Found
from dcplan_gcp.agent import PREFIX
from dcplan_gcp.composite import Part, each, ensure, finish, go_on
from dcplan_gcp.kinds import INSTANCE
from dcplan_gcp.naming import Note, metadata_of, name_of, request_id, tag
from dcplan_gcp.rest import last, relative, scope_of
from dcplan_gcp.stores import told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from dcplan.provider.types import Request
    from dcplan.resources import JsonValue
    from dcplan_gcp.machines import Machines
    from dcplan_gcp.rest import Rest

FIRST_PORT = 8000
"""A replica listens on this port plus the number of its first device, as in the local data centre."""


class Placed:
    """Makes and finds what runs on machines.  Ids are ``<instance>#<key>``."""

    def __init__(self, rest: Rest, machines: Machines) -> None:
        self._rest = rest
        self._machines = machines
        self._lock = threading.Lock()
        self._groups: dict[str, str] = {}
        """Groups of replicas that are being deleted, by id."""

    def begin_create(self, request: Request) -> Ack:
        """The key, on the first machine."""
        machines = _machines(request)
        key, note = _key(request), _note(request, machines, self._group(request, machines[0]))

        def added(items: dict[str, str]) -> dict[str, str]:
            there = Note.read(items.get(key))
            if there is not None:
                there.must_be(request)
            return {**items, key: note.text}

        return self._edited(machines[0], key, added, request_id(request.token))

    def begin_update(self, request: Request) -> Ack:
        """The key anew, on the first machine; under another name, that of the new address."""
        machine, old = _split(request.object_id)
        there = self._owned(request, machine, old)
        key = old if there.address == request.address else _key(request)
        machines = there.machines or _machines(request)
        note = _note(request, machines, there.group or self._group(request, machines[0]))

        def changed(items: dict[str, str]) -> dict[str, str]:
            return {**{k: v for k, v in items.items() if k != old}, key: note.text}

        return self._edited(machine, key, changed, request_id(request.token))

    def begin_delete(self, request: Request) -> Ack:
        """The key away, from the first machine.  Where only that was done, the rest follows in the wait."""
        machine, key = _split(request.object_id)
        try:
            group = self._owned(request, machine, key).group
            if group is not None:
                with self._lock:
                    self._groups[str(request.object_id)] = group
        except errors.AlreadyGone:
            if request.address.kind == REPLICA and self._rest.find(self._group(request, machine)):
                # A kill came between: under its first name, at least, the rest is found.
                return Ack(object_id=str(request.object_id))
            raise

        def without(items: dict[str, str]) -> dict[str, str]:
            return {k: v for k, v in items.items() if k != key}

        return self._edited(machine, key, without, request_id(request.token))

    def _edited(
        self,
        machine: str,
        key: str,
        change: Callable[[dict[str, str]], dict[str, str]],
        first_id: str,
    ) -> Ack:
        try:
            operation = self._machines.edit(machine, change, first_id)
        except errors.AlreadyGone as gone:
            raise errors.Invalid(f"{key} was to run on a machine that is gone. {gone.detail}") from None
        done = None if operation is None else relative(operation["selfLink"])
        return Ack(object_id=f"{machine}#{key}", operation_id=done)

    def _owned(self, request: Request, machine: str, key: str) -> _There:
        """What stands under a key, which must be this owner's."""
        instance = self._machines.view(machine) if machine else None
        note = Note.read(metadata_of(instance or {}).get(key))
        if note is None:
            raise errors.AlreadyGone(f"{request.address} ({request.object_id or 'no id'}) does not exist.")
        if note.lineage != request.lineage:
            raise errors.Denied(f"{request.object_id} does not belong to this state.")
        return _There(note)

    # Waiting

    def wait(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> dict[str, JsonValue]:
        """It stands on all its machines, and a replica's endpoints are known."""
        finish(self._rest, ack, f"place {request.address}", stop)
        machine, key = _split(ack.object_id)
        instance = self._machines.get(machine)
        text = metadata_of(instance).get(key)
        note = Note.read(text)
        if note is None or text is None:
            raise errors.AlreadyGone(f"{request.address} ({ack.object_id}) does not exist.")
        each(lambda other: self._on(other, key, text, stop), _There(note).machines[1:])
        if request.address.kind != REPLICA:
            return {"id": ack.object_id}
        address, group = _address(instance, note.attributes), _There(note).group
        group = group or self._group(request, machine)
        self._reachable(request, instance, address, group, stop)
        return {"id": ack.object_id, "address": address, "group": group}

    def _on(self, machine: str, key: str, text: str, stop: Callable[[], bool]) -> None:
        operation = self._machines.edit(machine, lambda items: {**items, key: text})
        if operation is not None:
            self._rest.settled(operation, f"place {key}", within_s=None, stop=stop)

    def _off(self, machine: str, key: str, stop: Callable[[], bool]) -> None:
        if self._machines.view(machine) is None:
            return
        operation = self._machines.edit(machine, lambda items: {k: v for k, v in items.items() if k != key})
        if operation is not None:
            self._rest.settled(operation, f"remove {key}", within_s=None, stop=stop)

    def _reachable(
        self,
        request: Request,
        instance: Mapping[str, Any],
        address: str,
        group: str,
        stop: Callable[[], bool],
    ) -> None:
        """The replica's group has this machine and port in it, and nothing else."""
        nic = instance["networkInterfaces"][0]
        tpu = "tpu" in instance  # Its hosts are no instances of the project: they are named by address alone.
        body: dict[str, Any] = {
            "name": last(group),
            "networkEndpointType": "NON_GCP_PRIVATE_IP_PORT" if tpu else "GCE_VM_IP_PORT",
        }
        for key in ("network",) if tpu else ("network", "subnetwork"):
            if nic.get(key):
                body[key] = relative(nic[key])
        part = Part(scope=scope_of(group), collection="networkEndpointGroups", body=body)
        ensure(self._rest, request.token, [[part]], stop)
        path = group
        host, _, port = address.rpartition(":")
        wanted: dict[str, Any] = {"ipAddress": host, "port": int(port)}
        if not tpu:
            wanted["instance"] = instance["name"]
        there = self._endpoints(path)
        if wanted not in there:
            self._regrouped(path, "attachNetworkEndpoints", [wanted], request.token, stop)
        stale = [endpoint for endpoint in there if endpoint != wanted]
        if stale:
            self._regrouped(path, "detachNetworkEndpoints", stale, request.token, stop)

    def _endpoints(self, path: str) -> list[dict[str, Any]]:
        page = self._rest.send("POST", f"{path}/listNetworkEndpoints", {"healthStatus": "SKIP"})
        told = [item["networkEndpoint"] for item in page.get("items", [])]
        return [{k: e[k] for k in ("instance", "ipAddress", "port") if k in e} for e in told]

    def _regrouped(
        self, path: str, verb: str, endpoints: list[Any], token: str, stop: Callable[[], bool]
    ) -> None:
        body = {"networkEndpoints": endpoints}
        operation = self._rest.send("POST", f"{path}/{verb}", body, request_id=request_id(token, verb))
        self._rest.settled(operation, f"change {last(path)}", within_s=None, stop=stop)

    def wait_delete(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> None:
        """It is gone from all machines; its group as well, unless an endpoint still names it."""
        finish(self._rest, ack, f"remove {request.address}", stop)
        machine, key = _split(ack.object_id)
        others = [str(outputs.get("id")) for a, outputs in request.needs.items() if _is_machine(a)]
        each(lambda other: self._off(other, key, stop), [other for other in others if other != machine])
        if request.address.kind == REPLICA:
            self._unreachable(request, self._deleted(ack) or self._group(request, machine), stop)

    def _deleted(self, ack: Ack) -> str | None:
        """The group of what a delete of this process was about."""
        with self._lock:
            return self._groups.pop(ack.object_id, None)

    def _unreachable(self, request: Request, path: str, stop: Callable[[], bool]) -> None:
        if self._rest.find(path) is None:
            return
        there = self._endpoints(path)
        if there:
            self._regrouped(path, "detachNetworkEndpoints", there, request.token, stop)
        try:
            operation = self._rest.send("DELETE", path, request_id=request_id(request.token, "group"))
            self._rest.settled(operation, f"delete {last(path)}", within_s=None, stop=stop)
        except errors.Conflict:
            return  # An endpoint still names it, empty as it is; it goes with the endpoint.
        except errors.AlreadyGone:
            return

    def _group(self, request: Request, machine: str) -> str:
        """The path of a replica's group of network endpoints."""
        name = name_of(request.lineage, request.address)
        return self._rest.path(scope_of(machine) or "global", "networkEndpointGroups", name)

    def set_owner(self, request: Request) -> None:
        """Another owner and name in the note, on each machine."""
        machine, key = _split(request.object_id)
        instance = self._machines.view(machine) if machine else None
        note = Note.read(metadata_of(instance or {}).get(key))
        if note is None:
            raise errors.AlreadyGone(f"{request.address} ({request.object_id}) does not exist.")
        text = note.handed_to(request).text
        each(lambda one: self._on(one, key, text, go_on), _There(note).machines)

    # Looking

    def lookup(self, request: Request) -> tuple[Found, ...]:
        """Under the request's key, on its first machine."""
        machine = _split(request.object_id)[0] if request.object_id else _machines(request)[0]
        there = self._machines.view(machine)
        found = [] if there is None else survey([there])
        return tuple(f for f in found if f.address == request.address or f.object_id == request.object_id)


class _There:
    """What stands under a key."""

    def __init__(self, note: Note) -> None:
        machines = note.more.get("on")
        group = note.more.get("group")
        self.address = note.address
        self.group = group if isinstance(group, str) else None
        self.machines = [str(one) for one in machines] if isinstance(machines, (list, tuple)) else []


def survey(instances: Iterable[Mapping[str, Any]]) -> Iterator[Found]:
    """What runs on these instances, told where it begins; machines that lack it are left out of it."""
    keys = {relative(i["selfLink"]): metadata_of(i) for i in instances}
    by_path = {relative(i["selfLink"]): i for i in instances}
    for path, items in keys.items():
        for key, text in items.items():
            note = Note.read(text) if key.startswith(PREFIX) else None
            if note is None or not (on := _There(note).machines) or on[0] != path:
                continue
            lost = {name for name, place in _named(note, on) if key not in keys.get(place, {key: ""})}
            object_id = f"{path}#{key}"
            outputs: dict[str, JsonValue] = {"id": object_id}
            if note.address.kind == REPLICA:
                outputs["address"] = _address(by_path[path], note.attributes)
                outputs["group"] = _There(note).group
            yield Found(
                object_id=object_id,
                address=note.address,
                ready=not lost,
                attributes=_without(note.attributes, lost),
                outputs=outputs,
                token=note.token,
                lineage=note.lineage or None,
            )


def _named(note: Note, on: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The machines' names beside their ids."""
    names: list[str] = []
    for key in _SEATS:
        value = note.attributes.get(key)
        names += [str(name) for name in value] if isinstance(value, (list, tuple)) else []
    yield from zip(dict.fromkeys(names), on, strict=False)


def _without(attributes: Mapping[str, JsonValue], lost: set[str]) -> dict[str, JsonValue]:
    """The attributes, without machines that know nothing of it."""
    told = dict(attributes)
    for key in _SEATS:
        value = told.get(key)
        if isinstance(value, (list, tuple)) and lost.intersection(map(str, value)):
            told[key] = [name for name in value if name not in lost]
    return told


_SEATS = ("machines", "prefill_machines", "standby")


def _machines(request: Request) -> list[str]:
    """The ids of the machines it runs on, those that answer first; ``Invalid`` when one is not needed."""
    by_name = {a.split(".", 2)[2]: str(o.get("id")) for a, o in request.needs.items() if _is_machine(a)}
    names: list[str] = []
    for key in _SEATS:
        value = request.attributes.get(key)
        names += [str(name) for name in value] if isinstance(value, (list, tuple)) else []
    missing = [name for name in names if name not in by_name]
    if missing or not names:
        msg = f"{request.address} runs on machines, but {', '.join(missing) or 'none'} is among its needs."
        raise errors.Invalid(msg)
    return [by_name[name] for name in dict.fromkeys(names)]


def _is_machine(address: str) -> bool:
    """Whether a need is a machine, and not storage."""
    return address.split(".", 2)[1] == INSTANCE


def _key(request: Request) -> str:
    """The metadata key of what this request makes."""
    return f"{PREFIX}{request.address.kind}-{tag(f'{request.lineage} {request.address}')}"


def _note(request: Request, machines: Sequence[str], group: str) -> Note:
    more: dict[str, JsonValue] = {"on": list(machines)}
    if storage := told(request):
        more["storage"] = storage
    return Note.of(request, **more, **({"group": group} if request.address.kind == REPLICA else {}))


def _address(instance: Mapping[str, Any], attributes: Mapping[str, JsonValue]) -> str:
    """Where a replica answers: its first machine, the port of its first device."""
    devices = attributes.get("devices")
    first = devices[0] if isinstance(devices, (list, tuple)) and devices else 0
    host = instance["networkInterfaces"][0].get("networkIP", "")
    return f"{host}:{FIRST_PORT + (first if isinstance(first, int) else 0)}"


def _split(object_id: str | None) -> tuple[str, str]:
    machine, _, key = (object_id or "").partition("#")
    return machine, key
