"""Target groups: where an endpoint's requests go.

Replicas of one weight share a group, and the listener weighs the groups by weight times replicas: Elastic
Load Balancing forwards to five groups at most, and a fleet has as many weights as kinds of replicas.  A
replica that is made anew registers itself, because its endpoint is not touched then.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

from dcplan.provider.errors import AlreadyGone, Invalid
from dcplan.provider.lowering import ENDPOINT
from dcplan.resources import JsonValue
from dcplan_aws.makers import Shared
from dcplan_aws.programs import FIRST_PORT, Parameter, Parameters

MOST_GROUPS = 5
"""Target groups of one forward action (Elastic Load Balancing quotas)."""
MOST_WEIGHT = 999
"""Of one target group (Elastic Load Balancing API Reference, TargetGroupTuple)."""
HEALTH = "/health"
"""What vLLM, SGLang and others answer when they are up."""


def balancer_name(token: str) -> str:
    """Of the load balancer of the endpoint that this token made; names are 32 characters long at most."""
    return f"dcplan-{hashlib.sha256(token.encode()).hexdigest()[:16]}"


def group_name(token: str, weight: int) -> str:
    """Of the target group for replicas of this weight."""
    return f"{balancer_name(token)}-{weight}"


def weights_of(attributes: Mapping[str, Any]) -> dict[str, int]:
    """Replica to weight, as an endpoint has them."""
    replicas = attributes.get("replicas")
    return dict(replicas) if isinstance(replicas, Mapping) else {}


def shares(weights: Mapping[str, int]) -> dict[int, int]:
    """For each weight what all replicas of it get together, as a listener takes it."""
    count = Counter(weights.values())
    if len(count) > MOST_GROUPS:
        raise Invalid(
            f"Replicas of {len(count)} different weights are to share an endpoint; Elastic Load Balancing "
            f"takes {MOST_GROUPS}. Serve the model with fewer kinds of replicas."
        )
    whole = {weight: weight * replicas for weight, replicas in count.items()}
    most = max(whole.values(), default=1)
    if most <= MOST_WEIGHT:
        return whole
    return {weight: max(1, share * MOST_WEIGHT // most) for weight, share in whole.items()}


def target(address: JsonValue) -> dict[str, Any] | None:
    """A target from ``host:port``."""
    host, colon, port = str(address).rpartition(":")
    return {"Id": host, "Port": int(port)} if colon and port.isdecimal() else None


def groups_of(shared: Shared, region: str, token: str) -> dict[str, dict[str, Any]]:
    """The target groups of an endpoint, by name; those that it no longer uses, too."""
    start = f"{balancer_name(token)}-"
    shown = shared.api.pages("elbv2", region, "describe_target_groups", "TargetGroups")
    return {group["TargetGroupName"]: group for group in shown if group["TargetGroupName"].startswith(start)}


def make_group(  # noqa: PLR0913 - all that a target group is made with
    shared: Shared,
    region: str,
    vpc: str,
    name: str,
    tags: list[dict[str, str]],
    *,
    port: int = FIRST_PORT,
    of: str = "ip",
) -> dict[str, Any]:
    """A target group ``of`` addresses or instances; one of the same name and settings is the same."""
    made = shared.api.do(
        "elbv2",
        region,
        "create_target_group",
        Name=name,
        Protocol="HTTP",
        Port=port,
        VpcId=vpc,
        TargetType=of,
        HealthCheckPath=HEALTH,
        Tags=tags,
    )
    group: dict[str, Any] = made["TargetGroups"][0]
    return group


def reconcile(shared: Shared, region: str, arn: str, wanted: list[dict[str, Any]]) -> None:
    """Let a group have exactly these targets."""
    shown = shared.api.look("elbv2", region, "describe_target_health", TargetGroupArn=arn)
    there = {(one["Target"]["Id"], one["Target"]["Port"]) for one in shown["TargetHealthDescriptions"]}
    keys = {(one["Id"], one["Port"]) for one in wanted}
    if keys - there:
        new = [{"Id": host, "Port": port} for host, port in sorted(keys - there)]
        shared.api.do("elbv2", region, "register_targets", TargetGroupArn=arn, Targets=new)
    if there - keys:
        old = [{"Id": host, "Port": port} for host, port in sorted(there - keys)]
        shared.api.do("elbv2", region, "deregister_targets", TargetGroupArn=arn, Targets=old)


def register(shared: Shared, replica: Parameter) -> None:
    """Let the endpoints that name a replica send requests to where it is now."""
    says = replica.says
    place, name = target(says["outputs"].get("address")), str(says["address"]).split(".", 2)[2]
    if place is None:
        return
    for endpoint in Parameters(shared, ENDPOINT).of_owner(replica.region, says["lineage"]):
        weight = weights_of(endpoint.says["attributes"]).get(name)
        if weight is None or endpoint.says["attributes"].get("workload") != says["attributes"].get(
            "workload"
        ):
            continue
        wanted = group_name(endpoint.says["token"], weight)
        try:
            shown = shared.api.look("elbv2", replica.region, "describe_target_groups", Names=[wanted])
        except AlreadyGone:
            continue  # The endpoint is being made, and registers all that it names.
        arn = shown["TargetGroups"][0]["TargetGroupArn"]
        shared.api.do("elbv2", replica.region, "register_targets", TargetGroupArn=arn, Targets=[place])
