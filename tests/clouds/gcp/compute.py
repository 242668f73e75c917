"""Compute Engine v1: objects of any collection, and what is special about some of them."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from clouds.gcp import managed, managed_rules, reservations, rules
from clouds.gcp.judge import Judge, Method
from clouds.gcp.world import Key, RefusedError, Thing, World, fingerprint, now, replayed

PATH = re.compile(
    r"/compute/v1/projects/(?P<project>[^/]+)/"
    r"(?:(?P<scope>global|aggregated|zones/[^/]+|regions/[^/]+)/)?(?P<collection>\w+)(?:/(?P<name>[^/]+))?.*"
)

WAIT_S = 2.0
"""How long ``wait`` of an operation takes at most; Google's is two minutes."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request."""

    method: Method
    key: Key
    query: Mapping[str, str]
    body: Any
    root: str
    """``http://127.0.0.1:1234/compute/v1/``."""

    @property
    def scope(self) -> dict[str, str]:
        """``zone`` or ``region``, as objects and operations tell it."""
        kind, _, name = self.key.scope.partition("/")
        if not name:
            return {}
        return {kind.removesuffix("s"): f"{self.root}projects/{self.key.project}/{self.key.scope}"}


class Compute:
    """Serves the methods of ``compute.v1``."""

    def __init__(self, world: World, judge: Judge) -> None:
        self.world, self.judge = world, judge

    def serve(self, method: Method, path: str, query: Mapping[str, str], body: Any, root: str) -> Any:
        """The answer."""
        found = PATH.fullmatch(path)
        if found is None:
            raise RefusedError(501, "notImplemented", f"{method.id} is not served here")
        key = managed.request_key(path) or Key(
            found["project"], found["scope"] or "", found["collection"], found["name"] or ""
        )
        call = Call(method, key, query, body, f"{root}/compute/v1/")
        if key.collection == "operations":
            return self._operation(call)
        with self.world.lock:
            self.world.sweep()
            managed.reconcile(self.world, call.root)
            if method.verb == "GET" or method.name.startswith("list"):
                return self._read(call)
            known = replayed(self.world, query)
            if known is not None:
                return self._told(known)
            act = _SPECIAL.get((method.resource, method.name)) or _GENERAL.get(method.name)
            if act is None:
                raise RefusedError(501, "notImplemented", f"{method.id} is not served here")
            answer: dict[str, Any] = act(self, call)
            if "requestId" in query:
                self.world.replays[query["requestId"]] = answer["name"]
            return answer

    # Reading

    def _read(self, call: Call) -> Any:
        if call.key.collection in rules.STATIC:
            return rules.STATIC[call.key.collection](call.method, call.key, call.query, call.root)
        if call.method.name == "aggregatedList":
            return self._aggregated(call)
        if call.method.name == "listNetworkEndpoints":
            endpoints = self.world.there(call.key).body.get("-endpoints", [])
            return self._page(call, [{"networkEndpoint": e} for e in endpoints])
        if (call.method.resource, call.method.name) in managed.LISTS:
            part, items = managed.LISTS[call.method.resource, call.method.name](
                self.world, call.key, call.root
            )
            page = self._page(call, items)
            return {
                name: value
                for name, value in ((part, page.pop("items")), *page.items())
                if name not in ("id", "kind")
            }
        if call.method.name == "list" or (call.method.verb == "GET" and not call.key.name):
            found = self.world.in_collection(call.key.collection, call.key.project, call.key.scope)
            return self._page(call, self._wanted(call, found))
        return self._shown(call.key, self.world.there(call.key))

    def _wanted(self, call: Call, found: list[tuple[Key, Thing]]) -> list[Any]:
        shown = (self._shown(key, thing) for key, thing in found)
        return [body for body in shown if rules.fits(body, call.query.get("filter", ""))]

    def _page(self, call: Call, items: list[Any]) -> dict[str, Any]:
        size = min(int(call.query.get("maxResults", 500)), self.world.weather.page)
        start = int(call.query.get("pageToken") or 0)
        known = self.judge.properties(call.method, "response")
        page: dict[str, Any] = {"id": "list", "items": items[start : start + size]}
        if "kind" in known:
            page["kind"] = known["kind"].get("default", "compute#list")
        if start + size < len(items):
            page["nextPageToken"] = str(start + size)
        return page

    def _aggregated(self, call: Call) -> dict[str, Any]:
        found = self.world.in_collection(call.key.collection, call.key.project, None)
        fitting = [
            (key, thing)
            for key, thing in found
            if rules.fits(self._shown(key, thing), call.query.get("filter", ""))
        ]
        size = min(int(call.query.get("maxResults", 500)), self.world.weather.page)
        start = int(call.query.get("pageToken") or 0)
        scopes: dict[str, Any] = {}
        for key, thing in fitting[start : start + size]:
            scopes.setdefault(key.scope, {}).setdefault(call.key.collection, []).append(
                self._shown(key, thing)
            )
        page: dict[str, Any] = {"id": "list", "items": scopes, "kind": "compute#aggregatedList"}
        if start + size < len(fitting):
            page["nextPageToken"] = str(start + size)
        return page

    def _shown(self, key: Key, thing: Thing) -> dict[str, Any]:
        """As it is now, without our own notes."""
        body = {name: value for name, value in thing.body.items() if not name.startswith("-")}
        if body.get("kind") == "compute#instance" and body["status"] != "TERMINATED":
            body["status"] = rules.status_of(thing, time.monotonic())
        if key.collection in rules.RESERVED:
            reservations.shown(self.world, key, thing, body)
        if body.get("kind") == "compute#instanceGroupManager":
            body |= managed.shown(self.world, thing)
        return body

    # Operations

    def started(
        self,
        call: Call,
        kind: str,
        target: Mapping[str, Any],
        *,
        after_s: float | None = None,
        error: tuple[str, str, int, str] | None = None,
    ) -> dict[str, Any]:
        """The operation of a call that was taken."""
        name = f"operation-{uuid.uuid4().hex}"
        where = f"{call.root}projects/{call.key.project}/{call.key.scope}"
        body = {
            "kind": "compute#operation",
            "id": self.world.new_id(),
            "name": name,
            "operationType": kind,
            "targetLink": target["selfLink"],
            "targetId": target["id"],
            "status": "RUNNING",
            "progress": 0,
            "user": "somebody@example.com",
            "insertTime": now(),
            "startTime": now(),
            "selfLink": f"{where}/operations/{name}",
            **call.scope,
        }
        about = target["selfLink"].removeprefix(call.root)
        for fault in self.world.struck(call.method.id, about, ("operation",)):
            error = (fault.code, fault.message, fault.status, "INJECTED")
        takes_s = self.world.weather.operation_s if after_s is None else after_s
        return self.world.begun(body, after_s=takes_s, error=error)

    def _operation(self, call: Call) -> dict[str, Any]:
        until_s = time.monotonic() + (WAIT_S if call.method.name == "wait" else 0.0)
        while True:
            with self.world.lock:
                body = self._told(call.key.name)
            if body["status"] == "DONE" or time.monotonic() >= until_s:
                return body
            time.sleep(0.005)

    def _told(self, name: str) -> dict[str, Any]:
        operation = self.world.operations.get(name)
        if operation is None:
            raise RefusedError(404, "notFound", f"The resource 'operations/{name}' was not found")
        if operation.done_s <= time.monotonic() and operation.body["status"] != "DONE":
            operation.body.update(status="DONE", progress=100, endTime=now())
            if operation.error:
                code, message, status, words = operation.error
                operation.body["error"] = {"errors": [{"code": code, "message": message}]}
                operation.body.update(httpErrorStatusCode=status, httpErrorMessage=words)
        return dict(operation.body)

    # Writing

    def insert(self, call: Call) -> dict[str, Any]:
        """A new object of any collection."""
        name = call.body.get("name")
        if not name:
            raise RefusedError(400, "required", "Required field 'resource.name' not specified")
        key = Key(call.key.project, call.key.scope, call.key.collection, name)
        if key in self.world.things:
            raise RefusedError(409, "alreadyExists", f"The resource '{key.path}' already exists")
        rules.check_references(self.world, call.body)
        refused = rules.refuses(self.world, call.method, key, call.body)
        body = self._filled(call, key)
        weather = self.world.weather
        answer = self.started(call, "insert", body, error=refused)
        failed = self.world.operations[answer["name"]].error is not None
        settled_s = time.monotonic() + weather.operation_s
        thing = self.world.put(key, body, settled_s=settled_s, ready_s=settled_s + weather.boot_s)
        flexible = body.get("scheduling", {}).get("provisioningModel") == "FLEX_START"
        if failed and flexible:
            # It waits, and its operation is done; what does not come in time is gone.
            self.world.operations[answer["name"]].error = None
            thing.queued_s, thing.gone_s = float("inf"), settled_s + weather.valid_s
        elif failed:
            thing.gone_s = settled_s
        elif flexible:
            thing.queued_s = settled_s + weather.queue_s
            thing.ready_s = thing.queued_s + weather.boot_s
        else:
            managed.after_insert(self.world, key, thing)
        return answer

    def _filled(self, call: Call, key: Key) -> dict[str, Any]:
        """What was asked for, and what the server says of it."""
        known = self.judge.properties(call.method, "request")
        body = {
            **call.body,
            "id": self.world.new_id(),
            "creationTimestamp": now(),
            "selfLink": f"{call.root}{key.path}",
            **call.scope,
        }
        if "kind" in known:
            body["kind"] = known["kind"].get("default", f"compute#{key.collection}")
        if "labelFingerprint" in known:
            body["labelFingerprint"] = fingerprint(body.get("labels", {}))
        if "fingerprint" in known:
            body["fingerprint"] = fingerprint(body)
        rules.complete(self.world, key, body)
        if key.collection in rules.RESERVED:
            fits = rules.room(self.world, key, reservations.machine_of(key, body), own=False)
            wanted = int(body.get("specificSkuProperties", {}).get("totalCount", 0))
            enough = fits is None or wanted <= fits
            reservations.complete(self.world, key, body, call.root, fits=enough)
        return {name: value for name, value in body.items() if name in known or name.startswith("-")}

    def delete(self, call: Call) -> dict[str, Any]:
        """An object that nobody uses goes."""
        key = rules.resolved(self.world, call.key)
        thing = self.world.there(key, unseen=True)
        users = [] if key.collection == "instances" else self.world.users_of(key)
        if key.collection in rules.RESERVED:
            reservations.refuses_delete(self.world, key, thing)
        if users:
            raise RefusedError(
                400,
                "resourceInUseByAnotherResource",
                f"The {key.collection} resource '{key.path}' is already being used by '{users[0].path}'",
            )
        takes_s = self.world.weather.delete_s
        thing.gone_s = min(thing.gone_s, time.monotonic() + takes_s)
        return self.started(call, "delete", thing.body, after_s=takes_s)

    def change(self, call: Call) -> dict[str, Any]:
        """Patch or update: fields are replaced, by whoever knows the newest fingerprint."""
        thing = self.world.there(call.key, unseen=True)
        rules.check_references(self.world, call.body)
        rules.check_description(call.body)
        managed_rules.check_backends(call.body)
        if call.key.collection in rules.FINGERPRINTED:
            self._newest(call.body.get("fingerprint"), thing.body["fingerprint"])
        thing.body.update({name: value for name, value in call.body.items() if name != "fingerprint"})
        if "fingerprint" in thing.body:
            thing.body["fingerprint"] = fingerprint([thing.body, self.world.new_id()])
        return self.started(call, call.method.name, thing.body)

    def set_labels(self, call: Call) -> dict[str, Any]:
        """Other labels, by whoever knows the newest fingerprint."""
        thing = self.world.there(call.key, unseen=True)
        self._newest(call.body.get("labelFingerprint"), thing.body["labelFingerprint"])
        rules.check_labels(call.body.get("labels", {}))
        thing.body["labels"] = call.body.get("labels", {})
        thing.body["labelFingerprint"] = fingerprint([thing.body["labels"], self.world.new_id()])
        return self.started(call, "setLabels", thing.body)

    def set_metadata(self, call: Call) -> dict[str, Any]:
        """All of an instance's metadata anew, by whoever knows the newest fingerprint."""
        thing = self.world.there(call.key, unseen=True)
        self._newest(call.body.get("fingerprint"), thing.body["metadata"]["fingerprint"])
        rules.check_metadata(call.body)
        items = call.body.get("items", [])
        mark = fingerprint([items, self.world.new_id()])
        thing.body["metadata"] = {"kind": "compute#metadata", "items": items, "fingerprint": mark}
        return self.started(call, "setMetadata", thing.body)

    def attach(self, call: Call) -> dict[str, Any]:
        """Endpoints of a group, more of them."""
        group = self.world.there(call.key, unseen=True)
        there = group.body.setdefault("-endpoints", [])
        for endpoint in call.body["networkEndpoints"]:
            if "instance" in endpoint:
                there_is = Key(call.key.project, call.key.scope, "instances", endpoint["instance"])
                self.world.there(there_is, unseen=True)
            if endpoint not in there:
                there.append(endpoint)
        group.body["size"] = len(there)
        return self.started(call, "attachNetworkEndpoints", group.body)

    def detach(self, call: Call) -> dict[str, Any]:
        """Endpoints of a group, fewer of them."""
        group = self.world.there(call.key, unseen=True)
        there = group.body.setdefault("-endpoints", [])
        for endpoint in call.body["networkEndpoints"]:
            if endpoint not in there:
                raise RefusedError(400, "invalid", f"The endpoint {endpoint} is not in the group")
            there.remove(endpoint)
        group.body["size"] = len(there)
        return self.started(call, "detachNetworkEndpoints", group.body)

    def resize_reservation(self, call: Call) -> dict[str, Any]:
        """Another number of machines kept."""
        thing = self.world.there(call.key, unseen=True)
        machine = reservations.machine_of(call.key, thing.body)
        room = rules.room(self.world, call.key, machine, own=True)
        count = int(call.body["specificSkuCount"])
        failed = reservations.resized(self.world, call.key, thing, count, room)
        return self.started(call, "resize", thing.body, error=failed)

    def cancel(self, call: Call) -> dict[str, Any]:
        """A future reservation is not wanted any more."""
        thing = self.world.there(call.key, unseen=True)
        reservations.cancelled(self.world, call.key, thing)
        return self.started(call, "cancel", thing.body)

    @staticmethod
    def _newest(told: object, wanted: object) -> None:
        if told != wanted:
            raise RefusedError(
                412, "conditionNotMet", "Supplied fingerprint does not match current fingerprint."
            )


Act = Callable[[Compute, Call], dict[str, Any]]

_GENERAL: Mapping[str, Act] = {
    "insert": Compute.insert,
    "delete": Compute.delete,
    "patch": Compute.change,
    "update": Compute.change,
    "setLabels": Compute.set_labels,
}

_SPECIAL: Mapping[tuple[str, str], Act] = {
    ("instances", "setMetadata"): Compute.set_metadata,
    ("reservations", "resize"): Compute.resize_reservation,
    ("futureReservations", "cancel"): Compute.cancel,
    **managed.ACTS,
    ("networkEndpointGroups", "attachNetworkEndpoints"): Compute.attach,
    ("networkEndpointGroups", "detachNetworkEndpoints"): Compute.detach,
}
