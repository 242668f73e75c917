"""Whatever fails, and however: the state stays whole, and once nothing fails all ends as wished."""

from __future__ import annotations

import itertools
import random
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcplan.apply import ApplyOptions, execute, recover
from dcplan.diag import has_errors
from dcplan.provider.errors import AlreadyGone, Ambiguous, CapacityUnavailable, Conflict, Denied, Throttled
from dcplan.provider.types import Ack, Found, Idempotency, ProviderInfo, Request
from dcplan.resources import Action, Address, Resource
from dcplan.state import LocalStore, LockInfo, State, check, open_store
from sized import HOW, changes, sized_kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dcplan.provider import Provider

_FAULTS = ("definite", "denied", "throttled", "lost", "lost-after", "bug-after", "conflict")


@dataclass
class _World:
    """A cloud in memory that fails as a seeded generator says; ``-after`` fails with the deed done."""

    seed: int
    faults: float = 0.0
    objects: dict[str, Found] = field(default_factory=dict)
    created: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311 - faults, not secrets
        self._numbers = itertools.count(1)
        self._tokens: dict[str, str] = {}
        self._one_at_a_time = threading.Lock()
        self.info = ProviderInfo(
            name="world",
            api_version=1,
            kinds=sized_kinds(1e9),
        )

    def begin(self, request: Request) -> Ack:
        """Do it, fail, or both."""
        with self._one_at_a_time:
            fault = self._fault()
            if fault is not None and not fault.endswith("-after"):
                _fail(fault)
            ack = self._do(request)
            if fault is not None:
                _fail(fault)
            return ack

    def _do(self, request: Request) -> Ack:
        if request.action is Action.CREATE:
            return self._create(request)
        found = self.objects.get(request.object_id or "")
        if found is None:
            raise AlreadyGone("It does not exist.")
        if request.action is Action.DELETE:
            del self.objects[found.object_id]
        else:
            self.objects[found.object_id] = _found(request, found.object_id)
        return Ack(object_id=found.object_id)

    def _create(self, request: Request) -> Ack:
        how = HOW[request.address.kind]
        if how is Idempotency.TOKEN and request.token in self._tokens:
            return Ack(object_id=self._tokens[request.token])
        if how is Idempotency.NAME and any(f.address == request.address for f in self.objects.values()):
            raise Conflict("That name is taken.")
        object_id = f"o{next(self._numbers)}"
        self._tokens[request.token] = object_id
        self.objects[object_id] = _found(request, object_id)
        return Ack(object_id=object_id)

    def wait(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> Mapping[str, Any]:
        """Ready at once, or no answer."""
        with self._one_at_a_time:
            if self._fault() is not None:
                raise Ambiguous("The line went dead.")
            return {}

    def lookup(self, request: Request) -> tuple[Found, ...]:
        """All objects at the address."""
        with self._one_at_a_time:
            fault = self._fault()
            if fault in {"denied", "lost"}:
                _fail(fault)
            return tuple(f for f in self.objects.values() if f.address == request.address)

    def _fault(self) -> str | None:
        return self._chance.choice(_FAULTS) if self._chance.random() < self.faults else None


def _found(request: Request, object_id: str) -> Found:
    tells = HOW[request.address.kind] is Idempotency.TOKEN
    return Found(
        object_id=object_id,
        address=request.address,
        ready=True,
        attributes=dict(request.attributes),
        outputs={},
        token=request.token if tells else None,
        lineage=request.lineage,
    )


def _fail(fault: str) -> None:
    match fault:
        case "definite":
            raise CapacityUnavailable("None free.")
        case "denied":
            raise Denied("Not allowed.")
        case "conflict":
            raise Conflict("Something is in the way.")
        case "throttled":
            raise Throttled("Too fast.", retry_after_s=0.0)
        case "bug-after":
            raise ZeroDivisionError
        case _:
            raise Ambiguous("The line went dead.")


@st.composite
def _wishes(draw: st.DrawFn) -> dict[Address, Resource]:
    """Some of nine addresses; each may need those before it in a drawn order."""
    names = [Address("world", kind, name) for kind in HOW for name in ("a", "b", "c")]
    order = draw(st.permutations(names))[: draw(st.integers(0, 9))]
    wanted: dict[Address, Resource] = {}
    for n, address in enumerate(order):
        needs = tuple(need for need in order[:n] if draw(st.integers(0, 3)) == 0)
        attributes = {"size": draw(st.integers(1, 2)), "label": draw(st.integers(1, 2))}
        wanted[address] = Resource(address=address, attributes=attributes, needs=needs)
    return wanted


def _without_gone(state: State, world: _World) -> dict[Address, Resource | None]:
    """What a refresh would record: rows whose object is gone."""
    return {a: None for a, r in state.resources.items() if r.outputs.get("id") not in world.objects}


def _apply(store: LocalStore, world: _World, wanted: Mapping[Address, Resource]) -> bool:
    providers: dict[str, Provider] = {"world": world}  # type: ignore[dict-item] - acts and looks, no more
    options = ApplyOptions(parallelism=3, attempts=3, base_delay_s=0.0001, new_attempts=1)
    with store.lock(LockInfo(pid=1, who="a@b", operation="apply", since="now")).unwrap():
        recovered = recover(store=store, providers=providers, run_id="r", options=options)
        if not store.open_operations():
            store.record(_without_gone(store.read(), world))
        made = execute(
            changes(store.read(), wanted), store=store, providers=providers, run_id="r", options=options
        )
        return recovered.ok and made.ok


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    wishes=st.lists(_wishes(), min_size=1, max_size=3),
    seed=st.integers(0, 10_000),
    faults=st.sampled_from([0.0, 0.1, 0.4, 0.8]),
)
def test_state_survives_all_faults_and_converges(
    wishes: list[dict[Address, Resource]], seed: int, faults: float
) -> None:
    """After each failing run the state is whole and nothing doubled; without faults all ends as wished."""
    world = _World(seed)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "state.db", create=True).unwrap()
        for wanted in wishes:
            world.faults = faults
            _apply(store, world, wanted)

            assert not has_errors(check(store.read()))
            at = [f.address for f in world.objects.values()]
            assert len(at) == len(set(at))

        world.faults = 0.0
        _apply(store, world, wishes[-1])
        last = _apply(store, world, wishes[-1])
        state = store.read()
        open_now = store.open_operations()
        store.close()

    assert last
    assert open_now == ()
    assert check(state) == ()
    assert changes(state, wishes[-1]) == []
    assert {str(r.outputs["id"]): a for a, r in state.resources.items()} == {
        f.object_id: f.address for f in world.objects.values()
    }
    assert {a: r.attributes for a, r in wishes[-1].items()} == {
        f.address: f.attributes for f in world.objects.values()
    }
