"""``dcplan iam`` for AWS: what is printed is what is called, no less and no more."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aws_cloud import AwsCloud
from aws_examples import (
    REGION,
    RESERVED,
    STORAGE,
    adopted,
    cluster,
    gang_and_replicas,
    in_the_reservation,
    machine_groups,
    machines,
    with_groups,
)
from cloud_life import deeds_of_life, live
from dcplan.provider import Placement
from dcplan.provider.permissions import KeyUse, Use
from dcplan.resources import Action
from dcplan_aws import AwsProvider, provider
from dcplan_aws.permissions import CALLS, NEEDS, WITHOUT_A_CALL, action_of
from dcplan_aws.policy import LONGEST

LINEAGE = "0a1b2c3d"
UPDATES: dict[str, dict[str, Any]] = {
    "network": {"project": "renamed", "nat": False},
    "placement_group": {"project": "renamed"},
    "capacity_reservation": {"machines": 2},
    "instance": {"pool": "renamed"},
    "replica": {"settings": {"max_batch": 2}},
    "endpoint": {"replicas": {"chat-0": 2, "chat-1": 1}},
    "job": {"settings": {"max_batch": 2}},
    "bucket": {"project": "renamed"},
    "file_system": {"throughput": 1000},
}


def opened(tmp_path: Path, **settings: Any) -> AwsProvider:
    """A provider with these settings."""
    made = provider({"regions": [REGION], **settings}, tmp_path).unwrap()
    assert isinstance(made, AwsProvider)
    return made


def policy(aws: AwsProvider, use: Use) -> dict[str, Any]:
    """The policy of whoever applies."""
    only = aws.permissions(use)[0]
    assert json.loads(only.text) == only.content
    return json.loads(only.text)  # type: ignore[no-any-return] # it is an object


def actions(statements: list[dict[str, Any]]) -> set[str]:
    """What statements allow."""
    said = [one["Action"] for one in statements]
    return {action for one in said for action in ([one] if isinstance(one, str) else one)}


def whole_life(aws: AwsProvider, placement: Placement) -> Use:
    """A use in which all of a placement is made, changed and deleted."""
    deeds = deeds_of_life(aws.resources_for(placement).unwrap())
    return Use(project="example", lineage=LINEAGE, deeds=deeds)


@pytest.mark.parametrize("theirs", [False, True], ids=["network-made", "network-adopted"])
def test_what_is_called_is_allowed_and_the_other_way_round(
    tmp_path: Path, cloud: AwsCloud, *, theirs: bool
) -> None:
    """Each call of a whole life is in the policy, and each permission of it is one of these calls."""
    network: dict[str, Any] = {"networks": [adopted(cloud)]} if theirs else {"nat": True}
    aws = opened(tmp_path, reservations=[RESERVED], storage=STORAGE, **network)
    before, placement = len(cloud.calls()), gang_and_replicas(in_the_reservation("kept-0"))
    live(aws, aws.resources_for(placement).unwrap(), LINEAGE, UPDATES)
    called = {action_of(f"{call['service']}:{call['action']}") for call in cloud.calls()[before:]}
    allowed = actions(policy(aws, whole_life(aws, placement))["Statement"])

    # Without a network of dcplan's own, nobody looks for its gateway; an orphan's would be looked for.
    looks = {"ec2:DescribeNatGateways"} if theirs else set()
    assert called <= allowed
    assert allowed - called <= WITHOUT_A_CALL.keys() | looks


def test_the_same_holds_of_machine_groups(tmp_path: Path, cloud: AwsCloud) -> None:
    """A group of each kind, made, grown and deleted, beside machines of no group."""
    cluster(cloud)
    aws = opened(tmp_path, machine_groups=machine_groups())
    wanted, larger = with_groups(gang_and_replicas()), {"at_least": 2, "at_most": 2}
    updates = {**UPDATES, "auto_scaling_group": larger, "fleet": larger, "node_group": larger}
    before = len(cloud.calls())
    live(aws, aws.resources_for(wanted).unwrap(), LINEAGE, updates)
    called = {action_of(f"{call['service']}:{call['action']}") for call in cloud.calls()[before:]}
    allowed = actions(policy(aws, whole_life(aws, wanted))["Statement"])

    assert sorted(called - allowed) == []
    assert sorted(allowed - called - WITHOUT_A_CALL.keys()) == []


def test_every_call_of_the_table_has_its_permissions() -> None:
    """No kind names a call of which the second table does not know what it needs, and none is left over."""
    named = {call for _, _, calls in CALLS for call in calls.split()}

    assert named | {"ec2:DescribeRegions"} == NEEDS.keys()


def test_a_plan_is_allowed_only_what_it_does(tmp_path: Path) -> None:
    """One machine in a network of theirs: no VPC may be made, no load balancer, and nothing be deleted."""
    theirs = {
        "region": REGION,
        "vpc": "vpc-0a1b2c3d4e5f60718",
        "subnets": ["subnet-0a1b2c3d4e5f60718"],
        "security_groups": ["sg-0a1b2c3d4e5f60718"],
    }
    aws = opened(tmp_path, networks=[theirs])
    placement = replace(gang_and_replicas(), machines=(machines("one"),), workloads=())
    deeds = deeds_of_life(aws.resources_for(placement).unwrap(), (Action.CREATE,))
    said = policy(aws, Use(project="example", lineage=LINEAGE, deeds=deeds))["Statement"]
    looks = {one for one in actions(said) if ":Describe" in one or one.startswith(("ssm:Get", "s3:List"))}
    run = [one for one in said if "ec2:RunInstances" in one["Action"]]
    named = {arn.rpartition(":")[2] for one in run for arn in as_list(one["Resource"])}

    assert actions(said) - looks == {"ec2:RunInstances", "ec2:CreateTags"}
    assert {"subnet/subnet-0a1b2c3d4e5f60718", "security-group/sg-0a1b2c3d4e5f60718"} <= named
    assert not any(one.startswith(("subnet/*", "security-group/*")) for one in named)


def as_list(value: Any) -> list[str]:
    """A value of a policy, which may be one or several."""
    return value if isinstance(value, list) else [value]


def test_only_looks_are_not_bound_to_the_owner_or_a_name(tmp_path: Path) -> None:
    """A statement for all resources allows looks alone, and all of it holds in the plan's regions only."""
    aws = opened(tmp_path)
    said = policy(aws, whole_life(aws, gang_and_replicas()))["Statement"]
    free = actions([one for one in said if one["Resource"] == "*"])
    ours = [one for one in said if any(a.endswith(ENDS) for a in as_list(one["Action"]))]
    tag = {"aws:ResourceTag/dcplan-lineage": LINEAGE}

    assert all(one.split(":")[1].startswith(("Describe", "List")) for one in free)
    assert len(ours) > 1
    assert all(one["Condition"]["StringEquals"] == tag for one in ours)
    assert all(REGION in json.dumps(one) for one in said if "iam:" not in str(one["Action"]))


