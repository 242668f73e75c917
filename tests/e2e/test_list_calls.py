"""However much there is, looking at it takes a few calls, and never one for each object."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from dcplan.provider.local import LocalProvider
from dcplan.resources import Address, Resource
from dcplan.state import LockInfo, open_store

if TYPE_CHECKING:
    from tests.e2e.conftest import Small

OBJECTS = 1000
MOST_CALLS = 20
LITTLE = ("-var", "load=5/s")
ENDPOINT = Address("local", "endpoint", "chat")


@pytest.fixture
def crowded(small: Small) -> Small:
    """A project whose data centre and state hold a thousand things more than its document wants."""
    done = small.run("apply", "-auto-approve", *LITTLE)
    assert done.exit_code == 0, done.output
    with closing(sqlite3.connect(small.folder / ".dcplan" / "local" / "hall.sqlite")) as world, world:
        world.executemany(
            "INSERT INTO objects (id, kind, name, lineage, token, attributes, outputs, state, due_at)"
            " SELECT :id, kind, :id, lineage, :id, attributes, outputs, state, due_at"
            " FROM objects WHERE kind = 'endpoint' AND name = 'chat'",
            [{"id": f"e-{i}"} for i in range(OBJECTS)],
        )
    store = open_store(small.folder / ".dcplan" / "state.sqlite", create=False).unwrap()
    with store.lock(LockInfo(pid=1, who="a@b", operation="test", since="now")).unwrap():
        row = store.read().resources[ENDPOINT]
        store.record({one.address: one for one in (_like(row, f"e-{i}") for i in range(OBJECTS))})
    store.close()
    return small


def _like(row: Resource, name: str) -> Resource:
    return replace(row, address=replace(ENDPOINT, name=name), outputs={**row.outputs, "id": name})


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Each call by which the data centre is looked at, by name."""
    calls: list[str] = []
    look = LocalProvider._look

    def counting(self: LocalProvider, call: Any, *more: Any) -> Any:
        calls.append(str(call))
        return look(self, call, *more)

    with monkeypatch.context() as patch:
        patch.setattr(LocalProvider, "_look", counting)
        yield calls


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["drift", "-json"], 0),
        (["orphans", "-json"], 0),
        (["refresh", "-auto-approve"], 0),
        (["plan", "-refresh-only", "-json"], 0),
        (["plan", "-destroy", "-json"], 0),
        (["plan", "-json", *LITTLE], 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_thousand_objects_take_a_few_calls(
    crowded: Small, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int
) -> None:
    """Whatever has to know what is there asks for lists."""
    with counted(monkeypatch) as calls:
        done = crowded.run(*arguments)

    assert done.exit_code == code, done.output
    assert 0 < len(calls) <= MOST_CALLS, calls


def test_all_of_them_are_compared_all_the_same(crowded: Small) -> None:
    """Few calls, and yet each object is looked at: one that changed is found among a thousand."""
    with closing(sqlite3.connect(crowded.folder / ".dcplan" / "local" / "hall.sqlite")) as world, world:
        world.execute("DELETE FROM objects WHERE id = 'e-777'")
    told = json.loads(crowded.run("drift", "-json").stdout)

    assert told["compared"] == OBJECTS + 3
    assert [(one["address"], one["gone"]) for one in told["drift"]] == [("local.endpoint.e-777", True)]
