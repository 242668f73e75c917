"""Node groups of EKS: an auto-scaling group holds their machines, and they are not ready before these are.

moto's are active at once, without machines, have nothing to do with templates, and cannot be tagged.
"""

from __future__ import annotations

import uuid
from typing import Any

from moto.autoscaling.models import autoscaling_backends
from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.eks.exceptions import InvalidParameterException, InvalidRequestException, ResourceInUseException
from moto.eks.models import EKSBackend
from moto.eks.responses import EKSResponse

from clouds.aws.autoscaling import reconcile
from clouds.aws.launching import template_data

_create_cluster = EKSBackend.create_cluster
_create = EKSResponse.create_nodegroup
_describe = EKSBackend.describe_nodegroup
_delete = EKSBackend.delete_nodegroup
_update = EKSBackend.update_nodegroup_config
_tag = EKSBackend.tag_resource
_untag = EKSBackend.untag_resource
_SAID_BY_EKS = ("IamInstanceProfile", "InstanceInitiatedShutdownBehavior", "HibernationOptions")
"""What a template of a node group must not say (EKS User Guide, "Launch template configuration basics")."""
_NEEDED = {"CAPACITY_BLOCK": "capacity-block"}


def create_cluster(self: Any, *args: Any, **kwargs: Any) -> Any:
    """With the VPC of its subnets, and a security group of its own in it."""
    cluster = _create_cluster(self, *args, **kwargs)
    ec2, config = ec2_backends[self.account_id][self.region_name], cluster.resources_vpc_config
    subnets = [ec2.get_subnet(name) for name in config.get("subnetIds", []) if name in _subnets(ec2)]
    if subnets:
        vpc = subnets[0].vpc_id
        group = ec2.create_security_group(f"eks-cluster-sg-{cluster.name}", "EKS", vpc)
        config |= {"vpcId": vpc, "clusterSecurityGroupId": group.id}
    return cluster


def _subnets(ec2: Any) -> set[str]:
    return {name for zone in ec2.subnets.values() for name in zone}


def create_nodegroup(self: Any) -> ActionResult:
    """The same call again gives the same group; what cannot be is refused before anything is made."""
    backend, name = self.eks_backend, self._get_param("nodegroupName")
    cluster = backend.clusters.get(self._get_param("name"))
    known = None if cluster is None else cluster.nodegroups.get(name)
    token = self._get_param("clientRequestToken")
    if known is not None and known.client_request_token == token:
        return ActionResult({"nodegroup": known})
    data = _checked(self, cluster)
    answer = _create(self)
    group = answer.result["nodegroup"]  # type: ignore[index] # moto says object
    _hold(self, group, data)
    return answer


def _checked(self: Any, cluster: Any) -> dict[str, Any]:
    """What its machines are started with."""
    ec2 = ec2_backends[self.current_account][self.region]
    for name in self._get_param("subnets"):
        if name not in _subnets(ec2):
            raise InvalidParameterException(message=f"Subnet {name} does not exist.")
        vpc = None if cluster is None else cluster.resources_vpc_config.get("vpcId")
        if vpc is not None and ec2.get_subnet(name).vpc_id != vpc:
            raise InvalidParameterException(message=f"Subnet {name} is not in the VPC of the cluster.")
    size = self._get_param("scalingConfig") or {}
    if not size.get("minSize", 0) <= size.get("desiredSize", 0) <= size.get("maxSize", 1):
        raise InvalidParameterException(message="desiredSize must be between minSize and maxSize.")
    wanted = self._get_param("launchTemplate") or {}
    data = template_data(
        self.current_account,
        self.region,
        {
            "LaunchTemplateId": wanted.get("id"),
            "LaunchTemplateName": wanted.get("name"),
            "Version": wanted["version"],
        },
    )
    nics = data.get("NetworkInterfaces") or []
    market = str((data.get("InstanceMarketOptions") or {}).get("MarketType"))
    for key in _SAID_BY_EKS:
        if data.get(key):
            raise InvalidRequestException(message=f"{key} must not be in the launch template.")
    if any(nic.get("SubnetId") for nic in nics) or market == "spot":
        raise InvalidRequestException(message="Subnets and spot options must not be in the launch template.")
    kind = self._get_param("capacityType") or "ON_DEMAND"
    if market != _NEEDED.get(kind, "None"):
        raise InvalidRequestException(message=f"{kind} does not go with the market type {market}.")
    if data.get("ImageId") and self._get_param("amiType"):
        raise InvalidRequestException(message="An image and amiType exclude each other.")
    return data


