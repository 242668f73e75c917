"""Objects that are not ready, not visible, or in use: in moto all is there at once and nothing is needed."""

from __future__ import annotations

import time
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import EC2Backend
from moto.ec2.models.instances import InstanceState
from moto.ec2.responses import EC2Response
from moto.elbv2.models import ELBv2Backend, elbv2_backends

from clouds.aws.weather import WEATHER, Books, books, books_of, refuse

_reservations = EC2Backend.all_reservations
_vpcs = EC2Backend.describe_vpcs
_create_vpc = EC2Response.create_vpc
_terminate = EC2Response.terminate_instances
_delete_group = EC2Response.delete_security_group
_delete_subnet = EC2Response.delete_subnet
_load_balancers = ELBv2Backend.describe_load_balancers
_create_load_balancer = ELBv2Backend.create_load_balancer


def _mine(backend: Any) -> Books:
    return books(backend.account_id, backend.region_name)


def all_reservations(self: Any, filters: Any = None) -> list[Any]:
    """Those whose instances may be seen, each in the state that it has by now."""
    mine = _mine(self)
    for reservation in self.reservations.values():
        for instance in reservation.instances:
            age(mine, instance)
    found = _reservations(self, filters)
    for reservation in found:
        reservation.instances = [i for i in reservation.instances if mine.visible(i.id)]
    return [reservation for reservation in found if reservation.instances]


def age(mine: Books, instance: Any) -> None:
    """Let it be in the state that it has by now."""
    if instance._state.name == "pending" and mine.ready(instance.id):
        instance._state = InstanceState("running", 16)
    if instance._state.name == "shutting-down" and mine.gone_at_s.get(instance.id, 0.0) <= time.time():
        instance._state = InstanceState("terminated", 48)


def terminate_instances(self: Any) -> ActionResult:
    """They leave what they took: their reservation, at once, and after a while the list of the living."""
    ids = self._get_param("InstanceIds", [])
    there = {
        i.id: i.state
        for r in self.ec2_backend.reservations.values()
        for i in r.instances
        if i.id in ids and i.state != "terminated"
    }
    if not there and ids and all(i in _known(self) for i in ids):
        # moto would delete their interfaces a second time.
        ended = {"Code": 48, "Name": "terminated"}
        said = [{"InstanceId": i, "CurrentState": ended, "PreviousState": ended} for i in ids]
        return ActionResult({"TerminatingInstances": said})
    answer = _terminate(self)
    mine = books_of(self)
    for reservation in self.ec2_backend.reservations.values():
        for instance in reservation.instances:
            if instance.id not in there:
                continue
            kept = mine.reservations.get(mine.reservation_of.get(instance.id, ""))
            if kept is not None:
                kept["AvailableInstanceCount"] += 1
            if WEATHER.leaving_s:
                instance._state = InstanceState("shutting-down", 32)
                mine.gone_at_s[instance.id] = time.time() + WEATHER.leaving_s
    return answer


def _known(response: Any) -> set[str]:
    return {i.id for r in response.ec2_backend.reservations.values() for i in r.instances}


def create_vpc(self: Any) -> ActionResult:
    """A network that may be pending, or not be seen, for a while."""
    answer = _create_vpc(self)
    vpc = answer.result["Vpc"]
    books_of(self).born(vpc["VpcId"] if isinstance(vpc, dict) else vpc.id)
    return answer


def describe_vpcs(self: Any, vpc_ids: list[str] | None = None, filters: Any = None) -> list[Any]:
    """Those that may be seen."""
    mine = _mine(self)
    found = [vpc for vpc in _vpcs(self, vpc_ids, filters) if mine.visible(vpc.id)]
    if vpc_ids and not found:
        refuse("InvalidVpcID.NotFound", f"The vpc ID '{vpc_ids[0]}' does not exist")
    for vpc in found:
        vpc.state = "available" if mine.ready(vpc.id) else "pending"
    return found


def delete_security_group(self: Any) -> ActionResult:
    """Not while an interface has it, nor a load balancer, nor another group's rule."""
    group = self._get_param("GroupId")
    users = [e for e in self.ec2_backend.enis.values() if group in {g.id for g in e.group_set} and _lives(e)]
    if users or any(group in one.security_groups for one in _balancers(self)):
        refuse("DependencyViolation", f"resource {group} has a dependent object")
    return _delete_group(self)


def delete_subnet(self: Any) -> ActionResult:
    """Not while an interface stands in it, nor a load balancer."""
    subnet = self._get_param("SubnetId")
    users = [e for e in self.ec2_backend.enis.values() if e.subnet.id == subnet and _lives(e)]
    if users or any(subnet in {s.id for s in one.subnets} for one in _balancers(self)):
        refuse("DependencyViolation", f"The subnet '{subnet}' has dependencies and cannot be deleted.")
    return _delete_subnet(self)


def _lives(eni: Any) -> bool:
    return eni.instance is None or eni.instance.state != "terminated"


def _balancers(response: Any) -> list[Any]:
    return list(elbv2_backends[response.current_account][response.region].load_balancers.values())


def create_load_balancer(self: Any, *args: Any, **kwargs: Any) -> Any:
    """A load balancer that may take a while to be active."""
    made = _create_load_balancer(self, *args, **kwargs)
    _mine(self).born(made.arn)
    return made


def describe_load_balancers(self: Any, *args: Any, **kwargs: Any) -> Any:
    """Those that may be seen, each in the state that it has by now."""
    mine = _mine(self)
    found = _load_balancers(self, *args, **kwargs)
    for one in found:
        one.state = "active" if mine.ready(one.arn) else "provisioning"
    return [one for one in found if mine.visible(one.arn)]


def install() -> None:
    """Replace moto's."""
    for name in (terminate_instances, create_vpc, delete_security_group, delete_subnet):
        setattr(EC2Response, name.__name__, name)
    EC2Backend.all_reservations = all_reservations
    EC2Backend.describe_vpcs = describe_vpcs
    ELBv2Backend.create_load_balancer = create_load_balancer
    ELBv2Backend.describe_load_balancers = describe_load_balancers
