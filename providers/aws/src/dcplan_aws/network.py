"""The network of one region: a VPC, a subnet in each zone, a security group, and a way out (or two).

The VPC is the object; the rest are its parts, made one after the other while waiting, each only where it is
missing, and deleted before it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dcplan.provider.errors import Conflict, Invalid, NotReady, ProviderError
from dcplan.provider.types import Ack, Found, Request
from dcplan.resources import JsonValue
from dcplan_aws import nat
from dcplan_aws.makers import Outputs, Regional, gone, object_id_of, ours, text_of
from dcplan_aws.owner import (
    ADDRESS,
    PART,
    TOKEN,
    By,
    as_list,
    as_mapping,
    attribute_tags,
    attributes_in,
    filters,
    found,
    owner_tags,
    specified,
)

ZONES = "dcplan-zones"
"""On a VPC: how many subnets it has once it is whole."""
SUBNET_BITS = 20
"""A /20 for each zone: 4,091 addresses; at most 16 zones in a /16."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """What there is of a network."""

    vpc: Mapping[str, Any]
    subnets: Mapping[str, str]
    """Zone id to subnet."""
    group: Mapping[str, Any] | None
    nat: Mapping[str, Any] | None
    """The NAT gateway, being made or going, too."""

    @property
    def wants_nat(self) -> bool:
        """Whether machines shall go out by a NAT gateway."""
        return (attributes_in(as_mapping(self.vpc.get("Tags"))) or {}).get("nat") is True

    @property
    def whole(self) -> bool:
        """Whether machines can stand in it, in each zone that it was made for."""
        zones = as_mapping(self.vpc.get("Tags")).get(ZONES)
        out = nat.is_as_wanted(self.vpc, self.nat, wanted=self.wants_nat)
        return zones == str(len(self.subnets)) and self.opened and out

    @property
    def opened(self) -> bool:
        """Whether machines of the group reach each other, as EFA needs it."""
        return self.group is not None and all(
            any(
                pair["GroupId"] == self.group["GroupId"]
                for rule in rules
                for pair in rule["UserIdGroupPairs"]
            )
            for rules in (self.group["IpPermissions"], self.group["IpPermissionsEgress"])
        )

    @property
    def outputs(self) -> dict[str, JsonValue]:
        """Where machines stand."""
        groups: list[JsonValue] = [] if self.group is None else [self.group["GroupId"]]
        return {"id": self.vpc["VpcId"], "subnets": dict(self.subnets), "security_groups": groups}


@dataclass(frozen=True, slots=True)
class Networks(Regional):
    """VPCs that dcplan makes."""

    def create(self, request: Request) -> Ack:
        """CreateVpc takes no token, so what the token's tag is on is looked for first."""
        region, cidr = self.region(request), text_of(request, "cidr")
        with self.shared.lock(request.token):
            there = ours(request, self.seen(region, By(TOKEN, (request.token,))))
            if there is not None:
                return Ack(object_id=there.object_id)
            tags = {**owner_tags(request), **attribute_tags(request.attributes)}
            made = self.shared.api.do(
                "ec2", region, "create_vpc", CidrBlock=cidr, TagSpecifications=specified(tags, "vpc")
            )
        return Ack(object_id=str(made["Vpc"]["VpcId"]))

    def update(self, request: Request) -> Ack:
        """Its name, and parts that are missing."""
        vpc = object_id_of(request)
        if not self.seen(self.region(request), By("id", (vpc,))):
            raise gone(request)
        tags = {ADDRESS: str(request.address), **attribute_tags(request.attributes)}
        self.shared.api.do("ec2", self.region(request), "create_tags", Resources=[vpc], Tags=as_list(tags))
        return Ack(object_id=vpc)

    def delete(self, request: Request) -> Ack:
        """Begins with the way out."""
        vpc = object_id_of(request)
        if self.shared.has_deleted(request):
            return Ack(object_id=vpc)
        there = self._parts(self.region(request), By("id", (vpc,))).get(vpc)
        if there is None or not as_mapping(there.vpc.get("Tags")).get(ADDRESS):
            raise gone(request)
        if not nat.deleted(self.shared.api, self.region(request), there.nat):
            return self.shared.deletes(request)  # The rest goes once it is gone, which takes a minute.
        try:
            self._close(self.region(request), vpc, as_mapping(there.vpc.get("Tags")).get(TOKEN, ""))
        except Conflict as used:
            raise NotReady(used.detail, retry_after_s=2.0) from used
        return self.shared.deletes(request)

    def settle(self, request: Request, object_id: str) -> Outputs | None:
        """Makes one part after the other, each only where it is missing."""
        region = self.region(request)
        parts = self._parts(region, By("id", (object_id,))).get(object_id)
        if parts is None:
            raise gone(request)
        if parts.vpc["State"] != "available":
            return None
        if not parts.whole:
            try:
                self._complete(request, region, parts)
            except Conflict:
                return None  # What was made a moment ago is there and not seen yet.
            parts = self._parts(region, By("id", (object_id,))).get(object_id, parts)
        return parts.outputs if parts.whole else None

    def gone(self, request: Request, object_id: str) -> bool:
        """Deletes what is left of it; what is in use still is tried again."""
        region = self.region(request)
        parts = self._parts(region, By("id", (object_id,))).get(object_id)
        if parts is None:
            return True
        if not nat.deleted(self.shared.api, region, parts.nat):
            return False
        do = self.shared.api.do
        try:
            self._close(region, object_id, as_mapping(parts.vpc.get("Tags")).get(TOKEN, ""))
            for subnet in parts.subnets.values():
                do("ec2", region, "delete_subnet", SubnetId=subnet)
            if parts.group is not None:
                do("ec2", region, "delete_security_group", GroupId=parts.group["GroupId"])
            do("ec2", region, "delete_vpc", VpcId=object_id)
        except Conflict:
            return False
        return False

    def seen(self, region: str, by: By) -> Sequence[Found]:
        """VPCs that are ours, whole or not."""
        shown = []
        for vpc, parts in self._parts(region, by).items():
            tags = as_mapping(parts.vpc.get("Tags"))
            attributes = {**(attributes_in(tags) or {}), "whole": parts.whole}
            there = found(tags, vpc, ready=parts.whole, outputs=parts.outputs, attributes=attributes)
            if there is not None:
                shown.append(there)
        return shown

    def parts(self, region: str, object_id: str) -> Sequence[str]:
        """Gateway, subnets and security group, and the VPC."""
        there = self._parts(region, By("id", (object_id,))).get(object_id)
        if there is None:
            return ()
        token = as_mapping(there.vpc.get("Tags")).get(TOKEN, "")
        gateways = self._gateways(region, token)
        group = [] if there.group is None else [str(there.group["GroupId"])]
        ways_out = [str(one["InternetGatewayId"]) for one in gateways]
        ways_out += [] if there.nat is None else [str(there.nat["NatGatewayId"])]
        return [*ways_out, *there.subnets.values(), *group, object_id]

    def _gateways(self, region: str, part: str) -> list[dict[str, Any]]:
        """Those that were made as a part of this."""
        mine: dict[str, Any] = {"Filters": [{"Name": f"tag:{PART}", "Values": [part]}]}
        shown = self.shared.api.pages("ec2", region, "describe_internet_gateways", "InternetGateways", **mine)
        return list(shown)

    def _parts(self, region: str, by: By) -> dict[str, _Parts]:
        """What there is of these networks, by VPC: four looks, however many they are."""
        api = self.shared.api
        vpcs = {
            vpc["VpcId"]: vpc
            for vpc in api.pages("ec2", region, "describe_vpcs", "Vpcs", Filters=filters(by, "vpc-id"))
        }
        if not vpcs:
            return {}
        within: dict[str, Any] = {"Filters": [{"Name": "vpc-id", "Values": list(vpcs)}]}
        subnets: dict[str, dict[str, str]] = {vpc: {} for vpc in vpcs}
        for subnet in api.pages("ec2", region, "describe_subnets", "Subnets", **within):
            if PART in as_mapping(subnet.get("Tags")):
                subnets[subnet["VpcId"]][subnet["AvailabilityZoneId"]] = subnet["SubnetId"]
        nats = nat.gateways_of(api, region, list(vpcs))
        tokens = {name: as_mapping(vpc.get("Tags")).get(TOKEN, "") for name, vpc in vpcs.items()}
        groups = {
            group["VpcId"]: group
            for group in api.pages("ec2", region, "describe_security_groups", "SecurityGroups", **within)
            if as_mapping(group.get("Tags")).get(PART) == tokens[group["VpcId"]]
        }
        return {
            name: _Parts(vpc, dict(sorted(subnets[name].items())), groups.get(name), nats.get(name))
            for name, vpc in vpcs.items()
        }

    def _complete(self, request: Request, region: str, parts: _Parts) -> None:
        """Make what is missing of a VPC that is there."""
        vpc, do = parts.vpc["VpcId"], self.shared.api.do
        tags = {**owner_tags(request), PART: as_mapping(parts.vpc.get("Tags")).get(TOKEN, request.token)}
        internet, out = self._open(region, vpc, tags), ""
        if parts.wants_nat:
            out = nat.made(self.shared.api, region, request, vpc, parts.nat, tags)
            nat.lead(self.shared.api, region, vpc, NatGatewayId=out)
        else:
            nat.lead(self.shared.api, region, vpc, GatewayId=internet)
            nat.deleted(self.shared.api, region, parts.nat)
        blocks = self._blocks(request, region)
        for zone_id, block in blocks.items():
            if zone_id not in parts.subnets:
                do(
                    "ec2",
                    region,
                    "create_subnet",
                    VpcId=vpc,
                    CidrBlock=block,
                    AvailabilityZoneId=zone_id,
                    TagSpecifications=specified(tags, "subnet"),
                )
        group = parts.group
        if group is None:
            made = do(
                "ec2",
                region,
                "create_security_group",
                GroupName=f"dcplan-{tags[PART]}",
                Description="Machines of dcplan, which reach each other",
                VpcId=vpc,
                TagSpecifications=specified(tags, "security-group"),
            )
            group = {"GroupId": made["GroupId"]}
        if not parts.opened:
            self._let_through(region, str(group["GroupId"]))
        done = {ZONES: str(len(blocks)), nat.NAT: out}
        do("ec2", region, "create_tags", Resources=[vpc], Tags=as_list(done))

    def _open(self, region: str, vpc: str, tags: Mapping[str, str]) -> str:
        """An internet gateway."""
        api = self.shared.api
        attached: dict[str, Any] = {"Filters": [{"Name": "attachment.vpc-id", "Values": [vpc]}]}
        gateways = list(
            api.pages("ec2", region, "describe_internet_gateways", "InternetGateways", **attached)
        )
        if not gateways:
            gateways = self._gateways(region, tags[PART])
            if not gateways:
                made = api.do(
                    "ec2",
                    region,
                    "create_internet_gateway",
                    TagSpecifications=specified(tags, "internet-gateway"),
                )
                gateways = [made["InternetGateway"]]
            gateway = gateways[0]["InternetGatewayId"]
            api.do("ec2", region, "attach_internet_gateway", InternetGatewayId=gateway, VpcId=vpc)
        return str(gateways[0]["InternetGatewayId"])

    def _close(self, region: str, vpc: str, part: str) -> None:
        """Take the way out away, and one that was made and never attached; ``Conflict``: it is in use."""
        api = self.shared.api
        for gateway in self._gateways(region, part):
            name = gateway["InternetGatewayId"]
            if any(one.get("VpcId") == vpc for one in gateway.get("Attachments", ())):
                api.do("ec2", region, "detach_internet_gateway", InternetGatewayId=name, VpcId=vpc)
            api.do("ec2", region, "delete_internet_gateway", InternetGatewayId=name)

    def _blocks(self, request: Request, region: str) -> dict[str, str]:
        """Zone id to the addresses of its subnet, the same however often it is asked."""
        zones = self.shared.api.look(
            "ec2",
            region,
            "describe_availability_zones",
            Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}],
        )["AvailabilityZones"]
        cidr = text_of(request, "cidr")
        try:
            blocks = ipaddress.ip_network(cidr).subnets(new_prefix=SUBNET_BITS)
        except ValueError as e:
            raise Invalid(f"The network {cidr} cannot be split into subnets of /{SUBNET_BITS}: {e}.") from e
        return {
            zone_id: str(block)
            for zone_id, block in zip(sorted(zone["ZoneId"] for zone in zones), blocks, strict=False)
        }

    def _let_through(self, region: str, group: str) -> None:
        """All traffic between machines of the group, in and out: EFA needs both (EC2 User Guide, EFA)."""
        rule = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}]
        for operation in ("authorize_security_group_ingress", "authorize_security_group_egress"):
            try:
                self.shared.api.do("ec2", region, operation, GroupId=group, IpPermissions=rule)
            except ProviderError as problem:
                if not isinstance(problem, Conflict):  # The rule is there already.
                    raise