ENDS = ("TerminateInstances", "DeleteVpc", "DeleteSubnet", "DeleteLoadBalancer", "DeleteTargetGroup")


def test_it_fits_a_managed_policy(tmp_path: Path) -> None:
    """All that is done to all kinds in one region is short enough for AWS."""
    aws = opened(tmp_path)
    said = policy(aws, whole_life(aws, gang_and_replicas()))

    assert len(json.dumps(said, separators=(",", ":"))) <= LONGEST


def test_regions_that_are_not_the_plans_are_refused(tmp_path: Path) -> None:
    """With two regions what is made is allowed in the plan's, and looks in both."""
    aws = opened(tmp_path, regions=[REGION, "us-west-2"])
    said = policy(aws, whole_life(aws, gang_and_replicas()))["Statement"]
    looks = next(one for one in said if "ec2:DescribeInstances" in one["Action"])
    makes = next(one for one in said if "ec2:TerminateInstances" in as_list(one["Action"]))

    assert looks["Condition"]["StringEquals"]["aws:RequestedRegion"] == [REGION, "us-west-2"]
    assert makes["Resource"] == f"arn:aws:ec2:{REGION}:*:instance/*"
    assert "ec2:DescribeRegions" in actions(said)


def test_what_machines_are_bought_by_and_run_as_is_part_of_it(tmp_path: Path) -> None:
    """Spot, an image by parameter and an instance profile take permissions that other machines do not."""
    aws = opened(tmp_path, instance_profile="agents")
    placement = replace(gang_and_replicas(), machines=(machines("one", purchase="spot"),), workloads=())
    (told,) = aws.permissions(whole_life(aws, placement))
    passes = next(one for one in told.content["Statement"] if one["Action"] == "iam:PassRole")  # type: ignore[union-attr, call-overload, index] # a policy

    assert "spot-instances-request/*" in told.text
    assert '"ec2:InstanceType": [\n            "p4d.24xlarge"\n          ]' in told.text
    assert ":parameter/aws/service/deeplearning/" in told.text
    assert passes["Condition"] == {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}  # type: ignore[call-overload, index] # as above
    assert any("any role may be given" in note for note in told.notes)


def test_without_a_state_any_owner_is_allowed_and_said(tmp_path: Path) -> None:
    """Before init nobody knows the lineage: tags must be there, whatever they say, and a note tells it."""
    aws = opened(tmp_path)
    (told,) = aws.permissions(replace(whole_life(aws, gang_and_replicas()), lineage=""))

    assert '"aws:ResourceTag/dcplan-lineage": "*"' in told.text
    assert any("dcplan init" in note for note in told.notes)


def test_a_state_and_a_key_alone_need_no_machines(tmp_path: Path) -> None:
    """Where AWS only keeps the state and wraps its key, its policy allows that bucket and that key."""
    keys = (
        KeyUse(settings={"key_id": "alias/dcplan", "region": "eu-central-1"}, wraps=True),
        KeyUse(settings={"key_id": "arn:aws:kms:eu-west-1:123456789012:key/old"}, wraps=False),
    )
    use = Use(project="p", machines=False, state={"bucket": "my-state", "prefix": "chat"}, keys=keys)
    objects, bucket, alias, old = policy(opened(tmp_path), use)["Statement"]

    assert objects["Resource"] == "arn:aws:s3:::my-state/chat/*"
    assert (bucket["Action"], bucket["Resource"]) == ("s3:ListBucket", "arn:aws:s3:::my-state")
    assert alias["Condition"]["ForAnyValue:StringEquals"] == {"kms:ResourceAliases": "alias/dcplan"}
    assert alias["Condition"]["StringEquals"] == {"kms:EncryptionContext:dcplan": "sealed"}
    assert (old["Action"], old["Resource"]) == ("kms:Decrypt", "arn:aws:kms:eu-west-1:123456789012:key/old")


def test_nothing_is_needed_where_nothing_is_done(tmp_path: Path) -> None:
    """A cloud that a plan has nothing to do with is asked for nothing."""
    assert opened(tmp_path).permissions(Use(project="p", machines=False)) == ()
