"""S3 as a server of state, over real connections to LocalStack: a second server, by other people.

It is as S3 itself is: what it compares before it writes is code of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from blobs_contract import BlobsContract, Opened, closing
from dcplan.state.blobs import Blobs
from dcplan.state.probing import probe
from log_contract import Connect, LogContract
from programs import served
from s3_clients import bucket_made, client, nobody

PYTHON = Path(__file__).parents[2] / ".cache" / "localstack" / "bin" / "python"
PREFIXES = itertools.count()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of nobody."""
    nobody(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server with one bucket, for all tests of this file."""
    if not PYTHON.exists():
        pytest.skip("LocalStack is not set up: make test-servers does it")
    with served("serve_localstack.py", python=str(PYTHON)) as port:
        bucket_made(port)
        yield port


@pytest.fixture
def prefix() -> str:
    """Each test's own folder."""
    return f"test/{next(PREFIXES)}"


class TestLocalStack(BlobsContract):
    """The suite on it."""

    many = 1500

    @pytest.fixture
    def opened(self, port: int, prefix: str) -> Iterator[Opened]:
        """Another client of the same folder."""
        yield from closing(lambda: client(port, prefix))

    def test_init_accepts_it(self, blobs: Blobs) -> None:
        """It compares before it creates and before it replaces, and is left as it was found."""
        assert probe(blobs, ("backend", "s3")) == ()
        assert list(blobs.names("")) == []


class TestLogOnLocalStack(LogContract):
    """A whole state on it."""

    @pytest.fixture
    def connect(self, port: int, prefix: str) -> Iterator[Connect]:
        """One client for all: making one takes longer than a test."""
        shared = client(port, prefix)
        yield lambda: shared
        shared.close()
