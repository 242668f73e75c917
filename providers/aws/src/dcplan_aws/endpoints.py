"""Endpoints: an application load balancer in front of the replicas of one workload.

The object is a parameter that says who gets how much; load balancer, target groups and listener are its
parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dcplan.provider.errors import AlreadyGone, Conflict, Invalid
from dcplan.provider.grouping import GROUPS
from dcplan.provider.lowering import ENDPOINT, REPLICA
from dcplan.provider.types import Ack, Found, Request
from dcplan.resources import JsonValue
from dcplan_aws.group_targets import join, leave
from dcplan_aws.kinds import NETWORK, SCALING_GROUP
from dcplan_aws.makers import Outputs, Shared, gone, need, needs, object_id_of
from dcplan_aws.owner import PART, By, as_list, owner_tags, specified
from dcplan_aws.programs import Parameter, Parameters, split
from dcplan_aws.targets import (
    balancer_name,
    group_name,
    groups_of,
    make_group,
    reconcile,
    shares,
    target,
    weights_of,
)

PORT = 80


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Load balancers that dcplan makes."""

    shared: Shared

    @property
    def kept(self) -> Parameters:
        """Where endpoints are kept."""
        return Parameters(self.shared, ENDPOINT)

    def region(self, request: Request) -> str:
        """That of its replicas, or in its id."""
        if request.object_id:
            return split(request.object_id)[0]
        for outputs in needs(request, REPLICA).values():
            return split(str(outputs.get("id")))[0]
        for outputs in needs(request, SCALING_GROUP).values():
            return str(outputs.get("region"))
        raise Invalid(f"{request.address} was asked for without its replicas. This is a bug in dcplan.")

    def region_of(self, object_id: str, attributes: Mapping[str, JsonValue]) -> str | None:  # noqa: ARG002 - as the protocol has it
        """As its id says."""
        return object_id.partition(":")[0] if ":" in object_id else None

    def create(self, request: Request) -> Ack:
        """Say who gets how much."""
        shares(weights_of(request.attributes))
        return self.kept.put(request, self.region(request), {})

    def update(self, request: Request) -> Ack:
        """Say it otherwise."""
        shares(weights_of(request.attributes))
        return self.kept.change(request, {})

    def delete(self, request: Request) -> Ack:
        """Begins with the load balancer."""
        object_id = object_id_of(request)
        if self.shared.has_deleted(request):
            return Ack(object_id=object_id)
        there = self.kept.one(request)
        if there is None:
            raise gone(request)
        balancer = self._balancers(there.region).get(balancer_name(there.says["token"]))
        if balancer is not None:
            arn = balancer["LoadBalancerArn"]
            self.shared.api.do("elbv2", there.region, "delete_load_balancer", LoadBalancerArn=arn)
        return self.shared.deletes(request)

    def settle(self, request: Request, object_id: str) -> Outputs | None:
        """Makes what is missing, and lets each replica have its weight."""
        region, name = split(object_id)
        there = next(iter(self.kept.named(region, [name])), None)
        if there is None:
            raise AlreadyGone(f"{request.address} ({object_id}) is not there.")
        balancer = self._balancer(request, there)
        self._listen(request, there, balancer, self._groups(request, there))
        if balancer["State"]["Code"] != "active":
            return None
        return {"id": object_id, "url": _url(balancer)}

    def gone(self, request: Request, object_id: str) -> bool:
        """Deletes target groups once the load balancer lets go of them, and the parameter last."""
        region, name = split(object_id)
        there = next(iter(self.kept.named(region, [name])), None)
        if there is None:
            return True
        token, do = there.says["token"], self.shared.api.do
        if balancer_name(token) in self._balancers(region):
            return False
        try:
            self._drop(request, region, [*groups_of(self.shared, region, token).values()])
            for front in self._fronts(region, token):
                do("ec2", region, "delete_security_group", GroupId=front["GroupId"])
            self.kept.forget(region, name, request.lineage)
            do("ssm", region, "delete_parameter", Name=name)
        except (Conflict, AlreadyGone):
            return False
        return False

    def seen(self, region: str, by: By) -> Sequence[Found]:
        """Endpoints that are ours; one that lost its load balancer sends nobody anything."""
        kept = self.kept.by(region, by)
        balancers = self._balancers(region) if kept else {}
        shown = []
        for one in kept:
            balancer = balancers.get(balancer_name(one.says["token"]))
            if balancer is None:
                lost: dict[str, JsonValue] = {GROUPS: {}} if GROUPS in one.says["attributes"] else {}
                attributes = {**one.says["attributes"], "replicas": {}, **lost}
                shown.append(one.found(ready=False, attributes=attributes))
            else:
                outputs: dict[str, JsonValue] = {"id": one.id, "url": _url(balancer)}
                shown.append(one.found(ready=balancer["State"]["Code"] == "active", outputs=outputs))
        return shown

    def parts(self, region: str, object_id: str) -> Sequence[str]:  # noqa: ARG002 - as the protocol has it
        """Nothing that has its id: see ``balanced``."""
        return ()

    def balanced(self, there: Parameter) -> tuple[list[str], list[str]]:
        """Load balancer and target groups by ARN, and security groups by id."""
        token = there.says["token"]
        balancer = self._balancers(there.region).get(balancer_name(token))
        groups = groups_of(self.shared, there.region, token).values()
        arns = [] if balancer is None else [str(balancer["LoadBalancerArn"])]
        arns += [str(group["TargetGroupArn"]) for group in groups]
        return arns, [str(front["GroupId"]) for front in self._fronts(there.region, token)]

    def _balancers(self, region: str) -> dict[str, dict[str, Any]]:
        """All load balancers there, by name: a look by name fails where there is none."""
        shown = self.shared.api.pages("elbv2", region, "describe_load_balancers", "LoadBalancers")
        return {one["LoadBalancerName"]: one for one in shown}

    def _balancer(self, request: Request, there: Parameter) -> dict[str, Any]:
        """The load balancer, made where it is missing."""
        name = balancer_name(there.says["token"])
        balancer = self._balancers(there.region).get(name)
        if balancer is not None:
            return balancer
        vpc, subnets, groups = self._seat(request)
        made = self.shared.api.do(
            "elbv2",
            there.region,
            "create_load_balancer",
            Name=name,
            Subnets=subnets,
            SecurityGroups=[*groups, *self._front(request, there, vpc)],
            Scheme=request.attributes.get("scheme", "internal"),
            Type="application",
            Tags=as_list({**owner_tags(request)}),
        )
        balancer = made["LoadBalancers"][0]
        return dict(balancer)

    def _front(self, request: Request, there: Parameter, vpc: str) -> list[str]:
        """A security group that lets clients in, where the network is dcplan's; made where it is missing."""
        clients = request.attributes.get("clients")
        if not isinstance(clients, list | tuple) or not clients:
            return []
        region, token, do = there.region, there.says["token"], self.shared.api.do
        groups = self._fronts(region, token)
        if groups:
            name, rules = str(groups[0]["GroupId"]), groups[0]["IpPermissions"]
        else:
            made = do(
                "ec2",
                region,
                "create_security_group",
                GroupName=balancer_name(token),
                Description="Clients of an endpoint of dcplan",
                VpcId=vpc,
                TagSpecifications=specified({**owner_tags(request), PART: token}, "security-group"),
            )
            name, rules = str(made["GroupId"]), []
        if not rules:
            ranges = [{"CidrIp": client} for client in clients]
            rule = {"IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT, "IpRanges": ranges}
            do("ec2", region, "authorize_security_group_ingress", GroupId=name, IpPermissions=[rule])
        return [name]

    def _fronts(self, region: str, token: str) -> list[dict[str, Any]]:
        mine = [{"Name": f"tag:{PART}", "Values": [token]}]
        return list(
            self.shared.api.pages("ec2", region, "describe_security_groups", "SecurityGroups", Filters=mine)
        )

    def _drop(self, request: Request, region: str, groups: Sequence[Mapping[str, Any]]) -> None:
        """Delete target groups, which auto-scaling groups leave before."""
        arns = [str(group["TargetGroupArn"]) for group in groups]
        if not arns:
            return
        leave(self.shared, request, region, arns)
        for arn in arns:
            self.shared.api.do("elbv2", region, "delete_target_group", TargetGroupArn=arn)

    def _groups(self, request: Request, there: Parameter) -> dict[str, int]:
        """What each target group gets, made where it is missing.

        There is one for each weight of replicas, and one for each port of machine groups.
        """
        token, region = there.says["token"], there.region
        weights, replicas = weights_of(request.attributes), needs(request, REPLICA)
        known = groups_of(self.shared, region, token)
        vpc, _, _ = self._seat(request)
        arns: dict[int, str] = {}
        for weight in sorted(set(weights.values())):
            name = group_name(token, weight)
            group = known.get(name) or make_group(
                self.shared, region, vpc, name, as_list(owner_tags(request))
            )
            arns[weight] = group["TargetGroupArn"]
            places = (
                target(replicas.get(replica, {}).get("address"))
                for replica, its in weights.items()
                if its == weight
            )
            reconcile(self.shared, region, arns[weight], [place for place in places if place is not None])
        alone = {arns[weight]: share for weight, share in shares(weights).items()}
        return {**alone, **join(self.shared, request, region, vpc, balancer_name(token), known)}

    def _listen(
        self,
        request: Request,
        there: Parameter,
        balancer: Mapping[str, Any],
        wanted: Mapping[str, int],
    ) -> None:
        """One listener that weighs the target groups; those that it no longer names are deleted."""
        do, region, arn = self.shared.api.do, there.region, balancer["LoadBalancerArn"]
        forward = [{"TargetGroupArn": group, "Weight": share} for group, share in wanted.items()]
        actions = [{"Type": "forward", "ForwardConfig": {"TargetGroups": forward}}]
        listeners = list(
            self.shared.api.pages("elbv2", region, "describe_listeners", "Listeners", LoadBalancerArn=arn)
        )
        if not listeners:
            do(
                "elbv2",
                region,
                "create_listener",
                LoadBalancerArn=arn,
                Protocol="HTTP",
                Port=PORT,
                DefaultActions=actions,
            )
        elif _forwards(listeners[0]) != wanted:
            listener = listeners[0]["ListenerArn"]
            do("elbv2", region, "modify_listener", ListenerArn=listener, DefaultActions=actions)
        known = groups_of(self.shared, region, there.says["token"]).values()
        self._drop(request, region, [group for group in known if group["TargetGroupArn"] not in wanted])

    @staticmethod
    def _seat(request: Request) -> tuple[str, list[str], list[str]]:
        """VPC, subnets and security groups."""
        adopted = request.attributes.get("network")
        if isinstance(adopted, dict):
            vpc, subnets, groups = (adopted.get(k) for k in ("vpc", "subnets", "security_groups"))
        else:
            vpc, made, groups = (need(request, NETWORK, k) for k in ("id", "subnets", "security_groups"))
            subnets = list(made.values()) if isinstance(made, dict) else None
        if not isinstance(vpc, str) or not isinstance(subnets, list) or not isinstance(groups, list):
            raise Invalid(f"{request.address} was asked for without its network. This is a bug in dcplan.")
        return vpc, [str(s) for s in subnets], [str(g) for g in groups]


def _url(balancer: Mapping[str, Any]) -> str:
    return f"http://{balancer['DNSName']}"


def _forwards(listener: Mapping[str, Any]) -> dict[str, int]:
    """Target group to weight, as a listener has it."""
    return {
        group["TargetGroupArn"]: int(group.get("Weight", 1))
        for action in listener.get("DefaultActions", ())
        for group in action.get("ForwardConfig", {}).get("TargetGroups", ())
    }
