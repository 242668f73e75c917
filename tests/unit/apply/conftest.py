"""Each test of apply gets a bench of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from apply_bench import Bench, Clock, World
from dcplan.state import LockInfo, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_INFO = LockInfo(pid=1, who="a@b", operation="apply", since="now")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """An empty state, locked, and an empty world."""
    store = open_store(tmp_path / "state.db", create=True).unwrap()
    clock = Clock()
    store.lock(_INFO).unwrap()
    yield Bench(store, World(clock, store), clock)
    store.close()
