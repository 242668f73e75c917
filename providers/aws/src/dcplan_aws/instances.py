"""Machines: one RunInstances for each, so that the journal knows every one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dcplan.catalog import Purchase
from dcplan.provider.errors import AlreadyGone, CapacityUnavailable, Invalid, NotReady
from dcplan.provider.start_up import KEY, check_planned
from dcplan.provider.types import Ack, Found, Request
from dcplan.resources import JsonValue
from dcplan_aws.agent import user_data
from dcplan_aws.interfaces import interfaces
from dcplan_aws.kinds import BLOCK, GROUP, NETWORK, RESERVATION
from dcplan_aws.makers import Ended, Outputs, Regional, gone, need, object_id_of, text_of
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

ROOT_DEVICE = "/dev/sda1"
"""Of Ubuntu's images (EC2 User Guide, "Device names on Linux instances")."""
LEFT = frozenset({"shutting-down", "terminated"})
"""States of an instance that is no more, or soon will be."""
IDS_OF_ONE_LOOK = 200
"""Values of one filter (EC2 API Reference, "Resource filtering")."""


@dataclass(frozen=True, slots=True)
class Instances(Regional):
    """Machines that dcplan makes."""

    _watches: dict[str, Watch] = field(default_factory=dict)
    """By region."""
    _zones: dict[tuple[str, ...], dict[str, str]] = field(default_factory=dict)
    """Adopted subnets to those of each zone; a subnet stays in its zone."""

    def create(self, request: Request) -> Ack:
        """The one call that costs money; its ClientToken makes a repetition harmless."""
        region = self.region(request)
        parameters = self._launch(request, region)
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

    def _launch(self, request: Request, region: str) -> dict[str, Any]:
        """What RunInstances is told: the same for the same request."""
        attributes, machine = request.attributes, text_of(request, "machine")
        subnet, groups = self._seat(request, region)
        tags = {**owner_tags(request), **attribute_tags(attributes)}
        launch: dict[str, Any] = {
            "ImageId": text_of(request, "image"),
            "InstanceType": machine,
            "MinCount": 1,
            "MaxCount": 1,
            "ClientToken": request.token,
            "NetworkInterfaces": interfaces(
                machine,
                subnet,
                groups,
                gang=attributes.get("gang") is not None,
                public=attributes.get("public") is True,
            ),
            "BlockDeviceMappings": [
                {
                    "DeviceName": ROOT_DEVICE,
                    "Ebs": {
                        "VolumeSize": attributes.get("disk_gib"),
                        "VolumeType": "gp3",
                        "Encrypted": True,
                        "DeleteOnTermination": True,
                    },
                }
            ],
            "MetadataOptions": {
                "HttpTokens": "required",
                "HttpEndpoint": "enabled",
                "InstanceMetadataTags": "enabled",
            },
            "InstanceInitiatedShutdownBehavior": "terminate",
            "TagSpecifications": specified(tags, "instance", "volume", "network-interface"),
        }
        group = need(request, GROUP, "id")
        if isinstance(group, str):
            launch["Placement"] = {"GroupName": group}
        profile = attributes.get("instance_profile")
        if isinstance(profile, str):
            launch["IamInstanceProfile"] = {"Name": profile}
        boots_with = self._user_data(request)
        if boots_with is not None:
            launch["UserData"] = boots_with
        return {**launch, **_bought(request)}

    def _user_data(self, request: Request) -> str | None:
        """What it runs at its first boot."""
        launcher, planned = request.attributes.get("launcher"), request.attributes.get(KEY)
        check_planned(planned, self.shared.start_up)
        start_up = None if planned is None else self.shared.start_up
        return user_data(launcher if isinstance(launcher, str) else None, start_up)

    def _seat(self, request: Request, region: str) -> tuple[str, list[str]]:
        """The subnet in the machine's zone, and the security groups."""
        zone, adopted = text_of(request, "zone"), request.attributes.get("network")
        if isinstance(adopted, dict):
            wanted, groups = adopted.get("subnets"), adopted.get("security_groups")
            subnets = self._zones_of(region, tuple(_texts(wanted)))
        else:
            made, groups = need(request, NETWORK, "subnets"), need(request, NETWORK, "security_groups")
            subnets = {z: str(s) for z, s in made.items()} if isinstance(made, dict) else {}
        subnet = subnets.get(zone)
        if subnet is None:
            raise Invalid(
                f"No subnet of the network in {region} is in the zone {zone}; there are some in "
                f"{', '.join(sorted(subnets)) or 'no zone'}. Name one in `providers: aws: networks:`."
            )
        return subnet, _texts(groups)

    def _zones_of(self, region: str, subnets: tuple[str, ...]) -> dict[str, str]:
        """Zone id to subnet, looked up once."""
        if subnets not in self._zones:
            shown = self.shared.api.pages(
                "ec2", region, "describe_subnets", "Subnets", SubnetIds=list(subnets)
            )
            self._zones[subnets] = {one["AvailabilityZoneId"]: one["SubnetId"] for one in shown}
        return self._zones[subnets]


def _bought(request: Request) -> dict[str, Any]:
    """How the machine is paid for."""
    purchase = request.attributes.get("purchase")
    ordered = (need(request, kind, "id") for kind in (BLOCK, RESERVATION))
    reservation = next((one for one in ordered if one is not None), request.attributes.get("reservation"))
    said: dict[str, Any] = {}
    if purchase == Purchase.SPOT.value:
        said["InstanceMarketOptions"] = {
            "MarketType": "spot",
            "SpotOptions": {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"},
        }
    elif purchase == Purchase.CAPACITY_BLOCK.value:
        said["InstanceMarketOptions"] = {"MarketType": "capacity-block"}
        if not isinstance(reservation, str):
            raise Invalid(
                f"{request.address} is to stand in a capacity block, and nothing says which. Give the block "
                "its `id` (cr-...) under `providers: aws: capacity_blocks:`, or let dcplan `buy` it."
            )
    if isinstance(reservation, str):
        target = {"CapacityReservationId": reservation}
        said["CapacityReservationSpecification"] = {"CapacityReservationTarget": target}
    return said


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


def _texts(value: JsonValue) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list | tuple) else []
