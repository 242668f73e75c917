"""Workloads in machine groups, made and changed one by one against the AWS of ``tests/clouds``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from aws_cloud import AwsCloud
from aws_examples import client, machines
from dcplan.provider import Placement, Provider, ReplicaSpec, WorkloadSpec
from dcplan.provider.contract_base import OURS, never, new_token
from dcplan.provider.types import request_of
from dcplan.resources import Action, Address, JsonValue, Resource


def served(count: int = 2, each: int = 2) -> Placement:
    """So many machines, each with so many replicas of two devices."""
    replicas = tuple(
        ReplicaSpec(
            name=f"chat-{m * each + i}",
            machines=(f"m-{m}",),
            devices=(2 * i, 2 * i + 1),
            settings={"choice": "chat/a", "model": "llama"},
        )
        for m in range(count)
        for i in range(each)
    )
    group = machines(*(f"m-{m}" for m in range(count)))
    chat = WorkloadSpec(name="chat", kind="serve", replicas=replicas)
    return Placement(project="example", machines=(group,), workloads=(chat,))


@dataclass
class Life:
    """A provider, and what was made with it."""

    aws: Provider
    outputs: dict[Address, Mapping[str, JsonValue]] = field(default_factory=dict)

    def do(self, resource: Resource, action: Action = Action.CREATE) -> Mapping[str, JsonValue]:
        """Do it, and wait until it is done."""
        needs = {str(a): o for a, o in self.outputs.items()}
        there = replace(resource, outputs=self.outputs.get(resource.address, {}))
        request = request_of(there, action, token=new_token(), lineage=OURS, needs=needs)
        made = self.aws.wait(request, self.aws.begin(request), never)
        if action is not Action.DELETE:
            self.outputs[resource.address] = made
        return made

    def seen(self, resource: Resource) -> tuple[bool, JsonValue, JsonValue]:
        """Whether it is ready, and the number of its machines as it is and as it is known."""
        there = replace(resource, outputs=self.outputs[resource.address])
        found = self.aws.refresh([there]).found[resource.address]
        assert found is not None
        return found.ready, found.attributes["at_least"], found.attributes["members"]


def living(cloud: AwsCloud) -> list[Mapping[str, Any]]:
    """Instances that are not gone."""
    shown = client(cloud, "ec2").describe_instances()["Reservations"]
    every = [instance for reservation in shown for instance in reservation["Instances"]]
    return [one for one in every if one["State"]["Name"] != "terminated"]
