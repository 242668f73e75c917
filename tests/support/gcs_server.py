"""Cloud Storage on this machine: objects with generations, judged by Google's own description of the API.

It keeps what it is given, compares before it writes, and can be told to fail before or after it acts.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from gcs_discovery import Method, Misused, storage_api
from loopback import Handler, on_loopback

PAGE = 1000
JSON = {"Content-Type": "application/json"}
Answer = tuple[int, bytes, Mapping[str, str]]
"""Status, contents and headers."""


class Refused(Exception):  # noqa: N818 - a state of things
    """An answer that is an error of the API: its status and its words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with one request."""

    verb: str
    after: bool = False
    """After the server has acted, instead of before."""
    status: int = 0
    """The answer in place of the right one; 0 for none at all: the connection drops."""
    latency_s: float = 0.0
    """How long it takes in any case."""
    answers: bool = False
    """With the right answer in the end: only late."""


@dataclass(slots=True)
class World:
    """What the server holds."""

    buckets: dict[str, dict[str, tuple[int, bytes, Mapping[str, Any]]]] = field(default_factory=dict)
    """By bucket and name: generation, contents, and what was said about them."""
    forbidden: set[str] = field(default_factory=set)
    """Buckets that nobody may use."""
    faults: list[Fault] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    """The verb and the method of each request, in order."""
    misused: list[str] = field(default_factory=list)
    """What did not fit the description: requests of a client, or answers of ours."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    generations: Iterator[int] = field(default_factory=lambda: itertools.count(time.time_ns() // 1000))

    def fault(self, verb: str) -> Fault | None:
        """The next fault for a request, if there is one; it is used up."""
        with self.lock:
            found = next((fault for fault in self.faults if fault.verb == verb), None)
            if found is not None:
                self.faults.remove(found)
            return found

    def objects(self, bucket: str) -> dict[str, tuple[int, bytes, Mapping[str, Any]]]:
        """What a bucket holds."""
        if bucket in self.forbidden:
            raise Refused(
                403, "Caller does not have storage.objects access to the Google Cloud Storage bucket."
            )
        if bucket not in self.buckets:
            raise Refused(404, "The specified bucket does not exist.")
        return self.buckets[bucket]

    def insert(self, bucket: str, about: Mapping[str, Any], query: Mapping[str, str], body: bytes) -> Any:
        """A new generation, if the one that is there is the one that was named."""
        objects, name = self.objects(bucket), about.get("name") or query.get("name")
        if not name or len(name.encode()) > 1024 or re.search(r"[\r\n]", name) or name in (".", ".."):
            raise Refused(400, "Invalid object name.")
        self._compare(objects, name, query)
        objects[name] = (next(self.generations), body, about)
        return self.resource(bucket, name)

    def delete(self, bucket: str, name: str, query: Mapping[str, str]) -> None:
        """Gone, if the generation that is there is the one that was named."""
        objects = self.objects(bucket)
        self._found(bucket, name)
        self._compare(objects, name, query)
        del objects[name]

    def media(self, bucket: str, name: str, query: Mapping[str, str]) -> tuple[int, bytes]:
        """The generation and the contents."""
        self._found(bucket, name)
        self._compare(self.objects(bucket), name, query)
        return self.objects(bucket)[name][:2]

    def page(self, bucket: str, query: Mapping[str, str]) -> dict[str, Any]:
        """One page, in the order of the names' bytes."""
        found = (n for n in self.objects(bucket) if n.startswith(query.get("prefix", "")))
        names = [n for n in sorted(found, key=str.encode) if n > query.get("pageToken", "")]
        size = min(int(query.get("maxResults", PAGE)), PAGE)
        page: dict[str, Any] = {"kind": "storage#objects"}
        if names:
            page["items"] = [self.resource(bucket, name) for name in names[:size]]
        if len(names) > size:
            page["nextPageToken"] = names[size - 1]
        return page

    def resource(self, bucket: str, name: str) -> dict[str, Any]:
        """What the API tells of an object."""
        generation, body, about = self.objects(bucket)[name]
        return {
            **about,
            "kind": "storage#object",
            "id": f"{bucket}/{name}/{generation}",
            "name": name,
            "bucket": bucket,
            "generation": str(generation),
            "metageneration": "1",
            "size": str(len(body)),
        }

    def _found(self, bucket: str, name: str) -> None:
        if name not in self.objects(bucket):
            raise Refused(404, f"No such object: {bucket}/{name}")

    @staticmethod
    def _compare(objects: Mapping[str, Any], name: str, query: Mapping[str, str]) -> None:
        wanted = query.get("ifGenerationMatch")
        there = objects[name][0] if name in objects else 0
        if wanted is not None and int(wanted) != there:
            raise Refused(412, "At least one of the pre-conditions you specified did not hold.")


