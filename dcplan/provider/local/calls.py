"""The mutating calls of the simulated data centre.

``begin`` runs inside one transaction of the world: either the call is noted
under its token together with all that it did, or nothing of it is there.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from dcplan.diag import did_you_mean, listed
from dcplan.provider.errors import (
    AlreadyGone,
    Ambiguous,
    CapacityUnavailable,
    Conflict,
    Denied,
    Invalid,
    NotReady,
    ProviderError,
    Throttled,
)
from dcplan.provider.local import faults, nodes, objects
from dcplan.provider.local.allocate import Rack
from dcplan.provider.local.faults import Call, Fault, FaultKind
from dcplan.provider.local.kinds import KINDS
from dcplan.provider.local.world import savepoint
from dcplan.provider.types import Ack, Kind, Request
from dcplan.resources import Action, JsonValue

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from dcplan.provider.local.expand import Inventory
from dcplan.provider.local.objects import Thing

FIRST_PORT = 8000
"""A replica listens on this port plus the number of its first device."""

SOON_S = 0.05
"""The shortest advice to try again, seconds."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the data centre is like."""

    inventory: Inventory
    kinds: Mapping[str, Kind]
    ready_after_s: float
    """Of a machine."""

    # Drawn up once: each create asks, and there may be as many racks as creates.

    @cached_property
    def racks(self) -> Mapping[str, Mapping[str, Rack]]:
        """By zone, the racks by their whole name ``zone/block/rack``."""
        return {
            site.name: {
                f"{site.name}/{block.name}/{rack.name}": Rack(
                    zone=site.name, block=block.name, name=rack.name
                )
                for block in site.blocks
                for rack in block.racks
            }
            for site in self.inventory.zones
        }

    @cached_property
    def nodes(self) -> Mapping[Rack, list[str]]:
        """The names of the nodes of each rack."""
        names: dict[Rack, list[str]] = {}
        for node in self.inventory.nodes:
            names.setdefault(node.rack, []).append(node.name)
        return names


def begin(db: sqlite3.Connection, rules: Rules, request: Request, now_s: float) -> Ack | ProviderError:
    """Do one call.  An error is returned, not raised, so that counts of faults are kept with it."""
    objects.sweep(db, now_s)
    objects.meddle(db, Call.BEGIN, now_s)
    target = objects.target_of(request.address, request.attributes, Call.BEGIN)
    struck = faults.strike(db, [replace(target, action=request.action)])
    refusal = refused(struck) or _sold_out(struck, request)
    if refusal is not None:
        return refusal
    extra_s = sum(f.seconds for f in struck if f.kind in {FaultKind.SLOW_CREATE, FaultKind.SLOW_DELETE})
    try:
        with savepoint(db):
            ack = _once(db, rules, request, now_s, extra_s)
    except ProviderError as problem:
        return problem
    return lost(struck) or ack


def refused(struck: list[Fault]) -> ProviderError | None:
    """How a call ends that does not get through."""
    for fault in struck:
        if fault.kind is FaultKind.THROTTLE:
            msg = "The data centre takes no more calls now (simulated)."
            return Throttled(msg, retry_after_s=fault.seconds)
        if fault.kind is FaultKind.DENIED:
            return Denied("The credentials do not allow this call (simulated).")
        if fault.kind is FaultKind.LOST_BEFORE:
            return Ambiguous("The connection was lost before an answer came (simulated).")
    return None


def lost(struck: list[Fault]) -> ProviderError | None:
    """How a call ends that was done, but whose answer goes astray."""
    for fault in struck:
        if fault.kind is FaultKind.LOST_ANSWER:
            return Ambiguous("The connection was lost before an answer came (simulated).")
        if fault.kind is FaultKind.ERROR_AFTER_CREATE:
            return Ambiguous("The data centre answered with an internal error (simulated).")
    return None


def _sold_out(struck: list[Fault], request: Request) -> ProviderError | None:
    """How a create ends when a stock-out was ordered."""
    if any(fault.kind is FaultKind.STOCK_OUT for fault in struck):
        return _no_machine(request.attributes)
    return None


