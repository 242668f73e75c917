"""Kubernetes Engine v1: clusters that others made, their node pools, and operations.

Nodes are instances of Compute Engine and obey the stock.  What cannot be had leaves a pool with an error, and
its operation with one, as Google does.  Sources: the API's own description; GKE documentation, "Add and
manage node pools"; messages as people report them (terraform-provider-google, issues 3304 and 10823).
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from clouds.gcp import reservations, rules
from clouds.gcp.judge import Judge, Method
from clouds.gcp.world import Key, RefusedError, Thing, World, fingerprint, now

PATH = re.compile(
    r"/v1/projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/(?P<collection>clusters|operations)"
    r"(?:/(?P<name>[^/:]+))?(?:/nodePools(?:/(?P<pool>[^/:]+))?)?(?::\w+)?"
)

NAME = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
"""Of node pools: shorter than those of Compute Engine."""

CLUSTERS = "clusters"


def _pools(cluster: Key) -> str:
    return f"{CLUSTERS}/{cluster.name}/nodePools"


def invalid(said: str) -> RefusedError:
    """A request that makes no sense."""
    return RefusedError(400, "badRequest", said, says="INVALID_ARGUMENT")


class Container:
    """Serves the methods of ``container.v1``."""

    def __init__(self, world: World, judge: Judge) -> None:
        self.world, self.judge = world, judge

    def serve(self, method: Method, path: str, query: Mapping[str, str], body: Any, root: str) -> Any:
        """The answer."""
        del query
        found = PATH.fullmatch(path)
        if found is None:
            raise RefusedError(501, "notImplemented", f"{method.id} is not served here")
        with self.world.lock:
            self.world.sweep()
            self._reconcile(root)
            if found["collection"] == "operations":
                return self._operation(path)
            scope = f"locations/{found['location']}"
            cluster = Key(found["project"], scope, CLUSTERS, found["name"] or "")
            if method.resource == CLUSTERS:
                return self._clusters(method, cluster)
            pool = Key(cluster.project, cluster.scope, _pools(cluster), found["pool"] or "")
            self._there(cluster)
            act = _ACTS.get(method.name)
            if act is None:
                raise RefusedError(501, "notImplemented", f"{method.id} is not served here")
            return act(self, cluster, pool, body, root)

    def put(self, project: str, location: str, name: str) -> None:
        """A cluster, as if somebody had made it."""
        key = Key(project, f"locations/{location}", CLUSTERS, name)
        self.world.put(key, {"name": name, "location": location, "status": "RUNNING"}, settled_s=0, ready_s=0)

    def _there(self, key: Key) -> Thing:
        try:
            return self.world.there(key)
        except RefusedError as gone:
            raise RefusedError(404, "notFound", f"Not found: {key.path}.", says="NOT_FOUND") from gone

    def _clusters(self, method: Method, key: Key) -> Any:
        if method.name == "get":
            return self._cluster(key)
        scope = None if key.scope == "locations/-" else key.scope
        found = self.world.in_collection(CLUSTERS, key.project, scope)
        return {"clusters": [self._cluster(k) for k, _ in found]} if found else {}

    def _cluster(self, key: Key) -> Any:
        body = dict(self._there(key).body)
        found = self.world.in_collection(_pools(key), key.project, key.scope)
        return {**body, **({"nodePools": [self._shown(t) for _, t in found]} if found else {})}

    # Node pools

    def listed(self, cluster: Key, pool: Key, body: Any, root: str) -> Any:
        """All of a cluster."""
        del body, root, pool
        found = self.world.in_collection(_pools(cluster), cluster.project, cluster.scope)
        return {"nodePools": [self._shown(thing) for _, thing in found]} if found else {}

    def get(self, cluster: Key, pool: Key, body: Any, root: str) -> Any:
        """One."""
        del cluster, body, root
        return self._shown(self._there(pool))

    def create(self, cluster: Key, pool: Key, body: Any, root: str) -> Any:
        """A new one; its nodes come as far as there are any."""
        asked = body.get("nodePool") or {}
        name = asked.get("name", "")
        if not NAME.fullmatch(name):
            raise invalid(f"Invalid value for field node_pool.name: '{name}'.")
        key = Key(pool.project, pool.scope, pool.collection, name)
        if key in self.world.things:
            raise RefusedError(409, "alreadyExists", f"Already exists: {key.path}.", says="ALREADY_EXISTS")
        self._check(cluster, asked)
        now_s = time.monotonic()
        made = {
            **asked,
            "selfLink": f"{root}/v1/{key.path}",
            "etag": fingerprint(asked),
            "instanceGroupUrls": self._groups(cluster, key, asked, root),
            "-size": int(asked.get("initialNodeCount", 0)),
        }
        settled_s = now_s + self.world.weather.operation_s
        self.world.put(key, made, settled_s=settled_s, ready_s=settled_s)
        self._reconcile(root)
        return self._begun(cluster, key, "CREATE_NODE_POOL", root)

    def _check(self, cluster: Key, asked: Mapping[str, Any]) -> None:
        config, zones = asked.get("config", {}), asked.get("locations") or []
        rules.check_labels(config.get("resourceLabels", {}))
        location = cluster.scope.partition("/")[2]
        for zone in zones:
            if not zone.startswith(location if location.count("-") == 1 else location.rpartition("-")[0]):
                raise invalid(f"Location {zone} is not in the region of the cluster.")
            if (config.get("machineType"), zone) not in rules.machine_types():
                raise invalid(f"Machine type {config.get('machineType')} does not exist in zone {zone}.")
        if not zones:
            raise invalid("This server wants to be told the zones of a node pool.")
        scaling = asked.get("autoscaling", {})
        if {"minNodeCount", "maxNodeCount"} & scaling.keys() and {
            "totalMinNodeCount",
            "totalMaxNodeCount",
        } & scaling.keys():
            raise invalid("total_*_node_count fields are mutually exclusive with *_node_count fields.")
        if config.get("flexStart") and (not scaling.get("enabled") or asked.get("initialNodeCount")):
            raise invalid("Flex-start node pools are autoscaled and begin without nodes.")
        if config.get("flexStart") and config.get("spot"):
            raise invalid("Flex-start and spot exclude each other.")
        policy = asked.get("placementPolicy", {})
        chips = re.search(r"-(\d+)t$", config.get("machineType", ""))
        if policy.get("tpuTopology") and chips:
            sides = [int(side) for side in policy["tpuTopology"].split("x")]
            hosts = max(_product(sides) // int(chips[1]), 1)
            if asked.get("initialNodeCount") not in {0, hosts}:
                raise invalid(f"Topology {policy['tpuTopology']} needs {hosts} nodes.")

    def set_size(self, cluster: Key, pool: Key, body: Any, root: str) -> Any:
        """Another number of nodes."""
        thing = self._free(pool)
        thing.body["-size"] = int(body["nodeCount"])
        thing.settled_s = time.monotonic() + self.world.weather.operation_s
        self._reconcile(root)
        return self._begun(cluster, pool, "SET_NODE_POOL_SIZE", root)

    def set_autoscaling(self, cluster: Key, pool: Key, body: Any, root: str) -> Any:
        """Other bounds."""
        thing = self._free(pool)
        thing.body["autoscaling"] = body.get("autoscaling", {})
        thing.settled_s = time.monotonic() + self.world.weather.operation_s
        self._reconcile(root)
        return self._begun(cluster, pool, "UPDATE_CLUSTER", root)

    def update(self, cluster: Key, pool: Key, body: Any, root: str) -> Any:
        """Other labels of resources; nothing else is served."""
        thing = self._free(pool)
        if body.keys() - {"resourceLabels", "name", "etag"}:
            raise RefusedError(501, "notImplemented", f"{sorted(body)} are not updated here")
        rules.check_labels(body["resourceLabels"]["labels"])
        thing.body["config"] = {**thing.body["config"], "resourceLabels": body["resourceLabels"]["labels"]}
        return self._begun(cluster, pool, "UPDATE_CLUSTER", root)

    def delete(self, cluster: Key, pool: Key, body: Any, root: str) -> Any:
        """It goes with its nodes."""
        del body
        thing = self._there(pool)
        thing.gone_s = min(thing.gone_s, time.monotonic() + self.world.weather.delete_s)
        group = self.world.things[self._group_key(pool, thing.body["locations"][0])]
        for node in (*self._nodes(pool), group):
            node.gone_s = min(node.gone_s, thing.gone_s)
        return self._begun(cluster, pool, "DELETE_NODE_POOL", root)

    def _free(self, pool: Key) -> Thing:
        """A pool that nothing is being done to."""
        thing = self._there(pool)
        if thing.settled_s > time.monotonic():
            said = "Cluster is running incompatible operation operation-1."
            raise RefusedError(400, "failedPrecondition", said, says="FAILED_PRECONDITION")
        return thing

    # What happens by itself

    def _reconcile(self, root: str) -> None:
        for key, thing in list(self.world.things.items()):
            if key.collection.endswith("/nodePools") and thing.gone_s == float("inf"):
                self._sized(key, thing, root)

    def _nodes(self, key: Key) -> list[Thing]:
        return [t for t in self.world.things.values() if t.body.get("-of") == key.path]

    def _sized(self, key: Key, thing: Thing, root: str) -> None:
        scaling = thing.body.get("autoscaling", {})
        if scaling.get("enabled") and not thing.body.get("config", {}).get("flexStart"):
            size = max(thing.body["-size"], int(scaling.get("totalMinNodeCount", 0)))
            thing.body["-size"] = min(size, int(scaling.get("totalMaxNodeCount", size)))
        group = self._group_key(key, thing.body["locations"][0])
        self.world.things[group].body["targetSize"] = thing.body["-size"]
        zone, machine = thing.body["locations"][0], thing.body["config"]["machineType"]
        there = [node for node in self._nodes(key) if node.gone_s == float("inf")]
        for surplus in there[thing.body["-size"] :]:
            surplus.gone_s = time.monotonic()
        missing, at = thing.body["-size"] - len(there), Key(key.project, f"zones/{zone}", "instances", "")
        while missing > 0:
            left = rules.room(self.world, at, machine, own=True)
            if left is not None and left <= 0:
                break
            self._node(key, at, machine, root)
            missing -= 1
        thing.body["-missing"] = max(missing, 0)

    def _node(self, key: Key, at: Key, machine: str, root: str) -> None:
        name = f"gke-{key.name[:20]}-{uuid.uuid4().hex[:8]}"
        there = Key(at.project, at.scope, "instances", name)
        zone = f"{root}/compute/v1/projects/{at.project}/{at.scope}"
        body: dict[str, Any] = {
            "kind": "compute#instance",
            "id": self.world.new_id(),
            "name": name,
            "zone": zone,
            "selfLink": f"{zone}/instances/{name}",
            "creationTimestamp": now(),
            "machineType": f"{zone}/machineTypes/{machine}",
            "networkInterfaces": [{}],
            "-of": key.path,
        }
        rules.complete(self.world, there, body)
        now_s = time.monotonic()
        self.world.put(there, body, settled_s=now_s, ready_s=now_s + self.world.weather.boot_s)

    def _groups(self, cluster: Key, key: Key, asked: Mapping[str, Any], root: str) -> list[str]:
        """Where the sizes stand: groups of Compute Engine, which this server tells of as well."""
        urls = []
        for zone in asked["locations"]:
            group = self._group_key(key, zone)
            base = f"{root}/compute/v1/"
            body = {
                "kind": "compute#instanceGroupManager",
                "id": self.world.new_id(),
                "name": group.name,
                "zone": f"{base}projects/{group.project}/{group.scope}",
                "selfLink": f"{base}{group.path}",
                "description": f"Of cluster {cluster.name}.",
                "targetSize": int(asked.get("initialNodeCount", 0)),
                "-gke": True,
            }
            self.world.put(group, body, settled_s=0, ready_s=0)
            urls.append(f"{base}{group.path}")
        return urls

    @staticmethod
    def _group_key(key: Key, zone: str) -> Key:
        name = f"gke-{key.name[:30]}-{key.collection.split('/')[1][:10]}-grp"
        return Key(key.project, f"zones/{zone}", "instanceGroupManagers", name)

    def _shown(self, thing: Thing) -> dict[str, Any]:
        body = {name: value for name, value in thing.body.items() if not name.startswith("-")}
        missing, size = int(thing.body.get("-missing", 0)), int(thing.body["-size"])
        if thing.gone_s < float("inf"):
            return {**body, "status": "STOPPING"}
        if thing.settled_s > time.monotonic():
            return {**body, "status": "PROVISIONING"}
        if not missing:
            return {**body, "status": "RUNNING"}
        said = f"Not all instances running in IGM after 35m. Expected {size}, running {size - missing}."
        told = {"code": "GCE_STOCKOUT", "canonicalCode": "RESOURCE_EXHAUSTED", "message": said}
        status = "ERROR" if missing == size else "RUNNING_WITH_ERROR"
        return {**body, "status": status, "statusMessage": said, "conditions": [told]}

    # Operations

    def _begun(self, cluster: Key, pool: Key, kind: str, root: str) -> Any:
        name = f"operation-{uuid.uuid4().hex}"
        path = f"projects/{cluster.project}/{cluster.scope}/operations/{name}"
        body = {
            "name": name,
            "operationType": kind,
            "status": "RUNNING",
            "location": cluster.scope.partition("/")[2],
            "selfLink": f"{root}/v1/{path}",
            "targetLink": f"{root}/v1/{pool.path}",
            "startTime": now(),
        }
        error = None
        for fault in self.world.struck(f"container.{kind}", pool.path, ("operation",)):
            error = (fault.code, fault.message, fault.status, "INJECTED")
        return self.world.begun(
            {**body, "-pool": pool}, after_s=self.world.weather.operation_s, error=error
        ) and self._told(name)

    def _operation(self, path: str) -> Any:
        return self._told(path.rpartition("/")[2])

    def _told(self, name: str) -> Any:
        operation = self.world.operations.get(name)
        if operation is None:
            raise RefusedError(404, "notFound", f"Operation {name} was not found.", says="NOT_FOUND")
        body = {key: value for key, value in operation.body.items() if not key.startswith("-")}
        if operation.done_s > time.monotonic():
            return body
        pool = self.world.things.get(operation.body["-pool"])
        if operation.error is not None:
            body["error"] = {"code": 13, "message": operation.error[1]}
        elif pool is not None and pool.body.get("-missing") and body["operationType"] != "DELETE_NODE_POOL":
            zone = Key(operation.body["-pool"].project, f"zones/{pool.body['locations'][0]}", "instances", "")
            said = f"Current errors: [GCE_STOCKOUT]: {reservations.sold_out(zone)[1]}"
            body["error"] = {"code": 8, "message": f"Google Compute Engine: {said}"}
        return {**body, "status": "DONE", "endTime": now()}


def _product(sides: list[int]) -> int:
    whole = 1
    for side in sides:
        whole *= side
    return whole


_ACTS: Mapping[str, Callable[[Container, Key, Key, Any, str], Any]] = {
    "list": Container.listed,
    "get": Container.get,
    "create": Container.create,
    "setSize": Container.set_size,
    "setAutoscaling": Container.set_autoscaling,
    "update": Container.update,
    "delete": Container.delete,
}
