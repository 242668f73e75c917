"""The parts that machine groups of all kinds have: a launch template, a program, and machines with tags."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

from dcplan.provider.errors import AlreadyGone, Conflict, NotReady
from dcplan.provider.types import Request
from dcplan.resources import JsonValue
from dcplan.resources.machines import RUNS as WHAT_RUNS
from dcplan_aws.agent import RUNS
from dcplan_aws.makers import Shared
from dcplan_aws.owner import LINEAGE, PART, PROJECT, as_list, owner_tags, specified
from dcplan_aws.programs import folder_of
from dcplan_aws.stored import told as stored
from dcplan_aws.targets import balancer_name

Call: TypeAlias = Callable[[], object]
NAMES_OF_ONE_CALL = 500
"""Of CreateTags, which takes 1,000 (EC2 API Reference)."""
PROGRAM = "group-program"
"""The folder of parameters that say what each machine of a group runs."""


def part_name(token: str) -> str:
    """Of the template and the group that this token made."""
    return balancer_name(token)


def program_name(lineage: str, token: str) -> str:
    """Of the parameter with what each machine of a group runs."""
    return f"{folder_of(lineage, PROGRAM)}/{token}"


def machine_tags(request: Request, token: str, program: str | None = None) -> dict[str, str]:
    """What each machine of a group carries: whose it is, and what it runs.  It is no object of its own."""
    project = request.attributes.get("project")
    return {
        "Name": f"dcplan {request.address.name}",
        LINEAGE: request.lineage,
        PART: token,
        **({} if program is None else {f"{RUNS}{token}": program}),
        **({PROJECT: project} if isinstance(project, str) else {}),
    }


def make_template(shared: Shared, request: Request, region: str, token: str, data: Mapping[str, Any]) -> str:
    """The id of the group's launch template, made where it is missing."""
    name = part_name(token)
    known = template_of(shared, region, token)
    if known is not None:
        return known
    user_data = data.get("UserData")
    # Unlike RunInstances, a template takes user data as it is sent: in base64.
    coded = {} if user_data is None else {"UserData": base64.b64encode(str(user_data).encode()).decode()}
    tags = {**owner_tags(request), PART: token}
    try:
        made = shared.api.do(
            "ec2",
            region,
            "create_launch_template",
            LaunchTemplateName=name,
            ClientToken=token,
            LaunchTemplateData={**data, **coded},
            TagSpecifications=specified(tags, "launch-template"),
        )
    except Conflict as taken:
        raise NotReady(f"{name} was made and cannot be seen yet ({taken.detail})") from taken
    return str(made["LaunchTemplate"]["LaunchTemplateId"])


def template_of(shared: Shared, region: str, token: str) -> str | None:
    """The id of the group's launch template, if there is one."""
    shown = shared.api.look(
        "ec2",
        region,
        "describe_launch_templates",
        Filters=[{"Name": "launch-template-name", "Values": [part_name(token)]}],
    )["LaunchTemplates"]
    return str(shown[0]["LaunchTemplateId"]) if shown else None


def delete_template(shared: Shared, region: str, token: str) -> None:
    """Delete the group's launch template, if it is there."""
    template = template_of(shared, region, token)
    if template is None:
        return
    try:
        shared.api.do("ec2", region, "delete_launch_template", LaunchTemplateId=template)
    except AlreadyGone:
        return


def put_program(shared: Shared, request: Request, region: str, name: str) -> None:
    """Say what each machine runs, where that is not said yet."""
    runs = request.attributes.get(WHAT_RUNS)
    told: Mapping[str, JsonValue] = runs if isinstance(runs, Mapping) else {}
    storage = stored(shared, request, region)
    says = {
        "address": str(request.address),
        "workload": request.attributes.get("workload"),
        "settings": told.get("settings"),
        "each": told.get("each"),
        **({"storage": storage} if storage else {}),
    }
    text = json.dumps(says, sort_keys=True, separators=(",", ":"))
    shown = shared.api.look("ssm", region, "get_parameters", Names=[name])["Parameters"]
    if shown and shown[0]["Value"] == text:
        return
    # A call that writes over what is there takes no tags.
    how: dict[str, Any] = (
        {"Overwrite": True} if shown else {"Overwrite": False, "Tags": as_list(owner_tags(request))}
    )
    value = {"Name": name, "Value": text, "Type": "String", "Tier": "Intelligent-Tiering", **how}
    try:
        shared.api.do("ssm", region, "put_parameter", **value)
    except Conflict as taken:
        raise NotReady(f"{name} was made and cannot be seen yet ({taken.detail})") from taken


def delete_program(shared: Shared, region: str, name: str) -> None:
    """Delete it, if it is there."""
    try:
        shared.api.do("ssm", region, "delete_parameter", Name=name)
    except AlreadyGone:
        return


def living(shared: Shared, region: str, token: str) -> list[dict[str, Any]]:
    """Machines of the group that are not gone yet: their interfaces hold the network."""
    shown = shared.api.pages(
        "ec2",
        region,
        "describe_instances",
        "Reservations",
        Filters=[
            {"Name": f"tag:{PART}", "Values": [token]},
            {
                "Name": "instance-state-name",
                "Values": ["pending", "running", "shutting-down", "stopping", "stopped"],
            },
        ],
    )
    return [instance for reservation in shown for instance in reservation["Instances"]]


def tag_parts(shared: Shared, region: str, token: str, lineage: str) -> list[Call]:
    """The calls that put this owner's tag on template and machines, or take it away; no owner is empty."""
    template = template_of(shared, region, token)
    names = [] if template is None else [template]
    for instance in living(shared, region, token):
        names += [one["Ebs"]["VolumeId"] for one in instance.get("BlockDeviceMappings", ()) if "Ebs" in one]
        names += [one["NetworkInterfaceId"] for one in instance.get("NetworkInterfaces", ())]
        names.append(instance["InstanceId"])
    tag = {"Key": LINEAGE, "Value": lineage} if lineage else {"Key": LINEAGE}
    operation = "create_tags" if lineage else "delete_tags"
    return [
        partial(
            shared.api.do, "ec2", region, operation, Resources=names[i : i + NAMES_OF_ONE_CALL], Tags=[tag]
        )
        for i in range(0, len(names), NAMES_OF_ONE_CALL)
    ]
