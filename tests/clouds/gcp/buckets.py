"""Cloud Storage v1: buckets, and as much of objects as emptying one takes.

Rules: Cloud Storage documentation, "About Cloud Storage buckets" (names, labels), JSON API reference.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from clouds.gcp.judge import Judge, Method
from clouds.gcp.rules import check_labels
from clouds.gcp.world import RefusedError, World, now

PATH = re.compile(r"/storage/v1/b(?:/(?P<bucket>[^/]+)(?:/o(?:/(?P<object>[^/]+))?)?)?")
NAME = re.compile(r"[a-z0-9][a-z0-9_\-]{1,61}[a-z0-9]")
MOST_LABELS = 64
GENERATIONS = itertools.count(1_700_000_000_000_000)


@dataclass(slots=True)
class Bucket:
    """One bucket."""

    project: str
    body: dict[str, Any]
    objects: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    """By name and generation."""


class Storage:
    """Serves methods of ``storage.v1``."""

    def __init__(self, world: World, judge: Judge) -> None:
        self.world, self.judge = world, judge

    def serve(self, method: Method, path: str, query: Mapping[str, str], body: Any, root: str) -> Any:
        """The answer; None for one without a body."""
        del root
        found = PATH.fullmatch(path)
        acts: dict[str, Callable[[str, Mapping[str, str], Any, str], Any]] = {
            "storage.buckets.insert": self._insert,
            "storage.buckets.list": self._list,
            "storage.buckets.get": self._get,
            "storage.buckets.patch": self._patch,
            "storage.buckets.delete": self._delete,
            "storage.objects.list": self._objects,
            "storage.objects.delete": self._delete_object,
        }
        if found is None or method.id not in acts:
            raise RefusedError(501, "notImplemented", f"{method.id} is not served here")
        with self.world.lock:
            return acts[method.id](found["bucket"] or "", query, body, unquote(found["object"] or ""))

    def put(self, bucket: str, name: str) -> None:
        """An object, as if somebody had written it."""
        generation = str(next(GENERATIONS))
        about = {"kind": "storage#object", "name": name, "bucket": bucket, "generation": generation}
        self._there(bucket).objects[name, generation] = about

    def _there(self, name: str) -> Bucket:
        found: Bucket | None = self.world.buckets.get(name)
        if found is None:
            raise RefusedError(404, "notFound", "The specified bucket does not exist.")
        return found

    def _insert(self, _bucket: str, query: Mapping[str, str], body: Any, _object: str) -> Any:
        name = body.get("name", "")
        if not NAME.fullmatch(name):
            raise RefusedError(400, "invalid", f"Invalid bucket name: '{name}'")
        if name in self.world.buckets:
            raise RefusedError(
                409, "conflict", "Your previous request to create the named bucket succeeded and you own it."
            )
        self._check(body)
        made = {
            "kind": "storage#bucket",
            "storageClass": "STANDARD",
            **body,
            "id": name,
            "location": body.get("location", "US").upper(),
            "projectNumber": "123456789012",
            "timeCreated": now(),
            "metageneration": "1",
        }
        self.world.buckets[name] = Bucket(query["project"], made)
        return made

    def _list(self, _bucket: str, query: Mapping[str, str], _body: Any, _object: str) -> Any:
        mine = sorted(
            name
            for name, one in self.world.buckets.items()
            if one.project == query["project"]
            and name.startswith(query.get("prefix", ""))
            and name > query.get("pageToken", "")
        )
        size = min(int(query.get("maxResults", 1000)), self.world.weather.page)
        page: dict[str, Any] = {"kind": "storage#buckets"}
        if mine:
            page["items"] = [self.world.buckets[name].body for name in mine[:size]]
        if len(mine) > size:
            page["nextPageToken"] = mine[size - 1]
        return page

    def _get(self, bucket: str, _query: Mapping[str, str], _body: Any, _object: str) -> Any:
        return self._there(bucket).body

    def _patch(self, bucket: str, _query: Mapping[str, str], body: Any, _object: str) -> Any:
        there = self._there(bucket).body
        labels = {**there.get("labels", {}), **body.get("labels", {})}
        self._check({**body, "labels": labels})
        there.update({**body, "labels": labels, "metageneration": str(int(there["metageneration"]) + 1)})
        return there

    def _delete(self, bucket: str, _query: Mapping[str, str], _body: Any, _object: str) -> None:
        if self._there(bucket).objects:
            raise RefusedError(409, "conflict", "The bucket you tried to delete is not empty.")
        del self.world.buckets[bucket]

    def _objects(self, bucket: str, query: Mapping[str, str], _body: Any, _object: str) -> Any:
        every = sorted(self._there(bucket).objects)
        size = min(int(query.get("maxResults", 1000)), self.world.weather.page)
        page: dict[str, Any] = {"kind": "storage#objects"}
        if every:
            page["items"] = [self._there(bucket).objects[key] for key in every[:size]]
        if len(every) > size:
            page["nextPageToken"] = every[size - 1][0]
        return page

    def _delete_object(self, bucket: str, query: Mapping[str, str], _body: Any, name: str) -> None:
        key = (name, query.get("generation", ""))
        if key not in self._there(bucket).objects:
            raise RefusedError(404, "notFound", f"No such object: {bucket}/{name}")
        del self._there(bucket).objects[key]

    @staticmethod
    def _check(body: Mapping[str, Any]) -> None:
        check_labels(body.get("labels", {}))
        if len(body.get("labels", {})) > MOST_LABELS:
            raise RefusedError(400, "invalid", "There are too many labels.")
