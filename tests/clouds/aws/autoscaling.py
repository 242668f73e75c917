"""Auto Scaling as AWS does it: groups that try until they have their machines, and tell of each try.

moto starts all instances at once, whatever is in stock, ignores what a template says of interfaces, placement
and purchase, has no activities, makes a group anew under a name that is taken, and forgets a group before its
machines are gone.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from moto.autoscaling.exceptions import AutoscalingClientError
from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup, InstanceState
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, EmptyResult

from clouds.aws.launching import in_subnet, launch, said, template_data, terminate
from clouds.aws.lifecycles import age
from clouds.aws.weather import books

NAME_TAG = "aws:autoscaling:groupName"
KEPT = 20
"""Activities of a group that are kept."""

_create = AutoScalingResponse.create_auto_scaling_group
_update = AutoScalingResponse.update_auto_scaling_group
_describe = AutoScalingBackend.describe_auto_scaling_groups
_attach = AutoScalingResponse.attach_load_balancer_target_groups


def refuse(code: str, message: str) -> None:
    """Answer with an error."""
    raise AutoscalingClientError(code, message)


def create_auto_scaling_group(self: Any) -> ActionResult:
    """One under a name that is free, of a size that can be."""
    name = self._get_param("AutoScalingGroupName")
    if name in self.autoscaling_backend.autoscaling_groups:
        refuse("AlreadyExists", f"AutoScalingGroup by this name already exists - {name}")
    least, most = self._get_int_param("MinSize"), self._get_int_param("MaxSize")
    _check_size(least, most, self._get_int_param("DesiredCapacity"))
    wanted = self._get_param("LaunchTemplate") or {}
    if wanted:
        data = template_data(self.current_account, self.region, wanted)
        if any(nic.get("SubnetId") for nic in data.get("NetworkInterfaces") or []):
            refuse("ValidationError", "The template's interfaces and the group both name subnets.")
    for arn in self._get_param("TargetGroupARNs", []) or []:
        _check_target(self, arn)
    return _create(self)


def update_auto_scaling_group(self: Any) -> ActionResult:
    """To a size that can be."""
    group = _known(self)
    least = self._get_int_param("MinSize")
    most = self._get_int_param("MaxSize")
    least, most = (group.min_size if least is None else least), (group.max_size if most is None else most)
    wanted = self._get_int_param("DesiredCapacity")
    _check_size(least, most, wanted)
    if wanted is None:
        self.params["DesiredCapacity"] = min(max(group.desired_capacity, least), most)
    return _update(self)


def _check_size(least: int, most: int, wanted: int | None) -> None:
    if least > most or (wanted is not None and not least <= wanted <= most):
        refuse("ValidationError", "Desired capacity must be between min size and max size.")


def delete_auto_scaling_group(self: Any) -> ActionResult:
    """Told as being deleted until its machines are gone."""
    group = _known(self)
    if group.instance_states and not self._get_bool_param("ForceDelete", False):
        refuse("ResourceInUse", "You cannot delete an AutoScalingGroup while there are instances in it.")
    group.status = "Delete in progress"
    group.min_size = group.desired_capacity = 0
    reconcile(group)
    return EmptyResult()


def describe_scaling_activities(self: Any) -> ActionResult:
    """The newest first."""
    name = self._get_param("AutoScalingGroupName")
    group = self.autoscaling_backend.autoscaling_groups.get(name)
    return ActionResult({"Activities": [] if group is None else _activities(group)})


def describe_auto_scaling_groups(self: Any, names: list[str], filters: Any = None) -> list[Any]:
    """Those that there are, each as it is by now."""
    for group in list(self.autoscaling_groups.values()):
        reconcile(group)
        if getattr(group, "status", None) and not group.instance_states:
            del self.autoscaling_groups[group.name]
    mine = books(self.account_id, self.region_name)
    return [group for group in _describe(self, names, filters) if mine.visible(group.name)]


def set_desired_capacity(self: Any, new_capacity: int | None) -> None:
    """The number of machines that it tries to have from now on."""
    self.desired_capacity = self.min_size if new_capacity is None else new_capacity
    reconcile(self)


def attach_load_balancer_target_groups(self: Any) -> ActionResult:
    """Its machines become targets, by their ids."""
    _known(self)
    for arn in self._get_param("TargetGroupARNs", []):
        _check_target(self, arn)
    return _attach(self)


def _check_target(response: Any, arn: str) -> None:
    backend = response.autoscaling_backend.elbv2_backend
    if arn not in backend.target_groups:
        refuse("ValidationError", f"Provided Target Groups may not be valid: {arn} not found.")
    if backend.target_groups[arn].target_type != "instance":
        refuse("ValidationError", "Target groups of an Auto Scaling group have the target type instance.")


def _known(response: Any) -> Any:
    name = response._get_param("AutoScalingGroupName")
    group = response.autoscaling_backend.autoscaling_groups.get(name)
    if group is None or getattr(group, "status", None):
        refuse("ValidationError", f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
    return group


def reconcile(group: Any) -> None:
    """Start what is missing, end what is too many, and see who is ready by now."""
    mine = books(group.account_id, group.region)
    for state in group.instance_states:
        age(mine, state.instance)
    group.instance_states = [s for s in group.instance_states if s.instance.state != "terminated"]
    staying = [s for s in group.instance_states if s.lifecycle_state != "Terminating"]
    if not hasattr(group, "activities"):
        group.activities = []
        mine.born(group.name)
    for state in staying:
        ready = mine.ready(state.instance.id)
        state.lifecycle_state = "InService" if ready else "Pending"
    for state in staying[group.desired_capacity :]:
        state.lifecycle_state = "Terminating"
        terminate(group.account_id, group.region, [state.instance.id])
        _note(group, f"Terminating EC2 instance: {state.instance.id}", "Successful")
    for _ in range(group.desired_capacity - len(staying)):
        if not _start(group):
            break
    group.instance_states = [s for s in group.instance_states if s.instance.state != "terminated"]
    if group.name in group.autoscaling_backend.autoscaling_groups:
        group.autoscaling_backend.update_attached_target_groups(group.name)


def _start(group: Any) -> bool:
    """Try to start one; whether it was had."""
    wanted = {
        "LaunchTemplateId": group.ec2_launch_template.id,
        "Version": group.launch_template_version,
    }
    tags = {**group.get_propagated_tags(), NAME_TAG: group.name}
    try:
        data = in_subnet(
            template_data(group.account_id, group.region, wanted), group.vpc_zone_identifier.split(",")[0]
        )
        instance = launch(group.account_id, group.region, data, tags)
    except ServiceException as problem:
        code, message = said(problem)
        what = "Spot" if "spot" in str(data.get("InstanceMarketOptions")) else "On-Demand"
        text = f"Could not launch {what} Instances. {code} - {message} Launching EC2 instance failed."
        if not group.activities or group.activities[0].get("StatusMessage") != text:
            _note(group, "Launching a new EC2 instance.", "Failed", text)
        return False
    instance.autoscaling_group = group
    ready = books(group.account_id, group.region).ready(instance.id)
    group.instance_states.append(InstanceState(instance, "InService" if ready else "Pending"))
    _note(group, f"Launching a new EC2 instance: {instance.id}", "Successful")
    return True


def _note(group: Any, what: str, status: str, message: str | None = None) -> None:
    now = dt.datetime.now(dt.UTC)
    group.activities.insert(
        0,
        {
            "ActivityId": str(uuid.uuid4()),
            "AutoScalingGroupName": group.name,
            "Description": what,
            "Cause": f"At {now:%Y-%m-%dT%H:%M:%SZ} the capacity wanted is {group.desired_capacity}.",
            "StartTime": now,
            "EndTime": now,
            "StatusCode": status,
            "Progress": 100,
            **({} if message is None else {"StatusMessage": message}),
        },
    )
    del group.activities[KEPT:]


def _activities(group: Any) -> list[dict[str, Any]]:
    reconcile(group)
    kept: list[dict[str, Any]] = group.activities
    return kept


def install() -> None:
    """Replace moto's."""
    for operation in (
        create_auto_scaling_group,
        update_auto_scaling_group,
        delete_auto_scaling_group,
        describe_scaling_activities,
        attach_load_balancer_target_groups,
    ):
        setattr(AutoScalingResponse, operation.__name__, operation)
    AutoScalingBackend.notify_terminate_instances = lambda *_: None  # A look at a group sees what is gone.
    AutoScalingBackend.describe_auto_scaling_groups = describe_auto_scaling_groups
    FakeAutoScalingGroup.set_desired_capacity = set_desired_capacity
