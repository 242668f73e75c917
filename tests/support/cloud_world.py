"""The rules of a cloud that stands apart from dcplan: objects, owners, tokens, capacity, and its own books.

Three kinds of resources show three ways to tell a repeated create from a new one: machines and jobs
by their token, replicas by a tag only (two of one name may exist: nothing here prevents it), endpoints
by their unique name.  The books keep every mutating call, so that what was made twice is known even
when one of the two is gone again.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

TOKENED = frozenset({"machine", "job"})
NAMED = frozenset({"endpoint"})
POINTS_ONLY = frozenset({"endpoint"})


class RefusedError(Exception):
    """The cloud answers with an HTTP status and a word."""

    def __init__(self, status: int, code: str, detail: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(detail)
        self.status = status
        self.body = {"code": code, "detail": detail, "retry_after_s": retry_after_s}


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One object."""

    id: str
    kind: str
    name: str
    lineage: str
    token: str
    attributes: Mapping[str, Any]
    needs: tuple[str, ...]
    """Ids of the objects it stands on."""
    ready_at_s: float
    seen_from_s: float
    """Lookups, lists and reads do not show it before."""
    gone_at_s: float | None = None
    """Being deleted until then; None for an object that stays."""

    @property
    def place(self) -> tuple[str, str, str]:
        """Owner, kind and name: there should be one object of each at a time."""
        return self.lineage, self.kind, self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One mutating call that came through, as the books have it."""

    at_s: float
    pid: int
    action: str
    kind: str
    name: str
    token: str
    outcome: str
    """``made``, ``same`` (the token was known), ``changed``, ``deleting``, or the code of a refusal."""
    object_id: str
    """Empty where it made or touched none."""


@dataclass(slots=True)
class CloudWorld:
    """All objects of the cloud.  Every method may be called from several threads."""

    capacity: Mapping[str, int]
    """Machines that a zone has room for."""
    clock: Callable[[], float] = time.time
    objects: dict[str, Thing] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    """Each create that made an object where one of the same owner, kind and name was."""
    _tokens: dict[str, str] = field(default_factory=dict)
    _at: dict[tuple[str, str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    """Ids by owner, kind and name."""
    _users: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Ids of what stands on an object."""
    _going: set[str] = field(default_factory=set)
    _taken: Counter[str] = field(default_factory=Counter)
    """Machines by zone."""
    _made: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def create(self, ask: Mapping[str, Any], *, ready_in_s: float, seen_in_s: float) -> str:
        """Make an object; its id, or that of the one its token has made before."""
        with self._lock:
            self._sweep()
            known = self._tokens.get(ask["token"]) if ask["kind"] in TOKENED else None
            if known is not None:
                return self._noted("create", ask, "same", known)
            place = (ask["lineage"], ask["kind"], ask["name"])
            twins = [self.objects[i] for i in self._at[place]]
            going = [t for t in twins if t.gone_at_s is not None]
            if ask["kind"] in NAMED and twins and not going:
                raise self._no("create", ask, 409, "conflict", f"There is a {ask['kind']} of this name.")
            if ask["kind"] in NAMED and going:
                raise self._no("create", ask, 425, "not-ready", "The old one is still being deleted.")
            self._check_needs("create", ask)
            self._check_room(ask)
            if len(twins) > len(going):
                self.doubled.append(f"{ask['kind']} {ask['name']} by process {ask['pid']}")
            return self._make(ask, ready_in_s, seen_in_s)

    def _make(self, ask: Mapping[str, Any], ready_in_s: float, seen_in_s: float) -> str:
        self._made += 1
        now_s = self.clock()
        thing = Thing(
            id=f"{ask['kind']}-{self._made:06d}",
            kind=ask["kind"],
            name=ask["name"],
            lineage=ask["lineage"],
            token=ask["token"],
            attributes=ask["attributes"],
            needs=tuple(ask["needs"]),
            ready_at_s=now_s + ready_in_s,
            seen_from_s=now_s + seen_in_s,
        )
        self.objects[thing.id] = thing
        self._tokens[thing.token] = thing.id
        self._at[thing.place].add(thing.id)
        self._lean(thing.id, (), thing.needs)
        if thing.kind == "machine":
            self._taken[thing.attributes.get("zone", "")] += 1
        return self._noted("create", ask, "made", thing.id)

    def update(self, object_id: str, ask: Mapping[str, Any]) -> str:
        """Change an object in place; its id."""
        with self._lock:
            thing = self._existing("update", object_id, ask)
            if thing.gone_at_s is not None:
                raise self._no("update", ask, 409, "conflict", f"{object_id} is being deleted.")
            self._check_needs("update", ask)
            self.objects[object_id] = replace(thing, attributes=ask["attributes"], needs=tuple(ask["needs"]))
            self._lean(object_id, thing.needs, ask["needs"])
            return self._noted("update", ask, "changed", object_id)

    def delete(self, object_id: str, ask: Mapping[str, Any], *, gone_in_s: float) -> str:
        """Begin to delete an object; its id."""
        with self._lock:
            thing = self._existing("delete", object_id, ask)
            if thing.gone_at_s is not None:
                return self._noted("delete", ask, "same", object_id)
            users = [
                t for t in map(self.objects.__getitem__, self._users[object_id]) if t.kind not in POINTS_ONLY
            ]
            if any(t.gone_at_s is None for t in users):
                raise self._no("delete", ask, 409, "conflict", f"{object_id} is needed by {users[0].id}.")
            if users:
                raise self._no("delete", ask, 425, "not-ready", f"{users[0].id} is still being deleted.")
            self.objects[object_id] = replace(thing, gone_at_s=self.clock() + gone_in_s)
            self._going.add(object_id)
            return self._noted("delete", ask, "deleting", object_id)

    def read(self, object_id: str) -> dict[str, Any] | None:
        """One object as it is shown; None for what is gone or not shown yet."""
        with self._lock:
            self._sweep()
            thing = self.objects.get(object_id)
            return None if thing is None or thing.seen_from_s > self.clock() else self._shown(thing)

    def listed(self, wanted: Mapping[str, str], *, after: str, limit: int) -> list[dict[str, Any]]:
        """Objects whose fields are as wanted, by id, the next ``limit`` behind ``after``."""
        with self._lock:
            self._sweep()
            now_s = self.clock()
            found = (
                t
                for t in sorted(self.objects.values(), key=lambda t: t.id)
                if t.id > after
                and t.seen_from_s <= now_s
                and all(getattr(t, key) == value for key, value in wanted.items())
            )
            return [self._shown(t) for t, _ in zip(found, range(limit), strict=False)]

    def books(self) -> dict[str, Any]:
        """What exists, what was ever doubled, and how often each thing was done; nothing is hidden here."""
        with self._lock:
            self._sweep()
            count = Counter(f"{e.action} {e.outcome}" for e in self.entries)
            return {
                "objects": [self._shown(t) for t in self.objects.values()],
                "doubled": list(self.doubled),
                "calls": dict(count),
            }

    def all_ready(self) -> None:
        """Whatever is becoming ready, is."""
        with self._lock:
            self.objects = {k: replace(t, ready_at_s=0.0) for k, t in self.objects.items()}

    def _shown(self, thing: Thing) -> dict[str, Any]:
        ready = thing.gone_at_s is None and thing.ready_at_s <= self.clock()
        outputs = {"id": thing.id, "address": f"{thing.id}.faraway"}
        if thing.kind == "endpoint":
            outputs = {"id": thing.id, "url": f"http://{thing.name}.faraway"}
        return {
            "id": thing.id,
            "kind": thing.kind,
            "name": thing.name,
            "lineage": thing.lineage,
            "token": thing.token,
            "attributes": dict(thing.attributes),
            "ready": ready,
            "deleting": thing.gone_at_s is not None,
            "outputs": outputs,
        }

    def _lean(self, object_id: str, before: Iterable[str], needs: Iterable[str]) -> None:
        for need in before:
            self._users[need].discard(object_id)
        for need in needs:
            self._users[need].add(object_id)

    def _sweep(self) -> None:
        now_s = self.clock()
        gone = [key for key in self._going if (self.objects[key].gone_at_s or 0.0) <= now_s]
        for key in gone:
            thing = self.objects.pop(key)
            self._going.remove(key)
            self._at[thing.place].remove(key)
            self._lean(key, thing.needs, ())
            if thing.kind == "machine":
                self._taken[thing.attributes.get("zone", "")] -= 1

    def _existing(self, action: str, object_id: str, ask: Mapping[str, Any]) -> Thing:
        self._sweep()
        thing = self.objects.get(object_id)
        if thing is None:
            raise self._no(action, ask, 404, "object-gone", f"{object_id} does not exist.")
        if thing.lineage != ask["lineage"]:
            raise self._no(action, ask, 403, "permission-denied", f"{object_id} is another owner's.")
        return thing

    def _check_needs(self, action: str, ask: Mapping[str, Any]) -> None:
        for need in ask["needs"]:
            thing = self.objects.get(need)
            if thing is None or thing.gone_at_s is not None:
                raise self._no(action, ask, 400, "request-refused", f"{need}, which it needs, is not there.")
            if thing.ready_at_s > self.clock():
                raise self._no(action, ask, 425, "not-ready", f"{need}, which it needs, is not ready.")

    def _check_room(self, ask: Mapping[str, Any]) -> None:
        if ask["kind"] != "machine":
            return
        zone = ask["attributes"].get("zone", "")
        if self._taken[zone] >= self.capacity.get(zone, 0):
            raise self._no("create", ask, 409, "no-capacity", f"No machine is free in {zone}.")

    def _no(self, action: str, ask: Mapping[str, Any], status: int, code: str, detail: str) -> RefusedError:
        self._noted(action, ask, code)
        return RefusedError(status, code, detail, retry_after_s=0.05)

    def _noted(self, action: str, ask: Mapping[str, Any], outcome: str, object_id: str = "") -> str:
        self.entries.append(
            Entry(
                at_s=self.clock(),
                pid=ask["pid"],
                action=action,
                kind=ask["kind"],
                name=ask["name"],
                token=ask["token"],
                outcome=outcome,
                object_id=object_id,
            )
        )
        return object_id
