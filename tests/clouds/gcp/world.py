"""What the cloud holds: objects, operations, answers to repeated requests, and everything that goes wrong.

All times are of the monotonic clock.  What is due is done when somebody looks, under one lock.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import itertools
import json
import re
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


class RefusedError(Exception):
    """The server says no: an HTTP status, Google's reason, and a sentence."""

    def __init__(self, status: int, reason: str, message: str, *, says: str = "") -> None:
        super().__init__(message)
        self.status, self.reason, self.says = status, reason, says

    @property
    def body(self) -> dict[str, Any]:
        """As Google writes it."""
        told = {"message": str(self), "domain": "global", "reason": self.reason}
        error: dict[str, Any] = {"code": self.status, "message": str(self), "errors": [told]}
        return {"error": {**error, "status": self.says} if self.says else error}


class LostError(Exception):
    """The connection ends without an answer."""


@dataclass(frozen=True, slots=True)
class Key:
    """Where an object is: ``("p", "zones/us-central1-a", "instances", "m-0")``."""

    project: str
    scope: str
    collection: str
    name: str

    @property
    def path(self) -> str:
        """As it stands in URLs, from ``projects`` on."""
        return f"projects/{self.project}/{self.scope}/{self.collection}/{self.name}"


@dataclass(slots=True)
class Thing:
    """One object, and when it changes by itself."""

    body: dict[str, Any]
    made_s: float
    settled_s: float
    """When its create is decided."""
    ready_s: float
    """From when on it runs."""
    seen_s: float
    """From when on reads and lists show it."""
    gone_s: float = float("inf")
    """From when on it is gone."""
    queued_s: float = 0.0
    """Until when it waits for a machine (flex start)."""


@dataclass(slots=True)
class Operation:
    """What a mutating call is doing."""

    body: dict[str, Any]
    done_s: float
    error: tuple[str, str, int, str] | None = None
    """Code, message, HTTP status and its words."""


@dataclass(slots=True, kw_only=True)
class Fault:
    """Something that goes wrong, ``times`` times after ``skip`` times."""

    method: str = "."
    """A regular expression on ``compute.instances.insert``."""
    path: str = "."
    mode: str = "http"
    """``http``: answers with ``status``, ``reason``, ``message``; ``operation``: the operation fails with
    ``code``, ``message``, ``status``; ``before`` and ``after``: no answer, before or after it acted;
    ``slow``: ``seconds`` late; ``alter``: each ``old`` in the answer is a ``new``, as of another version."""
    status: int = 503
    reason: str = "backendError"
    code: str = "ZONE_RESOURCE_POOL_EXHAUSTED"
    message: str = "Injected."
    seconds: float = 0.0
    old: str = ""
    new: str = ""
    times: int = 1
    skip: int = 0


@dataclass(slots=True, kw_only=True)
class Weather:
    """How long things take; seconds."""

    operation_s: float = 0.01
    boot_s: float = 0.02
    """From a machine's operation to its running."""
    delete_s: float = 0.01
    queue_s: float = 0.02
    """Until a queued resource is active, or a flex-start machine has capacity."""
    valid_s: float = 7200.0
    """How long flex-start machines without capacity wait before they are gone."""
    invisible_s: float = 0.0
    """How long reads and lists do not show what is new."""
    latency_s: float = 0.0
    page: int = 500
    """Most objects on one page."""
    approval_s: float = 0.02
    """Until a future reservation is approved, or declined."""
    lock_s: float = 1e9
    """From then on until nobody can cancel it."""
    early: bool = False
    """Whether future reservations begin once they are approved."""
    ahead_s: float = 0.0
    """How far its clock is ahead of this machine's, so that what is ordered ahead can begin."""
    capacity: dict[str, int] = field(default_factory=dict)
    """Machines by ``zone/machine type``; what is not named has no limit."""


