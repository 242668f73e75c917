"""kill -9 while something is bought that cannot be told from a second order: it is never paid for twice."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

import purchase_child as child
from crash_child import store_in
from dcplan.apply.crash import VARIABLE
from fork_server import ForkServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has neither SIGKILL nor fork")

_KILLED = -int(getattr(signal, "SIGKILL", 9))
_POINTS = ("before-intent", "after-intent", "after-begin", "after-ack", "after-wait", "after-done")


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    """One server for the whole file."""
    with ForkServer("purchase_child.py") as server:
        yield server


def run(forks: ForkServer, folder: Path, *, repurchase: bool = False, crash_at: str | None = None) -> int:
    """The exit status of one apply: 0 for done, -9 for killed."""
    job = {"folder": str(folder), "repurchase": repurchase}
    return forks.ask(job, environment={VARIABLE: crash_at} if crash_at else {})


def bought(folder: Path) -> list[str]:
    """The names of all that was ever paid for."""
    world = child.shop(folder)
    try:
        return sorted(address.rpartition(".")[2] for address, _, _ in world.objects())
    finally:
        world.close()


def known(folder: Path) -> tuple[list[str], int]:
    """The names that the state holds, and how many calls are open."""
    store = store_in(folder)
    try:
        return sorted(a.name for a in store.read().resources), len(store.open_operations())
    finally:
        store.close()


@pytest.mark.parametrize("point", _POINTS)
def test_what_may_have_been_paid_for_is_not_ordered_again_without_a_word(
    forks: ForkServer, tmp_path: Path, point: str
) -> None:
    """What shows is adopted; what does not stays open until a person says that it may be ordered again."""
    for passage in range(1, 4):
        folder = tmp_path / str(passage)
        folder.mkdir()
        first = run(forks, folder, crash_at=f"{point}:{passage}")
        before = bought(folder)
        second = run(forks, folder)
        after, (names, still_open) = bought(folder), known(folder)
        third = run(forks, folder, repurchase=True)

        assert first == _KILLED
        assert set(before) <= set(after)
        assert names == after
        assert (second == 0) == (after == [*child.NAMES])
        assert still_open == len(child.NAMES) - len(after)
        assert third == 0
        assert bought(folder) == [*child.NAMES]
        assert known(folder) == ([*child.NAMES], 0)


@pytest.mark.parametrize("point", ["recover-after-begin", "recover-after-ack", "recover-after-done"])
def test_an_order_that_is_repeated_may_be_killed_as_well(
    forks: ForkServer, tmp_path: Path, point: str
) -> None:
    """Killed after the intent, told to order again, killed in that: what came of it is adopted."""
    first = run(forks, tmp_path, crash_at="after-intent:2")
    second = run(forks, tmp_path, repurchase=True, crash_at=f"{point}:1")
    third = run(forks, tmp_path, repurchase=True)

    assert (first, second, third) == (_KILLED, _KILLED, 0)
    assert bought(tmp_path) == [*child.NAMES]
    assert known(tmp_path) == ([*child.NAMES], 0)
