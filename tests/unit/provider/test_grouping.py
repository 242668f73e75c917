"""Machines in a cloud's own groups: taken out of a placement, and read again from the state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dcplan.placement.types import MachineSlot
from dcplan.plan.current import assignment_of
from dcplan.plan.standing import under_standing_names
from dcplan.provider import MachineGroup, Placement, ReplicaSpec, WorkloadSpec
from dcplan.provider.grouping import Grouped, GroupWish, first_devices, grouped
from dcplan.provider.local.kinds import KINDS
from dcplan.resources import Address, Resource, ResourceGraph

GROUP = replace(KINDS["machine"], name="group")
ALL = {**KINDS, "group": GROUP}
WISH = GroupWish(workload="chat", kind="group", word="group", answers=True, path=("providers", "x", 0))


def pool(*names: str, **other: Any) -> MachineGroup:
    """Machines of one pool."""
    usual = {"pool": "z/M.8", "machine": "M.8", "region": "r", "zone": "z", "block": None, "purchase": "spot"}
    return MachineGroup(**{**usual, "names": names, **other})


def runs(name: str, *machines: str, devices: tuple[int, ...] = (0, 1), **other: Any) -> ReplicaSpec:
    """One replica."""
    settings = {"choice": f"{name.rpartition('-')[0]}/a", "order": ("b", "c")}
    return ReplicaSpec(
        **{"name": name, "machines": machines, "devices": devices, "settings": settings, **other}
    )


def workload(name: str, *replicas: ReplicaSpec, kind: str = "serve") -> WorkloadSpec:
    """One workload."""
    return WorkloadSpec(name=name, kind=kind, replicas=replicas)


def apart(
    machines: tuple[MachineGroup, ...], *workloads: WorkloadSpec, wish: GroupWish = WISH
) -> tuple[Grouped | None, list[str]]:
    """What becomes of a placement, and what is said of it."""
    placement = Placement(project="p", machines=machines, workloads=workloads)
    made = grouped(placement, (wish,), provider="local", kinds=ALL)
    return made.value, [problem.code for problem in made.diagnostics]


SERVED = workload(
    "chat",
    runs("chat-0", "m-0"),
    runs("chat-1", "m-0", devices=(2, 3)),
    runs("chat-2", "m-1", weight=3),
)


def test_a_group_holds_the_machines_of_a_pool() -> None:
    """Machines and what runs on them are one resource, what is another workload's stays as it was."""
    other = workload("code", runs("code-0", "n-0"))
    made, said = apart((pool("m-0", "m-1"), pool("n-0", pool="z/N", machine="N")), SERVED, other)

    assert said == []
    assert made is not None
    (group,) = made.groups
    assert str(group.address) == "local.group.chat-z-m-8"
    assert group.attributes["members"] == ["m-0", "m-1"]
    assert (group.attributes["at_least"], group.attributes["at_most"]) == (2, 2)
    assert first_devices(group.attributes) == (0, 2)
    assert [g.names for g in made.rest.machines] == [("n-0",)]
    assert [w.name for w in made.rest.workloads] == ["code"]


def test_the_endpoint_weighs_groups() -> None:
    """A group gets requests by what its replicas weigh together, on the ports of the fullest machine."""
    machines = (pool("m-0", "m-1"), pool("n-0", pool="z/N"))
    served = replace(SERVED, replicas=(*SERVED.replicas, runs("chat-3", "n-0")))
    made, _ = apart(machines, served)

    assert made is not None
    (endpoint,) = made.endpoints
    assert endpoint.attributes["groups"] == {
        "chat-z-m-8": {"weight": 5, "first_devices": [0, 2]},
        "chat-z-n": {"weight": 1, "first_devices": [0]},
    }
    assert set(endpoint.needs) == {group.address for group in made.groups}


