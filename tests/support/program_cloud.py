"""A cloud in memory for whole lifecycles: pools that are sold out, owner tags, callers that die."""

from __future__ import annotations

import itertools
import random
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dcplan.provider.errors import AlreadyGone, Ambiguous, CapacityUnavailable, Conflict, Denied
from dcplan.provider.lowering import kinds_on
from dcplan.provider.types import Ack, Found, Idempotency, Kind, ProviderInfo, Request
from dcplan.resources import Action, Address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dcplan.resources import Resource

POOLS = ("p0", "p1", "p2")
MACHINE = Kind(
    name="machine",
    outputs=("id",),
    replace_on=("pool", "size"),
    idempotency=Idempotency.TOKEN,
    token_ttl_s=1e9,
    consistency_window_s=0.0,
    spends_money=False,
)
_HOW = {"replica": Idempotency.TAG, "endpoint": Idempotency.NAME}
KINDS = {
    name: replace(kind, idempotency=_HOW[name], token_ttl_s=0.0) if name in _HOW else kind
    for name, kind in kinds_on(MACHINE).items()
}
FAULTS = ("denied", "lost", "lost-after", "bug-after", "conflict")


class Killed(BaseException):
    """The process is gone, as after SIGKILL: what it wrote before is there, and no more."""


@dataclass
class Cloud:
    """Objects that outlive their callers; ``seed`` says what fails, ``sold_out`` which pools have none."""

    seed: int
    faults: float = 0.0
    sold_out: dict[str, int] = field(default_factory=dict)
    objects: dict[str, Found] = field(default_factory=dict)
    calls: int = 0
    """Creates and deletes that came through; an update that changes nothing may come twice."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311 - faults, not secrets
        self._numbers = itertools.count(1)
        self._tokens: dict[str, str] = {}
        self.info = ProviderInfo(name="world", api_version=1, kinds=KINDS)

    def fault(self) -> str | None:
        """What goes wrong this time."""
        return self._chance.choice(FAULTS) if self._chance.random() < self.faults else None

    def do(self, request: Request) -> Ack:
        """Carry a call out."""
        if request.action is Action.CREATE:
            return self._create(request)
        there = self.objects.get(request.object_id or "")
        if there is None:
            raise AlreadyGone("It does not exist.")
        if request.action is Action.DELETE:
            self.calls += 1
            del self.objects[there.object_id]
        else:
            self._refuse_taken_name(request, there.object_id)
            self.objects[there.object_id] = replace(
                there, address=request.address, attributes=dict(request.attributes)
            )
        return Ack(object_id=there.object_id)

    def _create(self, request: Request) -> Ack:
        if KINDS[request.address.kind].idempotency is Idempotency.TOKEN and request.token in self._tokens:
            return Ack(object_id=self._tokens[request.token])
        self._refuse_taken_name(request, None)
        pool = str(request.attributes.get("pool"))
        if self.sold_out.get(pool, 0) > 0:
            self.sold_out[pool] -= 1
            raise CapacityUnavailable("None free.")
        self.calls += 1
        object_id = f"o{next(self._numbers)}"
        self._tokens[request.token] = object_id
        tells = KINDS[request.address.kind].idempotency is Idempotency.TOKEN
        self.objects[object_id] = Found(
            object_id=object_id,
            address=request.address,
            ready=True,
            attributes=dict(request.attributes),
            outputs={},
            token=request.token if tells else None,
            lineage=request.lineage,
        )
        return Ack(object_id=object_id)

    def _refuse_taken_name(self, request: Request, own_id: str | None) -> None:
        named = KINDS[request.address.kind].idempotency is Idempotency.NAME
        if named and any(
            f.address == request.address and f.object_id != own_id for f in self.objects.values()
        ):
            raise Conflict("That name is taken.")

    def refresh(self, resources: Mapping[Address, Resource]) -> dict[Address, Found | None]:
        """What is there of these."""
        return {a: self.objects.get(str(r.outputs.get("id"))) for a, r in resources.items()}

    def owned(self, lineage: str) -> tuple[Found, ...]:
        """All that carries this owner's tag."""
        return tuple(f for f in self.objects.values() if f.lineage == lineage)


@dataclass
class Line:
    """One process's line to the cloud: it dies at its ``left``-th step, and says nothing from then on."""

    cloud: Cloud
    left: int | None = None
    dead: bool = False

    @property
    def info(self) -> ProviderInfo:
        """That of the cloud."""
        return self.cloud.info

    def step(self, _name: str = "") -> None:
        """A moment at which the process may die."""
        if self.dead:
            raise Killed
        if self.left is not None:
            self.left -= 1
            if self.left <= 0:
                self.dead = True
                raise Killed

    def begin(self, request: Request) -> Ack:
        """Do it, fail, die, or two of these."""
        with self.cloud.lock:
            self.step()
            fault = self.cloud.fault()
            if fault is not None and not fault.endswith("-after"):
                _fail(fault)
            ack = self.cloud.do(request)
            self.step()
            if fault is not None:
                _fail(fault)
            return ack

    def wait(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> Mapping[str, Any]:
        """Ready at once, or no answer."""
        with self.cloud.lock:
            self.step()
            if self.cloud.fault() is not None:
                raise Ambiguous("The line went dead.")
            return {}

    def lookup(self, request: Request) -> tuple[Found, ...]:
        """All objects of that name."""
        with self.cloud.lock:
            self.step()
            return tuple(f for f in self.cloud.objects.values() if f.address == request.address)

    def owned(self, lineage: str) -> Iterable[Found]:
        """As the cloud says."""
        with self.cloud.lock:
            self.step()
            return self.cloud.owned(lineage)

    def set_owner(self, request: Request) -> None:
        """Tag an object, or take its tag away."""
        with self.cloud.lock:
            self.step()
            fault = self.cloud.fault()
            if fault in {"denied", "conflict"}:
                _fail(fault)
            there = self.cloud.objects.get(request.object_id or "")
            if there is None:
                raise AlreadyGone("It does not exist.")
            self.cloud.objects[there.object_id] = replace(there, lineage=request.lineage or None)
            self.step()


def _fail(fault: str) -> None:
    match fault:
        case "denied":
            raise Denied("Not allowed.")
        case "conflict":
            raise Conflict("Something is in the way.")
        case "bug-after":
            raise ZeroDivisionError
        case _:
            raise Ambiguous("The line went dead.")
