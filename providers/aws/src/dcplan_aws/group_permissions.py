"""Which calls machine groups take, and which permissions each needs: rows of the tables of ``permissions``.

Sources: as there; (sar) also for Amazon EC2 Auto Scaling and Amazon EKS; (asg) Amazon EC2 Auto Scaling User
Guide, "Control launch template usage": whoever names a template must be allowed to launch by it; (eks) Amazon
EKS User Guide, "Customize managed nodes with launch templates", "Use roles to manage node groups".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from dcplan.resources import Action
from dcplan_aws.kinds import FLEET, NODE_GROUP, SCALING_GROUP
from dcplan_aws.needs import HELD, LOOK, Need, When
from dcplan_aws.permission_types import made, ours

if TYPE_CHECKING:
    from dcplan.resources import JsonValue

_KEPT = "ssm:GetParameters ssm:GetParametersByPath"
_PARTS = "ssm:PutParameter ec2:DescribeLaunchTemplates ec2:CreateLaunchTemplate"
"""``group_parts``."""
_TAKEN_AWAY = "ec2:DescribeInstances ec2:DescribeLaunchTemplates ec2:DeleteLaunchTemplate ssm:DeleteParameter"
"""``machine_groups._removed``: also of a group that was sold out."""
_SCALED = "autoscaling:DescribeScalingActivities autoscaling:UpdateAutoScalingGroup"
_JOINED = "elbv2:DescribeTargetGroups autoscaling:AttachLoadBalancerTargetGroups"
"""``scaling.settled``."""

_IN_CLUSTER = (
    "eks:DescribeCluster ec2:DescribeSubnets eks:CreateNodegroup eks:UpdateNodegroupConfig "
    "autoscaling:DescribeScalingActivities"
)
"""``node_groups``."""

_KEPT_AT_A_NUMBER = "ec2:CreateFleet ec2:ModifyFleet ec2:DescribeFleetHistory"
"""``fleets``."""

GROUP_CALLS: tuple[tuple[str, str, str], ...] = (
    (f"{SCALING_GROUP}/{HELD}", LOOK, f"{_KEPT} autoscaling:DescribeAutoScalingGroups"),
    (SCALING_GROUP, Action.CREATE, f"{_PARTS} autoscaling:CreateAutoScalingGroup {_SCALED} {_JOINED}"),
    *((f"{SCALING_GROUP}/adopted", done, "ec2:DescribeSubnets") for done in (Action.CREATE, Action.UPDATE)),
    (SCALING_GROUP, Action.CREATE, f"{_TAKEN_AWAY} autoscaling:DeleteAutoScalingGroup"),
    (SCALING_GROUP, Action.UPDATE, f"{_PARTS} autoscaling:CreateAutoScalingGroup {_SCALED} {_JOINED}"),
    (SCALING_GROUP, Action.DELETE, f"{_TAKEN_AWAY} autoscaling:DeleteAutoScalingGroup"),
    (f"{FLEET}/{HELD}", LOOK, f"{_KEPT} ec2:DescribeFleets ec2:DescribeInstances"),
    (FLEET, Action.CREATE, f"{_PARTS} {_KEPT_AT_A_NUMBER} {_TAKEN_AWAY} ec2:DeleteFleets"),
    (FLEET, Action.UPDATE, f"{_PARTS} {_KEPT_AT_A_NUMBER}"),
    *((f"{FLEET}/adopted", done, "ec2:DescribeSubnets") for done in (Action.CREATE, Action.UPDATE)),
    (FLEET, Action.DELETE, f"{_TAKEN_AWAY} ec2:DeleteFleets"),
    (f"{NODE_GROUP}/{HELD}", LOOK, f"{_KEPT} eks:DescribeNodegroup autoscaling:DescribeAutoScalingGroups"),
    (NODE_GROUP, Action.CREATE, f"{_PARTS} {_IN_CLUSTER} {_TAKEN_AWAY} eks:DeleteNodegroup"),
    (NODE_GROUP, Action.UPDATE, f"{_PARTS} {_IN_CLUSTER}"),
    (NODE_GROUP, Action.DELETE, f"{_TAKEN_AWAY} eks:DeleteNodegroup"),
)
TARGETS_OF_GROUPS = (
    "autoscaling:DescribeAutoScalingGroups autoscaling:AttachLoadBalancerTargetGroups "
    "autoscaling:DetachLoadBalancerTargetGroups"
)
"""Of an endpoint that names groups (``group_targets``)."""

GROUPS = "autoscaling:autoScalingGroup:*:autoScalingGroupName/dcplan-*"

NODES = "eks:nodegroup/*/dcplan-*/*"

GROUP_NEEDS: Mapping[str, tuple[Need, ...]] = {
    **{
        f"autoscaling:{look}": (Need(f"autoscaling:{look}", "*"),)
        for look in ("DescribeAutoScalingGroups", "DescribeScalingActivities")
    },
    **{f"ec2:{look}": (Need(f"ec2:{look}", "*"),) for look in ("DescribeFleets", "DescribeFleetHistory")},
    "ec2:CreateFleet": (
        *made("CreateFleet", "ec2:fleet/*"),
        Need("iam:CreateServiceLinkedRole", "iam:ec2fleet.amazonaws.com/AWSServiceRoleForEC2Fleet"),
    ),
    "ec2:ModifyFleet": ours("ec2:ModifyFleet", "ec2:fleet/*"),
    "ec2:DeleteFleets": ours("ec2:DeleteFleets", "ec2:fleet/*"),
    "ec2:DescribeLaunchTemplates": (Need("ec2:DescribeLaunchTemplates", "*"),),
    "ec2:CreateLaunchTemplate": made("CreateLaunchTemplate", "ec2:launch-template/*"),
    "ec2:DeleteLaunchTemplate": ours("ec2:DeleteLaunchTemplate", "ec2:launch-template/*"),
    "autoscaling:CreateAutoScalingGroup": (
        Need("autoscaling:CreateAutoScalingGroup", GROUPS, When.NEW),
        Need("autoscaling:CreateOrUpdateTags", GROUPS, When.NEW),
        Need("iam:CreateServiceLinkedRole", "iam:autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"),
    ),
    "eks:DescribeCluster": (Need("eks:DescribeCluster", "eks:cluster/*"),),
    "eks:DescribeNodegroup": (Need("eks:DescribeNodegroup", NODES),),
    "eks:CreateNodegroup": (
        Need("eks:CreateNodegroup", "eks:cluster/*", When.NEW),
        Need("eks:TagResource", NODES, When.NEW),
        Need(
            "iam:CreateServiceLinkedRole",
            "iam:eks-nodegroup.amazonaws.com/AWSServiceRoleForAmazonEKSNodegroup",
        ),
    ),
    "eks:UpdateNodegroupConfig": ours("eks:UpdateNodegroupConfig", NODES),
    "eks:DeleteNodegroup": ours("eks:DeleteNodegroup", NODES),
    **{
        f"autoscaling:{call}": ours(f"autoscaling:{call}", GROUPS)
        for call in (
            "UpdateAutoScalingGroup",
            "DeleteAutoScalingGroup",
            "AttachLoadBalancerTargetGroups",
            "DetachLoadBalancerTargetGroups",
        )
    },
}


def by_template(attributes: Mapping[str, JsonValue]) -> Iterator[Need]:
    """What launching by a template takes besides (asg, eks)."""
    yield Need("ec2:RunInstances", "ec2:launch-template/*", When.OURS)
    role = attributes.get("role")
    if isinstance(role, str):
        yield Need("iam:PassRole", f"iam:{role.rpartition(':')[2]}")