@dataclass(slots=True)
class World:
    """Everything."""

    weather: Weather = field(default_factory=Weather)
    things: dict[Key, Thing] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    replays: dict[str, str] = field(default_factory=dict)
    """The operation of each request id."""
    buckets: dict[str, Any] = field(default_factory=dict)
    """``buckets.Bucket`` by name."""
    faults: list[Fault] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    """The method and path of each request, in order."""
    violations: list[str] = field(default_factory=list)
    """What did not fit Google's description: requests of a client, or answers of ours."""
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(4_000_000_000_000_000_001))
    lock: threading.RLock = field(default_factory=threading.RLock)

    def reset(self) -> None:
        """As new; the ids go on."""
        self.weather = Weather()
        for held in (
            *(self.things, self.operations, self.replays, self.buckets),
            *(self.faults, self.seen, self.violations),
        ):
            held.clear()  # type: ignore[attr-defined]  # a dict or a list

    def struck(self, method: str, path: str, modes: tuple[str, ...]) -> list[Fault]:
        """The faults of these kinds that a call runs into; they are used up."""
        found = []
        with self.lock:
            for fault in list(self.faults):
                if fault.mode not in modes:
                    continue
                if not (re.search(fault.method, method) and re.search(fault.path, path)):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
                found.append(fault)
        return found

    def sweep(self) -> None:
        """Let go of what is gone by now."""
        now_s = time.monotonic()
        for key in [key for key, thing in self.things.items() if thing.gone_s <= now_s]:
            del self.things[key]

    def there(self, key: Key, *, unseen: bool = False) -> Thing:
        """An object that somebody names; refused when it is not there, or not to be seen yet."""
        thing = self.things.get(key)
        if thing is None or (not unseen and thing.seen_s > time.monotonic()):
            raise RefusedError(404, "notFound", f"The resource '{key.path}' was not found")
        return thing

    def put(self, key: Key, body: dict[str, Any], *, settled_s: float, ready_s: float) -> Thing:
        """A new object; refused when there is one."""
        if key in self.things:
            raise RefusedError(409, "alreadyExists", f"The resource '{key.path}' already exists")
        now_s = time.monotonic()
        thing = Thing(body, now_s, settled_s, ready_s, now_s + self.weather.invisible_s)
        self.things[key] = thing
        return thing

    def new_id(self) -> str:
        """A number that no other object has."""
        return str(next(self.ids))

    def in_collection(self, collection: str, project: str, scope: str | None) -> list[tuple[Key, Thing]]:
        """The objects that lists show, in the order of their names; every scope for None."""
        now_s = time.monotonic()
        found = [
            (key, thing)
            for key, thing in self.things.items()
            if key.collection == collection
            and key.project == project
            and scope in (None, key.scope)
            and thing.seen_s <= now_s
        ]
        return sorted(found, key=lambda item: (item[0].scope, item[0].name))

    def users_of(self, key: Key) -> list[Key]:
        """Who names an object."""
        return [
            other
            for other, thing in self.things.items()
            if other != key and any(text.endswith(key.path) for text in texts(thing.body))
        ]

    def begun(
        self, body: dict[str, Any], *, after_s: float, error: tuple[str, str, int, str] | None = None
    ) -> dict[str, Any]:
        """A new operation."""
        self.operations[body["name"]] = Operation(body, time.monotonic() + after_s, error)
        return dict(body)


def texts(value: Any) -> Iterator[str]:
    """Every text in a value, but for what people may write freely."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name not in ("description", "metadata", "labels", "selfLink"):
                yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def now() -> str:
    """As Google writes times."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")


def fingerprint(value: Any) -> str:
    """Another one for another value."""
    text = json.dumps(value, sort_keys=True).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(text).digest()[:8]).decode()


def replayed(world: World, query: Mapping[str, str]) -> str | None:
    """The operation of an earlier request with this request id; refused when the id is none."""
    request_id = query.get("requestId")
    if request_id is None:
        return None
    try:
        known = uuid.UUID(request_id).int
    except ValueError:
        known = 0
    if not known:
        raise RefusedError(400, "invalid", f"Invalid value for field 'requestId': '{request_id}'.")
    return world.replays.get(request_id)
