"""Whatever a provider answers, or does not: never two objects, never a forgotten one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apply_bench import A, B, Bench, C, a_resource, change, create
from dcplan.apply import (
    Acknowledged,
    Way,
    describe_open,
)
from dcplan.provider.errors import (
    Ambiguous,
    CapacityUnavailable,
    Denied,
)
from dcplan.provider.types import Ack, Request, request_of
from dcplan.resources import Action


@pytest.mark.parametrize("kind", ["token", "tag", "name"])
@pytest.mark.parametrize("done", [True, False])
def test_a_call_without_an_answer_makes_one_object(bench: Bench, kind: str, done: bool) -> None:
    """Whether the deed was done before the line went dead or not, there is one object afterwards."""
    problem = Ambiguous("Timeout.")
    bench.world.script["begin", "x"] = [(problem,) if done else problem]
    result = bench.run(create(a_resource(kind, "x")))

    assert result.ok
    assert [r.outputs["id"] for r in bench.store.read().resources.values()] == list(bench.world.objects)
    assert len(bench.world.objects) == 1


def test_an_object_may_become_visible_late(bench: Bench) -> None:
    """Looking goes on through the consistency window before a new attempt is made."""
    bench.world.script["begin", "x"] = [(Ambiguous("Timeout."),)]
    bench.world.visible_from_s = bench.clock() + 25.0
    result = bench.run(create(a_resource("tag", "x")))

    assert result.ok
    assert (bench.count("begin", "x"), len(bench.world.objects)) == (1, 1)
    assert [e.adopted for e in bench.events if isinstance(e, Acknowledged)] == [True]


def test_several_possible_objects_stop_the_change(bench: Bench) -> None:
    """Two of ours where one was asked for: neither is chosen, the journal stays open."""
    x = a_resource("tag", "x")
    request = Request(
        address=x.address,
        action=Action.CREATE,
        token="t",  # noqa: S106 - an idempotency token
        lineage=bench.store.read().lineage,
        attributes=x.attributes,
    )
    bench.world.add(request, object_id="p1")
    bench.world.script["begin", "x"] = [(Ambiguous("Timeout."),)]
    result = bench.run(create(x))

    assert [d.code for d in result.diagnostics] == ["several-objects"]
    assert "p1" in result.diagnostics[0].detail
    assert len(bench.store.open_operations()) == 1


def test_money_is_never_spent_twice_by_itself(bench: Bench) -> None:
    """No token, no answer, no object: it stays open, over runs, until the user says what was."""
    block = a_resource("block", "x")
    bench.world.script["begin", "x"] = [Ambiguous("Timeout.")]
    first = bench.run(create(block))
    again = bench.recover()
    blocked = bench.run(create(block))
    told = bench.recover(choices={block.address: None})
    last = bench.run(create(block))

    assert [[d.code for d in r.diagnostics] for r in (first, again)] == [["purchase-unclear"]] * 2
    assert [d.code for d in blocked.diagnostics] == ["operation-unresolved"]
    assert (told.ok, last.ok) == (True, True)
    assert bench.count("begin", "x") == 2


def test_the_user_may_name_the_object(bench: Bench) -> None:
    """A choice adopts the object it names."""
    block = a_resource("block", "x")
    bench.world.script["begin", "x"] = [(Ambiguous("Timeout."),)]
    bench.world.visible_from_s = 1e9
    bench.run(create(block))
    result = bench.recover(choices={block.address: "o1", A.address: None})

    assert [d.code for d in result.diagnostics] == ["no-such-operation"]
    assert bench.store.read().resources[block.address].outputs["id"] == "o1"


def test_an_objects_owner_must_be_known(bench: Bench) -> None:
    """An object that carries neither our tag nor our token is not adopted."""
    x = a_resource("tag", "x")
    request = Request(address=x.address, action=Action.CREATE, token="t", lineage="")  # noqa: S106 - as above
    bench.world.add(request, object_id="foreign", lineage=None, token=None)
    bench.world.script["begin", "x"] = [Ambiguous("Timeout.")]
    result = bench.run(create(x))

    assert [d.code for d in result.diagnostics] == ["owner-unclear"]


def test_a_taken_name_of_ours_is_adopted_and_a_foreign_one_is_a_conflict(bench: Bench) -> None:
    """What an attempt believed lost made late is ours; another's object is left alone."""
    x, y = a_resource("name", "x"), a_resource("name", "y")
    for resource, lineage in ((x, bench.store.read().lineage), (y, "another")):
        request = Request(
            address=resource.address,
            action=Action.CREATE,
            token=resource.address.name,
            lineage=lineage,
            attributes=resource.attributes,
        )
        bench.world.add(request)
    result = bench.run(create(x), create(y))

    assert [d.code for d in result.diagnostics] == ["conflict"]
    assert [x.address] == list(bench.store.read().resources)


def test_a_definite_answer_after_an_unclear_one_does_not_hide_an_object(bench: Bench) -> None:
    """No answer, then "denied": the object of the first call is looked for and adopted."""
    bench.world.script["begin", "a"] = [(Ambiguous("Timeout."),), Denied("Key expired.")]
    result = bench.run(create(A))

    assert result.ok
    assert bench.store.read().resources[A.address].outputs["id"] == "o1"


