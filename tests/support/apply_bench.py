"""A world in memory whose every answer a test can write, a store beside it, and changes to make there."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dcplan.apply import (
    ApplyOptions,
    ApplyReport,
    Event,
    execute,
    recover,
)
from dcplan.apply.ledger import Ledger, Wish
from dcplan.provider.errors import (
    AlreadyGone,
    Conflict,
)
from dcplan.provider.types import Ack, Found, Idempotency, Kind, ProviderInfo, Request
from dcplan.resources import Action, Address, Change, Resource
from dcplan.state import LocalStore, Operation, Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dcplan.diag import Result

KINDS = {
    "token": Kind(
        name="token",
        outputs=("id",),
        replace_on=("size",),
        idempotency=Idempotency.TOKEN,
        token_ttl_s=3600.0,
        consistency_window_s=30.0,
        spends_money=False,
    )
}
KINDS["tag"] = replace(KINDS["token"], name="tag", idempotency=Idempotency.TAG, token_ttl_s=0.0)
KINDS["name"] = replace(KINDS["tag"], name="name", idempotency=Idempotency.NAME)
KINDS["block"] = replace(KINDS["tag"], name="block", spends_money=True)


@dataclass
class Clock:
    """Time that passes only while somebody sleeps."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        """Unix seconds."""
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """Let time pass, at once."""
        self.now_s += max(seconds, 1e-6)


@dataclass
class World:
    """A provider in memory.  ``script`` maps a method and address to what it raises, call by call.

    An exception in a tuple is raised after the deed was done.
    """

    clock: Clock
    store: LocalStore
    script: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    objects: dict[str, Found] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    phases: list[tuple[str, Phase]] = field(default_factory=list)
    visible_from_s: float = 0.0
    lock: threading.RLock = field(default_factory=threading.RLock)
    info = ProviderInfo(name="world", api_version=1, kinds=KINDS)

    def begin(self, request: Request) -> Ack:
        """Do it, and raise what the script says."""
        with self.lock:
            return self._play("begin", request, lambda: self._do(request))

    def wait(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> Mapping[str, Any]:
        """Ready at once."""
        with self.lock:
            outputs = {} if request.action is Action.DELETE else {"ip": f"ip-{ack.object_id}"}
            return self._play("wait", request, lambda: outputs)

    def lookup(self, request: Request) -> tuple[Found, ...]:
        """The visible objects at the address."""
        with self.lock:
            there = tuple(f for f in self.objects.values() if f.address == request.address)
            seen = there if self.clock() >= self.visible_from_s else ()
            return self._play("lookup", request, lambda: seen)

    def owned(self, lineage: str) -> tuple[Found, ...]:
        """The visible objects of this owner."""
        with self.lock:
            self.calls.append(("owned", "", ""))
            if self.clock() < self.visible_from_s:
                return ()
            return tuple(f for f in self.objects.values() if f.lineage == lineage)

    def _play(self, method: str, request: Request, deed: Callable[[], Any]) -> Any:
        name = request.address.name
        self.calls.append((method, request.action.value, name))
        self.phases.extend(
            (method, o.phase) for o in self.store.open_operations() if o.op_id == request.token
        )
        planned = self.script.get((method, name), [])
        step = planned.pop(0) if planned else None
        if isinstance(step, tuple):
            deed()
            raise step[0]
        if step is not None:
            raise step
        return deed()

    def _do(self, request: Request) -> Ack:
        if request.action is Action.DELETE:
            if request.object_id not in self.objects:
                raise AlreadyGone("Gone.")
            del self.objects[request.object_id]
            return Ack(object_id=request.object_id)
        if request.action is Action.UPDATE:
            before = self.objects[str(request.object_id)]
            self.objects[before.object_id] = replace(
                before, address=request.address, attributes=request.attributes
            )
            return Ack(object_id=before.object_id)
        if request.address.kind == "token" and request.token in self.tokens:
            return Ack(object_id=self.tokens[request.token])
        if request.address.kind == "name" and any(
            f.address == request.address for f in self.objects.values()
        ):
            raise Conflict("The name is taken.")
        return Ack(object_id=self.add(request).object_id)

    def add(self, request: Request, **more: Any) -> Found:
        """Put an object into the world, as if by this request but for ``more``."""
        found = Found(
            object_id=f"o{len(self.tokens) + 1}",
            address=request.address,
            ready=True,
            attributes=dict(request.attributes),
            outputs={},
            token=request.token if request.address.kind == "token" else None,
            lineage=request.lineage,
        )
        found = replace(found, **more)
        self.tokens[request.token if not more else found.object_id] = found.object_id
        self.objects[found.object_id] = found
        return found


@dataclass
class Bench:
    """A store, a world, and what happened."""

    store: LocalStore
    world: World
    clock: Clock
    events: list[Event] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    options: ApplyOptions = field(default_factory=lambda: ApplyOptions(parallelism=2))
    steady: Callable[[], float] | None = None
    """Time that nobody sets; None: that of ``clock``."""

    def run(self, *changes: Change, **more: Any) -> Result[ApplyReport]:
        """Execute these changes."""
        return execute(changes, **self._all(), **more)

    def intend(self, resource: Resource) -> Operation:
        """An intent to create, written by a process that died before the call."""
        ledger = Ledger(self.store)
        wish = Wish(address=resource.address, action=Action.CREATE, resource=resource)
        operation = ledger.operation(wish, run_id="r", epoch=self.store.epoch, now_s=self.clock())
        self.store.intents([operation])
        return operation

    def recover(self, **more: Any) -> Result[ApplyReport]:
        """Resolve what is open."""
        return recover(**self._all(), **more)

    def _all(self) -> dict[str, Any]:
        return {
            "store": self.store,
            "providers": {"world": self.world},
            "run_id": "r",
            "options": self.options,
            "report": self.events.append,
            "stop": self.stop,
            "clock": self.clock,
            "steady": self.steady or self.clock,
            "sleep": self.clock.sleep,
        }

    def count(self, method: str, name: str) -> int:
        """How often this method was called for the resource of this name."""
        return sum(1 for m, _, n in self.world.calls if (m, n) == (method, name))


def a_resource(kind: str, name: str, *needs: Address, **attributes: Any) -> Resource:
    """A resource of the world."""
    return Resource(address=Address("world", kind, name), attributes=attributes or {"size": 1}, needs=needs)


def create(resource: Resource) -> Change:
    """The change that makes a resource."""
    return Change(address=resource.address, action=Action.CREATE, before=None, after=resource)


def change(action: Action, bench: Bench, address: Address, after: Resource | None = None) -> Change:
    """A change of what the state holds at an address."""
    return Change(address=address, action=action, before=bench.store.read().resources[address], after=after)


A = a_resource("token", "a")
B = a_resource("token", "b", A.address)
C = a_resource("token", "c")
