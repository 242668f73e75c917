"""The way out of machines that can have no public address: a regional NAT gateway, and the route to it.

EC2 gives a machine with several network interfaces no public address (EC2 User Guide, "EC2 instance IP
addressing"), and machines of a gang have one for each EFA card.  A regional NAT gateway is one for all zones
of a VPC: it takes no subnet and no address of ours, follows machines into zones, and its own route table
leads to the internet gateway (VPC User Guide, "Regional NAT gateways").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dcplan.provider.errors import Conflict, Invalid
from dcplan.provider.types import Request
from dcplan_aws.api import Api
from dcplan_aws.owner import as_mapping, specified

NAT = "dcplan-nat"
"""On a VPC: the NAT gateway that its machines' route leads to; empty or missing where none does."""
_GONE = frozenset({"deleting", "deleted"})
_EVERYWHERE = "0.0.0.0/0"


def gateways_of(api: Api, region: str, vpcs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The NAT gateway of each VPC that has one, being made or failed ones, too; and while it goes."""
    mine: dict[str, Any] = {"Filter": [{"Name": "vpc-id", "Values": list(vpcs)}]}
    shown = api.pages("ec2", region, "describe_nat_gateways", "NatGateways", **mine)
    there = [one for one in shown if one["State"] != "deleted"]
    # One that goes is told where no other is there.
    return {one["VpcId"]: one for one in sorted(there, key=lambda one: one["State"] not in _GONE)}


def is_as_wanted(vpc: Mapping[str, Any], gateway: Mapping[str, Any] | None, *, wanted: bool) -> bool:
    """Whether machines go out as it was asked for: the route is told by a tag, put on last."""
    routed = as_mapping(vpc.get("Tags")).get(NAT, "")
    if not wanted:
        return not routed and (gateway is None or gateway["State"] in _GONE)
    return gateway is not None and gateway["State"] == "available" and routed == gateway["NatGatewayId"]


def made(  # noqa: PLR0913, PLR0917 - all that a part is made from
    api: Api,
    region: str,
    request: Request,
    vpc: str,
    gateway: Mapping[str, Any] | None,
    tags: Mapping[str, str],
) -> str:
    """The NAT gateway's id, made where it is missing; ``Conflict`` as long as it is not ready."""
    if gateway is None or gateway["State"] in _GONE:
        answer = api.do(
            "ec2",
            region,
            "create_nat_gateway",
            AvailabilityMode="regional",
            ConnectivityType="public",
            VpcId=vpc,
            ClientToken=f"{request.token}-nat"[-64:],
            TagSpecifications=specified(tags, "natgateway"),
        )
        gateway = answer["NatGateway"]
    name = str(gateway["NatGatewayId"])
    if gateway["State"] == "failed":
        why = gateway.get("FailureMessage") or gateway.get("FailureCode") or "AWS does not say why"
        raise Invalid(f"The NAT gateway {name} of {request.address} could not be made: {why}.")
    if gateway["State"] != "available":
        raise Conflict(f"The NAT gateway {name} is {gateway['State']}.")
    return name


def deleted(api: Api, region: str, gateway: Mapping[str, Any] | None) -> bool:
    """Whether it is gone, or need not go; asks for it where nobody has."""
    if gateway is None or gateway["State"] == "failed":
        return True
    if gateway["State"] not in _GONE:
        api.do("ec2", region, "delete_nat_gateway", NatGatewayId=gateway["NatGatewayId"])
    return False


def lead(api: Api, region: str, vpc: str, **target: str) -> None:
    """Let the VPC's machines go out by this: ``GatewayId`` or ``NatGatewayId``."""
    main: dict[str, Any] = {
        "Filters": [
            {"Name": "vpc-id", "Values": [vpc]},
            {"Name": "association.main", "Values": ["true"]},
        ]
    }
    for table in api.pages("ec2", region, "describe_route_tables", "RouteTables", **main):
        out = [route for route in table["Routes"] if route.get("DestinationCidrBlock") == _EVERYWHERE]
        if any(route.get(key) == value for route in out for key, value in target.items()):
            continue
        api.do(
            "ec2",
            region,
            "replace_route" if out else "create_route",
            RouteTableId=table["RouteTableId"],
            DestinationCidrBlock=_EVERYWHERE,
            **target,
        )