def _no_machine(attributes: Mapping[str, JsonValue]) -> CapacityUnavailable:
    """Nothing is free where it is wanted."""
    block = f", block {attributes['block']}" if attributes.get("block") else ""
    block += f", rack {attributes['rack']}" if attributes.get("rack") else ""
    return CapacityUnavailable(
        f"No machine {attributes.get('machine')} is free in zone {attributes.get('zone')}{block}."
    )


def _once(db: sqlite3.Connection, rules: Rules, request: Request, now_s: float, extra_s: float) -> Ack:
    """Do a call, or answer as before when its token was used for the same call."""
    digest = _digest(request)
    known = db.execute("SELECT digest, object_id FROM calls WHERE token = ?", (request.token,)).fetchone()
    if known is not None:
        if known[0] != digest:
            msg = f"The token {request.token} was used for another call."
            raise Conflict(msg)
        return Ack(object_id=known[1])
    kind = rules.kinds.get(request.address.kind)
    if kind is None:
        msg = f'This data centre makes no "{request.address.kind}"; it makes {listed(list(rules.kinds))}.'
        raise Invalid(msg)
    if request.action is Action.CREATE:
        object_id = _create(db, rules, request, now_s, extra_s)
    elif request.action is Action.UPDATE:
        object_id = _update(db, rules, kind, request, now_s)
    elif request.action is Action.DELETE:
        object_id = _delete(db, request, now_s, extra_s)
    else:
        msg = f"A call to {request.action} does not exist. This is a bug in dcplan."
        raise Invalid(msg)
    db.execute("INSERT INTO calls VALUES (?, ?, ?, ?)", (request.token, digest, object_id, now_s))
    return Ack(object_id=object_id)


def _digest(request: Request) -> str:
    """What makes two requests the same."""
    parts = (
        str(request.address),
        request.action.value,
        request.lineage,
        request.object_id,
        dict(request.attributes),
    )
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _create(db: sqlite3.Connection, rules: Rules, request: Request, now_s: float, extra_s: float) -> str:
    """Make an object; its id."""
    address = request.address
    twin = objects.by_name(db, now_s, address.kind, address.name, request.lineage)
    if twin is not None:
        if twin.deleting:
            raise NotReady(
                f"{twin.id} of the same name is still being deleted.", retry_after_s=_left(twin, now_s)
            )
        msg = f"There is a {address.kind} {address.name} already ({twin.id})."
        raise Conflict(msg)
    needed = _needed(db, request, now_s)
    is_machine = address.kind == faults.MACHINE
    wanted = _wanted(rules, request) if is_machine else None
    rack = nodes.free_rack(db, wanted) if wanted is not None else None
    if wanted is not None and rack is None:
        raise _no_machine(request.attributes)
    ready_at_s = now_s + extra_s + (rules.ready_after_s if is_machine else 0.0)
    seq, object_id = objects.insert(db, request, wanted.gang if wanted is not None else None, ready_at_s)
    objects.set_needs(db, seq, [thing.seq for thing in needed])
    outputs: dict[str, JsonValue] = {"id": object_id}
    if wanted is not None and rack is not None:
        node, host = nodes.take(db, rack, wanted.machine, seq, wanted.node)
        outputs |= {"node": node, "rack": f"{rack.zone}/{rack.block}/{rack.name}", "address": host}
    else:
        outputs |= _where(rules, request, needed)
    objects.set_outputs(db, seq, outputs)
    return object_id


def _where(rules: Rules, request: Request, needed: list[Thing]) -> dict[str, JsonValue]:
    """Where a replica or an endpoint is reached; a job is reached nowhere."""
    if request.address.kind == "replica":
        devices = request.attributes.get("devices")
        first = devices[0] if isinstance(devices, (list, tuple)) and devices else 0
        port = FIRST_PORT + (first if isinstance(first, int) else 0)
        return {"address": f"{needed[0].outputs['address']}:{port}"}
    if request.address.kind == "endpoint":
        return {"url": f"http://{request.address.name}.{rules.inventory.name}.internal"}
    return {}


