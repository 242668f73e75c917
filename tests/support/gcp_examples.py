"""Placements and settings for tests against the Google Cloud of ``tests/clouds``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dcplan.provider import MachineGroup, Placement, ReplicaSpec, WorkloadSpec

REGION = "us-central1"
ZONE = "us-central1-a"
KEPT = "a2-highgpu-1g"
BLOCK = "a3-highgpu-8g"

THEIRS: dict[str, object] = {"network": {"subnets": {REGION: "ours"}, "gpu_subnets": {REGION: ["ours"] * 4}}}
"""Settings with a network that is there already; one subnet has to do for all cards."""


def machines(machine: str, *names: str, gang: bool = False, **other: Any) -> MachineGroup:
    """Machines of one pool."""
    return MachineGroup(
        **{
            "pool": f"{ZONE}/{machine}",
            "machine": machine,
            "region": REGION,
            "zone": ZONE,
            "block": None,
            "purchase": "on-demand",
            "names": names,
            "gang": gang,
            **other,
        }
    )


def to_order(**other: Any) -> dict[str, Any]:
    """A reservation of two machines that dcplan shall order; as settings name it."""
    return {"machine": KEPT, "zone": ZONE, "machines": 2, "order": True, **other}


def block_for_sale(price: str = "$20000", days: int = 7, **other: Any) -> dict[str, Any]:
    """A block of two machines, four days from now, that dcplan shall buy; as settings name it."""
    start = dt.datetime.now(dt.UTC).replace(second=0, microsecond=0) + dt.timedelta(days=4)
    return {
        "machine": BLOCK,
        "zone": ZONE,
        "machines": 2,
        "start": start.strftime("%Y-%m-%dT%H:%MZ"),
        "end": (start + dt.timedelta(days=days)).strftime("%Y-%m-%dT%H:%MZ"),
        "price": price,
        "buy": True,
        **other,
    }


def in_the_reservation(*names: str, **other: Any) -> MachineGroup:
    """Machines of that reservation."""
    return machines(KEPT, *names, purchase="reservation", pool=f"{ZONE}/{KEPT}/reservation", **other)


def in_the_block(*names: str, **other: Any) -> MachineGroup:
    """Machines of that block."""
    return machines(BLOCK, *names, purchase="capacity-block", pool=f"{ZONE}/{BLOCK}/capacity-block", **other)


def bought_machines() -> dict[str, Any]:
    """Settings with both."""
    return {"reservations": [to_order()], "capacity_blocks": [block_for_sale()]}


def gang_and_replicas(*more: MachineGroup) -> Placement:
    """A served model on two machines and a training on a gang of two; and more machines."""
    served = [
        ReplicaSpec(name=f"chat-{n}", machines=(f"serve-{n}",), devices=(0,), settings={"max_batch": 1})
        for n in range(2)
    ]
    tuned = ReplicaSpec(
        name="tune",
        machines=("train-0", "train-1"),
        devices=tuple(range(8)),
        settings={"layout": {"tensor": 8}},
    )
    return Placement(
        project="example",
        machines=(
            machines("g2-standard-48", "serve-0", "serve-1"),
            machines("a2-highgpu-8g", "train-0", "train-1", gang=True),
            *more,
        ),
        workloads=(
            WorkloadSpec(name="chat", kind="serve", replicas=tuple(served)),
            WorkloadSpec(name="tune", kind="train", replicas=(tuned,)),
        ),
    )


GROUPS: list[dict[str, object]] = [
    {"workload": "code", "as": "managed-group", "at_most": 3},
    {"workload": "docs", "as": "managed-group"},
]
"""Entries of settings for ``and_models`` of these names: the first may grow by itself."""


def and_a_slice(placement: Placement) -> Placement:
    """The same, and a training on a TPU7x slice of two hosts, which only a machine group can make."""
    job = ReplicaSpec(name="slice", machines=("host-0", "host-1"), devices=(0, 1, 2, 3), settings={})
    host, zone = "tpu7x-standard-4t", f"{REGION}-c"
    hosts = machines(host, *job.machines, gang=True, zone=zone, pool=f"{zone}/{host}")
    sliced = WorkloadSpec(name="slice", kind="train", replicas=(job,))
    return replace(placement, machines=(*placement.machines, hosts), workloads=(*placement.workloads, sliced))


IN_A_CLUSTER = {"workload": "pods", "as": "node-pool", "cluster": "prod", "location": REGION, "at_most": 3}
"""An entry of settings for ``and_models`` of this name."""


def and_models(placement: Placement, names: Sequence[str], kind: str = "serve") -> Placement:
    """The same, and more workloads, each on two machines to itself."""
    more = [
        WorkloadSpec(
            name=name,
            kind=kind,
            replicas=tuple(
                ReplicaSpec(
                    name=f"{name}-{n}", machines=(f"{name}-m{n}",), devices=(0,), settings={"max_batch": 1}
                )
                for n in range(2)
            ),
        )
        for name in names
    ]
    ground = machines("g2-standard-48", *(f"{name}-m{n}" for name in names for n in range(2)))
    return replace(placement, machines=(*placement.machines, ground), workloads=(*placement.workloads, *more))
