"""Which objects are orphans, and what may be done about them: decided without asking anybody."""

from __future__ import annotations

from dataclasses import replace

from dcplan.plan.orphans import Books, Orphan, adoption, chosen, deletion, unaccounted
from dcplan.provider.local.kinds import KINDS
from dcplan.provider.types import Found
from dcplan.resources import Action, Address, JsonValue, Resource
from dcplan.state import Operation, Phase

BY_NAME = {("local", name): kind for name, kind in KINDS.items()}


def found(kind: str, name: str, object_id: str, token: str | None = None, **attributes: JsonValue) -> Found:
    """An object with our tag."""
    return Found(
        object_id=object_id,
        address=Address("local", kind, name),
        ready=True,
        attributes=attributes,
        outputs={},
        token=token,
        lineage="ours",
    )


def row(kind: str, name: str, object_id: str, *needs: Address) -> Resource:
    """A row of the state."""
    return Resource(
        address=Address("local", kind, name), attributes={}, needs=needs, outputs={"id": object_id}
    )


def opened(action: Action, resource: Resource, op_id: str = "op", object_id: str | None = None) -> Operation:
    """An operation whose end nobody knows."""
    return Operation(
        op_id=op_id,
        epoch=1,
        run_id="r",
        address=resource.address,
        action=action,
        generation=1,
        attempt=1,
        phase=Phase.INTENT,
        resource=resource,
        object_id=object_id,
    )


def ids(owned: list[Found], *books: Books) -> list[str]:
    """Ids of the orphans among these."""
    return [o.id for o in unaccounted({"local": owned}, books)]


def test_what_the_state_or_an_open_operation_knows_is_no_orphan() -> None:
    """By id, by the token of the call that made it, by the address of a create, by what a delete is about."""
    owned = [found("machine", f"m-{i}", f"id-{i}") for i in range(5)]
    owned[2] = replace(owned[2], address=Address("local", "machine", "odd"), token="op-2")  # noqa: S106 - a token of idempotency
    state = row("machine", "m-0", "id-0")
    books = Books(
        resources={state.address: state},
        open=[
            opened(Action.CREATE, replace(row("machine", "m-1", "x"), outputs={}), "op-1"),
            opened(Action.CREATE, replace(row("machine", "m-2", "x"), outputs={}), "op-2"),
            opened(Action.DELETE, row("machine", "other-name", "id-3"), "op-3"),
        ],
    )

    assert ids(owned, books) == ["id-4"]


def test_what_was_known_before_or_after_the_look_is_no_orphan() -> None:
    """An apply that runs meanwhile makes and deletes; neither end of it is told as left over."""
    gone, come = row("machine", "a", "id-a"), row("machine", "b", "id-b")
    owned = [found("machine", "a", "id-a"), found("machine", "b", "id-b")]

    assert ids(owned, Books(resources={gone.address: gone}), Books(resources={come.address: come})) == []
    assert ids(owned, Books(resources={come.address: come})) == ["id-a"]


def test_a_second_object_at_an_address_of_the_state_is_an_orphan() -> None:
    """The state has the other one; the name alone accounts for nothing."""
    state = row("machine", "a", "id-1")
    owned = [found("machine", "a", "id-1"), found("machine", "a", "id-2")]

    assert ids(owned, Books(resources={state.address: state})) == ["id-2"]


def test_ids_are_looked_up_and_doubtful_ones_refused() -> None:
    """One that is no orphan, and one that two providers have, are errors; the provider's name settles it."""
    here = Orphan(provider="local", found=found("machine", "a", "id-1"))
    there = Orphan(provider="far", found=found("machine", "a", "id-1"))

    assert [d.code for d in chosen([here], ["id-1", "id-2"]).diagnostics] == ["no-orphan"]
    assert [d.code for d in chosen([here, there], ["id-1"]).diagnostics] == ["orphan-ambiguous"]
    assert chosen([here, there], ["far/id-1", "far/id-1"]).unwrap() == (there,)


def test_an_orphan_is_adopted_where_its_name_is_free() -> None:
    """Elsewhere its user says where to, or lets it go."""
    free = Orphan(provider="local", found=found("machine", "b", "id-2"))
    taken = Orphan(provider="local", found=found("machine", "a", "id-3"))
    state = row("machine", "a", "id-1")
    made = adoption([free], {state.address: state}, BY_NAME).unwrap()
    refused = adoption([free, taken], {state.address: state}, BY_NAME)

    assert [(c.action, str(c.address)) for c in made] == [(Action.IMPORT, "local.machine.b")]
    assert [d.code for d in refused.diagnostics] == ["orphan-address-taken"]
    assert "id-1" in refused.diagnostics[0].detail


def test_a_delete_never_touches_the_row_of_another_object() -> None:
    """Where the state has something at the orphan's address, the delete gets an address of its own."""
    state = row("machine", "a", "id-1")
    twins = [Orphan(provider="local", found=found("machine", "a", f"id-{i}")) for i in (2, 3)]
    changes = deletion(twins, {state.address: state}, ()).unwrap()

    assert state.address not in {c.address for c in changes}
    assert len({c.address for c in changes}) == 2
    assert [c.before.outputs["id"] for c in changes if c.before] == ["id-2", "id-3"]


def test_what_runs_on_an_orphan_goes_before_it() -> None:
    """Deletes of orphans know what stands on what, as other deletes do."""
    machine = Orphan(provider="local", found=found("machine", "a", "id-1"))
    replica = Orphan(provider="local", found=found("replica", "r", "id-2", machines=["a"]))
    changes = {c.address.kind: c for c in deletion([machine, replica], {}, ()).unwrap()}
    before = changes["replica"].before

    assert before is not None
    assert before.needs == (changes["machine"].address,)


def test_an_orphan_in_use_is_not_deleted() -> None:
    """A resource of the state that stands on an address without a row keeps the object there."""
    machine = Orphan(provider="local", found=found("machine", "a", "id-1"))
    replica = row("replica", "r", "id-2", Address("local", "machine", "a"))
    refused = deletion([machine], {replica.address: replica}, ())

    assert [d.code for d in refused.diagnostics] == ["orphan-needed"]
    assert "local.replica.r" in refused.diagnostics[0].detail
