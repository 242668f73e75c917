"""EC2 fleets that keep their number of machines, with a history of what went wrong.

Those of moto take whatever is asked for at once, cannot be changed, have no history, and look at neither
interfaces nor stock.
"""

from __future__ import annotations

import datetime as dt
import os
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from clouds.aws.launching import launch, said, template_data, terminate
from clouds.aws.weather import books_of, refuse

_MARKETS = {"spot": {"MarketType": "spot"}}
KEPT = 20
"""Events of a fleet that are kept."""


def create_fleet(self: Any) -> ActionResult:
    """One that is maintained; other types are moto's no more."""
    if self._get_param("Type") != "maintain":
        refuse("InvalidParameterValue", "Only fleets of the type maintain are served here.")
    size = dict(self._get_param("TargetCapacitySpecification"))
    (config,) = self._get_param("LaunchTemplateConfigs")
    data = template_data(self.current_account, self.region, config["LaunchTemplateSpecification"])
    if data.get("InstanceMarketOptions"):
        refuse("InvalidParameterCombination", "InstanceMarketOptions are not for templates of fleets.")
    given = self._get_param("TagSpecifications", []) or []
    if any(one["ResourceType"] != "fleet" for one in given):
        refuse("InvalidParameterValue", "Machines of a maintained fleet are tagged by its template.")
    name = "fleet-" + os.urandom(16).hex()
    fleet = {
        "FleetId": name,
        "FleetState": "active",
        "ActivityStatus": "pending_fulfillment",
        "ClientToken": self._get_param("ClientToken") or "",
        "CreateTime": dt.datetime.now(dt.UTC),
        "Type": "maintain",
        "TargetCapacitySpecification": size,
        "ReplaceUnhealthyInstances": bool(self._get_param("ReplaceUnhealthyInstances")),
        "ExcessCapacityTerminationPolicy": self._get_param("ExcessCapacityTerminationPolicy"),
        "Tags": [tag for one in given for tag in one["Tags"]],
        "FulfilledCapacity": 0.0,
    }
    books_of(self).fleets[name] = {"told": fleet, "data": data, "machines": [], "history": []}
    books_of(self).born(name)
    _tend(self, name)
    return ActionResult({"FleetId": name})


def describe_fleets(self: Any) -> ActionResult:
    """All of them, those that were deleted a while ago as well."""
    wanted = self._get_param("FleetIds", []) or []
    mine = books_of(self)
    for name in wanted:
        _known(self, name)
    for name in mine.fleets:
        _tend(self, name)
    shown = [one["told"] for name, one in mine.fleets.items() if not wanted or name in wanted]
    return ActionResult({"Fleets": [one for one in shown if mine.visible(one["FleetId"])]})


def modify_fleet(self: Any) -> ActionResult:
    """Another number of machines."""
    fleet = _known(self, self._get_param("FleetId"))
    if fleet["told"]["FleetState"] != "active":
        refuse("InvalidFleetState", "The fleet is not active.")
    fleet["told"]["TargetCapacitySpecification"] |= self._get_param("TargetCapacitySpecification")
    _tend(self, fleet["told"]["FleetId"])
    return ActionResult({"Return": True})


def describe_fleet_history(self: Any) -> ActionResult:
    """Events since a time, the oldest first."""
    name, start = self._get_param("FleetId"), self._get_param("StartTime")
    fleet, kind = _known(self, name), self._get_param("EventType")
    shown = [one for one in fleet["history"] if kind in {None, one["EventType"]}]
    shown = [one for one in shown if one["Timestamp"] >= start.replace(tzinfo=dt.UTC)]
    return ActionResult({"HistoryRecords": shown, "FleetId": name, "StartTime": start})


def delete_fleets(self: Any) -> ActionResult:
    """With their machines, or without; what is no fleet is told as such."""
    done, wrong = [], []
    for name in self._get_param("FleetIds"):
        fleet = books_of(self).fleets.get(name)
        if fleet is None:
            error = {"Code": "fleetIdDoesNotExist", "Message": f"The fleet {name} does not exist."}
            wrong.append({"FleetId": name, "Error": error})
            continue
        before = fleet["told"]["FleetState"]
        fleet["told"]["FleetState"] = "deleted_terminating"
        fleet["told"]["TargetCapacitySpecification"]["TotalTargetCapacity"] = 0
        _tend(self, name)
        states = {"CurrentFleetState": fleet["told"]["FleetState"], "PreviousFleetState": before}
        done.append({"FleetId": name, **states})
    return ActionResult({"SuccessfulFleetDeletions": done, "UnsuccessfulFleetDeletions": wrong})


def _known(self: Any, name: str) -> Any:
    fleet = books_of(self).fleets.get(name)
    if fleet is None:
        refuse("InvalidFleetId.NotFound", f"The fleet ID '{name}' does not exist.")
    return fleet


def _tend(self: Any, name: str) -> None:
    """Start what is missing and end what is too many."""
    fleet = books_of(self).fleets[name]
    told, data = fleet["told"], fleet["data"]
    fleet["machines"] = [one for one in fleet["machines"] if one.state in {"pending", "running"}]
    size = told["TargetCapacitySpecification"]
    wanted = int(size["TotalTargetCapacity"])
    if len(fleet["machines"]) > wanted:
        gone = [one.id for one in fleet["machines"][wanted:]]
        terminate(self.current_account, self.region, gone)
        fleet["machines"] = fleet["machines"][:wanted]
    how = _MARKETS.get(str(size.get("DefaultTargetCapacityType")))
    asked = data if how is None else {**data, "InstanceMarketOptions": how}
    for _ in range(wanted - len(fleet["machines"])):
        try:
            one = launch(self.current_account, self.region, asked, {"aws:ec2:fleet-id": name})
        except ServiceException as problem:
            code, message = said(problem)
            text = f"{data['InstanceType']}, {code}: {message}"
            _note(fleet, "information", "launchSpecTemporarilyBlacklisted", text)
            _note(fleet, "error", "allLaunchSpecsTemporarilyBlacklisted", text)
            break
        fleet["machines"].append(one)
        _note(fleet, "instance-change", "launched", one.id)
    full = len(fleet["machines"]) >= wanted
    told["ActivityStatus"] = "fulfilled" if full else "error"
    told["FulfilledCapacity"] = float(len(fleet["machines"]))
    if told["FleetState"] == "deleted_terminating" and not fleet["machines"]:
        told["FleetState"] = "deleted"


def _note(fleet: Any, kind: str, what: str, text: str) -> None:
    about = {"EventSubType": what, "EventDescription": text}
    last = [one for one in fleet["history"] if one["EventType"] == kind][-1:]
    if kind != "instance-change" and last and last[0]["EventInformation"] == about:
        last[0]["Timestamp"] = dt.datetime.now(dt.UTC)
        return
    event = {"EventType": kind, "EventInformation": about, "Timestamp": dt.datetime.now(dt.UTC)}
    fleet["history"].append(event)
    del fleet["history"][:-KEPT]


def install() -> None:
    """Replace moto's, and give EC2 what it lacks."""
    for operation in (create_fleet, describe_fleets, modify_fleet, describe_fleet_history, delete_fleets):
        setattr(EC2Response, operation.__name__, operation)
