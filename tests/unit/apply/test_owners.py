"""Owner tags change for all that is forgotten or imported, or for none; what is half-way is taken back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from apply_bench import A, Bench, C, World, change, create
from dcplan.apply import IntentRecorded, IntentResolved, Status, Way, describe_open, make_notes
from dcplan.provider.errors import AlreadyGone, Ambiguous, Denied
from dcplan.resources import Action, Address, Change, Resource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.apply import ChangeResult
    from dcplan.diag import Result
    from dcplan.provider.types import Request

D = replace(A, address=Address("world", "token", "d"))


class Tagged(World):
    """A world in which owners can be changed."""

    def set_owner(self, request: Request) -> None:
        """Put the tag on, or raise what the script says; an empty one takes it away."""

        def deed() -> None:
            there = self.objects.get(str(request.object_id))
            if there is None:
                raise AlreadyGone("Gone.")
            self.objects[there.object_id] = replace(there, lineage=request.lineage or None)

        with self.lock:
            self._play("set_owner", request, deed)

    def tags(self) -> dict[str, str | None]:
        """Whose each object is, by name."""
        return {found.address.name: found.lineage for found in self.objects.values()}


@pytest.fixture
def world(bench: Bench) -> Tagged:
    """Three objects of ours, in the state."""
    bench.world = tagged = Tagged(bench.clock, bench.store)
    bench.run(create(A), create(C), create(D)).unwrap()
    # The bench makes objects without an id among their outputs; the state needs it to find them.
    rows = bench.store.read().resources
    ids = {found.address: found.object_id for found in tagged.objects.values()}
    bench.store.record({a: replace(r, outputs={**r.outputs, "id": ids[a]}) for a, r in rows.items()})
    bench.events.clear()
    return tagged


def forget(bench: Bench, *resources: Resource) -> list[Change]:
    """The changes that forget these."""
    return [change(Action.FORGET, bench, r.address) for r in resources]


def note(bench: Bench, changes: Sequence[Change]) -> Result[tuple[ChangeResult, ...]]:
    """Make these changes of the state."""
    return make_notes(
        changes, store=bench.store, providers={"world": bench.world}, run_id="r", report=bench.events.append
    )


def test_each_tag_is_in_the_journal_before_its_call(bench: Bench, world: Tagged) -> None:
    """All intents are durable first; done is told once rows and journal agree."""
    note(bench, forget(bench, A, C)).unwrap()

    assert world.tags() == {"a": None, "c": None, "d": bench.store.read().lineage}
    assert list(bench.store.read().resources) == [D.address]
    assert bench.store.open_operations() == ()
    told = [type(e) for e in bench.events if isinstance(e, IntentRecorded | IntentResolved)]
    assert told == [IntentRecorded, IntentRecorded, IntentResolved, IntentResolved]


@pytest.mark.parametrize("wrong", [Denied("Not allowed."), (Ambiguous("The line went dead."),)])
def test_where_one_fails_the_others_get_their_tags_back(
    bench: Bench, world: Tagged, wrong: Exception | tuple[Exception]
) -> None:
    """Refused, or done without an answer: every tag and the state are as before, and nothing is open."""
    before, tags = bench.store.read(), world.tags()
    world.script["set_owner", "c"] = [wrong]
    done = note(bench, forget(bench, A, C, D))

    assert done.value is None
    assert "and with it all others" in done.diagnostics[0].detail
    assert (bench.store.read(), world.tags()) == (before, tags)
    assert bench.store.open_operations() == ()
    assert bench.count("set_owner", "d") == 0


def test_what_cannot_be_taken_back_stays_open_for_recovery(bench: Bench, world: Tagged) -> None:
    """The journal names it, recovery says so and puts the tag back, and the same changes can be made then."""
    tags = world.tags()
    world.script["set_owner", "a"] = [None, Denied("Not allowed any more.")]
    world.script["set_owner", "c"] = [Denied("Not allowed.")]
    changes = forget(bench, A, C)
    done = note(bench, changes)
    (left,) = bench.store.open_operations()
    (prospect,) = describe_open([left], {"world": world}, bench.clock())
    refused = note(bench, changes)
    recovered = bench.recover().unwrap()
    restored = world.tags()
    note(bench, changes).unwrap()

    assert [d.code for d in done.diagnostics] == ["permission-denied", "owner-not-restored"]
    assert (left.address, left.action, prospect.way) == (A.address, Action.FORGET, Way.BACK)
    assert [d.code for d in refused.diagnostics] == ["operation-unresolved"]
    assert [(r.address, r.status) for r in recovered.results] == [(A.address, Status.NOT_STARTED)]
    assert restored == tags
    assert world.tags() == {**tags, "a": None, "c": None}
    assert list(bench.store.read().resources) == [D.address]


@pytest.mark.parametrize("owner", ["another", "", "ours"])
def test_what_was_to_be_imported_goes_back_to_its_owner(bench: Bench, world: Tagged, owner: str) -> None:
    """Another state's, nobody's, or ours without a row: as it was before, also by way of recovery."""
    rows = bench.store.read().resources
    bench.store.record({A.address: None, C.address: None})
    if owner != "ours":
        (mine,) = (f for f in world.objects.values() if f.address == A.address)
        world.objects[mine.object_id] = replace(mine, lineage=owner or None)
    tags = world.tags()
    world.script["set_owner", "a"] = [None, Denied("Not now.")]
    world.script["set_owner", "c"] = [Denied("Not allowed.")]
    changes = [
        Change(address=a, action=Action.IMPORT, before=None, after=rows[a]) for a in (A.address, C.address)
    ]
    done = note(bench, changes)
    bench.recover().unwrap()
    restored = world.tags()
    note(bench, changes).unwrap()

    assert [d.code for d in done.diagnostics] == ["permission-denied", "owner-not-restored"]
    assert restored == tags
    assert set(world.tags().values()) == {bench.store.read().lineage}
    assert dict(bench.store.read().resources) == dict(rows)


def test_what_is_gone_already_is_forgotten_all_the_same(bench: Bench, world: Tagged) -> None:
    """A warning, and the row goes."""
    changes = forget(bench, A)
    world.objects.clear()
    done = note(bench, changes)

    assert done.value is not None
    assert [d.code for d in done.diagnostics] == ["forget-gone"]
    assert A.address not in bench.store.read().resources
    assert bench.store.open_operations() == ()


def test_an_address_that_changes_hands_keeps_both(bench: Bench, world: Tagged) -> None:
    """In one go c takes the address of a, and a is forgotten: its row goes first, c's comes."""
    rows = bench.store.read().resources
    moved = replace(rows[C.address], address=A.address)
    note(
        bench,
        [
            Change(
                address=A.address,
                previous_address=C.address,
                action=Action.MOVE,
                before=rows[C.address],
                after=moved,
            ),
            *forget(bench, A),
        ],
    ).unwrap()

    assert dict(bench.store.read().resources) == {A.address: moved, D.address: rows[D.address]}
    assert world.tags()["a"] is None
