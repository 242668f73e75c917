"""A call that goes late, because its process was held up, makes nothing that is there or unknown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from apply_bench import A, B, Bench, Clock, World, a_resource, change, create
from blobs_for_tests import MemoryBlobs
from dcplan.apply import make_notes
from dcplan.apply.ledger import Ledger, Wish
from dcplan.provider.errors import AlreadyGone, Ambiguous, Throttled
from dcplan.resources import Action, Change, Reason
from dcplan.state import LockInfo, Restored, StateStore, open_store
from dcplan.state.log import Manner, open_log
from dcplan.state.patience import Times

if TYPE_CHECKING:
    from dcplan.provider.types import Found, Request

ANN = LockInfo(pid=1, who="ann@desk", operation="apply", since="noon")
X = a_resource("tag", "x")


def once_asleep(clock: Clock, deed: Callable[[], None]) -> None:
    """Have ``deed`` done in the first pause."""
    sleep, left = clock.sleep, [deed]

    def slept(seconds: float) -> None:
        sleep(seconds)
        if left:
            left.pop()()

    clock.sleep = slept


def test_a_token_that_ended_in_a_pause_is_not_sent_again(bench: Bench) -> None:
    """Made, no answer, and the machine sleeps for two hours: the object is looked for, and adopted."""
    bench.world.script["begin", "a"] = [(Ambiguous("Timeout."),)]

    def two_hours() -> None:
        bench.clock.now_s += 7200
        bench.world.tokens = {f"forgotten-{t}": made for t, made in bench.world.tokens.items()}

    once_asleep(bench.clock, two_hours)
    result = bench.run(create(A))

    assert result.ok
    assert (bench.count("begin", "a"), list(bench.world.objects)) == (1, ["o1"])
    assert bench.store.read().resources[A.address].outputs["id"] == "o1"


def test_a_clock_that_is_put_forward_ends_no_look(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object shows 25 s after it was made; the clock goes forward by an hour meanwhile: it is found."""
    passed_s = [0.0]
    sleep, lookup = bench.clock.sleep, bench.world.lookup

    def slept(seconds: float) -> None:
        sleep(seconds)
        passed_s[0] += seconds
        if passed_s[0] > 1 and bench.clock.now_s < 4000:
            bench.clock.now_s += 3600

    def late(request: Request) -> tuple[Found, ...]:
        found = lookup(request)
        return found if passed_s[0] >= 25 else ()

    monkeypatch.setattr(bench.clock, "sleep", slept)
    monkeypatch.setattr(bench.world, "lookup", late)
    bench.steady = lambda: passed_s[0]
    bench.world.script["begin", "x"] = [(Ambiguous("Timeout."),)]
    result = bench.run(create(X))

    assert result.ok
    assert bench.clock.now_s > 4000
    assert (bench.count("begin", "x"), len(bench.world.objects)) == (1, 1)


def local(folder: Path, _clock: Clock) -> Callable[[], StateStore]:
    """Opens one state in a file."""
    return lambda: open_store(folder / "s", create=True).unwrap()


def remote(_folder: Path, clock: Clock) -> Callable[[], StateStore]:
    """Opens one state on a server."""
    blobs = MemoryBlobs()
    manner = Manner(times=Times(clock=clock, steady=clock, sleep=clock.sleep), beat=False)
    return lambda: open_log(blobs, create=True, manner=manner).unwrap()


@pytest.mark.parametrize("kept", [local, remote])
def test_a_call_held_up_until_the_lock_was_forced_is_not_sent(
    tmp_path: Path, kept: Callable[[Path, Clock], Callable[[], StateStore]]
) -> None:
    """Throttled, and in the pause somebody else ends the operation and makes the thing: it is made once."""
    clock = Clock()
    opened = kept(tmp_path, clock)
    store = opened()
    store.lock(ANN).unwrap()
    bench = Bench(store, World(clock, store), clock)
    bench.world.script["begin", "x"] = [Throttled("Busy.", retry_after_s=0.1)]

    def forced() -> None:
        other = opened()
        other.force_unlock()
        other.lock(ANN).unwrap()
        second = Bench(other, bench.world, Clock(clock.now_s))
        assert second.recover().ok
        assert second.run(create(X)).ok
        other.close()

    once_asleep(clock, forced)
    bench.run(create(X))
    why = store.why_lost
    store.close()

    assert len(bench.world.objects) == 1
    assert bench.count("begin", "x") == 2
    assert why is not None


