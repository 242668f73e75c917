"""RunInstances as EC2 does it: what moto ignores is checked here, and what it drops is put back.

Placement groups, EFA interfaces and their cards, MaxCount, capacity reservations and blocks, stock and
quotas, images named by a parameter, tags of interfaces.
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.elastic_network_interfaces import Attachment
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import InstanceState
from moto.ec2.responses import EC2Response

from clouds.aws.groups import members
from clouds.aws.stock import check_quota, take_stock
from clouds.aws.weather import MADE, books_of, refuse, tags_of

IMAGES = ("/aws/service/deeplearning/ami/", "/aws/service/neuron/dlami/", "/aws/service/ami-amazon-linux-")
"""Public parameters that name an image; AWS keeps them, moto has but the last."""

_run = EC2Response.run_instances
_attach = Attachment.__init__


def run_instances(self: Any) -> ActionResult:
    """As moto's, once all is checked that moto does not."""
    machine, group = self._get_param("InstanceType"), self._get_param("Placement.GroupName")
    nics = [dict(nic) for nic in self._get_param("NetworkInterfaces", []) or []]
    zone_id = _zone_id(self, nics)
    _check_interfaces(self, machine, nics)
    _check_group(self, group, zone_id)
    reservation = _reserved(self, machine)
    least, count = int(self._get_param("MinCount", 1)), int(self._get_param("MaxCount", 1))
    if reservation is None:
        count = take_stock(machine, zone_id, count, least)
        check_quota(self, machine, count)
    self.params["ImageId"] = _image(self)
    self.params["MinCount"] = count
    # moto keeps interfaces by device index, of which each card has its own: numbered here, put back below.
    numbered = [{**nic, "DeviceIndex": i} for i, nic in enumerate(nics)]
    if numbered:
        self.params["NetworkInterfaces"] = numbered
    answer = _run(self)
    for instance in answer.result.instances:
        _finish(self, instance, nics)
        if group:
            instance._placement.group_name = group
            books_of(self).group_of[instance.id] = group
        if reservation is not None:
            reservation["AvailableInstanceCount"] -= 1
            instance.capacity_reservation_id = reservation["CapacityReservationId"]
            books_of(self).reservation_of[instance.id] = reservation["CapacityReservationId"]
    MADE[self._get_param("ClientToken") or ""] += count
    return answer


def _finish(response: Any, instance: Any, nics: list[dict[str, Any]]) -> None:
    """What moto does not keep of an instance."""
    books_of(response).born(instance.id)
    market = response._get_param("InstanceMarketOptions.MarketType")
    instance.lifecycle = market if market in {"spot", "capacity-block"} else None
    if not books_of(response).ready(instance.id):
        instance._state = InstanceState("pending", 0)
    tags = {tag["Key"]: tag["Value"] for tag in tags_of(response, "network-interface")}
    for i, eni in instance.nics.items():
        eni.add_tags(tags)
        if i < len(nics):
            eni.interface_type = nics[i].get("InterfaceType") or "interface"
            eni.card = int(nics[i].get("NetworkCardIndex") or 0)
            eni.device = int(nics[i]["DeviceIndex"])


def _attached(self: Any, eni: Any) -> None:
    _attach(self, eni)
    self.network_card_index = getattr(eni, "card", 0)
    self.device_index = getattr(eni, "device", self.device_index)


def _zone_id(response: Any, nics: list[dict[str, Any]]) -> str:
    """Where the instances will stand."""
    subnet_id = response._get_param("SubnetId") or next(
        (n["SubnetId"] for n in nics if "SubnetId" in n), None
    )
    if subnet_id is None:
        return ""
    return str(response.ec2_backend.get_subnet(subnet_id).availability_zone_id)


def _check_interfaces(response: Any, machine: str, nics: list[dict[str, Any]]) -> None:
    network = INSTANCE_TYPES.get(machine, {}).get("NetworkInfo", {})
    cards = {c["NetworkCardIndex"]: c for c in network.get("NetworkCards", [])}
    efas = [nic for nic in nics if (nic.get("InterfaceType") or "").startswith("efa")]
    most = (network.get("EfaInfo") or {}).get("MaximumEfaInterfaces", 0)
    if efas and not network.get("EfaSupported"):
        refuse("InvalidParameterCombination", f"{machine} does not support EFA.")
    if len(efas) > most:
        refuse("AttachmentLimitExceeded", f"{machine} supports at most {most} EFA interfaces.")
    seats = set()
    for nic in nics:
        card, kind = int(nic.get("NetworkCardIndex") or 0), nic.get("InterfaceType") or "interface"
        seat = (card, int(nic["DeviceIndex"]))
        if card not in cards or seat in seats:
            refuse("InvalidParameterValue", f"Network card and device index {seat} cannot be used.")
        seats.add(seat)
        if kind not in cards[card].get("InterfaceTypes", ["interface"]):
            refuse("InvalidParameterCombination", f"Network card {card} of {machine} takes no {kind}.")
        if seat == (0, 0) and kind == "efa-only":
            refuse("InvalidParameterCombination", "The primary network interface cannot be efa-only.")
    if len(nics) > 1 and any(nic.get("AssociatePublicIpAddress") is True for nic in nics):
        refuse("InvalidParameterCombination", "No public address with more than one network interface.")


def _check_group(response: Any, group: str | None, zone_id: str) -> None:
    if group is None:
        return
    if group not in books_of(response).groups:
        refuse("InvalidPlacementGroup.Unknown", f"The Placement Group '{group}' is unknown.")
    zones = {
        response.ec2_backend.get_subnet(instance.subnet_id).availability_zone_id
        for instance in members(response, group)
    }
    if zones - {zone_id}:
        refuse("InvalidParameterValue", f"The Placement Group '{group}' has instances in another zone.")


def _reserved(response: Any, machine: str) -> dict[str, Any] | None:
    """The reservation that the instances take, checked; None without one."""
    target = "CapacityReservationSpecification.CapacityReservationTarget.CapacityReservationId"
    wanted = response._get_param(target)
    if wanted is None:
        if response._get_param("InstanceMarketOptions.MarketType") == "capacity-block":
            refuse("MissingParameter", "A capacity block needs a CapacityReservationId.")
        return None
    known = books_of(response).reservations.get(wanted)
    if known is None:
        refuse("InvalidCapacityReservationId.NotFound", f"The capacity reservation {wanted} does not exist.")
        return None
    if known["State"] != "active":
        later = ".PendingActivation" if known["State"] in {"scheduled", "payment-pending"} else ""
        refuse(f"InvalidCapacityReservationState{later}", f"The capacity reservation is {known['State']}.")
    if known["InstanceType"] != machine:
        refuse("InvalidParameterValue", "The capacity reservation is of another instance type.")
    if known["AvailableInstanceCount"] < int(response._get_param("MaxCount", 1)):
        refuse("ReservationCapacityExceeded", "The reservation has no more capacity for this request.")
    return known


def _image(response: Any) -> str:
    """The image, where a parameter names it; EC2 resolves ``resolve:ssm:NAME`` itself."""
    image = str(response._get_param("ImageId"))
    if not image.startswith("resolve:ssm:"):
        return image
    name = image.removeprefix("resolve:ssm:")
    if not name.startswith(IMAGES):
        refuse("InvalidParameterValue", f"The parameter {name} does not exist.")
    return str(next(iter(response.ec2_backend.amis)))


def install() -> None:
    """Replace moto's."""
    EC2Response.run_instances = run_instances
    Attachment.__init__ = _attached
