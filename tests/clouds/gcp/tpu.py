"""Cloud TPU v2: queued resources, the nodes that come of them, and operations."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

from clouds.gcp.judge import Judge, Method
from clouds.gcp.world import Key, RefusedError, Thing, World, now, replayed

PATH = re.compile(
    r"/v2/projects/(?P<project>[^/]+)/locations/(?P<zone>[^/]+)/(?P<collection>\w+)(?:/(?P<name>[^/:]+))?.*"
)

HOST_CHIPS = 4
"""Chips on each host of a slice of several hosts."""

CORES = {"v5p": 2}
"""TensorCores a chip, where a slice's name counts these; the others count chips."""


class Tpu:
    """Serves the methods of ``tpu.v2``."""

    def __init__(self, world: World, judge: Judge) -> None:
        self.world, self.judge = world, judge

    def serve(self, method: Method, path: str, query: Mapping[str, str], body: Any, root: str) -> Any:
        """The answer."""
        del root
        found = PATH.fullmatch(path)
        if found is None:
            raise RefusedError(501, "notImplemented", f"{method.id} is not served here")
        key = Key(found["project"], f"locations/{found['zone']}", found["collection"], found["name"] or "")
        with self.world.lock:
            self.world.sweep()
            if key.collection == "operations":
                return self._operation(path)
            if method.name == "list":
                return self._listed(key, query)
            if method.name == "get":
                return self._shown(key, self._there(key))
            known = replayed(self.world, query)
            if known is not None:
                return self.world.operations[known].body
            act = {"create": self._create, "delete": self._delete, "patch": self._patch}.get(method.name)
            if act is None:
                raise RefusedError(501, "notImplemented", f"{method.id} is not served here")
            answer = act(key, query, body)
            if "requestId" in query:
                self.world.replays[query["requestId"]] = answer["name"]
            return answer

    def _there(self, key: Key) -> Thing:
        try:
            return self.world.there(key)
        except RefusedError as gone:
            raise RefusedError(404, "notFound", str(gone), says="NOT_FOUND") from None

    def _listed(self, key: Key, query: Mapping[str, str]) -> Any:
        scope = None if key.scope == "locations/-" else key.scope
        found = self.world.in_collection(key.collection, key.project, scope)
        size = min(int(query.get("pageSize", 500)), self.world.weather.page)
        start = int(query.get("pageToken") or 0)
        page: dict[str, Any] = {
            key.collection: [self._shown(k, thing) for k, thing in found[start : start + size]]
        }
        if start + size < len(found):
            page["nextPageToken"] = str(start + size)
        return page

    def _create(self, key: Key, query: Mapping[str, str], body: Any) -> Any:
        if key.collection != "queuedResources":
            raise RefusedError(501, "notImplemented", "only queued resources are created here")
        name = query.get("queuedResourceId", "")
        queued = Key(key.project, key.scope, key.collection, name)
        if queued in self.world.things:
            raise RefusedError(409, "alreadyExists", f"{queued.path} already exists", says="ALREADY_EXISTS")
        [spec] = body["tpu"]["nodeSpec"]
        if ("guaranteed" in body) == ("spot" in body):
            raise RefusedError(400, "invalid", "One of spot and guaranteed.", says="INVALID_ARGUMENT")
        kind, zone = spec["node"]["acceleratorType"], key.scope.partition("/")[2]
        room = self.world.weather.capacity.get(f"{zone}/{kind}")
        used = sum(
            k.collection == "nodes" and k.scope == key.scope and t.body.get("acceleratorType") == kind
            for k, t in self.world.things.items()
        )
        now_s, waits = time.monotonic(), room is not None and used >= room
        ready_s = float("inf") if waits else now_s + self.world.weather.queue_s
        made = {**body, "name": queued.path, "createTime": now()}
        if waits and "validUntilDuration" in body.get("queueingPolicy", {}):
            made["-fails_s"] = now_s + self.world.weather.queue_s
        self.world.put(queued, made, settled_s=now_s, ready_s=ready_s)
        if not waits:
            self._node(Key(key.project, key.scope, "nodes", spec["nodeId"]), queued, spec["node"], ready_s)
        return self._begun(queued)

    def _node(self, key: Key, queued: Key, asked: Mapping[str, Any], ready_s: float) -> None:
        family, _, size = asked["acceleratorType"].partition("-")
        hosts = max(int(size) // CORES.get(family, 1) // HOST_CHIPS, 1)
        body = {
            **asked,
            "name": key.path,
            "id": self.world.new_id(),
            "createTime": now(),
            "queuedResource": queued.path,
            "networkEndpoints": [
                {"ipAddress": f"10.100.{int(self.world.new_id()) % 250}.{n + 2}", "port": 8470}
                for n in range(hosts)
            ],
        }
        self.world.put(key, body, settled_s=time.monotonic(), ready_s=ready_s)

    def _delete(self, key: Key, query: Mapping[str, str], body: Any) -> Any:
        del body
        thing = self._there(key)
        nodes = [
            k
            for k, t in self.world.things.items()
            if k.collection == "nodes" and t.body.get("queuedResource") == key.path
        ]
        if nodes and query.get("force") != "true":
            raise RefusedError(400, "failedPrecondition", "It has nodes.", says="FAILED_PRECONDITION")
        gone_s = time.monotonic() + self.world.weather.delete_s
        for one in (thing, *(self.world.things[k] for k in nodes)):
            one.gone_s = min(one.gone_s, gone_s)
        return self._begun(key)

    def _patch(self, key: Key, query: Mapping[str, str], body: Any) -> Any:
        thing = self._there(key)
        for name in query.get("updateMask", "").split(","):
            if name not in ("description", "labels", "metadata", "tags"):
                raise RefusedError(400, "invalid", f"{name} is fixed.", says="INVALID_ARGUMENT")
            thing.body[name] = body.get(name, {})
        return self._begun(key)

    def _begun(self, key: Key) -> Any:
        name = f"projects/{key.project}/{key.scope}/operations/operation-{uuid.uuid4().hex}"
        body = {"name": name, "done": False, "metadata": {"target": key.path}}
        return self.world.begun(body, after_s=self.world.weather.operation_s)

    def _operation(self, path: str) -> Any:
        operation = self.world.operations.get(path.removeprefix("/v2/"))
        if operation is None:
            raise RefusedError(404, "notFound", f"{path} was not found", says="NOT_FOUND")
        if operation.done_s <= time.monotonic():
            operation.body.update(done=True, response={})
        return operation.body

    @staticmethod
    def _shown(key: Key, thing: Thing) -> Any:
        now_s = time.monotonic()
        body = {name: value for name, value in thing.body.items() if not name.startswith("-")}
        gone, ready = thing.gone_s < float("inf"), thing.ready_s <= now_s
        if key.collection == "nodes":
            return {**body, "state": "DELETING" if gone else "READY" if ready else "CREATING"}
        state = (
            "ACTIVE" if ready else "WAITING_FOR_RESOURCES" if thing.ready_s == float("inf") else "CREATING"
        )
        if thing.body.get("-fails_s", float("inf")) <= now_s:
            state = "FAILED"
        return {**body, "state": {"state": "DELETING" if gone else state}}
