"""Placements that providers are asked to realise."""

from __future__ import annotations

from dcplan.provider.types import MachineGroup, Placement, ReplicaSpec, WorkloadSpec


def one_replica(machine: str, *, region: str, zone: str) -> Placement:
    """One machine, ``m-0``, with one replica, ``chat-0``, on two of its devices."""
    group = MachineGroup(
        pool=f"{zone}/{machine}",
        machine=machine,
        region=region,
        zone=zone,
        block=None,
        purchase="on-demand",
        names=("m-0",),
    )
    replica = ReplicaSpec(name="chat-0", machines=("m-0",), devices=(0, 1), settings={"tensor": 2})
    chat = WorkloadSpec(name="chat", kind="serve", replicas=(replica,))
    return Placement(project="test", machines=(group,), workloads=(chat,))
