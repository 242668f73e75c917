"""What changing hands needs: forgetting takes the owner's tag away, importing puts it on.

Either may be taken back, so both may do both.  What is taken over is anybody's until then: it is bound to the
tag that it gets, and nothing else (sar).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from dcplan.provider.lowering import ENDPOINT, JOB, REPLICA
from dcplan.provider.storage import BUCKET, FILE_SYSTEM
from dcplan.resources import Action
from dcplan_aws.group_permissions import GROUPS, NODES
from dcplan_aws.kinds import (
    BLOCK,
    GROUP,
    INSTANCE,
    MACHINE_GROUPS,
    NETWORK,
    NODE_GROUP,
    RESERVATION,
    SCALING_GROUP,
)
from dcplan_aws.needs import Need, When
from dcplan_aws.storage_permissions import OURS as BUCKETS

if TYPE_CHECKING:
    from dcplan.provider.permissions import Deed
    from dcplan.resources import Resource

HANDS = frozenset({Action.FORGET, Action.IMPORT})

_BALANCED = "elasticloadbalancing:loadbalancer/app/dcplan-*/* elasticloadbalancing:targetgroup/dcplan-*/*"
_TAGGED: Mapping[str, str] = {
    NETWORK: "ec2:vpc/* ec2:subnet/* ec2:security-group/* ec2:internet-gateway/* ec2:natgateway/*",
    GROUP: "ec2:placement-group/dcplan-*",
    RESERVATION: "ec2:capacity-reservation/*",
    BLOCK: "ec2:capacity-reservation/*",
    INSTANCE: "ec2:instance/* ec2:volume/* ec2:network-interface/*",
    ENDPOINT: "ec2:security-group/*",
    **dict.fromkeys(
        MACHINE_GROUPS,
        "ec2:launch-template/* ec2:fleet/* ec2:instance/* ec2:volume/* ec2:network-interface/*",
    ),
}
"""What of EC2 carries the owner's tag (``Maker.parts``)."""
_KEPT = frozenset({REPLICA, JOB, ENDPOINT, *MACHINE_GROUPS})
_PARAMETER_CALLS = ("PutParameter", "DeleteParameter", "AddTagsToResource", "RemoveTagsFromResource")


def handed(deed: Deed) -> Iterator[Need]:
    """The permissions of one object that is forgotten or taken over; nothing for other deeds."""
    if deed.action not in HANDS:
        return
    kind = deed.resource.address.kind
    if on := _TAGGED.get(kind):
        yield Need("ec2:CreateTags", on, When.NEW)
        yield Need("ec2:CreateTags", on, When.OURS)
        yield Need("ec2:DeleteTags", on, When.OURS)
    if kind == BUCKET:
        yield Need("s3:PutBucketTagging", BUCKETS)
    if kind == FILE_SYSTEM:
        yield Need("fsx:TagResource", "fsx:file-system/*", When.NEW)
        yield Need("fsx:UntagResource", "fsx:file-system/*", When.OURS)
    if kind == NETWORK:
        yield Need("ec2:DescribeInternetGateways", "*")
    if kind == ENDPOINT:
        yield Need("ec2:DescribeSecurityGroups", "*")
        yield Need("elasticloadbalancing:DescribeTargetGroups", "*")
        yield Need("elasticloadbalancing:AddTags", _BALANCED, When.NEW)
        yield Need("elasticloadbalancing:AddTags", _BALANCED, When.OURS)
        yield Need("elasticloadbalancing:RemoveTags", _BALANCED, When.OURS)
    yield from _grouped(kind)
    if kind in _KEPT:
        for call in _PARAMETER_CALLS:
            yield Need(f"ssm:{call}", "ssm:parameter/dcplan/LINEAGE/*")
            if name := _name(deed.resource):
                yield Need(f"ssm:{call}", f"ssm:parameter{name}")


def _grouped(kind: str) -> Iterator[Need]:
    """The same of a machine group's template and group."""
    if kind in MACHINE_GROUPS:
        yield Need("ec2:DescribeLaunchTemplates", "*")
    if kind == SCALING_GROUP:
        yield Need("autoscaling:CreateOrUpdateTags", GROUPS, When.NEW)
        yield Need("autoscaling:CreateOrUpdateTags", GROUPS, When.OURS)
        yield Need("autoscaling:DeleteTags", GROUPS, When.OURS)
    if kind == NODE_GROUP:
        yield Need("eks:DescribeNodegroup", NODES)
        yield Need("eks:TagResource", NODES, When.NEW)
        yield Need("eks:TagResource", NODES, When.OURS)
        yield Need("eks:UntagResource", NODES, When.OURS)


def elsewhere(resource: Resource, lineage: str) -> str:
    """The parameter of a resource that is in the folder of an owner before this one; empty for others."""
    name = _name(resource)
    return name if name and not name.startswith(f"/dcplan/{lineage}/") else ""


def _name(resource: Resource) -> str:
    """Of a parameter, as its id has it."""
    return str(resource.outputs.get("id") or "").partition(":")[2]
