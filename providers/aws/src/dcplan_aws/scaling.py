"""Auto-scaling groups.  The name is made from the token: CreateAutoScalingGroup takes none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from dcplan.provider.errors import AlreadyGone, Conflict, Invalid, NotReady, ProviderError
from dcplan.provider.lowering import ENDPOINT
from dcplan.provider.types import Request
from dcplan.resources import Address
from dcplan_aws.group_parts import Call, machine_tags, make_template, part_name
from dcplan_aws.group_shares import ports_of
from dcplan_aws.group_targets import attach
from dcplan_aws.launch import TAGGED, Seats, boot_script, bought, interfaces_of, launch_of
from dcplan_aws.machine_groups import Record, Standing
from dcplan_aws.makers import Shared, text_of
from dcplan_aws.owner import LINEAGE, specified
from dcplan_aws.programs import Parameters
from dcplan_aws.sold_out import told
from dcplan_aws.targets import balancer_name

NAMES_OF_ONE_LOOK = 100
"""Of DescribeAutoScalingGroups (EC2 Auto Scaling API Reference: MaxRecords)."""
IN_SERVICE = "InService"


@dataclass(frozen=True, slots=True)
class ScalingGroups:
    """Groups of EC2 Auto Scaling."""

    shared: Shared
    seats: Seats
    programs: bool = True

    def check(self, request: Request) -> None:
        """There is a subnet in the zone, and what is bought ahead is named."""
        self.seats.seat(request, text_of(request, "region"))
        bought(request)

    def look(self, region: str, records: Sequence[Record]) -> Mapping[str, Standing]:
        """By name; those that are being deleted say so."""
        token_of = {part_name(record.token): record.token for record in records}
        names = list(token_of)
        shown: list[dict[str, Any]] = []
        for i in range(0, len(names), NAMES_OF_ONE_LOOK):
            some = names[i : i + NAMES_OF_ONE_LOOK]
            shown += self.shared.api.pages(
                "autoscaling",
                region,
                "describe_auto_scaling_groups",
                "AutoScalingGroups",
                AutoScalingGroupNames=some,
                MaxRecords=NAMES_OF_ONE_LOOK,
            )
        return {token_of[one["AutoScalingGroupName"]]: _standing(one) for one in shown}

    def make(self, record: Record, request: Request) -> None:
        """Template, then group, in the one subnet of its zone."""
        token, region = record.token, record.region
        subnet, security_groups = self.seats.seat(request, region)
        public = request.attributes.get("public") is True
        nics = interfaces_of(request, subnet, security_groups, public=public)
        # The group says in which subnet.
        unplaced = [{key: value for key, value in nic.items() if key != "SubnetId"} for nic in nics]
        tags = machine_tags(request, token, record.program)
        data = {
            **launch_of(request, unplaced, boot_script(request, self.shared)),
            "TagSpecifications": specified(tags, *TAGGED),
        }
        template = make_template(self.shared, request, region, token, data)
        size = request.attributes["at_least"]
        name = part_name(token)
        try:
            self.shared.api.do(
                "autoscaling",
                region,
                "create_auto_scaling_group",
                AutoScalingGroupName=name,
                LaunchTemplate={"LaunchTemplateId": template, "Version": "$Default"},
                MinSize=size,
                MaxSize=request.attributes["at_most"],
                DesiredCapacity=size,
                VPCZoneIdentifier=subnet,
                Tags=[
                    {
                        "ResourceId": name,
                        "ResourceType": "auto-scaling-group",
                        "Key": key,
                        "Value": value,
                        "PropagateAtLaunch": True,
                    }
                    for key, value in tags.items()
                ],
            )
        except Conflict as taken:
            raise NotReady(f"{name} was made and cannot be seen yet ({taken.detail})") from taken
        except AlreadyGone as missing:
            raise NotReady(missing.detail) from missing

    def resize(self, record: Record, there: Standing, at_least: int, at_most: int) -> None:
        """Floor and ceiling; the number wanted stays where it is between these, and follows a new floor."""
        self.shared.api.do(
            "autoscaling",
            record.region,
            "update_auto_scaling_group",
            AutoScalingGroupName=there.name,
            MinSize=at_least,
            MaxSize=at_most,
            DesiredCapacity=wanted_of(int(there.shown["DesiredCapacity"]), there.at_least, at_least, at_most),
        )

    def remove(self, record: Record, there: Standing) -> None:
        """With its machines, whatever they do."""
        try:
            self.shared.api.do(
                "autoscaling",
                record.region,
                "delete_auto_scaling_group",
                AutoScalingGroupName=there.name,
                ForceDelete=True,
            )
        except Invalid as refused:
            # Of a group that went meanwhile it says no more than of a name that is none.
            if "not found" not in refused.detail:
                raise

    def refusal(self, record: Record, there: Standing) -> ProviderError | None:
        """What its newest failed launch says: the group would try on and on."""
        return refused_since(self.shared, record.region, there.name, record.since)

    def latest(self, record: Record, there: Standing) -> str | None:
        """Its newest activity."""
        return newest(self.shared, record.region, there.name)

    def settled(self, record: Record, there: Standing) -> None:
        """Where its endpoint was first, the group comes to it: so it is when a group is made anew."""
        name = Address.parse(str(record.kept.says["address"])).name
        there_already = set(there.shown.get("TargetGroupARNs") or ())
        for endpoint in Parameters(self.shared, ENDPOINT).of_owner(
            record.region, str(record.kept.says["lineage"])
        ):
            balancer = balancer_name(str(endpoint.says["token"]))
            wanted = [
                f"{balancer}-{port.suffix}"
                for port in ports_of(endpoint.says["attributes"])
                if port.group == name
            ]
            if not wanted:
                continue
            try:
                shown = self.shared.api.look("elbv2", record.region, "describe_target_groups", Names=wanted)
            except AlreadyGone:
                continue  # The endpoint is being made, and takes in all groups that it names.
            arns = [one["TargetGroupArn"] for one in shown["TargetGroups"]]
            attach(self.shared, record.region, there.name, sorted({*arns} - there_already))

    def handing(self, record: Record, there: Standing, lineage: str) -> Sequence[Call]:
        """Its own tag, which machines that come later get as well."""
        tag = {"ResourceId": there.name, "ResourceType": "auto-scaling-group", "Key": LINEAGE}
        given = {**tag, "Value": lineage, "PropagateAtLaunch": True} if lineage else tag
        operation = "create_or_update_tags" if lineage else "delete_tags"
        return [partial(self.shared.api.do, "autoscaling", record.region, operation, Tags=[given])]


def wanted_of(wanted: int, floor: int, at_least: int, at_most: int) -> int:
    """How many machines are wanted under a new floor and ceiling.

    What was wanted because of the old floor alone is not wanted any more below it.
    """
    return min(max(at_least if wanted <= floor else wanted, at_least), at_most)


def refused_since(shared: Shared, region: str, name: str, since: str | None) -> ProviderError | None:
    """What the newest failed launch says; None where there is none after the activity ``since``."""
    for activity in _activities(shared, region, name):
        if activity["ActivityId"] == since:
            return None
        if activity["StatusCode"] == "Failed":
            return told(f"{name}: {activity.get('StatusMessage') or activity.get('Cause', '')}")
    return None


def newest(shared: Shared, region: str, name: str) -> str | None:
    """The id of its newest activity."""
    return next((str(one["ActivityId"]) for one in _activities(shared, region, name)), None)


def _activities(shared: Shared, region: str, name: str) -> Sequence[Mapping[str, Any]]:
    """The newest first."""
    said = shared.api.look("autoscaling", region, "describe_scaling_activities", AutoScalingGroupName=name)
    activities: list[dict[str, Any]] = said["Activities"]
    return activities


def _standing(shown: Mapping[str, Any]) -> Standing:
    machines = shown.get("Instances") or ()
    return Standing(
        name=shown["AutoScalingGroupName"],
        at_least=int(shown["MinSize"]),
        at_most=int(shown["MaxSize"]),
        serving=sum(one["LifecycleState"] == IN_SERVICE for one in machines),
        leaving=bool(shown.get("Status")),
        shown=shown,
    )