class _Handler(Handler):
    world: World

    def serve(self) -> None:
        body = self.body()
        fault = self.world.fault(self.command)
        if fault is not None:
            time.sleep(fault.latency_s)
            if not fault.answers and not fault.after:
                self._fail(fault)
                return
        answer = self._answer(body)
        if fault is not None and not fault.answers:
            self._fail(fault)
            return
        self.reply(*answer)

    def _fail(self, fault: Fault) -> None:
        if fault.status:
            self.reply(fault.status, json.dumps({"error": {"message": "Backend Error"}}).encode())
        else:
            self.close_connection = True

    def _answer(self, body: bytes) -> Answer:
        """The right answer."""
        try:
            with self.world.lock:
                return self._act(body)
        except Refused as problem:
            told = {"error": {"code": problem.status, "message": str(problem)}}
            return problem.status, json.dumps(told).encode(), JSON
        except Misused as problem:
            self.world.misused.append(str(problem))
            return 400, json.dumps({"error": {"message": str(problem)}}).encode(), {}

    def _act(self, body: bytes) -> Answer:
        parts, world, api = urlsplit(self.path), self.world, storage_api()
        query = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        method, named = api.match(self.command, parts.path)
        world.seen.append(f"{self.command} {method.id}")
        api.check_query(method, query)
        if method.id == "storage.objects.insert":
            about, media = _related(self.headers["Content-Type"], body)
            api.check_body(method, "request", about)
            return self._json(method, query, world.insert(named["bucket"], about, query, media))
        if method.id == "storage.objects.delete":
            world.delete(named["bucket"], named["object"], query)
            return 204, b"", {}
        if method.id == "storage.objects.get" and query.get("alt") == "media":
            generation, media = world.media(named["bucket"], named["object"], query)
            return 200, media, {"x-goog-generation": str(generation), "x-goog-metageneration": "1"}
        if method.id == "storage.objects.list":
            return self._json(method, query, world.page(named["bucket"], query))
        raise Refused(501, f"{method.id} is not served here")

    def _json(self, method: Method, query: Mapping[str, str], told: Any) -> Answer:
        """An answer that the description allows, with only the fields that were asked for."""
        storage_api().check_body(method, "response", told)
        if "fields" in query:
            told = _only(told, query["fields"])
        return 200, json.dumps(told).encode(), JSON


def _related(kind: str, body: bytes) -> tuple[dict[str, Any], bytes]:
    """The two parts of an upload: what is said about the object, and its contents."""
    found = re.fullmatch(r"multipart/related; boundary=(\S+)", kind)
    if found is None:
        raise Misused(f"an upload of type {kind}")
    parts = (b"\r\n" + body).split(f"\r\n--{found[1]}".encode())
    if len(parts) != 4 or parts[0] or parts[3].strip() != b"--":
        raise Misused("an upload has two parts and an end")
    about, media = (part.split(b"\r\n\r\n", 1)[1] for part in parts[1:3])
    return json.loads(about), media


def _only(told: Mapping[str, Any], fields: str) -> dict[str, Any]:
    """The parts that ``fields`` names, as ``items/name,nextPageToken``."""
    kept: dict[str, Any] = {}
    for name in fields.split(","):
        outer, _, inner = name.partition("/")
        if outer in told:
            kept[outer] = [{inner: item[inner]} for item in told[outer]] if inner else told[outer]
    return kept


@contextmanager
def gcs_server() -> Iterator[tuple[str, World]]:
    """The address of a server on a free port, and what it holds."""
    world = World()
    handler = type("Handler", (_Handler,), {"world": world})
    with on_loopback(handler) as port:
        yield f"http://127.0.0.1:{port}", world
