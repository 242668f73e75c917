"""EC2 fleets that keep their number of machines (``maintain``), on demand or spot.

CreateFleet takes a token, and lists show tags: a fleet is known by the tag of its record.  A fleet that was
deleted is listed for two days more, and its token is used up.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dcplan.catalog import Purchase
from dcplan.provider.errors import AlreadyGone, Invalid, NotReady, ProviderError
from dcplan.provider.types import Request
from dcplan_aws.group_parts import Call, machine_tags, make_template
from dcplan_aws.launch import TAGGED, Seats, boot_script, bought, launch_of
from dcplan_aws.machine_groups import Record, Standing
from dcplan_aws.makers import Shared, text_of
from dcplan_aws.owner import LINEAGE, PART, as_mapping, owner_tags, specified
from dcplan_aws.sold_out import told

_GONE = ("deleted", "failed")
"""How states of a fleet begin that is no more (EC2 API Reference, FleetData)."""
_TROUBLE = frozenset({"error"})


@dataclass(frozen=True, slots=True)
class Fleets:
    """Fleets of EC2."""

    shared: Shared
    seats: Seats
    programs: bool = True

    def check(self, request: Request) -> None:
        """There is a subnet in the zone, and what is bought ahead is what fleets can use."""
        self.seats.seat(request, text_of(request, "region"))
        if request.attributes.get("purchase") == Purchase.CAPACITY_BLOCK.value:
            raise Invalid(
                f"{request.address} is to stand in a capacity block, which EC2 fleets that keep their number "
                "cannot use. Make it an auto-scaling-group or a node-group."
            )
        bought(request)

    def look(self, region: str, records: Sequence[Record]) -> Mapping[str, Standing]:
        """All fleets there, of which ours carry the record's tag; their machines carry it, too."""
        tokens = {record.token for record in records}
        shown = [
            (token, one)
            for one in self._fleets(region)
            if (token := as_mapping(one.get("Tags")).get(PART, "")) in tokens
            and not str(one["FleetState"]).startswith(_GONE)
        ]
        serving = self._running(region, [token for token, _ in shown]) if shown else Counter[str]()
        return {token: _standing(one, serving[token]) for token, one in shown}

    def make(self, record: Record, request: Request) -> None:
        """Template, then fleet."""
        token, region = record.token, record.region
        tags = machine_tags(request, token, record.program)
        script = boot_script(request, self.shared)
        data = {
            **launch_of(request, self.seats.interfaces(request, region), script),
            "TagSpecifications": specified(tags, *TAGGED),
        }
        # How they are bought, the fleet says.
        data.pop("InstanceMarketOptions", None)
        template = make_template(self.shared, request, region, token, data)
        dead = sum(as_mapping(one.get("Tags")).get(PART) == token for one in self._fleets(region))
        try:
            self.shared.api.do(
                "ec2",
                region,
                "create_fleet",
                ClientToken=f"{token}-{dead}" if dead else token,
                Type="maintain",
                LaunchTemplateConfigs=[
                    {"LaunchTemplateSpecification": {"LaunchTemplateId": template, "Version": "1"}}
                ],
                TargetCapacitySpecification={
                    "TotalTargetCapacity": request.attributes["at_least"],
                    "DefaultTargetCapacityType": _way(request),
                },
                ExcessCapacityTerminationPolicy="termination",
                ReplaceUnhealthyInstances=True,
                TagSpecifications=specified({**owner_tags(request), PART: token}, "fleet"),
            )
        except AlreadyGone as missing:
            raise NotReady(missing.detail) from missing

    def resize(self, record: Record, there: Standing, at_least: int, at_most: int) -> None:  # noqa: ARG002 - a fleet has one number
        """Its one number."""
        size = {"TotalTargetCapacity": at_least}
        self.shared.api.do(
            "ec2", record.region, "modify_fleet", FleetId=there.name, TargetCapacitySpecification=size
        )

    def remove(self, record: Record, there: Standing) -> None:
        """With its machines."""
        said = self.shared.api.do(
            "ec2", record.region, "delete_fleets", FleetIds=[there.name], TerminateInstances=True
        )
        for wrong in said.get("UnsuccessfulFleetDeletions") or ():
            if wrong["Error"]["Code"] != "fleetIdDoesNotExist":
                raise NotReady(f"{there.name}: {wrong['Error']['Code']}: {wrong['Error'].get('Message', '')}")

    def refusal(self, record: Record, there: Standing) -> ProviderError | None:
        """The newest error of its history that is not older than what was asked."""
        for event in reversed(self._history(record, there)):
            if record.since is not None and event["Timestamp"].isoformat() <= record.since:
                return None
            if event["EventType"] in _TROUBLE:
                about = event.get("EventInformation") or {}
                return told(f"{there.name}: {about.get('EventSubType')}: {about.get('EventDescription', '')}")
        return None

    def latest(self, record: Record, there: Standing) -> str | None:
        """When its newest event was, by EC2's clock."""
        events = self._history(record, there)
        moment: dt.datetime | None = events[-1]["Timestamp"] if events else None
        return None if moment is None else moment.isoformat()

    def settled(self, record: Record, there: Standing) -> None:
        """Nothing: no endpoint sends requests to a fleet."""

    def handing(self, record: Record, there: Standing, lineage: str) -> Sequence[Call]:
        """Its own tag."""

        def call() -> object:
            tag = {"Key": LINEAGE, "Value": lineage} if lineage else {"Key": LINEAGE}
            operation = "create_tags" if lineage else "delete_tags"
            return self.shared.api.do("ec2", record.region, operation, Resources=[there.name], Tags=[tag])

        return [call]

    def _fleets(self, region: str) -> list[dict[str, Any]]:
        return list(self.shared.api.pages("ec2", region, "describe_fleets", "Fleets"))

    def _running(self, region: str, tokens: Sequence[str]) -> Counter[str]:
        """Machines that run, by the token of their group."""
        shown = self.shared.api.pages(
            "ec2",
            region,
            "describe_instances",
            "Reservations",
            Filters=[
                {"Name": f"tag:{PART}", "Values": list(tokens)},
                {"Name": "instance-state-name", "Values": ["running"]},
            ],
        )
        return Counter(
            as_mapping(instance.get("Tags"))[PART] for each in shown for instance in each["Instances"]
        )

    def _history(self, record: Record, there: Standing) -> list[dict[str, Any]]:
        """The oldest first."""
        return list(
            self.shared.api.pages(
                "ec2",
                record.region,
                "describe_fleet_history",
                "HistoryRecords",
                FleetId=there.name,
                StartTime=there.shown["CreateTime"],
            )
        )


def _way(request: Request) -> str:
    return "spot" if request.attributes.get("purchase") == Purchase.SPOT.value else "on-demand"


def _standing(shown: Mapping[str, Any], serving: int) -> Standing:
    size = int(shown["TargetCapacitySpecification"]["TotalTargetCapacity"])
    return Standing(
        name=shown["FleetId"],
        at_least=size,
        at_most=size,
        serving=min(serving, int(shown.get("FulfilledCapacity") or 0)),
        leaving=False,
        shown=shown,
    )