def test_a_token_is_not_used_again_after_an_older_state_was_pushed(bench: Bench) -> None:
    """Refused, then the state from before that is put back: the next create is another call."""
    before = Restored(state=bench.store.read(), tries=bench.store.tries())
    bench.world.script["begin", "a"] = [Throttled("Busy.")] * bench.options.attempts
    bench.run(create(A))
    bench.store.write([before])
    result = bench.run(create(A))

    assert result.ok
    assert bench.store.tries()[A.address].generation == 1


def test_what_came_into_the_state_meanwhile_is_not_imported_besides(bench: Bench) -> None:
    """An import of an object that another row has by now is refused: no two rows have one object."""
    bench.run(create(A))
    (made,) = bench.store.read().resources.values()
    after = replace(made, address=B.address)
    taken = Change(address=B.address, action=Action.IMPORT, before=None, after=after, reason=Reason.IMPORTED)
    result = make_notes([taken], store=bench.store, providers={"world": bench.world}, run_id="r")

    assert [d.code for d in result.diagnostics] == ["import-elsewhere"]
    assert list(bench.store.read().resources) == [A.address]


def test_a_rename_that_was_not_sent_is_sent(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between intent and call of an update that only gives a new name: recovery gives the name."""
    bench.run(create(A))
    moved = replace(bench.store.read().resources[A.address], address=B.address)
    bench.store.record({A.address: None, B.address: moved})
    wish = Wish(address=B.address, action=Action.UPDATE, resource=moved)
    ledger = Ledger(bench.store)
    bench.store.intents([ledger.operation(wish, run_id="r", epoch=bench.store.epoch, now_s=bench.clock())])
    monkeypatch.setattr(bench.world, "lookup", lambda _: tuple(bench.world.objects.values()))
    result = bench.recover()

    assert result.ok
    assert [f.address for f in bench.world.objects.values()] == [B.address]


def test_what_was_deleted_and_is_still_listed_is_not_adopted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replace whose create has no answer, in a cloud that lists the old one for 10 s: the new one it is."""
    bench.run(create(X))
    (old,) = bench.world.objects.values()
    began_s, lookup = bench.clock(), bench.world.lookup
    bench.world.visible_from_s = began_s + 5

    def lagging(request: Request) -> tuple[Found, ...]:
        found = lookup(request)
        return (*found, old) if bench.clock() < began_s + 10 and old not in found else found

    monkeypatch.setattr(bench.world, "lookup", lagging)
    bench.world.script["begin", "x"] = [None, (Ambiguous("Timeout."),)]
    bigger = replace(X, attributes={"size": 2})
    result = bench.run(change(Action.REPLACE, bench, X.address, bigger))

    assert result.ok
    assert [r.outputs["id"] for r in bench.store.read().resources.values()] == list(bench.world.objects)
    assert old.object_id not in bench.world.objects


def test_another_of_that_name_is_not_what_was_made(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made anew under the name of what was forgotten, hidden while its wait fails: the new one is adopted."""
    bench.run(create(X))
    (old,) = bench.world.objects
    bench.store.record({X.address: None})
    until_s, lookup = bench.clock() + 10, bench.world.lookup

    def lagging(request: Request) -> tuple[Found, ...]:
        return tuple(f for f in lookup(request) if f.object_id == old or bench.clock() > until_s)

    monkeypatch.setattr(bench.world, "lookup", lagging)
    bench.world.script["wait", "x"] = [AlreadyGone("Not found.")]
    bench.run(create(X))
    (new,) = bench.world.objects.keys() - {old}

    assert [r.outputs["id"] for r in bench.store.read().resources.values()] == [new]
