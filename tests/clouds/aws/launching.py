"""Launches that a service makes for its caller: of groups, fleets and node groups, from a launch template.

Each goes through the same RunInstances as a call of the caller's own, so that stock, quotas, interfaces,
placement groups and reservations are judged alike; moto looks at type, image and security groups alone.
"""

from __future__ import annotations

import base64
import copy
from typing import Any

from moto.core.exceptions import ServiceException
from moto.ec2.models import ec2_backends
from moto.ec2.responses import EC2Response


def template_data(account: str, region: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """What a launch template says in the version that is asked for."""
    backend = ec2_backends[account][region]
    template = (
        backend.get_launch_template(wanted["LaunchTemplateId"])
        if wanted.get("LaunchTemplateId")
        else backend.get_launch_template_by_name(wanted["LaunchTemplateName"])
    )
    data: dict[str, Any] = template.get_version(wanted.get("Version") or "$Default").data
    return copy.deepcopy(dict(data))


def launch(account: str, region: str, data: dict[str, Any], tags: dict[str, str]) -> Any:
    """One instance as ``data`` says; raises what EC2 would answer."""
    response = EC2Response()
    response.region, response.current_account = region, account
    response.automated_parameter_parsing = True
    response.uri_match = {}
    given = [dict(one) for one in data.get("TagSpecifications") or []]
    # moto keeps the template's own tags among those of what it launches.
    rest = [one for one in given if one["ResourceType"] in {"volume", "network-interface"}]
    own = [tag for one in given if one["ResourceType"] == "instance" for tag in one["Tags"]]
    every = {tag["Key"]: tag["Value"] for tag in own} | tags
    named = [{"Key": key, "Value": value} for key, value in every.items()]
    user_data = data.get("UserData")
    response.params = {
        **{key: value for key, value in data.items() if key != "UserData"},
        **({} if user_data is None else {"UserData": _decoded(user_data)}),
        "MinCount": 1,
        "MaxCount": 1,
        "TagSpecifications": [*rest, {"ResourceType": "instance", "Tags": named}],
    }
    return response.run_instances().result.instances[0]


def terminate(account: str, region: str, ids: list[str]) -> None:
    """End instances as a call of the caller's own would: they may take a while to be gone."""
    response = EC2Response()
    response.region, response.current_account = region, account
    response.automated_parameter_parsing = True
    response.uri_match, response.params = {}, {"InstanceIds": ids}
    response.terminate_instances()


def _decoded(user_data: Any) -> str:
    text = str(user_data)
    base64.b64decode(text, validate=True)  # EC2 refuses a template whose user data is not coded.
    return text


def in_subnet(data: dict[str, Any], subnet: str) -> dict[str, Any]:
    """The same, in this subnet, which must not be said twice."""
    nics = [dict(nic) for nic in data.get("NetworkInterfaces") or []]
    if not nics:
        return {**data, "SubnetId": subnet}
    if any(nic.get("SubnetId") for nic in nics):
        raise ServiceException("Network interfaces of the template name a subnet, and the group does.")
    return {**data, "NetworkInterfaces": [{**nic, "SubnetId": subnet} for nic in nics]}


def said(problem: Exception) -> tuple[str, str]:
    """Code and message of what EC2 answers."""
    code = str(getattr(problem, "code", "") or getattr(problem, "error_type", "") or "InternalError")
    return code, str(getattr(problem, "message", problem))
