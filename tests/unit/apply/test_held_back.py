"""While it is not sure that the lock is held nothing is begun, and whoever wants to stop is heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from apply_bench import A, Bench, create
from dcplan.apply import Status
from dcplan.state import LocalStore

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def wavers(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], bool]], None]:
    """Lets the store say whether it is unsure of its lock."""
    return lambda answer: monkeypatch.setattr(LocalStore, "wavering", property(lambda _: answer()))


def test_calls_wait_until_the_lock_is_sure_again(
    bench: Bench, wavers: Callable[[Callable[[], bool]], None]
) -> None:
    """For 20 s no intent is written and no call made; then all is made as planned."""
    began_s = bench.clock()
    wavers(lambda: bench.clock() < began_s + 20)
    result = bench.run(create(A))
    (made,) = [call for call in bench.world.calls if call[0] == "begin"]

    assert made == ("begin", "create", "a")
    assert bench.clock() - began_s >= 20
    assert result.unwrap().done == 1


def test_a_stop_is_heard_while_calls_wait(bench: Bench, wavers: Callable[[Callable[[], bool]], None]) -> None:
    """It ends within a tick, with nothing begun and nothing in the journal."""
    asked: list[float] = []

    def answer() -> bool:
        asked.append(bench.clock())
        if len(asked) == 3:
            bench.stop.set()
        return True

    wavers(answer)
    report = bench.run(create(A)).unwrap()

    assert bench.world.calls == []
    assert bench.store.open_operations() == ()
    assert [one.status for one in report.results] == [Status.NOT_STARTED]
    assert report.interrupted
    assert bench.clock() - asked[-1] < 0.5
