"""Machines: one RunInstances for each, so that the journal knows every one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dcplan.provider.errors import AlreadyGone, CapacityUnavailable, NotReady
from dcplan.provider.types import Ack, Found, Request
from dcplan.resources import JsonValue
from dcplan_aws.launch import TAGGED, Seats, boot_script, launch_of
from dcplan_aws.makers import Ended, Outputs, Regional, gone, object_id_of
from dcplan_aws.owner import (
    ADDRESS,
    By,
    as_list,
    as_mapping,
    attribute_tags,
    attributes_in,
    filters,
    found,
    owner_tags,
    specified,
)
from dcplan_aws.watch import Watch

LEFT = frozenset({"shutting-down", "terminated"})
"""States of an instance that is no more, or soon will be."""
IDS_OF_ONE_LOOK = 200
"""Values of one filter (EC2 API Reference, "Resource filtering")."""


@dataclass(frozen=True, slots=True)
class Instances(Regional):
    """Machines that dcplan makes."""

    _watches: dict[str, Watch] = field(default_factory=dict)
    """By region."""
    _seats: Seats = field(init=False)

    def __post_init__(self) -> None:
        """Where machines stand is looked up once."""
        object.__setattr__(self, "_seats", Seats(self.shared))

    def create(self, request: Request) -> Ack:
        """The one call that costs money; its ClientToken makes a repetition harmless."""
        region = self.region(request)
        parameters = {
            **launch_of(request, self._seats.interfaces(request, region), boot_script(request, self.shared)),
            "MinCount": 1,
            "MaxCount": 1,
            "ClientToken": request.token,
            "TagSpecifications": specified(
                {**owner_tags(request), **attribute_tags(request.attributes)}, *TAGGED
            ),
        }
        try:
            made = self.shared.api.do("ec2", region, "run_instances", **parameters)
        except AlreadyGone as missing:
            # What was made a moment ago may not be known everywhere yet.
            raise NotReady(missing.detail) from missing
        return Ack(object_id=str(made["Instances"][0]["InstanceId"]))

    def update(self, request: Request) -> Ack:
        """Its tags; what changes the machine itself replaces it."""
        instance, region = object_id_of(request), self.region(request)
        if not self.seen(region, By("id", (instance,))):
            raise gone(request)
        tags = {ADDRESS: str(request.address), **attribute_tags(request.attributes)}
        self.shared.api.do("ec2", region, "create_tags", Resources=[instance], Tags=as_list(tags))
        return Ack(object_id=instance)

    def delete(self, request: Request) -> Ack:
        """Terminate it; EC2 says of one that is terminated already that it was."""
        instance = object_id_of(request)
        if not instance.startswith("i-"):
            raise gone(request)
        said = self.shared.api.do("ec2", self.region(request), "terminate_instances", InstanceIds=[instance])
        before = [one["PreviousState"]["Name"] for one in said["TerminatingInstances"]]
        if before == ["terminated"] and not self.shared.has_deleted(request):
            raise gone(request)
        return self.shared.deletes(request)

    def settle(self, request: Request, object_id: str) -> Outputs | None:
        """Ready once it runs; one that EC2 has given up says why."""
        instance = self._watch(self.region(request)).see(object_id)
        if instance is None:
            raise AlreadyGone(f"{request.address} ({object_id}) is not there.")
        state, reason = instance["State"]["Name"], instance.get("StateReason") or {}
        if state in LEFT:
            said = f"{object_id} ended while it was waited for: {reason.get('Message', state)}"
            if "InsufficientInstanceCapacity" in reason.get("Code", ""):
                raise CapacityUnavailable(said)
            raise Ended(said)
        if state != "running":
            return None
        self._watch(self.region(request)).forget(object_id)
        return _outputs(instance, self.region(request))

    def gone(self, request: Request, object_id: str) -> bool:
        """Once it is terminated: until then its interfaces hold the network."""
        watch = self._watch(self.region(request))
        instance = watch.see(object_id)
        ended = instance is None or instance["State"]["Name"] == "terminated"
        if ended:
            watch.forget(object_id)
        return ended

    def _watch(self, region: str) -> Watch:
        """The look that all who wait share."""

        def look(ids: Sequence[str]) -> dict[str, Any]:
            return {one["InstanceId"]: one for one in self._described(region, By("id", tuple(ids)))}

        return self._watches.setdefault(region, Watch(look))

    def seen(self, region: str, by: By) -> Sequence[Found]:
        """Instances that are ours and have not ended."""
        shown = (
            _found(instance, region)
            for instance in self._described(region, by)
            if instance["State"]["Name"] not in LEFT
        )
        return [one for one in shown if one is not None]

    def parts(self, region: str, object_id: str) -> Sequence[str]:
        """Volumes and interfaces that came with it, and the instance."""
        return [
            part
            for instance in self._described(region, By("id", (object_id,)))
            if instance["State"]["Name"] not in LEFT
            for part in (
                *(one["Ebs"]["VolumeId"] for one in instance.get("BlockDeviceMappings", ()) if "Ebs" in one),
                *(one["NetworkInterfaceId"] for one in instance.get("NetworkInterfaces", ())),
                instance["InstanceId"],
            )
        ]

    def _described(self, region: str, by: By) -> list[dict[str, Any]]:
        # A filter leaves out ids that it does not know; the parameter InstanceIds would fail for all.
        parts = [
            By(by.key, by.values[i : i + IDS_OF_ONE_LOOK]) for i in range(0, len(by.values), IDS_OF_ONE_LOOK)
        ]
        return [
            instance
            for part in parts
            for reservation in self.shared.api.pages(
                "ec2",
                region,
                "describe_instances",
                "Reservations",
                Filters=filters(part, "instance-id"),
                MaxResults=1000,
            )
            for instance in reservation["Instances"]
        ]


def _found(instance: Mapping[str, Any], region: str) -> Found | None:
    tags = as_mapping(instance.get("Tags"))
    attributes = attributes_in(tags) or {}
    if attributes:
        # What EC2 itself tells is believed before the tags.
        attributes["machine"] = instance["InstanceType"]
    return found(
        tags,
        str(instance["InstanceId"]),
        ready=instance["State"]["Name"] == "running",
        attributes=attributes,
        outputs=_outputs(instance, region),
        made_at_s=instance["LaunchTime"].timestamp(),
    )


def _outputs(instance: Mapping[str, Any], region: str) -> dict[str, JsonValue]:
    return {"id": instance["InstanceId"], "address": instance.get("PrivateIpAddress"), "region": region}
