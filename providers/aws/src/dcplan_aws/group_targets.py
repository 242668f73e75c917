"""Auto-scaling groups as targets of an endpoint: each port of each has a target group of instances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dcplan.provider.errors import Invalid
from dcplan.provider.types import Request
from dcplan_aws.group_shares import ports_of
from dcplan_aws.kinds import SCALING_GROUP
from dcplan_aws.makers import Shared, needs
from dcplan_aws.owner import as_list, owner_tags
from dcplan_aws.programs import FIRST_PORT
from dcplan_aws.targets import make_group


def join(  # noqa: PLR0913, PLR0917 - an endpoint, and where it is
    shared: Shared,
    request: Request,
    region: str,
    vpc: str,
    balancer: str,
    known: Mapping[str, Mapping[str, Any]],
) -> dict[str, int]:
    """What each of their target groups gets, made where it is missing; the groups come to them."""
    names = _names(request)
    wanted: dict[str, int] = {}
    of_group: dict[str, list[str]] = {}
    for port, share in ports_of(request.attributes).items():
        name = f"{balancer}-{port.suffix}"
        made = known.get(name) or make_group(
            shared,
            region,
            vpc,
            name,
            as_list(owner_tags(request)),
            port=FIRST_PORT + port.first_device,
            of="instance",
        )
        wanted[str(made["TargetGroupArn"])] = share
        of_group.setdefault(port.group, []).append(str(made["TargetGroupArn"]))
    there = attached(shared, region, [names[group] for group in of_group if group in names])
    for group, arns in of_group.items():
        if group in names:
            attach(shared, region, names[group], sorted({*arns} - there.get(names[group], set())))
    return wanted


def leave(shared: Shared, request: Request, region: str, arns: Sequence[str]) -> None:
    """Let all groups that the endpoint knows be targets of these no more."""
    for name, those in attached(shared, region, [*_names(request).values()]).items():
        detach(shared, region, name, sorted(those & {*arns}))


def _names(request: Request) -> dict[str, str]:
    """The names of auto-scaling groups, by dcplan's."""
    return {name: str(one.get("group")) for name, one in needs(request, SCALING_GROUP).items()}


def attached(shared: Shared, region: str, names: Sequence[str]) -> dict[str, set[str]]:
    """The target groups that auto-scaling groups are in."""
    if not names:
        return {}
    shown = shared.api.pages(
        "autoscaling",
        region,
        "describe_auto_scaling_groups",
        "AutoScalingGroups",
        AutoScalingGroupNames=list(names),
    )
    return {one["AutoScalingGroupName"]: set(one.get("TargetGroupARNs") or ()) for one in shown}


def attach(shared: Shared, region: str, name: str, arns: Sequence[str]) -> None:
    """Let the machines of a group be targets of these."""
    if arns:
        shared.api.do(
            "autoscaling",
            region,
            "attach_load_balancer_target_groups",
            AutoScalingGroupName=name,
            TargetGroupARNs=list(arns),
        )


def detach(shared: Shared, region: str, name: str, arns: Sequence[str]) -> None:
    """Let them be none of these any more."""
    if not arns:
        return
    try:
        shared.api.do(
            "autoscaling",
            region,
            "detach_load_balancer_target_groups",
            AutoScalingGroupName=name,
            TargetGroupARNs=list(arns),
        )
    except Invalid as refused:
        if "not found" not in refused.detail:
            raise
