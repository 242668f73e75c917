"""Each store that needs no server keeps the contract of stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from blobs_for_tests import FolderBlobs, MemoryBlobs
from dcplan.state import LocalStore, StateStore, open_store
from log_contract import Connect, LogContract
from sealed_contract import SealedContract
from store_contract import Open, StoreContract


class TestLocalStore(StoreContract):
    """The SQLite file."""

    @pytest.fixture
    def opened(self, tmp_path: Path) -> Iterator[Open]:
        """Connections to one file."""
        stores: list[LocalStore] = []

        def open_one() -> StateStore:
            stores.append(open_store(tmp_path / "state.sqlite", create=True).unwrap())
            return stores[-1]

        yield open_one
        for store in stores:
            store.close()


class TestLogInMemory(LogContract):
    """The log on blobs in memory."""

    @pytest.fixture
    def connect(self) -> Connect:
        """One server for all."""
        server = MemoryBlobs()
        return lambda: server


class TestLogInFolder(LogContract):
    """The log on blobs in a folder, as processes share one."""

    @pytest.fixture
    def connect(self, tmp_path: Path) -> Connect:
        """One folder for all."""
        return lambda: FolderBlobs(tmp_path / "blobs")


class TestSealedInMemory(SealedContract):
    """A sealed log on blobs in memory."""

    @pytest.fixture
    def connect(self) -> Connect:
        """One server for all."""
        server = MemoryBlobs()
        return lambda: server


class TestSealedInFolder(SealedContract):
    """A sealed log on blobs in a folder."""

    @pytest.fixture
    def connect(self, tmp_path: Path) -> Connect:
        """One folder for all."""
        return lambda: FolderBlobs(tmp_path / "blobs")