def _wanted(rules: Rules, request: Request) -> nodes.Wanted:
    """What a create of a machine asks for; Invalid when this data centre has no such thing."""
    ask = request.attributes
    machines = [machine.name for machine in rules.inventory.machines]
    zones = {zone.name: [block.name for block in zone.blocks] for zone in rules.inventory.zones}
    machine, zone, block = (ask.get(key) for key in ("machine", "zone", "block"))
    _among(machine, machines, "machine type")
    _among(zone, list(zones), "zone")
    if block is not None:
        _among(block, zones[str(zone)], "block")
    if ask.get("region") not in {None, rules.inventory.region}:
        _among(ask.get("region"), [rules.inventory.region], "region")
    gang, gang_size = _gang(request)
    rack, node = _rack(rules, ask, str(zone))
    return nodes.Wanted(
        machine=str(machine),
        zone=str(zone),
        block=str(block) if block is not None else None,
        gang=gang,
        gang_size=gang_size,
        rack=rack,
        node=node,
    )


def _rack(rules: Rules, ask: Mapping[str, JsonValue], zone: str) -> tuple[Rack | None, str | None]:
    """The rack that a create names, ``zone/block/rack``, and the node, if another name follows."""
    name = ask.get("rack")
    if name is None:
        return None, None
    racks = rules.racks.get(zone, {})
    upper = str(name).rpartition("/")[0]
    if upper in racks:
        _among(name, rules.nodes.get(racks[upper], []), "node")
        return racks[upper], str(name)
    _among(name, list(racks), "rack")
    return racks[str(name)], None


def _gang(request: Request) -> tuple[str | None, int]:
    """The key of the gang a machine belongs to, and its size; None and 1 for a machine of its own."""
    gang = request.attributes.get("gang")
    if not isinstance(gang, dict):
        return None, 1
    size = gang.get("size")
    return f"{request.lineage}/{gang.get('name')}", size if isinstance(size, int) else 1


def _among(value: JsonValue, known: list[str], what: str) -> None:
    """Refuse what this data centre does not have."""
    if value not in known:
        hint = did_you_mean(str(value), known) or f"There are {listed(known)}."
        msg = f'This data centre has no {what} "{value}". {hint}'
        raise Invalid(msg)


def _needed(db: sqlite3.Connection, request: Request, now_s: float) -> list[Thing]:
    """The objects that a request stands on; all of them must be there and ready."""
    ids: dict[str, str] = {address: str(outputs.get("id")) for address, outputs in request.needs.items()}
    things = objects.by_ids(db, now_s, ids.values())
    for address, object_id in ids.items():
        thing = things.get(object_id)
        if thing is None or thing.deleting:
            msg = f"{request.address} needs {address} ({object_id}), which does not exist."
            raise Invalid(msg)
        if thing.due_at_s > now_s:
            raise NotReady(f"{address} ({object_id}) is not ready.", retry_after_s=_left(thing, now_s))
    if not ids and request.address.kind in {"replica", "job"}:
        msg = f"A {request.address.kind} runs on machines, but {request.address} needs none."
        raise Invalid(msg)
    return [things[object_id] for object_id in ids.values()]


def _existing(db: sqlite3.Connection, request: Request, now_s: float) -> Thing:
    """The object to update or delete; only its owner may."""
    thing = objects.by_id(db, now_s, request.object_id) if request.object_id else None
    if thing is None:
        msg = f"{request.address} ({request.object_id or 'without an id'}) does not exist."
        raise AlreadyGone(msg)
    if thing.lineage != request.lineage:
        msg = f"{thing.id} belongs to another state ({thing.lineage})."
        raise Denied(msg)
    return thing


