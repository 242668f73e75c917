"""What may stand under ``providers: aws:``."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Annotated, Literal

from pydantic import Field

from dcplan.config.strict import Strict
from dcplan.config.values import Many
from dcplan.diag import Diagnostic, error
from dcplan.provider.catalogued import CataloguedSettings
from dcplan.provider.purchases import CapacityBlockSpec, ReservationSpec
from dcplan.provider.quotas import unknown
from dcplan.provider.start_up import StartUpSettings
from dcplan_aws.group_settings import AwsGroupSpec, problems_of_groups
from dcplan_aws.storage_settings import AwsStorageSpec, storage_problems
from dcplan_aws.ultraservers import problems as ultraserver_problems

_RESERVATION = Annotated[str, Field(pattern=r"^cr-[0-9a-f]{8,17}$")]

_OCTET = r"(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_CIDR = rf"^{_OCTET}\.{_OCTET}\.0\.0/16$"

GPU_IMAGE = (
    "resolve:ssm:/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id"
)
"""AWS's own image with NVIDIA's drivers and EFA's (AWS Deep Learning AMIs, "Find a DLAMI ID").  EC2 looks the
parameter up itself, so that a repeated call is the same call."""
NEURON_IMAGE = "resolve:ssm:/aws/service/neuron/dlami/base/ubuntu-24.04/latest/image_id"
"""The same for Trainium and Inferentia (Neuron documentation, "Neuron DLAMI User Guide")."""


ARM_IMAGE = GPU_IMAGE.replace("x86_64", "arm64")
"""The same for machines with Grace CPUs (release notes of the Deep Learning ARM64 Base OSS Nvidia Driver GPU
AMI, which name P6e-GB200)."""


class AdoptedNetwork(Strict):
    """A VPC that is there, in one region; dcplan makes none there then."""

    region: str
    vpc: Annotated[str, Field(pattern=r"^vpc-[0-9a-f]{8,17}$")]
    subnets: Annotated[Many[Annotated[str, Field(pattern=r"^subnet-[0-9a-f]{8,17}$")]], Field(min_length=1)]
    """One in each zone in which machines may stand; an endpoint needs two."""
    security_groups: Annotated[
        Many[Annotated[str, Field(pattern=r"^sg-[0-9a-f]{8,17}$")]], Field(min_length=1)
    ]
    """Of machines and endpoints.  One must allow all traffic from and to itself: EFA needs it."""


class AwsReservationSpec(ReservationSpec):
    """As every cloud's, and which it is."""

    id: _RESERVATION | None = None
    """Of the capacity reservation; without it, EC2 picks one that is open and matches."""
    order: bool = False
    """Order it when a plan is applied, and cancel it when it is taken out; it is paid by the hour while it is
    there, used or not."""


class AwsCapacityBlockSpec(CapacityBlockSpec):
    """As every cloud's, and which it is."""

    id: _RESERVATION | None = None
    """Of the capacity reservation that the block is; needed to start machines in it, unless it is bought."""
    buy: bool = False
    """Buy it when a plan that uses it is applied, if one is on offer for ``price`` or less.  It is paid at
    once and cannot be given back."""


class AwsSettings(CataloguedSettings, StartUpSettings):
    """Where to plan, what the account has there, and how machines are made."""

    reservations: Many[AwsReservationSpec] = ()
    capacity_blocks: Many[AwsCapacityBlockSpec] = ()
    machine_groups: Many[AwsGroupSpec] = ()
    """Workloads whose machines stand in groups of AWS's own."""
    networks: Many[AdoptedNetwork] = ()
    """VPCs to use; in other regions dcplan makes one."""
    cidr: Annotated[str, Field(pattern=_CIDR)] = "10.64.0.0/16"
    """The addresses of a VPC that dcplan makes: a /16."""
    nat: bool = False
    """Let machines in a VPC that dcplan makes reach the internet by a NAT gateway, those of gangs too, and
    have no public address.  It is paid by the hour in each zone in use, and by the byte."""
    image: Annotated[str, Field(pattern=r"^(ami-[0-9a-f]{8,17}|resolve:ssm:\S+)$")] | None = None
    """What machines start from; default: AWS's image for their accelerators, the newest."""
    disk_gib: Annotated[int, Field(ge=8, le=16_384)] = 200
    """Of the root volume."""
    instance_profile: str | None = None
    """The IAM instance profile of machines, by name; needed to read what runs on them."""
    launcher: Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/\-]+$")] | None = None
    """A program of the image that starts and stops what shall run; without one, the image has its own way."""
    scheme: Literal["internal", "internet-facing"] = "internal"
    """Who reaches endpoints: the VPC, or everybody."""
    profile: str | None = None
    """A profile of AWS's configuration files."""
    storage: Many[AwsStorageSpec] = ()
    """Buckets and file systems for data and checkpoints."""


def problems_of(settings: AwsSettings, regions: Collection[str]) -> Iterator[Diagnostic]:
    """What cannot be; ``regions`` are those that the catalogue knows."""
    for i, kept in enumerate(settings.reservations):
        if kept.order and kept.id is not None:
            detail = f"The reservation is there already ({kept.id}). Keep one of id and order."
            path = ("providers", "aws", "reservations", i, "order")
            yield error("reservation-there", "A reservation is ordered twice", detail, path=path)
    yield from problems_of_groups(settings.machine_groups)
    for i, block in enumerate(settings.capacity_blocks):
        if block.buy and block.id is not None:
            detail = f"The block is there already ({block.id}) and is to be bought. Keep one of id and buy."
            path = ("providers", "aws", "capacity_blocks", i, "buy")
            yield error("block-bought", "A capacity block is bought twice", detail, path=path)
    yield from storage_problems(settings.storage, ("providers", "aws", "storage"))
    if settings.nat and settings.scheme == "internet-facing":
        detail = (
            "With `nat`, the subnets that dcplan makes have no public side, and an endpoint for everybody "
            "needs one. Take `nat` out, or name a VPC of your own with both under `networks`."
        )
        yield error("nat-public", "No public side behind a NAT", detail, path=("providers", "aws", "scheme"))
    yield from ultraserver_problems(settings.reservations, settings.capacity_blocks)
    seen: set[str] = set()
    for i, network in enumerate(settings.networks):
        at = ("providers", "aws", "networks", i, "region")
        if network.region not in regions:
            yield unknown("region", network.region, regions, at)
        elif network.region in seen:
            detail = (
                f"Another network is in {network.region}, too. Keep one of them, with the subnets of both."
            )
            yield error("network-twice", "Two networks in one region", detail, path=at)
        seen.add(network.region)
