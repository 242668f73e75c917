"""Regional NAT gateways, which moto has none of: one for a VPC, without a subnet."""

from __future__ import annotations

import time
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.nat_gateways import NatGateway
from moto.ec2.responses import EC2Response
from moto.ec2.utils import random_nat_gateway_id

from clouds.aws.weather import WEATHER, books_of, refuse, tags_of

_create = EC2Response.create_nat_gateway
_describe = EC2Response.describe_nat_gateways
_detach = EC2Response.detach_internet_gateway
_delete_vpc = EC2Response.delete_vpc


class RegionalNatGateway(NatGateway):
    """Of a whole VPC."""

    def __init__(self, response: Any, vpc_id: str) -> None:
        """In an account's region; made pending."""
        self.id = random_nat_gateway_id()
        self.subnet_id = None
        self.vpc_id = vpc_id
        self.address_set = []
        self.state = "pending"
        self.connectivity_type = "public"
        self.availability_mode = "regional"
        self.ec2_backend = response.ec2_backend
        self._created_at = response.ec2_backend.get_vpc(vpc_id) and _now()
        self.add_tags({tag["Key"]: tag["Value"] for tag in tags_of(response, "natgateway")})


def _now() -> Any:
    from moto.core.utils import utcnow  # noqa: PLC0415 - moto's own clock

    return utcnow()


def create_nat_gateway(self: Any) -> ActionResult:
    """A regional one needs a VPC with an internet gateway, and no subnet; others are moto's."""
    vpc, subnet = self._get_param("VpcId"), self._get_param("SubnetId")
    if (self._get_param("AvailabilityMode") or "zonal") == "zonal":
        if vpc or not subnet:
            refuse("InvalidParameterCombination", "A zonal NAT gateway is created in a subnet.")
        return _create(self)
    if subnet or not vpc:
        refuse("InvalidParameterCombination", "A regional NAT gateway is created in a VPC.")
    gateways = self.ec2_backend.internet_gateways.values()
    if not any(one.vpc is not None and one.vpc.id == vpc for one in gateways):
        refuse("Gateway.NotAttached", f"Network {vpc} has no Internet gateway attached")
    made = RegionalNatGateway(self, vpc)
    self.ec2_backend.nat_gateways[made.id] = made
    books_of(self).born(made.id)
    _age(self)
    return ActionResult({"NatGateway": _shown(made)})


def describe_nat_gateways(self: Any) -> ActionResult:
    """Each in the state that it has by now; those that passed the filters of moto."""
    _age(self)
    found = [one for one in _describe(self).result["NatGateways"] if books_of(self).visible(one.id)]
    return ActionResult({"NatGateways": [_shown(one) for one in found]})


def delete_nat_gateway(self: Any) -> ActionResult:
    """It takes a while; it is told for an hour after."""
    name = self._get_param("NatGatewayId")
    one = self.ec2_backend.nat_gateways.get(name)
    if one is None:
        refuse("NatGatewayNotFound", f"NatGateway {name} was not found")
        return ActionResult({})
    if one.state != "deleted":
        one.state = "deleting"
        books_of(self).gone_at_s[name] = time.time() + WEATHER.leaving_s
        _age(self)
    return ActionResult({"NatGatewayId": name})


def _age(response: Any) -> None:
    books = books_of(response)
    for name, one in response.ec2_backend.nat_gateways.items():
        if one.state == "pending" and books.ready(name):
            one.state = "available"
        if one.state == "deleting" and books.gone_at_s.get(name, 0.0) <= time.time():
            one.state = "deleted"


def _shown(one: Any) -> dict[str, Any]:
    return {
        "NatGatewayId": one.id,
        "VpcId": one.vpc_id,
        "SubnetId": one.subnet_id,
        "State": one.state,
        "CreateTime": one.create_time,
        "ConnectivityType": one.connectivity_type,
        "AvailabilityMode": getattr(one, "availability_mode", "zonal"),
        "NatGatewayAddresses": [] if one.subnet_id is None else one.address_set,
        "Tags": [{"Key": tag["key"], "Value": tag["value"]} for tag in one.get_tags()],
    }


def detach_internet_gateway(self: Any) -> ActionResult:
    """Not while a NAT gateway sends through it."""
    _age(self)
    _unused(self, self._get_param("VpcId"), "has some mapped public address(es)")
    return _detach(self)


def delete_vpc(self: Any) -> ActionResult:
    """Not while a NAT gateway is in it."""
    _age(self)
    _unused(self, self._get_param("VpcId"), "has dependencies and cannot be deleted")
    return _delete_vpc(self)


def _unused(response: Any, vpc: str, why: str) -> None:
    nats = response.ec2_backend.nat_gateways.values()
    if any(one.vpc_id == vpc and one.state != "deleted" for one in nats):
        refuse("DependencyViolation", f"Network {vpc} {why}.")


def install() -> None:
    """Give EC2 the operations."""
    for operation in (
        create_nat_gateway,
        describe_nat_gateways,
        delete_nat_gateway,
        detach_internet_gateway,
        delete_vpc,
    ):
        setattr(EC2Response, operation.__name__, operation)
