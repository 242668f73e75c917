"""A small durable cloud and an apply on it; run as a script, a server that forks one process per apply.

The world keeps its objects in a file of its own, so it outlives every kill.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcplan.apply import ApplyOptions, execute, recover
from dcplan.provider.errors import AlreadyGone, Conflict
from dcplan.provider.types import Ack, Found, Idempotency, ProviderInfo, Request
from dcplan.resources import Action, Address, Resource
from dcplan.state import LocalStore, LockInfo, check, open_store
from fork_server import Job, serve
from sized import HOW, changes, sized_kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dcplan.provider import Provider


class World:
    """A provider whose objects lie in SQLite; ``size`` cannot be changed in place."""

    def __init__(self, path: Path, delay_s: float = 0.0) -> None:
        self._path = path
        self._delay_s = delay_s
        self._one_at_a_time = threading.Lock()
        self.info = ProviderInfo(name="world", api_version=1, kinds=sized_kinds(3600.0))
        # A killed process loses nothing that the kernel has, so no sync is needed here.
        self._sql = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        self._sql.execute("PRAGMA synchronous = OFF")
        self._sql.execute(
            "CREATE TABLE IF NOT EXISTS objects (n INTEGER PRIMARY KEY AUTOINCREMENT, address TEXT,"
            " lineage TEXT, token TEXT, attributes TEXT, alive INTEGER)"
        )

    def begin(self, request: Request) -> Ack:
        """Create, change or delete at once; durable before it answers."""
        with self._one_at_a_time:
            ack = self._begin(request)
        time.sleep(self._delay_s)
        return ack

    def _begin(self, request: Request) -> Ack:
        match request.action:
            case Action.CREATE:
                return self._create(request)
            case Action.UPDATE:
                sql = "UPDATE objects SET attributes = ? WHERE n = ? AND alive"
                done = self._sql.execute(sql, (json.dumps(request.attributes), request.object_id))
            case _:
                sql = "UPDATE objects SET alive = 0 WHERE n = ? AND alive"
                done = self._sql.execute(sql, (request.object_id,))
        if done.rowcount != 1:
            msg = f"{request.object_id} does not exist."
            raise AlreadyGone(msg)
        return Ack(object_id=str(request.object_id))

    def _create(self, request: Request) -> Ack:
        idempotency = self.info.kinds[request.address.kind].idempotency
        if idempotency is Idempotency.TOKEN:
            same = self._sql.execute("SELECT n FROM objects WHERE token = ?", (request.token,)).fetchone()
            if same is not None:
                return Ack(object_id=str(same[0]))
        if idempotency is Idempotency.NAME and self._alive(request.address):
            msg = f"{request.address} exists."
            raise Conflict(msg)
        row = (str(request.address), request.lineage, request.token, json.dumps(request.attributes))
        made = self._sql.execute(
            "INSERT INTO objects (address, lineage, token, attributes, alive) VALUES (?, ?, ?, ?, 1)", row
        )
        return Ack(object_id=str(made.lastrowid))

    def wait(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> Mapping[str, Any]:
        """Ready a moment later."""
        time.sleep(self._delay_s)
        return {} if request.action is Action.DELETE else {"ip": f"10.0.0.{ack.object_id}"}

    def lookup(self, request: Request) -> tuple[Found, ...]:
        """The living objects at this address; only kinds with tokens tell the token."""
        with self._one_at_a_time:
            rows = self._alive(request.address)
        tells = self.info.kinds[request.address.kind].idempotency is Idempotency.TOKEN
        return tuple(
            Found(
                object_id=str(n),
                address=request.address,
                ready=True,
                attributes=json.loads(attributes),
                outputs={"ip": f"10.0.0.{n}"},
                lineage=lineage,
                token=token if tells else None,
            )
            for n, lineage, token, attributes in rows
        )

    def _alive(self, address: Address) -> list[tuple[int, str, str, str]]:
        return self._sql.execute(
            "SELECT n, lineage, token, attributes FROM objects WHERE alive AND address = ?", (str(address),)
        ).fetchall()

    def objects(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Address, id and attributes of all that lives."""
        rows = self._sql.execute("SELECT address, n, attributes FROM objects WHERE alive ORDER BY address, n")
        return [(address, str(n), json.loads(attributes)) for address, n, attributes in rows]

    def close(self) -> None:
        """Let go of the file."""
        self._sql.close()


