"""The state after moves, removals and imports: pure, told with places, and nothing once it is done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcplan.config.refactor_spec import MovedSpec, RemovedSpec
from dcplan.plan.refactor import Imported, Refactored, Wishes, refactor
from dcplan.plan.state_changes import held_otherwise, import_needed, noted, settled
from dcplan.plan.types import Digests, Plan, ReadEntry
from dcplan.provider.types import Found, Idempotency, Kind
from dcplan.resources import Action, Address, Change, JsonValue, Reason, Resource, digest_of

KINDS = {
    ("local", name): Kind(
        name=name,
        outputs=("id",),
        replace_on=(),
        idempotency=Idempotency.TOKEN,
        token_ttl_s=60.0,
        consistency_window_s=0.0,
        spends_money=False,
        points_only=name == "endpoint",
    )
    for name in ("machine", "replica", "endpoint")
}
M, N = Address("local", "machine", "m-0"), Address("local", "machine", "m-1")


def machine(address: Address = M) -> Resource:
    """A machine of pool p."""
    return Resource(
        address=address, attributes={"pool": "p", "zone": "z"}, outputs={"id": f"id-{address.name}"}
    )


def replica(name: str, *on: Address, workload: str = "chat") -> Resource:
    """A replica on machines."""
    attributes: dict[str, JsonValue] = {
        "workload": workload,
        "machines": [a.name for a in on],
        "devices": [0],
        "settings": {"choice": f"{workload}/big/tp1", "engine": "vllm"},
    }
    return Resource(
        address=Address("local", "replica", name),
        attributes=attributes,
        needs=on,
        outputs={"id": f"id-{name}"},
    )


def endpoint(workload: str = "chat") -> Resource:
    """The endpoint over one replica."""
    return Resource(
        address=Address("local", "endpoint", workload),
        attributes={"workload": workload, "replicas": {f"{workload}-0": 1}},
        needs=(Address("local", "replica", f"{workload}-0"),),
        outputs={"id": f"id-{workload}"},
    )


def prior(*resources: Resource) -> dict[Address, Resource]:
    """A state of these."""
    return {r.address: r for r in resources}


def moved(*pairs: tuple[str, str]) -> list[MovedSpec]:
    """Entries of ``moved``."""
    return [MovedSpec.model_validate({"from": a, "to": b}) for a, b in pairs]


def removed(name: str, *, destroy: bool = False) -> list[RemovedSpec]:
    """An entry of ``removed``."""
    return [RemovedSpec.model_validate({"from": name, "destroy": destroy})]


def imported(object_id: str, to: Address, *, kind: str = "machine", ready: bool = True) -> Imported:
    """An entry of ``import`` whose object was found."""
    found = Found(
        object_id=object_id,
        address=Address("local", kind, "old"),
        ready=ready,
        attributes={"pool": "p"},
        outputs={"rack": "r"},
    )
    return Imported(address=to, found=found, path=("import", 0, "id"), ours=False)


def done(wishes: Wishes, *resources: Resource) -> Refactored:
    """The refactored state of these, without an error."""
    result = refactor(wishes, prior(*resources), KINDS)
    assert result.value is not None, result.diagnostics
    return result.value


def codes(wishes: Wishes, *resources: Resource) -> list[str]:
    """What is said."""
    return [d.code for d in refactor(wishes, prior(*resources), KINDS).diagnostics]


CHAT = (machine(), replica("chat-0", M), endpoint())


def test_a_workload_is_renamed_wherever_its_name_stands() -> None:
    """Addresses, needs, labels, routes and the choice by which the next plan knows a replica."""
    after = done(Wishes(moved=moved(("chat", "talk")), workloads=["talk"]), *CHAT).resources
    new = after[Address("local", "replica", "talk-0")]
    route = after[Address("local", "endpoint", "talk")]

    assert new.attributes["workload"] == "talk"
    assert new.attributes["settings"] == {"choice": "talk/big/tp1", "engine": "vllm"}
    assert new.outputs == {"id": "id-chat-0"}
    assert route.attributes["replicas"] == {"talk-0": 1}
    assert route.needs == (new.address,)


def test_moves_form_chains_and_do_nothing_twice() -> None:
    """From any point of a chain to its end; from the end no further."""
    chain = Wishes(moved=moved(("a", "b"), ("b", "chat")), workloads=["chat"])
    first = done(chain, machine(), replica("a-0", M, workload="a"))
    again = refactor(chain, first.resources, KINDS)

    assert [(c.action, c.previous_address) for c in first.changes] == [
        (Action.MOVE, Address("local", "replica", "a-0"))
    ]
    assert again.value is not None
    assert again.value.changes == ()
    assert again.diagnostics == ()


def test_a_renamed_machine_is_renamed_where_it_is_named() -> None:
    """What stands on it is noted, not moved."""
    result = done(Wishes(moved=moved((str(M), str(N))), workloads=["chat"]), *CHAT)
    names = result.resources[Address("local", "replica", "chat-0")].attributes["machines"]

    assert names == ["m-1"]
    assert [(c.action, c.address.kind) for c in result.changes] == [
        (Action.MOVE, "machine"),
        (Action.RECORD, "replica"),
    ]


def test_nothing_moves_onto_something_else() -> None:
    """Two things at one address: an error at the entry."""
    wishes = Wishes(moved=moved((str(M), str(N))), workloads=["chat"])
    said = refactor(wishes, prior(machine(M), machine(N)), KINDS).diagnostics

    assert [(d.code, d.path) for d in said] == [("moved-onto", ("moved", 0, "to"))]


def test_a_move_of_what_nobody_knows_is_a_warning() -> None:
    """In a state that holds other things; in an empty one everything is still to come."""
    wishes = Wishes(moved=moved(("chta", "talk")), workloads=["talk"])

    assert codes(wishes, *CHAT) == ["moved-nothing"]
    assert codes(wishes) == []


def test_what_is_forgotten_takes_its_ground_along() -> None:
    """The machine that only it stands on goes with it, and is not on offer any more."""
    result = done(Wishes(removed=removed("chat")), *CHAT, machine(N), replica("other-0", N, workload="other"))

    assert {c.address for c in result.changes} == {r.address for r in CHAT}
    assert {c.action for c in result.changes} == {Action.FORGET}
    assert held_otherwise(result) == {"p": -1}
    assert set(result.resources) == {N, Address("local", "replica", "other-0")}


@pytest.mark.parametrize(
    ("name", "code"), [("chat", "forget-shared"), (str(M), "forget-ground")], ids=["workload", "machine"]
)
def test_a_shared_machine_cannot_be_forgotten_halfway(name: str, code: str) -> None:
    """What is forgotten would lose its devices to the others, or the others their ground."""
    both = (machine(), replica("chat-0", M), replica("other-0", M, workload="other"))

    assert codes(Wishes(removed=removed(name), workloads=["other"]), *both) == [code]


def test_on_remove_counts_once_the_workload_is_gone() -> None:
    """As long as it stands in the document nothing happens; a removed entry wins over it."""
    kept = [replace(r, on_remove="forget") for r in CHAT]

    assert done(Wishes(workloads=["chat"]), *kept).changes == ()
    assert {c.action for c in done(Wishes(), *kept).changes} == {Action.FORGET}
    assert done(Wishes(removed=removed("chat", destroy=True)), *kept).changes == ()


def test_an_import_takes_the_object_as_it_is() -> None:
    """Its attributes, outputs and id; it was another's, so its pool has one more for us."""
    result = done(Wishes(imported=[imported("i-9", N)]), *CHAT)

    assert result.resources[N].outputs == {"rack": "r", "id": "i-9"}
    assert result.resources[N].attributes == {"pool": "p"}
    assert held_otherwise(result) == {"p": 1}