def test_when_looking_fails_the_journal_stays_open(bench: Bench) -> None:
    """If nobody can tell, nothing is concluded; the next run finds out."""
    bench.world.script["begin", "x"] = [(Ambiguous("Timeout."),)]
    bench.world.script["lookup", "x"] = [Denied("No.")]
    first = bench.run(create(a_resource("tag", "x")))
    described = describe_open(bench.store.open_operations(), {"world": bench.world}, bench.clock())
    second = bench.recover()

    assert [d.code for d in first.diagnostics] == ["outcome-unknown"]
    assert [(p.operation.address.name, p.way) for p in described] == [("x", Way.LOOK)]
    assert (second.ok, second.unwrap().done) == (True, 1)
    assert bench.store.open_operations() == ()


def test_a_provider_that_breaks_its_contract_is_named_and_survived(bench: Bench) -> None:
    """Any other exception counts as no answer, with a warning that says whose bug it is."""
    bench.world.script["begin", "x"] = [(KeyError("oops"),)]
    result = bench.run(create(a_resource("tag", "x")))

    assert [(d.code, d.severity.value) for d in result.diagnostics] == [("provider-broken", "warning")]
    assert (result.ok, len(bench.world.objects)) == (True, 1)


def test_deletes_and_updates_without_an_answer_are_sent_again(bench: Bench) -> None:
    """Gone is done; an update that took effect is not sent twice."""
    bench.run(create(A), create(C))
    bench.world.script["begin", "a"] = [(Ambiguous("Timeout."),)]
    bench.world.script["begin", "c"] = [(Ambiguous("Timeout."),)]
    result = bench.run(
        change(Action.DELETE, bench, A.address),
        change(Action.UPDATE, bench, C.address, replace(C, attributes={"size": 1, "label": "y"})),
    )

    assert (result.ok, result.unwrap().done) == (True, 2)
    assert (bench.count("begin", "a"), bench.count("begin", "c")) == (3, 2)


def test_what_never_becomes_ready_is_in_the_state(bench: Bench) -> None:
    """A wait that fails for good leaves no orphan: the row says that the object exists."""

    def broken(request: Request) -> Ack:
        return Ack(object_id=bench.world.add(request, ready=False).object_id)

    bench.world._do = broken  # type: ignore[method-assign] - this world makes broken things
    bench.world.script["wait", "a"] = [CapacityUnavailable("The host died.")]
    result = bench.run(create(A), create(B))

    assert [d.code for d in result.diagnostics] == ["never-ready"]
    assert bench.store.read().resources[A.address].outputs == {"id": "o1"}
    assert result.unwrap().skipped == 1


def test_an_expired_token_leads_to_a_look(bench: Bench) -> None:
    """A create found open long after its token died is looked up, not sent again."""
    bench.world.script["begin", "a"] = [(Ambiguous("Timeout."),)] * 8
    bench.world.script["lookup", "a"] = [Denied("No.")]
    bench.run(create(A))
    begun = bench.count("begin", "a")
    bench.clock.now_s += 10_000.0
    result = bench.recover()

    assert (result.ok, result.unwrap().done) == (True, 1)
    assert begun == bench.count("begin", "a")
    assert len(bench.world.objects) == 1


@pytest.mark.parametrize("bought", [True, False])
def test_a_purchase_cut_short_by_a_crash_is_asked_about_and_never_repeated(
    bench: Bench, *, bought: bool
) -> None:
    """The process died around the order: nothing is ordered until the user has said what came of it."""
    block = a_resource("block", "x")
    operation = bench.intend(block)
    if bought:
        request = request_of(
            block, Action.CREATE, token=operation.op_id, lineage=bench.store.read().lineage, needs={}
        )
        bench.world.add(request, object_id="cb-1")
        bench.world.visible_from_s = bench.clock() + 3600.0
    runs = [bench.recover(), bench.recover(), bench.run(create(block))]
    orders_meanwhile = bench.count("begin", "x")
    told = bench.recover(choices={block.address: "cb-1" if bought else None})
    last = () if bought else bench.run(create(block)).diagnostics

    assert [[d.code for d in r.diagnostics] for r in runs] == [
        ["purchase-unclear"],
        ["purchase-unclear"],
        ["operation-unresolved"],
    ]
    assert orders_meanwhile == 0
    assert (told.ok, last) == (True, ())
    assert len(bench.world.objects) == 1
    assert bench.count("begin", "x") == (0 if bought else 1)


@pytest.mark.parametrize("kind", ["tag", "name"])
def test_what_the_state_has_elsewhere_is_not_adopted(bench: Bench, kind: str) -> None:
    """Renamed in the state alone, its provider still calls it so: a lost answer is not answered with it."""
    x = a_resource(kind, "x")
    moved = replace(x, address=replace(x.address, name="y"))
    bench.run(create(x))
    (row,) = bench.store.read().resources.values()
    bench.store.record({x.address: None, moved.address: replace(row, address=moved.address)})
    bench.world.script["begin", "x"] = [Ambiguous("Timeout.")]
    bench.run(create(x))
    ids = [r.outputs["id"] for r in bench.store.read().resources.values()]

    assert len(ids) == len(set(ids))
    assert row.outputs["id"] in ids