def _update(db: sqlite3.Connection, rules: Rules, kind: Kind, request: Request, now_s: float) -> str:
    """Change an object in place; its id."""
    thing = _existing(db, request, now_s)
    if thing.deleting:
        msg = f"{thing.id} is being deleted."
        raise Conflict(msg)
    before, after = (json.loads(objects.text(dict(side))) for side in (thing.attributes, request.attributes))
    needed = _needed(db, request, now_s)
    same = _only_renamed(db, thing, request, needed)
    fixed = [key for key in kind.replace_on if key not in same and before.get(key) != after.get(key)]
    if fixed:
        msg = f"{listed(fixed)} of {request.address} cannot be changed in place."
        raise Invalid(msg)
    _free_name(db, request, thing, now_s)
    objects.set_needs(db, thing.seq, [other.seq for other in needed])
    db.execute(
        "UPDATE objects SET name = ?, attributes = ?, gang = ?, due_at = MAX(due_at, ?) WHERE seq = ?",
        (request.address.name, objects.text(after), _gang(request)[0], now_s, thing.seq),
    )
    if request.address.kind != faults.MACHINE:
        objects.set_outputs(db, thing.seq, {"id": thing.id, **_where(rules, request, needed)})
    return thing.id


def _only_renamed(db: sqlite3.Connection, thing: Thing, request: Request, needed: list[Thing]) -> set[str]:
    """Attributes that may say another name of the same workload, or of the same machines."""
    same = {"workload"} if thing.name != request.address.name else set[str]()
    called = {other.name for other in needed}
    if objects.needs_of(db, thing.seq) == {other.seq for other in needed}:
        for key in ("machines", "prefill_machines", "standby"):
            before = thing.attributes.get(key)
            if isinstance(before, list) and not called.issuperset(map(str, before)):
                same.add(key)
    return same


def _free_name(db: sqlite3.Connection, request: Request, thing: Thing, now_s: float) -> None:
    """Refuse a name that another object of the owner still has: it may be about to get another."""
    address = request.address
    twin = objects.by_name(db, now_s, address.kind, address.name, request.lineage)
    if twin is not None and twin.seq != thing.seq:
        raise NotReady(f"{twin.id} is still called {address.name}.", retry_after_s=SOON_S)


def set_owner(db: sqlite3.Connection, request: Request, now_s: float) -> ProviderError | None:
    """Give an object another owner and name, or no owner; the error is returned, as by ``begin``."""
    thing = objects.by_id(db, now_s, request.object_id) if request.object_id else None
    if thing is None or thing.deleting:
        return AlreadyGone(f"{request.address} ({request.object_id or 'without an id'}) does not exist.")
    address = request.address
    owner = request.lineage or f"{objects.NOBODY}{thing.id}"
    twin = objects.by_name(db, now_s, address.kind, address.name, owner)
    if twin is not None and twin.seq != thing.seq:
        return Conflict(f"There is a {address.kind} {address.name} already ({twin.id}).")
    db.execute("UPDATE objects SET lineage = ?, name = ? WHERE seq = ?", (owner, address.name, thing.seq))
    return None


def _delete(db: sqlite3.Connection, request: Request, now_s: float, extra_s: float) -> str:
    """Start to delete an object; its id."""
    thing = _existing(db, request, now_s)
    if thing.deleting:
        return thing.id
    # What only points (an endpoint) goes on pointing when its replica is made anew.
    users = [u for u in objects.dependants(db, now_s, thing.seq) if not KINDS[u.kind].points_only]
    staying = [f"{user.kind} {user.name}" for user in users if not user.deleting]
    if staying:
        msg = f"{thing.id} is still needed by {listed(staying[:5])}."
        raise Conflict(msg)
    if users:
        raise NotReady(
            f"{thing.id} is needed by {users[0].id}, which is still being deleted.",
            retry_after_s=max(_left(user, now_s) for user in users),
        )
    db.execute(
        "UPDATE objects SET state = 'deleting', due_at = ? WHERE seq = ?", (now_s + extra_s, thing.seq)
    )
    if extra_s <= 0:
        objects.remove(db, thing.seq)
    return thing.id


def _left(thing: Thing, now_s: float) -> float:
    """Seconds until a thing is ready or gone."""
    return max(SOON_S, thing.due_at_s - now_s)
