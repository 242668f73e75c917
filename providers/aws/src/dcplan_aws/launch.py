"""What a machine is started with: alike for one alone (RunInstances) and for those of a group (templates)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dcplan.catalog import Purchase
from dcplan.provider.errors import Invalid
from dcplan.provider.start_up import KEY, check_planned
from dcplan.provider.types import Request
from dcplan.resources import JsonValue
from dcplan_aws.agent import user_data
from dcplan_aws.interfaces import interfaces
from dcplan_aws.kinds import BLOCK, GROUP, NETWORK, RESERVATION
from dcplan_aws.makers import Shared, need, text_of

ROOT_DEVICE = "/dev/sda1"
"""Of Ubuntu's images (EC2 User Guide, "Device names on Linux instances")."""
TAGGED = ("instance", "volume", "network-interface")
"""What a launch makes, and puts tags on."""


@dataclass(slots=True)
class Seats:
    """Where machines stand."""

    shared: Shared
    _zones: dict[tuple[str, ...], dict[str, str]] = field(default_factory=dict)
    """Adopted subnets to those of each zone; a subnet stays in its zone."""

    def interfaces(self, request: Request, region: str) -> list[dict[str, Any]]:
        """The network interfaces of a machine, each in the subnet of its zone."""
        subnet, groups = self.seat(request, region)
        return interfaces_of(request, subnet, groups, public=request.attributes.get("public") is True)

    def seat(self, request: Request, region: str) -> tuple[str, list[str]]:
        """The subnet in the machine's zone, and the security groups."""
        adopted = request.attributes.get("network")
        if isinstance(adopted, dict):
            wanted, groups = adopted.get("subnets"), adopted.get("security_groups")
            subnets = self.zones_of(region, tuple(texts(wanted)))
        else:
            made, groups = need(request, NETWORK, "subnets"), need(request, NETWORK, "security_groups")
            subnets = {z: str(s) for z, s in made.items()} if isinstance(made, dict) else {}
        return self.within(request, region, subnets), texts(groups)

    @staticmethod
    def within(request: Request, region: str, subnets: dict[str, str]) -> str:
        """The subnet in the machine's zone; ``Invalid`` where there is none."""
        zone = text_of(request, "zone")
        subnet = subnets.get(zone)
        if subnet is None:
            raise Invalid(
                f"No subnet of the network in {region} is in the zone {zone}; there are some in "
                f"{', '.join(sorted(subnets)) or 'no zone'}. Name one in `providers: aws: networks:`."
            )
        return subnet

    def zones_of(self, region: str, subnets: tuple[str, ...]) -> dict[str, str]:
        """Zone id to subnet, looked up once."""
        if subnets not in self._zones:
            shown = self.shared.api.pages(
                "ec2", region, "describe_subnets", "Subnets", SubnetIds=list(subnets)
            )
            self._zones[subnets] = {one["AvailabilityZoneId"]: one["SubnetId"] for one in shown}
        return self._zones[subnets]


def interfaces_of(
    request: Request, subnet: str, groups: list[str], *, public: bool = False
) -> list[dict[str, Any]]:
    """The network interfaces of a machine: all that its type has for one of a gang."""
    gang = request.attributes.get("gang") is not None
    return interfaces(text_of(request, "machine"), subnet, groups, gang=gang, public=public)


def launch_of(request: Request, nics: list[dict[str, Any]], boots_with: str | None) -> dict[str, Any]:
    """What RunInstances is told of a machine, without number, token and tags: the same for equal requests."""
    attributes = request.attributes
    launch: dict[str, Any] = {
        "ImageId": text_of(request, "image"),
        "InstanceType": text_of(request, "machine"),
        "NetworkInterfaces": nics,
        "BlockDeviceMappings": root_disk(ROOT_DEVICE, attributes.get("disk_gib")),
        "MetadataOptions": {
            "HttpTokens": "required",
            "HttpEndpoint": "enabled",
            "InstanceMetadataTags": "enabled",
        },
        "InstanceInitiatedShutdownBehavior": "terminate",
    }
    group = need(request, GROUP, "id")
    if isinstance(group, str):
        launch["Placement"] = {"GroupName": group}
    profile = attributes.get("instance_profile")
    if isinstance(profile, str):
        launch["IamInstanceProfile"] = {"Name": profile}
    if boots_with is not None:
        launch["UserData"] = boots_with
    return {**launch, **bought(request)}


def boot_script(request: Request, shared: Shared) -> str | None:
    """What a machine runs at its first boot."""
    launcher, planned = request.attributes.get("launcher"), request.attributes.get(KEY)
    check_planned(planned, shared.start_up)
    start_up = None if planned is None else shared.start_up
    return user_data(launcher if isinstance(launcher, str) else None, start_up)


def root_disk(device: str, disk_gib: JsonValue) -> list[dict[str, Any]]:
    """The root volume: encrypted, and gone with its machine."""
    disk = {"VolumeSize": disk_gib, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True}
    return [{"DeviceName": device, "Ebs": disk}]


def bought(request: Request) -> dict[str, Any]:
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


def texts(value: JsonValue) -> list[str]:
    """The texts of a list."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list | tuple) else []
