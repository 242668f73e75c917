"""From a placement to resources."""

from __future__ import annotations

import time

import pytest

from dcplan.provider import MachineGroup, Placement, ReplicaSpec, WorkloadSpec, lower
from dcplan.provider.local.kinds import KINDS
from dcplan.resources import Address, JsonValue, Resource


def _group(*names: str, gang: bool = False) -> MachineGroup:
    """Machines of one pool."""
    return MachineGroup(
        pool="z/a/m", machine="m", region="r", zone="z", block="a", purchase="owned", names=names, gang=gang
    )


def _workload(kind: str, *machines: str) -> WorkloadSpec:
    """A workload with one replica on each machine."""
    settings: dict[str, JsonValue] = {"layout": {"tensor": 2}, "stages": (1, 2)}
    return WorkloadSpec(
        name="chat",
        kind=kind,
        replicas=tuple(
            ReplicaSpec(name=f"chat-{i}", machines=(machine,), devices=(0, 1), settings=settings)
            for i, machine in enumerate(machines)
        ),
    )


def _lower(*groups: MachineGroup, workloads: tuple[WorkloadSpec, ...] = ()) -> tuple[Resource, ...]:
    """Lowered for the local data centre."""
    placement = Placement(project="p", machines=groups, workloads=workloads)
    return lower(placement, provider="local", machine_kind="machine", kinds=KINDS)


def test_a_replica_needs_its_machines_and_the_endpoint_its_replicas() -> None:
    """Needs lead from the endpoint to the replicas and from each replica to its own machines."""
    resources = _lower(_group("m-0", "m-1"), workloads=(_workload("serve", "m-0", "m-1"),))
    needs = {str(r.address): [str(need) for need in r.needs] for r in resources}

    assert needs == {
        "local.machine.m-0": [],
        "local.machine.m-1": [],
        "local.replica.chat-0": ["local.machine.m-0"],
        "local.replica.chat-1": ["local.machine.m-1"],
        "local.endpoint.chat": ["local.replica.chat-0", "local.replica.chat-1"],
    }


def test_an_endpoint_names_its_replicas_with_weights() -> None:
    """All replicas of a workload get the same share."""
    resources = _lower(_group("m-0", "m-1"), workloads=(_workload("serve", "m-0", "m-1"),))

    assert resources[-1].attributes["replicas"] == {"chat-0": 1, "chat-1": 1}


def test_training_is_a_job_without_an_endpoint() -> None:
    """A training workload becomes one job."""
    resources = _lower(_group("m-0"), workloads=(_workload("train", "m-0"),))

    assert [Address("local", "machine", "m-0"), Address("local", "job", "chat-0")] == [
        r.address for r in resources
    ]


def test_a_gang_carries_its_name_and_size() -> None:
    """The machines of a gang say to which gang they belong and how large it is; others say none."""
    resources = _lower(_group("m-0"), _group("g-0", "g-1", gang=True))

    assert [r.attributes["gang"] for r in resources] == [None, *[{"name": "g-0", "size": 2}] * 2]


def test_tuples_in_settings_become_lists() -> None:
    """Attributes equal what a JSON file gives back."""
    resources = _lower(_group("m-0"), workloads=(_workload("serve", "m-0"),))

    assert resources[1].attributes["settings"] == {"layout": {"tensor": 2}, "stages": [1, 2]}


def test_kinds_that_a_provider_lacks_are_left_out() -> None:
    """A provider that makes its own endpoints gets none from here."""
    kinds = {name: kind for name, kind in KINDS.items() if name != "endpoint"}
    placement = Placement(project="p", machines=(_group("m-0"),), workloads=(_workload("serve", "m-0"),))
    resources = lower(placement, provider="local", machine_kind="machine", kinds=kinds)

    assert [r.address.kind for r in resources] == ["machine", "replica"]


def test_a_replica_on_an_unknown_machine_is_our_bug() -> None:
    """A placement that contradicts itself raises instead of making a wrong graph."""
    with pytest.raises(RuntimeError, match="This is a bug in dcplan"):
        _lower(_group("m-0"), workloads=(_workload("serve", "m-1"),))


def test_ten_thousand_resources_are_quick() -> None:
    """Lowering is linear: ten thousand resources take well under a second."""
    names = [f"m-{i}" for i in range(5000)]
    started_s = time.perf_counter()
    resources = _lower(_group(*names), workloads=(_workload("serve", *names),))
    took_s = time.perf_counter() - started_s

    assert len(resources) == 10_001
    assert took_s < 1.0
