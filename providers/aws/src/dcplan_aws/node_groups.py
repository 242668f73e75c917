"""Node groups of EKS: machines of a cluster that is there.  What runs on them is Kubernetes' to say.

The name is made from the token, which goes along as clientRequestToken.  An auto-scaling group that EKS makes
holds the machines; how many of them serve, and why others do not come, is read there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from dcplan.catalog import Purchase
from dcplan.provider.errors import AlreadyGone, Conflict, Invalid, NotReady, ProviderError
from dcplan.provider.types import Request
from dcplan_aws.group_parts import Call, machine_tags, make_template, part_name
from dcplan_aws.kinds import GROUP
from dcplan_aws.launch import TAGGED, Seats, bought, interfaces_of, root_disk, texts
from dcplan_aws.machine_groups import Record, Standing
from dcplan_aws.makers import Shared, need, text_of
from dcplan_aws.owner import LINEAGE, specified
from dcplan_aws.scaling import IN_SERVICE, newest, refused_since, wanted_of
from dcplan_aws.sold_out import told

ROOT_DEVICE = "/dev/xvda"
"""Of Amazon Linux 2023 (EC2 User Guide, "Device names on Linux instances")."""
LABEL = "dcplan-workload"
"""By which Kubernetes finds the nodes for a workload."""
_NEURON = frozenset({"trn", "inf"})
_GRACE = "p6e-gb"
"""Machine types whose name begins so have Arm CPUs."""
_CAPACITY = {Purchase.SPOT.value: "SPOT", Purchase.CAPACITY_BLOCK.value: "CAPACITY_BLOCK"}
_HOPS = 2
"""That metadata answers may take: one more, for containers (EKS best practices, "Identity and access")."""


@dataclass(frozen=True, slots=True)
class NodeGroups:
    """Managed node groups of EKS."""

    shared: Shared
    seats: Seats
    programs: bool = False

    def check(self, request: Request) -> None:
        """The cluster is there, with a subnet in the zone."""
        self._subnet(request, self._cluster(request))

    def look(self, region: str, records: Sequence[Record]) -> Mapping[str, Standing]:
        """Each by its name: lists tell nothing of them."""
        shown: dict[str, dict[str, Any]] = {}
        for record in records:
            try:
                answer = self.shared.api.look(
                    "eks",
                    region,
                    "describe_nodegroup",
                    clusterName=str(record.attributes.get("cluster")),
                    nodegroupName=part_name(record.token),
                )
            except AlreadyGone:
                continue
            shown[record.token] = answer["nodegroup"]
        names = [name for one in shown.values() for name in _scaling(one)]
        scaling = self._scaling_groups(region, names)
        return {token: _standing(one, scaling) for token, one in shown.items()}

    def make(self, record: Record, request: Request) -> None:
        """Template, then node group."""
        token, region = record.token, record.region
        cluster = self._cluster(request)
        data = self._data(request, cluster, machine_tags(request, token))
        template = make_template(self.shared, request, region, token, data)
        size = {"minSize": request.attributes["at_least"], "maxSize": request.attributes["at_most"]}
        machine = text_of(request, "machine")
        neuron, arm = machine[:3] in _NEURON, machine.startswith(_GRACE)
        image = "AL2023_x86_64_NEURON" if neuron else f"AL2023_{'ARM_64' if arm else 'x86_64'}_NVIDIA"
        taint = "aws.amazon.com/neuron" if neuron else "nvidia.com/gpu"
        try:
            self.shared.api.do(
                "eks",
                region,
                "create_nodegroup",
                clusterName=text_of(request, "cluster"),
                nodegroupName=part_name(token),
                scalingConfig={**size, "desiredSize": request.attributes["at_least"]},
                subnets=[self._subnet(request, cluster)],
                nodeRole=text_of(request, "role"),
                amiType=image,
                capacityType=_CAPACITY.get(str(request.attributes.get("purchase")), "ON_DEMAND"),
                labels={LABEL: text_of(request, "workload")},
                taints=[{"key": taint, "value": "present", "effect": "NO_SCHEDULE"}],
                tags=machine_tags(request, token),
                clientRequestToken=token,
                launchTemplate={"id": template, "version": "1"},
            )
        except Conflict as taken:
            raise NotReady(f"{part_name(token)} was made and cannot be seen yet ({taken.detail})") from taken

    def resize(self, record: Record, there: Standing, at_least: int, at_most: int) -> None:
        """Floor and ceiling, and the number that is wanted."""
        size = there.shown["scalingConfig"]
        wanted = wanted_of(int(size["desiredSize"]), there.at_least, at_least, at_most)
        try:
            self.shared.api.do(
                "eks",
                record.region,
                "update_nodegroup_config",
                clusterName=there.shown["clusterName"],
                nodegroupName=there.name,
                scalingConfig={"minSize": at_least, "maxSize": at_most, "desiredSize": wanted},
            )
        except Conflict as busy:
            raise NotReady(busy.detail, retry_after_s=2.0) from busy

    def remove(self, record: Record, there: Standing) -> None:
        """With its machines."""
        try:
            self.shared.api.do(
                "eks",
                record.region,
                "delete_nodegroup",
                clusterName=there.shown["clusterName"],
                nodegroupName=there.name,
            )
        except AlreadyGone:
            return
        except Conflict as busy:
            raise NotReady(busy.detail, retry_after_s=2.0) from busy

    def refusal(self, record: Record, there: Standing) -> ProviderError | None:
        """What its machines' launches say, or, of one that could not be made, its health."""
        for name in _scaling(there.shown):
            problem = refused_since(self.shared, record.region, name, record.since)
            if problem is not None:
                return problem
        if there.shown["status"] != "CREATE_FAILED":
            return None
        issues = there.shown.get("health", {}).get("issues") or [{"code": "Unknown"}]
        return told("; ".join(f"{there.name}: {one['code']} - {one.get('message', '')}" for one in issues))

    def latest(self, record: Record, there: Standing) -> str | None:
        """The newest launch of its auto-scaling group."""
        names = _scaling(there.shown)
        return newest(self.shared, record.region, names[0]) if names else None

    def settled(self, record: Record, there: Standing) -> None:
        """Nothing: nodes join their cluster by themselves."""

    def handing(self, record: Record, there: Standing, lineage: str) -> Sequence[Call]:
        """Its own tag."""
        arn = there.shown["nodegroupArn"]
        do = partial(self.shared.api.do, "eks", record.region)
        if lineage:
            return [partial(do, "tag_resource", resourceArn=arn, tags={LINEAGE: lineage})]
        return [partial(do, "untag_resource", resourceArn=arn, tagKeys=[LINEAGE])]

    def _data(self, request: Request, cluster: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
        """The template: EKS itself says image, role, subnet and, for spot, how it is bought."""
        data: dict[str, Any] = {
            "InstanceType": text_of(request, "machine"),
            "BlockDeviceMappings": root_disk(ROOT_DEVICE, request.attributes.get("disk_gib")),
            "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": _HOPS},
            "TagSpecifications": specified(tags, *TAGGED),
            **bought(request),
        }
        if request.attributes.get("purchase") == Purchase.SPOT.value:
            del data["InstanceMarketOptions"]
        if request.attributes.get("gang") is not None:
            groups = [str(cluster["resourcesVpcConfig"]["clusterSecurityGroupId"])]
            nics = interfaces_of(request, "", groups)
            data["NetworkInterfaces"] = [
                {key: value for key, value in nic.items() if key != "SubnetId"} for nic in nics
            ]
        group = need(request, GROUP, "id")
        if isinstance(group, str):
            data["Placement"] = {"GroupName": group}
        return data

    def _cluster(self, request: Request) -> Mapping[str, Any]:
        """The cluster; ``Invalid`` where there is none of that name in the machines' region."""
        name, region = text_of(request, "cluster"), text_of(request, "region")
        try:
            cluster: dict[str, Any] = self.shared.api.look("eks", region, "describe_cluster", name=name)[
                "cluster"
            ]
        except AlreadyGone as missing:
            raise Invalid(
                f"There is no EKS cluster {name} in {region}, where {request.address} shall be. Name one "
                "that is there under `machine_groups`, or keep the workload to the cluster's region "
                "(`constraints: {regions: [...]}`)."
            ) from missing
        return cluster

    def _subnet(self, request: Request, cluster: Mapping[str, Any]) -> str:
        """One of the settings' in the zone, where these are in the cluster's VPC; else one of its own."""
        region, adopted = text_of(request, "region"), request.attributes.get("network")
        config = cluster["resourcesVpcConfig"]
        same = isinstance(adopted, dict) and adopted.get("vpc") == config.get("vpcId")
        told_of = texts(adopted.get("subnets")) if isinstance(adopted, dict) and same else []
        own = [str(one) for one in config.get("subnetIds", ())]
        subnets = {
            **self.seats.zones_of(region, tuple(own)),
            **(self.seats.zones_of(region, tuple(told_of)) if told_of else {}),
        }
        return self.seats.within(request, region, subnets)

    def _scaling_groups(self, region: str, names: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        if not names:
            return {}
        shown = self.shared.api.pages(
            "autoscaling",
            region,
            "describe_auto_scaling_groups",
            "AutoScalingGroups",
            AutoScalingGroupNames=list(names),
        )
        return {one["AutoScalingGroupName"]: one for one in shown}


def _scaling(shown: Mapping[str, Any]) -> list[str]:
    """The auto-scaling groups of a node group, by name."""
    groups = (shown.get("resources") or {}).get("autoScalingGroups") or ()
    return [str(one["name"]) for one in groups]


def _standing(shown: Mapping[str, Any], scaling: Mapping[str, Mapping[str, Any]]) -> Standing:
    size = shown["scalingConfig"]
    machines = [m for name in _scaling(shown) for m in scaling.get(name, {}).get("Instances") or ()]
    ready = shown["status"] in {"ACTIVE", "UPDATING", "DEGRADED"}
    return Standing(
        name=shown["nodegroupName"],
        at_least=int(size["minSize"]),
        at_most=int(size["maxSize"]),
        serving=sum(one["LifecycleState"] == IN_SERVICE for one in machines) if ready else 0,
        leaving=shown["status"] == "DELETING",
        shown=shown,
    )
