"""Blobs in memory and in a folder, and ones whose answers get lost: servers without a network."""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import os
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from dcplan.diag import Result, error
from dcplan.state.blobs import Blob, BlobConflict, BlobRefused, Blobs, BlobUncertain

T = TypeVar("T")


class MemoryBlobs:
    """A server in this process; all stores of a test share one."""

    def __init__(self) -> None:
        self.kept: dict[str, Blob] = {}
        self.puts: list[tuple[str, int]] = []
        """Name and size of each body that was taken."""
        self._lock = threading.Lock()
        self._versions = itertools.count(1)

    @property
    def where(self) -> str:
        """For people."""
        return "memory://test"

    def get(self, name: str) -> Blob | None:
        """What the name holds."""
        return self.kept.get(name)

    def put(self, name: str, body: bytes, *, expected: str | None) -> str:
        """Write, if the name holds ``expected``."""
        with self._lock:
            now = self.kept.get(name)
            if (None if now is None else now.version) != expected:
                raise BlobConflict(f"{name} holds something else")
            version = str(next(self._versions))
            self.kept[name] = Blob(body=body, version=version)
            self.puts.append((name, len(body)))
            return version

    def delete(self, name: str) -> None:
        """Remove."""
        with self._lock:
            self.kept.pop(name, None)

    def names(self, prefix: str) -> Sequence[str]:
        """All names that begin so."""
        return sorted(name for name in list(self.kept) if name.startswith(prefix))

    def close(self) -> None:
        """Nothing to let go of."""

    def spoil(self, name: str, body: bytes) -> None:
        """Put a body there whatever it held."""
        self.kept[name] = Blob(body=body, version=str(next(self._versions)))


class FolderBlobs:
    """A server in a folder, for several processes: a file a name, compared under a file lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def where(self) -> str:
        """For people."""
        return str(self._folder)

    def get(self, name: str) -> Blob | None:
        """What the name holds."""
        with self._locked():
            return self._read(name)

    def put(self, name: str, body: bytes, *, expected: str | None) -> str:
        """Write, if the name holds ``expected``."""
        with self._locked():
            now = self._read(name)
            if (None if now is None else now.version) != expected:
                raise BlobConflict(f"{name} holds something else")
            counter = self._folder / ".counter"
            version = str(int(counter.read_text() if counter.exists() else "0") + 1)
            counter.write_text(version)
            draft = self._folder / ".draft"
            draft.write_bytes(version.encode() + b"\n" + body)
            draft.replace(self._path(name))
            return version

    def delete(self, name: str) -> None:
        """Remove."""
        with self._locked():
            self._path(name).unlink(missing_ok=True)

    def names(self, prefix: str) -> Sequence[str]:
        """All names that begin so."""
        with self._locked():
            kept = (urllib.parse.unquote(p.name[2:]) for p in self._folder.glob("b-*"))
            return sorted(name for name in kept if name.startswith(prefix))

    def close(self) -> None:
        """Nothing to let go of."""

    def _path(self, name: str) -> Path:
        return self._folder / f"b-{urllib.parse.quote(name, safe='')}"

    def _read(self, name: str) -> Blob | None:
        try:
            version, _, body = self._path(name).read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        return Blob(body=body, version=version.decode())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


@dataclass
class FaultyBlobs:
    """Blobs behind a network that loses what it is told to lose."""

    inner: Blobs
    rules: list[Callable[[str, str], str | None]] = field(default_factory=list)
    """Asked with method and name before each call: ``before`` and ``after`` lose the answer before or
    after the server acted, ``refuse`` is a server that says no, None passes the call on."""

    def lose(self, when: str, *, method: str = "put", prefix: str = "", times: int = 1) -> None:
        """Let the next ``times`` calls of this kind end so."""
        left = [times]

        def rule(called: str, name: str) -> str | None:
            if called != method or not name.startswith(prefix) or left[0] <= 0:
                return None
            left[0] -= 1
            return when

        self.rules.append(rule)

    @property
    def where(self) -> str:
        """For people."""
        return self.inner.where

    def get(self, name: str) -> Blob | None:
        """What the name holds."""
        return self._through("get", name, lambda: self.inner.get(name))

    def put(self, name: str, body: bytes, *, expected: str | None) -> str:
        """Write, if the name holds ``expected``."""
        return self._through("put", name, lambda: self.inner.put(name, body, expected=expected))

    def delete(self, name: str) -> None:
        """Remove."""
        self._through("delete", name, lambda: self.inner.delete(name))

    def names(self, prefix: str) -> Sequence[str]:
        """All names that begin so."""
        return self._through("names", prefix, lambda: self.inner.names(prefix))

    def close(self) -> None:
        """Nothing to let go of."""

    def _through(self, method: str, name: str, call: Callable[[], T]) -> T:
        fate = next((f for rule in self.rules if (f := rule(method, name)) is not None), None)
        if fate == "refuse":
            raise BlobRefused("The server says no.")
        if fate == "before":
            raise BlobUncertain("no answer")
        answer = call()
        if fate == "after":
            raise BlobUncertain("no answer")
        return answer


class CarelessBlobs(MemoryBlobs):
    """A server that ignores what it is told to expect, as some that speak S3 do."""

    def __init__(self, ignores: str) -> None:
        super().__init__()
        self.ignores = ignores

    def put(self, name: str, body: bytes, *, expected: str | None) -> str:
        """Write, without looking where this server does not."""
        now = self.kept.get(name)
        kind = "create" if expected is None else "replace"
        if kind == self.ignores:
            expected = None if now is None else now.version
        return super().put(name, body, expected=expected)


def folder_backend(settings: Mapping[str, object]) -> Result[Blobs]:
    """An entry point of ``dcplan.backends``: buckets are folders of ``FOLDER_BACKEND``."""
    if "bucket" not in settings:
        problem = error("missing-key", "A key is missing", "Which bucket?", path=("backend", "gcs"))
        return Result(None, (problem,))
    bucket = Path(os.environ["FOLDER_BACKEND"]) / str(settings["bucket"])
    folder = bucket / str(settings.get("prefix", ""))
    if not bucket.exists():
        return Result(_Refusing(folder))
    return Result(FolderBlobs(folder))


class _Refusing(MemoryBlobs):
    """A bucket that is not there."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    @property
    def where(self) -> str:
        """For people."""
        return str(self.folder)

    def get(self, name: str) -> Blob | None:
        """No."""
        raise BlobRefused("There is no such bucket. Make it first.")

    def put(self, name: str, body: bytes, *, expected: str | None) -> str:
        """No."""
        raise BlobRefused("There is no such bucket. Make it first.")


def digest(blobs: MemoryBlobs) -> str:
    """Of all that is kept."""
    whole = hashlib.sha256()
    for name, blob in sorted(blobs.kept.items()):
        whole.update(name.encode() + blob.body)
    return whole.hexdigest()