def resource(kind: str, name: str, needs: tuple[Address, ...] = (), **attributes: Any) -> Resource:
    """A resource of the world."""
    address = Address("world", kind, name)
    return Resource(address=address, attributes=attributes, needs=needs, known_after_apply=("id", "ip"))


def stage(name: str) -> dict[Address, Resource]:
    """What shall exist: ``before``, and ``after`` with each action on each kind somewhere between the two.

    The names of actions are stages that only this action leads to, from ``before``.
    """
    net, disk = Address("world", "name", "net"), Address("world", "tag", "disk")
    host = Address("world", "token", "host")
    before = [
        resource("name", "net", size=1, label="a"),
        resource("tag", "disk", (net,), size=1),
        resource("token", "host", (disk,), size=1),
        resource("token", "old", (net,), size=1),
    ]
    after = [
        resource("name", "net", size=1, label="b"),
        resource("tag", "disk", (net,), size=2),
        resource("token", "host", (disk,), size=2),
        resource("tag", "new", (net,), size=1),
        resource("name", "top", (host,), size=1),
    ]
    only = {
        "create": [*before, *(resource(kind, "made", (net,), size=1) for kind in HOW)],
        "update": [replace(r, attributes={**r.attributes, "label": "b"}) for r in before],
        "delete": before[:1],
        "replace": [replace(r, attributes={**r.attributes, "size": 2}) for r in before],
    }
    wanted = {"before": before, "after": after, "nothing": [], **only}[name]
    return {r.address: r for r in wanted}


def store_in(folder: Path) -> LocalStore:
    """The state in a folder."""
    return open_store(folder / ".dcplan" / "state.db", create=True).unwrap()


def apply(folder: Path, to: str, *, parallelism: int = 1, delay_s: float = 0.0) -> bool:
    """What ``dcplan apply`` does: resolve what is open, then make the changes.  Whether all is done."""
    store, world = store_in(folder), World(folder / "world.db", delay_s)
    providers: dict[str, Provider] = {"world": world}  # type: ignore[dict-item] - acts and looks, no more
    options = ApplyOptions(parallelism=parallelism, base_delay_s=0.001)
    try:
        info = LockInfo(pid=os.getpid(), who="a@b", operation="apply", since="now")
        with store.lock(info).unwrap():
            recovered = recover(store=store, providers=providers, run_id="r", options=options)
            wanted = changes(store.read(), stage(to))
            made = execute(wanted, store=store, providers=providers, run_id="r", options=options)
            return recovered.ok and made.ok
    finally:
        store.close()
        world.close()


def broken_promises(folder: Path, to: str) -> list[str]:
    """What is not as it must be after a completed apply; empty when all is well."""
    store, world = store_in(folder), World(folder / "world.db")
    try:
        state, objects = store.read(), world.objects()
        wanted = stage(to)
        found = []
        if [(a, attributes) for a, _, attributes in objects] != sorted(
            (str(a), r.attributes) for a, r in wanted.items()
        ):
            found.append(f"the world holds {objects}")
        if {a: n for a, n, _ in objects} != {str(a): r.outputs.get("id") for a, r in state.resources.items()}:
            found.append("state and world name different objects")
        if changes(state, wanted):
            found.append(f"a second plan has changes: {changes(state, wanted)}")
        if store.open_operations():
            found.append("operations are still open")
        found.extend(d.detail for d in check(state))
        return found
    finally:
        store.close()
        world.close()


def _run(job: Job) -> int:
    """One apply; 0 when all is done."""
    done = apply(Path(job["folder"]), job["to"], parallelism=job["parallelism"], delay_s=job["delay_s"])
    return 0 if done else 1


if __name__ == "__main__":
    serve(_run)
