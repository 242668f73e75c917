"""Placements and networks for tests against the AWS of ``tests/clouds``."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from aws_cloud import AwsCloud
from dcplan.provider import MachineGroup, Placement, ReplicaSpec, WorkloadSpec

REGION = "us-east-1"
ZONE = "use1-az6"
STORAGE: list[dict[str, Any]] = [
    {"name": "checkpoints", "as": "bucket", "region": REGION, "for": ["tune"]},
    {
        "name": "scratch",
        "as": "lustre",
        "zone": ZONE,
        "size": "9600GiB",
        "throughput": 500,
        "for": ["tune", "chat"],
    },
]
"""A bucket, and a file system with EFA, for the workloads of ``gang_and_replicas``."""


def machines(*names: str, gang: bool = False, **other: Any) -> MachineGroup:
    """Machines of one pool."""
    return MachineGroup(
        **{
            "pool": f"{ZONE}/p4d.24xlarge",
            "machine": "p4d.24xlarge",
            "region": REGION,
            "zone": ZONE,
            "block": None,
            "purchase": "on-demand",
            "names": names,
            "gang": gang,
            **other,
        }
    )


def block_for_sale(price: str = "$1000", days: int = 1, **other: Any) -> dict[str, Any]:
    """A capacity block of one machine, from now on, that dcplan shall buy; as settings name it."""
    now = dt.datetime.now(dt.UTC).replace(second=0, microsecond=0)
    return {
        "machine": "p4d.24xlarge",
        "zone": ZONE,
        "machines": 1,
        "start": now.strftime("%Y-%m-%dT%H:%MZ"),
        "end": (now + dt.timedelta(days=days)).strftime("%Y-%m-%dT%H:%MZ"),
        "price": price,
        "buy": True,
        **other,
    }


def in_the_block(name: str) -> MachineGroup:
    """A machine of that block."""
    return machines(name, purchase="capacity-block", pool=f"{ZONE}/p4d.24xlarge/capacity-block")


RESERVED = {"machine": "g6e.xlarge", "zone": ZONE, "machines": 1, "order": True}
"""A capacity reservation that dcplan shall order; as settings name it."""


def in_the_reservation(*names: str) -> MachineGroup:
    """Machines of that reservation."""
    pool = f"{ZONE}/g6e.xlarge/reservation"
    return machines(*names, purchase="reservation", pool=pool, machine="g6e.xlarge")


def gang_and_replicas(*more: MachineGroup) -> Placement:
    """Two replicas of a served model on two machines, and a training on a gang of two; and more machines."""
    return Placement(
        project="example",
        machines=(machines("serve-0", "serve-1"), machines("train-0", "train-1", gang=True), *more),
        workloads=(
            WorkloadSpec(
                name="chat",
                kind="serve",
                replicas=tuple(
                    ReplicaSpec(
                        name=f"chat-{i}",
                        machines=(f"serve-{i}",),
                        devices=(0, 1),
                        settings={"max_batch": 1},
                    )
                    for i in range(2)
                ),
            ),
            WorkloadSpec(
                name="tune",
                kind="train",
                replicas=(
                    ReplicaSpec(
                        name="tune",
                        machines=("train-0", "train-1"),
                        devices=tuple(range(8)),
                        settings={"layout": {"tensor": 8}},
                    ),
                ),
            ),
        ),
    )


GROUPS: dict[str, dict[str, Any]] = {
    "grown": {"as": "auto-scaling-group", "at_most": 3},
    "flying": {"as": "fleet"},
    "nodes": {"as": "node-group", "cluster": "prod", "role": "arn:aws:iam::123456789012:role/nodes"},
}
"""Workloads in groups of AWS's own, and what settings say of them."""


def cluster(
    cloud: AwsCloud, name: str = "prod", region: str = REGION, zones: tuple[str, ...] = (ZONE, "use1-az1")
) -> None:
    """An EKS cluster that somebody made, in a VPC of its own."""
    vpc = adopted(cloud, region, zones)
    client(cloud, "eks", region).create_cluster(
        name=name,
        roleArn="arn:aws:iam::123456789012:role/cluster",
        resourcesVpcConfig={"subnetIds": vpc["subnets"]},
    )


def machine_groups() -> list[dict[str, Any]]:
    """The same as settings."""
    return [{"workload": name, **said} for name, said in GROUPS.items()]


def with_groups(placement: Placement, *names: str) -> Placement:
    """The placement, and each of these workloads of ``GROUPS`` on a machine; none named: all of them."""
    wanted = names or tuple(GROUPS)
    more = tuple(
        WorkloadSpec(
            name=name,
            kind="serve",
            replicas=(
                ReplicaSpec(
                    name=f"{name}-0", machines=(f"{name}-m-0",), devices=(0, 1), settings={"choice": name}
                ),
            ),
        )
        for name in wanted
    )
    return replace(
        placement,
        machines=(*placement.machines, machines(*(f"{name}-m-0" for name in wanted))),
        workloads=(*placement.workloads, *more),
    )


def client(cloud: AwsCloud, service: str, region: str = REGION) -> Any:
    """A client of botocore's own, to look over the provider's shoulder."""
    from botocore.config import Config  # noqa: PLC0415 - slow
    from botocore.session import Session  # noqa: PLC0415 - slow

    return Session().create_client(
        service,
        region_name=region,
        endpoint_url=cloud.environ["AWS_ENDPOINT_URL"],
        aws_access_key_id="nobody",
        aws_secret_access_key="only-for-tests",  # noqa: S106 - of nobody
        config=Config(retries={"total_max_attempts": 1}),
    )


def adopted(
    cloud: AwsCloud, region: str = REGION, zones: tuple[str, ...] = (ZONE, "use1-az1")
) -> dict[str, Any]:
    """A VPC that somebody else made, as settings name it."""
    ec2 = client(cloud, "ec2", region)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZoneId=zone)["Subnet"][
            "SubnetId"
        ]
        for i, zone in enumerate(zones)
    ]
    group = ec2.create_security_group(GroupName="machines", Description="of tests", VpcId=vpc)["GroupId"]
    within = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=within)
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=within)
    return {"region": region, "vpc": vpc, "subnets": subnets, "security_groups": [group]}
