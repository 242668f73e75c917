"""Endpoints: one address of a load balancer inside the network, which spreads requests by weight.

A cross-region internal Application Load Balancer: its parts are global, its backends the groups that
replicas keep, wherever they are.  A backend's rate stands for its weight, because requests are spread in
proportion to what backends can take (Cloud Load Balancing documentation, "Backend services overview",
balancing mode).  The health check is the first part and the last to go; its description says whose the
endpoint is, and those of the backends which replica they are.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dcplan.provider import errors
from dcplan.provider.grouping import GROUPS
from dcplan.provider.types import Ack, Found
from dcplan_gcp.composite import PATIENCE, Part, begin_insert, ensure, finish, go_on, remove
from dcplan_gcp.group_backends import backends_of, groups_in, nic_of
from dcplan_gcp.group_parts import PORT_NAME
from dcplan_gcp.naming import Note, name_of, request_id
from dcplan_gcp.rest import last, pause, relative, scope_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dcplan.provider.types import Request
    from dcplan.resources import JsonValue
    from dcplan_gcp.machines import Machines
    from dcplan_gcp.networks import Networks
    from dcplan_gcp.rest import Rest

PORT = 80

HEALTH_PATH = "/health"
"""What serving engines answer when they are up."""

_PARTS = ("forwardingRules", "targetHttpProxies", "urlMaps", "backendServices", "healthChecks")
"""From the one that requests come in by to the one that all rest on."""


class Endpoints:
    """Makes and finds endpoints."""

    def __init__(self, rest: Rest, networks: Networks, machines: Machines) -> None:
        self._rest = rest
        self._networks = networks
        self._machines = machines

    def begin_create(self, request: Request) -> Ack:
        """The health check."""
        name = name_of(request.lineage, request.address)
        body = {
            "name": name,
            "description": _note(request).text,
            "type": "HTTP",
            "httpHealthCheck": {"portSpecification": "USE_SERVING_PORT", "requestPath": HEALTH_PATH},
        }
        part = Part(scope="global", collection="healthChecks", body=body)
        return begin_insert(self._rest, request, part, note_of)

    def begin_update(self, request: Request) -> Ack:
        """What it is to be from now on; the backends follow in the wait."""
        path = self._owned(request)
        body = {"description": _note(request).text}
        operation = self._rest.send("PATCH", path, body, request_id=request_id(request.token))
        return Ack(object_id=path, operation_id=relative(operation["selfLink"]))

    def begin_delete(self, request: Request) -> Ack:
        """Requests come in no more."""
        path = self._owned(request, gone_is_fine=True)
        rule = self._rest.path("global", "forwardingRules", last(path))
        try:
            operation = self._rest.send("DELETE", rule, request_id=request_id(request.token))
        except errors.AlreadyGone:
            self._rest.get(path)
            return Ack(object_id=path)
        return Ack(object_id=path, operation_id=relative(operation["selfLink"]))

    def wait(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> dict[str, JsonValue]:
        """All parts are there, and the backends are those of the request."""
        finish(self._rest, ack, f"make {request.address}", stop)
        self._rest.get(ack.object_id)
        name = last(ack.object_id)
        backends = self._backends(request)
        nets = self._nets(request, stop)
        levels = [[part] for part in self._parts(name, nets, backends)]
        ensure(self._rest, request.token, levels, stop)
        self._weighed(name, backends, request.token, stop)
        rule = self._rest.get(self._rest.path("global", "forwardingRules", name))
        return _outputs(ack.object_id, rule)

    def _backends(self, request: Request) -> list[dict[str, Any]]:
        """The replicas' groups with their weights."""
        weights = request.attributes.get("replicas")
        if not isinstance(weights, dict):
            raise errors.Invalid(f"{request.address} names no replicas.")
        groups = _groups(request)
        backends = backends_of(self._rest, request)
        for replica, weight in sorted(weights.items()):
            if replica not in groups:
                raise errors.Invalid(f"{request.address} names {replica}, which is not among its needs.")
            share = float(weight) if isinstance(weight, (int, float)) else 1.0
            backends.append(
                {
                    "group": groups[replica],
                    "description": json.dumps({"replica": replica, "weight": weight}),
                    "balancingMode": "RATE",
                    "maxRatePerEndpoint": max(share, 1.0),
                    "capacityScaler": 1.0 if share > 0 else 0.0,
                }
            )
        return backends

    def _parts(self, name: str, nets: Mapping[str, str], backends: list[dict[str, Any]]) -> Iterator[Part]:
        """What requests come through, from the backends on."""

        def at(collection: str) -> str:
            return self._rest.path("global", collection, name)

        yield _global(
            "backendServices",
            {
                "name": name,
                "loadBalancingScheme": "INTERNAL_MANAGED",
                "protocol": "HTTP",
                "healthChecks": [at("healthChecks")],
                **_spread(backends),
            },
        )
        yield _global("urlMaps", {"name": name, "defaultService": at("backendServices")})
        yield _global("targetHttpProxies", {"name": name, "urlMap": at("urlMaps")})
        yield _global(
            "forwardingRules",
            {
                "name": name,
                "loadBalancingScheme": "INTERNAL_MANAGED",
                "IPProtocol": "TCP",
                "portRange": str(PORT),
                "target": at("targetHttpProxies"),
                **nets,
            },
        )

    def _nets(self, request: Request, stop: Callable[[], bool]) -> dict[str, str]:
        """The network in which the address is, with proxies there: that of the first replica's machine."""
        machines = [str(o.get("id")).partition("#")[0] for _, o in sorted(request.needs.items())]
        if not machines:
            raise errors.Invalid(f"{request.address} has no replicas.")
        nic = nic_of(self._rest, machines[0]) or self._machines.get(machines[0])["networkInterfaces"][0]
        if nic.get("network"):
            for region in sorted({last(scope_of(machine)).rpartition("-")[0] for machine in machines}):
                self._networks.proxies(nic["network"], region, token=request.token, stop=stop)
        return {key: relative(nic[key]) for key in ("network", "subnetwork") if nic.get(key)}

    def _weighed(
        self, name: str, backends: list[dict[str, Any]], token: str, stop: Callable[[], bool]
    ) -> None:
        """The backends are these, with these weights.  Groups that are named no more go."""
        path = self._rest.path("global", "backendServices", name)
        before: list[str] = []
        for attempt in range(PATIENCE):
            there = self._rest.get(path)
            before = [relative(b["group"]) for b in there.get("backends", [])]
            if _simple(there.get("backends", [])) == _simple(backends):
                return
            body = {**_spread(backends), "fingerprint": there["fingerprint"]}
            try:
                again = request_id(token, f"backends {attempt}")
                operation = self._rest.send("PATCH", path, body, request_id=again)
                self._rest.settled(operation, f"change {name}", within_s=None, stop=stop)
                break
            except errors.NotReady:
                if attempt == PATIENCE - 1:
                    raise
                pause(0.2, stop)
        now = {b["group"] for b in backends}
        self._dropped([group for group in before if group not in now], token, stop)

    def _dropped(self, groups: list[str], token: str, stop: Callable[[], bool]) -> None:
        """Groups that are empty, because their replica is gone, go; the others are still a replica's."""
        for group in groups:
            own = "/networkEndpointGroups/" in group  # The others go with their machine group.
            there = self._rest.find(group) if own else None
            if there is not None and not there.get("size"):
                remove(self._rest, token, [[group]], stop)

    def wait_delete(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> None:
        """All parts are gone."""
        finish(self._rest, ack, f"delete {request.address}", stop)
        name = last(ack.object_id)
        service = self._rest.find(self._rest.path("global", "backendServices", name))
        groups = [relative(b["group"]) for b in (service or {}).get("backends", [])]
        levels = [[self._rest.path("global", collection, name)] for collection in _PARTS[:-1]]
        remove(self._rest, request.token, levels, stop)
        self._dropped(groups, request.token, stop)
        remove(self._rest, request.token, [[ack.object_id]], stop)

    def _owned(self, request: Request, *, gone_is_fine: bool = False) -> str:
        """The id of an endpoint that is this owner's."""
        path = str(request.object_id)
        there = self._rest.find(path) if request.object_id else None
        if there is None:
            if gone_is_fine and request.object_id:
                return path
            raise errors.AlreadyGone(f"{request.address} ({request.object_id or 'no id'}) does not exist.")
        note = note_of(there)
        if note is None or note.lineage != request.lineage:
            raise errors.Denied(f"{path} does not belong to this state.")
        return path

    def set_owner(self, request: Request) -> None:
        """Another owner and name in the note."""
        there = self._rest.get(str(request.object_id))
        note = note_of(there)
        if note is None:
            raise errors.AlreadyGone(f"{request.object_id} is no endpoint of dcplan.")
        body = {"description": note.handed_to(request).text}
        operation = self._rest.send("PATCH", str(request.object_id), body)
        self._rest.settled(operation, f"hand over {request.address}", within_s=None, stop=go_on)

    def survey(self, wanted: str) -> Iterator[Found]:
        """The endpoints that a filter of names shows."""
        checks = self._rest.listed(self._rest.path("global", "healthChecks"), wanted)
        if not checks:
            return
        rules = self._rest.listed(self._rest.path("global", "forwardingRules"), wanted)
        services = self._rest.listed(self._rest.path("global", "backendServices"), wanted)
        rule_of = {rule["name"]: rule for rule in rules}
        service_of = {service["name"]: service for service in services}
        for check in checks:
            note = note_of(check)
            if note is not None:
                yield _found(check, note, rule_of.get(check["name"]), service_of.get(check["name"]))


def _groups(request: Request) -> dict[str, str]:
    """The groups of the replicas that it needs, by name."""
    return {address.split(".", 2)[2]: str(o.get("group")) for address, o in request.needs.items()}


def _note(request: Request) -> Note:
    """What was asked for, without replicas: a description has 2,048 characters, and backends know them."""
    asked = {key: value for key, value in request.attributes.items() if key not in {"replicas", GROUPS}}
    return replace(Note.of(request), attributes=asked)


def _weights(service: Mapping[str, Any] | None) -> dict[str, JsonValue]:
    """The replicas that get requests, with the weights that they were given."""
    found: dict[str, JsonValue] = {}
    for backend in (service or {}).get("backends", []):
        try:
            told = json.loads(backend.get("description", ""))
            found[str(told["replica"])] = told["weight"]
        except (ValueError, KeyError, TypeError):
            continue  # Somebody else's.
    return found


def _found(
    check: Mapping[str, Any], note: Note, rule: Mapping[str, Any] | None, service: Mapping[str, Any] | None
) -> Found:
    """An endpoint as it is: replicas that get no requests are not told of."""
    path, groups = relative(check["selfLink"]), groups_in(service)
    of_groups: dict[str, JsonValue] = {GROUPS: groups} if groups else {}
    return Found(
        object_id=path,
        address=note.address,
        ready=rule is not None,
        attributes={**note.attributes, "replicas": _weights(service), **of_groups},
        outputs={"id": path} if rule is None else _outputs(path, rule),
        token=note.token,
        lineage=note.lineage or None,
    )


def note_of(check: Mapping[str, Any]) -> Note | None:
    """The owner's note of a health check."""
    return Note.read(check.get("description"))


def _outputs(object_id: str, rule: Mapping[str, Any]) -> dict[str, JsonValue]:
    return {"id": object_id, "url": f"http://{rule['IPAddress']}:{PORT}"}


def _global(collection: str, body: Mapping[str, Any]) -> Part:
    return Part(scope="global", collection=collection, body=body)


def _spread(backends: list[dict[str, Any]]) -> dict[str, Any]:
    """Backends as a service has them; those that are groups say by name on which ports they answer."""
    named = any("maxRatePerInstance" in backend for backend in backends)
    return {"backends": backends, **({"portName": PORT_NAME} if named else {})}


def _simple(backends: list[dict[str, Any]]) -> list[tuple[str, str, float, float]]:
    """What of backends is compared."""
    return sorted(
        (
            relative(b["group"]),
            b.get("description", ""),
            float(b.get("maxRatePerEndpoint", b.get("maxRatePerInstance", 0))),
            float(b.get("capacityScaler", 1)),
        )
        for b in backends
    )
