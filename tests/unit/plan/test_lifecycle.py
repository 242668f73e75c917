"""Rules of workloads: what is protected, ignored, kept in mind, and replaced one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dcplan.config.lifecycle_spec import LifecycleSpec
from dcplan.placement.purchase_types import QuotaRule
from dcplan.placement.types import Pool
from dcplan.plan.diff import diff
from dcplan.plan.drift import drift_of
from dcplan.plan.lifecycle import (
    Compared,
    drift_ignored,
    ignoring,
    notes_of_rules,
    protected,
    ruled,
    unknown_ignored,
)
from dcplan.plan.succession import Room, overlaps_of, succession
from dcplan.plan.types import Drift
from dcplan.provider.types import Found, Idempotency, Kind
from dcplan.resources import Action, Address, Change, JsonValue, Reason, Resource, ResourceGraph

M, N = Address("local", "machine", "m-0"), Address("local", "machine", "m-1")
KINDS = {
    ("local", name): Kind(
        name=name,
        outputs=("id",),
        replace_on=("devices", "zone"),
        idempotency=Idempotency.TOKEN,
        token_ttl_s=60.0,
        consistency_window_s=0.0,
        spends_money=False,
        points_only=name == "endpoint",
    )
    for name in ("machine", "replica", "endpoint")
}


def machine(address: Address = M) -> Resource:
    """A machine of pool p."""
    return Resource(address=address, attributes={"pool": "p", "zone": "z", "rack": None})


def replica(number: int, on: Address = M, devices: tuple[int, ...] = (0,), **more: JsonValue) -> Resource:
    """A replica of chat, or of another workload."""
    workload = str(more.pop("workload", "chat"))
    attributes: dict[str, JsonValue] = {
        "workload": workload,
        "machines": [on.name],
        "devices": list(devices),
        "settings": {"choice": "c", "max_sequences": 8, **more},
    }
    return Resource(
        address=Address("local", "replica", f"{workload}-{number}"), attributes=attributes, needs=(on,)
    )


def endpoint(*replicas: Resource) -> Resource:
    """The endpoint of chat."""
    weights: dict[str, JsonValue] = {r.address.name: 1 for r in replicas}
    return Resource(
        address=Address("local", "endpoint", "chat"),
        attributes={"workload": "chat", "replicas": weights},
        needs=tuple(r.address for r in replicas),
    )


def rules(**chat: object) -> Mapping[str, LifecycleSpec]:
    """The rules of chat."""
    return {"chat": LifecycleSpec.model_validate(chat)}


def state(*resources: Resource) -> dict[Address, Resource]:
    """A state of these."""
    return {r.address: replace(r, outputs={"id": r.address.name}) for r in resources}


def deleted(resource: Resource) -> Change:
    """A delete of what is not wanted any more."""
    return Change(
        address=resource.address, action=Action.DELETE, before=resource, after=None, reason=Reason.NOT_WANTED
    )


def test_protection_comes_from_the_document_and_stays_in_the_state() -> None:
    """A machine is protected with what stands on it; an explicit false lifts it; silence does not."""
    graph = ResourceGraph.of([machine(), replica(0)])
    protecting = ruled(graph, {}, rules(prevent_destroy=True)).resources
    silent = ruled(graph, protecting, rules()).resources
    lifted = ruled(graph, protecting, rules(prevent_destroy=False)).resources

    assert all(r.protect for r in protecting.values())
    assert all(r.protect for r in silent.values())
    assert not any(r.protect for r in lifted.values())


def test_what_is_protected_is_neither_deleted_nor_replaced() -> None:
    """One error a workload, also once the document does not know it; what is gone already may go."""
    there = state(replace(machine(), protect=True), replace(replica(0), protect=True))
    changes = [deleted(r) for r in there.values()]
    replaced = [replace(changes[0], action=Action.REPLACE)]
    gone = [replace(c, reason=Reason.GONE) for c in changes]

    assert [d.code for d in protected(changes, there, {})] == ["protected"]
    assert "put the workload back" in protected(changes, there, {})[0].detail
    assert [d.path for d in protected(replaced, there, rules(prevent_destroy=True))] == [
        ("workloads", "chat", "lifecycle", "prevent_destroy")
    ]
    assert protected(changes, there, rules(prevent_destroy=False)) == []
    assert protected(gone, there, {}) == []


def test_a_rule_alone_is_a_note() -> None:
    """Nothing is called for it; what changes anyway carries it along."""
    before = state(machine(), replica(0))
    after = ruled(ResourceGraph(resources=before), before, rules(on_remove="forget"))
    notes = notes_of_rules(before, after, {M})

    assert [(c.action, c.address.kind) for c in notes] == [(Action.RECORD, "replica")]
    assert notes[0].after is not None
    assert notes[0].after.on_remove == "forget"
    assert notes[0].after.outputs == {"id": "chat-0"}


def changed(rule: Mapping[str, LifecycleSpec], live: dict[str, JsonValue], wanted: Resource) -> list[str]:
    """Attributes that a plan changes of replica 0, which the provider has with these settings."""
    before = state(machine(), replica(0))
    attributes = {**before[wanted.address].attributes, "settings": live}
    found = Found(object_id="x", address=wanted.address, ready=True, attributes=attributes, outputs={})
    sides = ignoring(
        Compared(prior=before, desired=ResourceGraph.of([machine(), wanted]), found={wanted.address: found}),
        rule,
    )
    return [n for c in diff(sides.prior, sides.desired, KINDS, sides.found).changes for n in c.changed]


def test_what_is_ignored_is_neither_drift_nor_a_change() -> None:
    """Whoever set it, at the provider or in the document; without the rule both are changed."""
    drifted: dict[str, JsonValue] = {"choice": "c", "max_sequences": 99}
    same: dict[str, JsonValue] = {"choice": "c", "max_sequences": 8}

    assert changed(rules(), drifted, replica(0)) == ["settings"]
    assert changed(rules(ignore_changes=["settings.max_sequences"]), drifted, replica(0)) == []
    assert changed(rules(ignore_changes="all"), drifted, replica(0)) == []
    assert changed(rules(ignore_changes=["settings"]), same, replica(0, max_sequences=16)) == []


def drifts(rule: Mapping[str, LifecycleSpec], **live: JsonValue) -> tuple[list[Drift], list[Drift]]:
    """Drift of replica 0 that asks for a change, and what is ignored, when the provider has this of it."""
    before = state(machine(), replica(0))
    address = replica(0).address
    found = Found(
        object_id=address.name,
        address=address,
        ready=True,
        attributes={**before[address].attributes, **live},
        outputs={},
    )
    asking, left = drift_ignored(drift_of(before, {address: found}), before, rule)
    return list(asking), list(left)


def test_drift_that_no_plan_would_change_is_told_apart() -> None:
    """Of one attribute only what is ignored; where things run always asks for a change."""
    live: dict[str, JsonValue] = {"settings": {"choice": "d", "max_sequences": 99}}
    everything = drifts(rules(ignore_changes="all"), **live, devices=[7])
    (asking,), (left,) = drifts(rules(ignore_changes=["settings.max_sequences"]), **live)
    none = drifts(rules(ignore_changes="all"), settings={"choice": "c", "max_sequences": 99})

    assert [d.attributes for d in everything[0]] == [("devices", "settings")]
    assert asking.after is not None
    assert left.after is not None
    assert asking.after.attributes["settings"] == {"choice": "d", "max_sequences": 8}
    assert left.after.attributes["settings"] == {"choice": "c", "max_sequences": 99}
    assert (none[0], len(none[1])) == ([], 1)
    assert drifts(rules(), **live)[1] == []
    assert drifts({}, **live)[1] == []


def test_what_is_gone_or_not_ready_is_drift_whatever_is_ignored() -> None:
    """A rule is about attributes."""
    before = state(replica(0))
    address = replica(0).address
    attributes = {**before[address].attributes, "settings": {"choice": "c", "max_sequences": 99}}
    unready = Found(object_id=address.name, address=address, ready=False, attributes=attributes, outputs={})
    everything = rules(ignore_changes="all")
    asking, left = drift_ignored(drift_of(before, {address: unready}), before, everything)
    gone, none = drift_ignored(drift_of(before, {address: None}), before, everything)

    assert [(d.ready, d.attributes) for d in asking] == [(False, ())]
    assert [(d.ready, d.attributes) for d in left] == [(True, ("settings",))]
    assert [d.after for d in gone] == [None]
    assert none == ()


def test_decisions_are_changed_whatever_is_ignored() -> None:
    """The layout that a plan chose, and other settings, still reach what runs."""
    same: dict[str, JsonValue] = {"choice": "c", "max_sequences": 8}

    assert changed(rules(ignore_changes="all"), same, replica(0, choice="d")) == ["settings"]
    assert changed(rules(ignore_changes=["settings.max_sequences"]), same, replica(0, port=1)) == ["settings"]


def test_what_is_new_is_made_as_wanted() -> None:
    """Ignoring is for what exists."""
    graph = ResourceGraph.of([machine(), replica(0, max_sequences=16)])
    sides = ignoring(Compared(prior={}, desired=graph, found={}), rules(ignore_changes="all"))

    assert sides.desired.resources[replica(0).address].attributes["settings"] == {
        "choice": "c",
        "max_sequences": 16,
    }


def test_an_attribute_that_nothing_has_is_an_error() -> None:
    """With the nearest that exists."""
    graph = ResourceGraph.of([machine(), replica(0)])
    (said,) = unknown_ignored(graph, rules(ignore_changes=["settings.max_seqences"]))

    assert said.path == ("workloads", "chat", "lifecycle", "ignore_changes", 0)
    assert "settings.max_sequences" in said.detail


def pool(machines: int) -> Room:
    """A pool of so many machines at $2/h."""
    one = Pool(
        id="p",
        provider="local",
        region="r",
        zone="z",
        machine="big",
        accelerator="H100",
        devices=2,
        machines=machines,
        usd_per_h=2.0,
    )
    return Room(pools={"p": one})


def successors(room: Room, *also: Resource) -> tuple[list[str], list[tuple[str, str]]]:
    """What is said, and what changes, when chat-0 grows from one device to two of its machine."""
    old, new = replica(0), replica(0, devices=(0, 1))
    before = state(machine(), old, endpoint(old), *also)
    sides = Compared(
        prior=before, desired=ResourceGraph.of([machine(), new, endpoint(new), *also]), found=None
    )
    first = diff(before, sides.desired, KINDS)
    result = succession(sides, first.changes, ["chat"], room)
    if result.value is None:
        return [d.code for d in result.diagnostics], []
    changes = diff(before, result.value, KINDS).changes
    overlaps = overlaps_of(changes, before, ["chat"], room)
    said = [f"{o.machines} {o.machine} ${o.usd_per_h:g}/h" for o in overlaps]
    return said, [(c.action.value, c.address.name) for c in changes]


def test_a_successor_on_the_same_devices_gets_a_machine_of_its_own() -> None:
    """Both get new names, the endpoint changes over, and the plan knows what that needs meanwhile."""
    said, changes = successors(pool(2))

    assert said == ["1 big $2/h"]
    assert changes == [
        ("update", "chat"),
        ("delete", "m-0"),
        ("create", "m-1"),
        ("delete", "chat-0"),
        ("create", "chat-1"),
    ]


def test_without_room_for_both_there_is_no_plan() -> None:
    """Of machines, or in a quota; the way out is the one in place."""
    rule = QuotaRule(law="quota", name="q", unit="machines", at_most=1, each=(("p", 1),), origin=())

    assert successors(pool(1)) == (["successor-room"], [])
    assert successors(replace(pool(9), quotas=(rule,))) == (["successor-room"], [])


def test_a_machine_that_others_use_is_not_doubled() -> None:
    """It would take them along."""
    other = replica(0, devices=(1,), workload="other")

    assert successors(pool(9), other)[0] == ["successor-shares"]
