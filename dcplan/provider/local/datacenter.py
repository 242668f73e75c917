"""The local data centre: an inventory on paper, and machines that exist in a file."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from dcplan.catalog.types import Machine, Offering, Purchase
from dcplan.diag import Result
from dcplan.provider.errors import AlreadyGone, Cancelled, Denied, ProviderError
from dcplan.provider.local import calls, faults, nodes, objects
from dcplan.provider.local.allocate import Rack
from dcplan.provider.local.faults import Call, Fault, FaultKind, Target
from dcplan.provider.local.kinds import KINDS, NAME
from dcplan.provider.local.realise import realise
from dcplan.provider.lowering import lower
from dcplan.provider.protocol import API_VERSION, Stop
from dcplan.provider.types import (
    Ack,
    Found,
    OfferingQuery,
    Placement,
    ProviderInfo,
    Refreshed,
    Request,
)
from dcplan.resources import Action, JsonValue, Resource

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dcplan.catalog.purchase import Quota
    from dcplan.catalog.site import ZoneSite
    from dcplan.provider.local.expand import Inventory
    from dcplan.provider.local.objects import Thing
    from dcplan.provider.local.world import LocalWorld
    from dcplan.provider.permissions import Allowance, Use

T = TypeVar("T")

STEP_S = 0.05
"""How often a wait looks whether it shall stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How the simulation behaves, and where it has its time from."""

    latency_s: float = 0.0
    """Of each call."""
    ready_after_s: float = 0.0
    """How long a machine takes to start."""
    orders: tuple[Fault, ...] = ()
    """Faults from the settings."""
    clock: Callable[[], float] = time.time
    """Unix time: objects become ready by it whether dcplan runs or not."""
    sleep: Callable[[float], None] = time.sleep


class LocalProvider:
    """A data centre of one's own, simulated; ``world`` is where its machines exist."""

    def __init__(
        self,
        inventory: Inventory,
        world: LocalWorld,
        behaviour: Behaviour | None = None,
        quotas: tuple[Quota, ...] = (),
    ) -> None:
        self.inventory = inventory
        self._quotas = quotas
        self.world = world
        self.behaviour = behaviour or Behaviour()
        self._rules = calls.Rules(
            inventory=inventory, kinds=KINDS, ready_after_s=self.behaviour.ready_after_s
        )
        self._clock = self.behaviour.clock
        self._sleep = self.behaviour.sleep
        self._realised = False
        self._realise_lock = threading.Lock()

    @property
    def info(self) -> ProviderInfo:
        """Its name and its kinds."""
        return ProviderInfo(name=NAME, api_version=API_VERSION, kinds=KINDS)

    def permissions(self, use: Use) -> tuple[Allowance, ...]:  # noqa: ARG002 - as the protocol has it
        """Nobody asks for any."""
        return ()

    def machines(self) -> Result[tuple[Machine, ...]]:
        """The machine types of the inventory."""
        return Result(self.inventory.machines)

    def quotas(self) -> Result[tuple[Quota, ...]]:
        """How much of the data centre the settings leave to the project."""
        return Result(self._quotas)

    def site(self) -> Result[tuple[ZoneSite, ...]]:
        """Everything the inventory says of racks and links, and how many machines of each rack are free."""
        if not self.world.path.exists():
            return Result(self.inventory.zones)
        self._realise()
        free = self.world.read(nodes.free)
        pods = any(rack.places for zone in self.inventory.zones for b in zone.blocks for rack in b.racks)
        places = self.world.read(nodes.free_names) if pods else frozenset[str]()
        return Result(tuple(_with_free(zone, free, places) for zone in self.inventory.zones))

    def offerings(self, query: OfferingQuery) -> Result[tuple[Offering, ...]]:
        """Each machine type in each block, with how many stand there.

        Machines of other owners are taken off when the query names its
        lineage.  Unavailable is what a standing stock-out withholds, which
        leaves an owner the machines it has.
        """
        held, sold_out = self._market(query)
        accelerator_of = {machine.name: machine.accelerator for machine in self.inventory.machines}
        counts: dict[tuple[str, str, str], int] = {}
        for node in self.inventory.nodes:
            key = (node.rack.zone, node.rack.block, node.machine)
            counts[key] = counts.get(key, 0) + 1
        if query.regions is not None and self.inventory.region not in query.regions:
            counts = {}
        return Result(
            tuple(
                self._offering(
                    place,
                    count - held.get((False, *place), 0),
                    own=held.get((True, *place), 0),
                    sold_out=sold_out,
                )
                for place, count in counts.items()
                if query.accelerators is None or accelerator_of[place[2]] in query.accelerators
            )
        )

    def resources_for(self, placement: Placement) -> Result[tuple[Resource, ...]]:
        """Machines, and the replicas, jobs and endpoints on them."""
        return Result(lower(placement, provider=NAME, machine_kind=faults.MACHINE, kinds=KINDS))

    def begin(self, request: Request) -> Ack:
        """Make, change or delete one object; returns when it stands in the world file."""
        self._sleep(self.behaviour.latency_s)
        self._realise()
        self._may_act()
        answer = self.world.write(lambda db: calls.begin(db, self._rules, request, self._clock()))
        if isinstance(answer, ProviderError):
            raise answer
        return answer

    def wait(self, request: Request, ack: Ack, stop: Stop) -> Mapping[str, JsonValue]:
        """Wait until the object is ready, or gone; its outputs, or none."""
        target = objects.target_of(request.address, request.attributes, Call.WAIT)
        thing = self._look(Call.WAIT, [target], lambda db, now_s: objects.by_id(db, now_s, ack.object_id))
        while True:
            left_s = _left_s(thing, request, self._clock())
            if left_s <= 0:
                return (
                    dict(thing.outputs) if thing is not None and request.action is not Action.DELETE else {}
                )
            if stop():
                msg = f"Stopped waiting for {request.address} ({ack.object_id}); it goes on by itself."
                raise Cancelled(msg)
            self._sleep(min(left_s, STEP_S))
            thing = self.world.read(lambda db: objects.by_id(db, self._clock(), ack.object_id))

    def lookup(self, request: Request) -> tuple[Found, ...]:
        """For a create, what was made under its token; else the object with its id."""
        target = objects.target_of(request.address, request.attributes, Call.LOOKUP)

        def look(db: sqlite3.Connection, now_s: float) -> list[Thing]:
            if request.action is Action.CREATE:
                return objects.select(db, now_s, "token = :token", token=request.token)
            return objects.select(db, now_s, "id = :id", id=request.object_id)

        return self._found(self._look(Call.LOOKUP, [target], look))

    def refresh(self, resources: Sequence[Resource]) -> Refreshed:
        """What is there for each resource, by the ids in their outputs, in one query."""
        if not resources:
            return Refreshed(found={}, calls=0)
        targets = [objects.target_of(r.address, r.attributes, Call.REFRESH) for r in resources]
        ids = {r.address: str(r.outputs.get("id", "")) for r in resources}
        things = self._look(Call.REFRESH, targets, lambda db, now_s: objects.by_ids(db, now_s, ids.values()))
        there = {thing.object_id: thing for thing in self._found(things.values())}
        return Refreshed(found={address: there.get(object_id) for address, object_id in ids.items()}, calls=1)

    def owned(self, lineage: str) -> tuple[Found, ...]:
        """Every object of this owner, oldest first.  Looking makes no world where there is none."""
        if not self.world.path.exists() and not self.behaviour.orders:
            return ()
        return self._found(
            self._look(
                Call.OWNED,
                [Target(call=Call.OWNED)],
                lambda db, now_s: objects.select(db, now_s, "lineage = :lineage", lineage=lineage),
            )
        )

    def set_owner(self, request: Request) -> None:
        """Put another owner tag and name on an object, or take the tag away."""
        self._sleep(self.behaviour.latency_s)
        self._realise()
        self._may_act()
        problem = self.world.write(lambda db: calls.set_owner(db, request, self._clock()))
        if problem is not None:
            raise problem

    def _may_act(self) -> None:
        """Denied where the world may only be looked at."""
        if self.world.only_looks:
            msg = f"The simulated data centre may not be changed: {self.world.path} is read-only here."
            raise Denied(msg)

    def _found(self, things: Iterable[Thing]) -> tuple[Found, ...]:
        """Rows as the core knows them."""
        now_s = self._clock()
        return tuple(thing.found(NAME, now_s) for thing in things)

    def _look(
        self, call: Call, targets: Sequence[Target], query: Callable[[sqlite3.Connection, float], T]
    ) -> T:
        """One looking call: late by the latency, and subject to faults."""
        self._sleep(self.behaviour.latency_s)
        self._realise()

        def disturbed(db: sqlite3.Connection) -> ProviderError | None:
            objects.meddle(db, call, self._clock())
            struck = faults.strike(db, targets)
            return calls.refused(struck) or calls.lost(struck)

        # Faults count, so they write; without any, looking leaves the file alone.
        standing = self.world.read(faults.standing)
        if any(fault.waits_for is call for _, fault in standing):
            problem = self.world.write(disturbed)
            if problem is not None:
                raise problem
        return self.world.read(lambda db: query(db, self._clock()))

    def _realise(self) -> None:
        """Put the inventory and the ordered faults into the world, once for each provider."""
        if self._realised:
            return
        with self._realise_lock:
            if not self._realised:
                realise(self.world, self.inventory, self.behaviour.orders)
                self._realised = True

    def _market(self, query: OfferingQuery) -> tuple[dict[tuple[bool, str, str, str], int], list[Fault]]:
        """What is held, and the stock-outs that stand.  A plan makes no world where there is none."""
        if not self.world.path.exists():
            return {}, [fault for fault in self.behaviour.orders if _stands(fault)]
        self._realise()
        lineage = query.lineage
        held = self.world.read(lambda db: nodes.held(db, lineage)) if lineage is not None else {}
        return held, [fault for fault in self.world.faults() if _stands(fault)]

    def _offering(
        self, place: tuple[str, str, str], count: int, *, own: int, sold_out: Sequence[Fault]
    ) -> Offering:
        """One machine type in one block; ``own`` of the ``count`` are the asker's already."""
        zone, block, machine = place
        target = Target(call=Call.BEGIN, kind=faults.MACHINE, machine=machine, zone=zone)
        withheld = any(fault.covers(target) for fault in sold_out)
        if withheld and own > 0:
            count = own
        return Offering(
            provider=NAME,
            region=self.inventory.region,
            zone=zone,
            block=block,
            machine=machine,
            purchase=Purchase.OWNED,
            usd_per_h=self.inventory.usd_per_h[machine],
            machines=count,
            available=own > 0 if withheld else count > 0,
            source=self.inventory.source,
            place=self.inventory.places.get(zone),
        )


def _with_free(zone: ZoneSite, free: Mapping[Rack, int], places: frozenset[str]) -> ZoneSite:
    """The zone with what is free in its racks; ``places`` are the names of free nodes."""
    return replace(
        zone,
        blocks=tuple(
            replace(
                block,
                racks=tuple(
                    replace(
                        rack,
                        free=free.get(Rack(zone=zone.name, block=block.name, name=rack.name), 0),
                        free_places=places.intersection(rack.places) if rack.places else None,
                    )
                    for rack in block.racks
                ),
            )
            for block in zone.blocks
        ),
    )


def _stands(fault: Fault) -> bool:
    """Whether a fault is a stock-out that does not pass, of all names alike."""
    return fault.kind is FaultKind.STOCK_OUT and fault.times is None and fault.skip == 0 and fault.name == "*"


def _left_s(thing: Thing | None, request: Request, now_s: float) -> float:
    """Seconds to wait; AlreadyGone when what shall be ready is not there (any more)."""
    if request.action is Action.DELETE:
        return thing.due_at_s - now_s if thing is not None and thing.deleting else 0.0
    if thing is None or thing.deleting:
        msg = f"{request.address} disappeared before it was ready."
        raise AlreadyGone(msg)
    return thing.due_at_s - now_s