def test_the_next_plan_knows_members_and_replicas() -> None:
    """What the state has of a group is the same machines and replicas that were placed."""
    served = replace(SERVED, replicas=(*SERVED.replicas, runs("chat-3", "m-2", devices=(0, 1, 2, 3))))
    whole = pool("m-2", exclusive_to="chat-3")
    made, _ = apart((pool("m-0", "m-1"), whole), served)
    assert made is not None
    today = assignment_of(made.groups)

    assert today.machines == (
        MachineSlot(name="m-0", pool="z/M.8"),
        MachineSlot(name="m-1", pool="z/M.8"),
        MachineSlot(name="m-2", pool="z/M.8", exclusive_to="chat-3"),
    )
    assert [(r.name, r.workload, r.choice, r.machines, r.devices) for r in today.replicas] == [
        (r.name, "chat", "chat/a", r.machines, r.devices) for r in served.replicas
    ]


def test_each_gang_is_a_group() -> None:
    """A kind that can holds the machines of one layout together, in the order of its ranks, spares last."""
    gang = pool("g-1", "g-0", gang=True, exclusive_to="chat-0")
    spare = pool("s-0", exclusive_to="chat-0")
    job = workload("chat", runs("chat-0", "g-1", "g-0", standby=("s-0",)), kind="train")
    made, said = apart((gang, spare), job, wish=replace(WISH, gangs=True, at_most=9))

    assert said == []
    assert made is not None
    (group,) = made.groups
    assert made.endpoints == ()
    assert str(group.address) == "local.group.chat-0-z-m-8"
    assert group.attributes["members"] == ["g-1", "g-0", "s-0"]
    assert group.attributes["gang"] == {"name": "g-1", "size": 3}
    assert (group.attributes["exclusive_to"], group.attributes["at_most"]) == ("chat-0", 3)
    assert {m.exclusive_to for m in assignment_of(made.groups).machines} == {"chat-0"}


def test_what_cannot_be_in_a_group_is_told_at_once() -> None:
    """Shared machines, gangs, prompts elsewhere and mixed replicas are errors, each with a way out."""
    strange = replace(runs("chat-1", "m-1"), settings={"choice": "chat/b"})
    served = workload(
        "chat", runs("chat-0", "m-0", "m-1", prefill_machines=("m-2",)), strange, runs("chat-2", "m-0")
    )
    other = workload("code", runs("code-0", "m-0", devices=(4,)))
    made, said = apart((pool("m-0", "m-1", "m-2"),), served, other)

    assert made is None
    assert said == ["group-shared", "group-prompts", "group-gang", "group-mixed"]


def test_a_group_must_hold_what_is_needed() -> None:
    """More machines than at_most allows are an error."""
    made, said = apart((pool("m-0", "m-1"),), SERVED, wish=replace(WISH, at_most=1))

    assert (made, said) == (None, ["group-at-most"])


def test_a_group_keeps_the_name_it_has() -> None:
    """One that came under another name is wanted under that one, and its endpoint points there."""
    made, _ = apart((pool("m-0", "m-1"),), SERVED)
    assert made is not None
    graph = ResourceGraph.of((*made.groups, *made.endpoints))
    old = replace(made.groups[0], address=Address("local", "group", "talk-z-m-8"))
    other = replace(old, address=Address("local", "group", "x"), attributes={**old.attributes, "pool": "y"})
    wanted = under_standing_names(graph, {r.address: r for r in (old, other)})
    endpoint = next(r for r in wanted.resources.values() if r.address.kind == "endpoint")

    assert old.address in wanted.resources
    assert endpoint.needs == (old.address,)
    assert isinstance(endpoint.attributes["groups"], dict)
    assert list(endpoint.attributes["groups"]) == ["talk-z-m-8"]
    assert under_standing_names(graph, {}) == graph


def test_a_whole_resource_is_many_machines() -> None:
    """Whatever counts machines counts those of a group."""
    from dcplan.resources.machines import machines_in  # noqa: PLC0415 - read beside what it counts

    made, _ = apart((pool("m-0", "m-1"),), SERVED)
    assert made is not None
    lone = Resource(address=Address("local", "machine", "m-9"), attributes={"pool": "z/M.8"})

    assert [machines_in(r) for r in (*made.groups, lone, *made.endpoints, None)] == [2, 1, 0, 0]
    assert machines_in(lone, "other") == 0