def _hold(self: Any, group: Any, data: dict[str, Any]) -> None:
    """Its auto-scaling group, which launches as EKS's own copy of the template says."""
    backend = autoscaling_backends[self.current_account][self.region]
    ec2 = ec2_backends[self.current_account][self.region]
    if group.capacity_type == "SPOT":
        data["InstanceMarketOptions"] = {"MarketType": "spot"}
    if not data.get("NetworkInterfaces"):
        config = self.eks_backend.clusters[group.cluster_name].resources_vpc_config
        nic = {"DeviceIndex": 0, "NetworkCardIndex": 0, "Groups": [config["clusterSecurityGroupId"]]}
        data["NetworkInterfaces"] = [nic]
    data.setdefault("ImageId", next(iter(ec2.amis)))
    name = f"eks-{uuid.uuid4()}"
    own = ec2.create_launch_template(name, "", data, {})
    group.resources = {"autoScalingGroups": [{"name": name}]}
    size = group.scaling_config
    tags = {"eks:cluster-name": group.cluster_name, "eks:nodegroup-name": group.nodegroup_name}
    backend.create_auto_scaling_group(
        name=name,
        availability_zones=[],
        desired_capacity=size["desiredSize"],
        max_size=size["maxSize"],
        min_size=size["minSize"],
        launch_config_name="",
        launch_template={"LaunchTemplateId": own.id, "Version": "1"},
        vpc_zone_identifier=",".join(group.subnets),
        default_cooldown=None,
        health_check_period=None,
        health_check_type=None,
        load_balancers=[],
        target_group_arns=[],
        placement_group=None,
        termination_policies=[],
        tags=[{"Key": key, "Value": value, "PropagateAtLaunch": True} for key, value in tags.items()],  # type: ignore[dict-item] # moto's own
    )
    group.template, group.status = own, "CREATING"
    _look(backend, ec2, group)


def _look(scaling: Any, ec2: Any, group: Any) -> None:
    """The state that it has by now."""
    held = scaling.autoscaling_groups.get(group.resources["autoScalingGroups"][0]["name"])
    if held is None:
        return
    reconcile(held)
    if group.status == "DELETING":
        return
    serving = sum(one.lifecycle_state == "InService" for one in held.instance_states)
    failed = bool(held.activities) and held.activities[0]["StatusCode"] == "Failed"
    issue = {"code": "AsgInstanceLaunchFailures", "resourceIds": [held.name]}
    if serving >= held.desired_capacity:
        group.status, group.health = "ACTIVE", {"issues": []}
    elif failed:
        group.status = "CREATE_FAILED" if group.status in {"CREATING", "CREATE_FAILED"} else "DEGRADED"
        group.health = {"issues": [{**issue, "message": held.activities[0]["StatusMessage"]}]}


def describe_nodegroup(self: Any, cluster_name: str, nodegroup_name: str) -> Any:
    """As it is by now; one that is being deleted goes with its last machine."""
    group = _describe(self, cluster_name, nodegroup_name)
    scaling = autoscaling_backends[self.account_id][self.region_name]
    ec2 = ec2_backends[self.account_id][self.region_name]
    _look(scaling, ec2, group)
    if group.status == "DELETING":
        name = group.resources["autoScalingGroups"][0]["name"]
        held = scaling.autoscaling_groups.get(name)
        if held is None or not held.instance_states:
            scaling.autoscaling_groups.pop(name, None)
            ec2.delete_launch_template(group.template.name, None)
            _delete(self, cluster_name, nodegroup_name)
            return _describe(self, cluster_name, nodegroup_name)
    return group


def delete_nodegroup(self: Any, cluster_name: str, nodegroup_name: str) -> Any:
    """Its machines go first."""
    group = _describe(self, cluster_name, nodegroup_name)
    scaling = autoscaling_backends[self.account_id][self.region_name]
    group.status = "DELETING"
    held = scaling.autoscaling_groups[group.resources["autoScalingGroups"][0]["name"]]
    held.min_size = held.desired_capacity = 0
    reconcile(held)
    return group


def update_nodegroup_config(self: Any, cluster_name: str, nodegroup_name: str, **more: Any) -> Any:
    """Not while it is being changed; its auto-scaling group follows."""
    group = _describe(self, cluster_name, nodegroup_name)
    if group.status in {"CREATING", "DELETING", "UPDATING"}:
        raise ResourceInUseException(message=f"Nodegroup cannot be updated as it is {group.status}.")
    size = {**group.scaling_config, **(more.get("scaling_config") or {})}
    if not size["minSize"] <= size["desiredSize"] <= size["maxSize"]:
        raise InvalidParameterException(message="desiredSize must be between minSize and maxSize.")
    update = _update(self, cluster_name, nodegroup_name, **more)
    scaling = autoscaling_backends[self.account_id][self.region_name]
    held = scaling.autoscaling_groups[group.resources["autoScalingGroups"][0]["name"]]
    held.min_size, held.max_size = size["minSize"], size["maxSize"]
    held.set_desired_capacity(size["desiredSize"])
    return update


def _group_of(self: Any, arn: str) -> Any:
    every = (group for cluster in self.clusters.values() for group in cluster.nodegroups.values())
    return next((group for group in every if group.arn == arn), None)


def tag_resource(self: Any, resource_arn: str, tags: dict[str, str]) -> None:
    """Node groups have tags, too."""
    group = _group_of(self, resource_arn)
    if group is None:
        _tag(self, resource_arn, tags)
    else:
        group.tags.update(tags)


def untag_resource(self: Any, resource_arn: str, tag_keys: Any) -> None:
    """As above."""
    group = _group_of(self, resource_arn)
    if group is None:
        _untag(self, resource_arn, tag_keys)
        return
    for key in [tag_keys] if isinstance(tag_keys, str) else tag_keys:
        group.tags.pop(key, None)


def install() -> None:
    """Replace moto's."""
    EKSResponse.create_nodegroup = create_nodegroup
    for name, method in (
        ("create_cluster", create_cluster),
        ("describe_nodegroup", describe_nodegroup),
        ("delete_nodegroup", delete_nodegroup),
        ("update_nodegroup_config", update_nodegroup_config),
        ("tag_resource", tag_resource),
        ("untag_resource", untag_resource),
    ):
        setattr(EKSBackend, name, method)