@pytest.mark.parametrize(
    ("one", "code"),
    [
        (imported("i-9", M), "import-taken"),
        (imported("id-m-0", N), "import-elsewhere"),
        (imported("i-9", N, kind="replica"), "import-kind"),
        (imported("i-9", N, ready=False), "import-not-ready"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_imported_is_told(one: Imported, code: str) -> None:
    """Each with a reason of its own; the same object at the same address is done already."""
    assert codes(Wishes(imported=[one]), *CHAT) == [code]
    assert codes(Wishes(imported=[imported("id-m-0", M)]), *CHAT) == []


def test_an_import_that_would_be_deleted_at_once_is_an_error() -> None:
    """Taking over in order to destroy is nothing that anybody means."""
    result = done(Wishes(imported=[imported("i-9", N)]))
    there = result.resources[N]
    gone = Change(address=N, action=Action.DELETE, before=there, after=None, reason=Reason.NOT_WANTED)

    assert [d.code for d in import_needed(result.changes, [gone])] == ["import-unwanted"]
    assert import_needed(result.changes, [replace(gone, action=Action.UPDATE)]) == []


def test_a_plan_whose_moves_are_made_goes_on_from_there() -> None:
    """Its read-set speaks of the state after them; before they are made it speaks of the one before."""
    result = done(Wishes(moved=moved((str(M), str(N))), workloads=["chat"]), *CHAT)
    plan = Plan(
        dcplan="0",
        project="p",
        created_at="2026-01-01",
        inputs=Digests(document="", offerings="", lineage="l", serial=1),
        read_set=(ReadEntry(address=str(N), digest=None),),
    )
    before = noted(plan, result, prior(*CHAT))
    after = settled(before, result.resources)
    believed = {entry.address: entry.digest for entry in after.read_set}

    assert settled(before, prior(*CHAT)) == before
    assert after.state_changes == ()
    assert believed[str(M)] is None
    assert believed[str(N)] == digest_of(result.resources[N])
