"""Placement groups, which moto has none of."""

from __future__ import annotations

import os
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from clouds.aws.weather import books_of, matches, refuse, tags_of


def create_placement_group(self: Any) -> ActionResult:
    """One under a name that is free."""
    groups, name = books_of(self).groups, self._get_param("GroupName")
    if name in groups:
        refuse("InvalidPlacementGroup.Duplicate", f"The Placement Group '{name}' already exists.")
    group_id = "pg-" + os.urandom(9).hex()[:17]
    groups[name] = {
        "GroupName": name,
        "State": "available",
        "Strategy": self._get_param("Strategy", "cluster"),
        "GroupId": group_id,
        "GroupArn": f"arn:aws:ec2:{self.region}:{self.current_account}:placement-group/{name}",
        "Tags": tags_of(self, "placement-group"),
    }
    books_of(self).born(name)
    return ActionResult({"PlacementGroup": groups[name]})


def describe_placement_groups(self: Any) -> ActionResult:
    """Those that are named, or all that pass the filters."""
    books, names = books_of(self), self._get_param("GroupNames", []) or []
    named = [f["Values"] for f in self._get_param("Filters", []) or [] if f["Name"] == "group-name"]
    for name in names:
        if name not in books.groups or not books.visible(name):
            refuse("InvalidPlacementGroup.Unknown", f"The Placement Group '{name}' is unknown.")
    shown = [
        group
        for name, group in books.groups.items()
        if (not names or name in names)
        and all(name in wanted for wanted in named)
        and books.visible(name)
        and matches(self, group["Tags"])
    ]
    return ActionResult({"PlacementGroups": shown})


def delete_placement_group(self: Any) -> ActionResult:
    """One in which nothing runs."""
    books, name = books_of(self), self._get_param("GroupName")
    if name not in books.groups:
        refuse("InvalidPlacementGroup.Unknown", f"The Placement Group '{name}' is unknown.")
    if members(self, name):
        refuse("InvalidPlacementGroup.InUse", f"The placement group {name} is in use and may not be deleted.")
    del books.groups[name]
    return ActionResult({})


def members(response: Any, name: str) -> list[Any]:
    """The instances of a group that are not gone."""
    books = books_of(response)
    return [
        instance
        for reservation in response.ec2_backend.reservations.values()
        for instance in reservation.instances
        if instance.state != "terminated" and books.group_of.get(instance.id) == name
    ]


_create_tags = EC2Response.create_tags
_delete_tags = EC2Response.delete_tags


def create_tags(self: Any) -> ActionResult:
    """Tags of groups and reservations are in our books; others in moto's."""
    ids = self._get_param("Resources", []) or []
    new = {tag["Key"]: tag["Value"] for tag in self._get_param("Tags", []) or []}
    for group in (mine := _tagged(self, ids)):
        tags = {tag["Key"]: tag["Value"] for tag in group["Tags"]} | new
        group["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    return ActionResult({}) if mine else _create_tags(self)


def delete_tags(self: Any) -> ActionResult:
    """As ``create_tags``."""
    ids = self._get_param("Resources", []) or []
    keys = {tag["Key"] for tag in self._get_param("Tags", []) or []}
    for group in (mine := _tagged(self, ids)):
        group["Tags"] = [tag for tag in group["Tags"] if tag["Key"] not in keys]
    return ActionResult({}) if mine else _delete_tags(self)


def _tagged(response: Any, ids: list[str]) -> list[dict[str, Any]]:
    """What of our books has one of these ids."""
    books = books_of(response)
    groups = [group for group in books.groups.values() if group["GroupId"] in ids]
    fleets = [one["told"] for name, one in books.fleets.items() if name in ids]
    return [*groups, *fleets, *(kept for name, kept in books.reservations.items() if name in ids)]


def install() -> None:
    """Give EC2 the operations."""
    for operation in (
        create_placement_group,
        describe_placement_groups,
        delete_placement_group,
        create_tags,
        delete_tags,
    ):
        setattr(EC2Response, operation.__name__, operation)
