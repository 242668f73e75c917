"""``machine_groups`` under ``providers: aws:``: which workloads stand in groups of AWS's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from dcplan.diag import Diagnostic, error
from dcplan.provider.group_settings import GroupSpec, twice
from dcplan.provider.grouping import GroupWish
from dcplan_aws.kinds import FLEET, NODE_GROUP, SCALING_GROUP

if TYPE_CHECKING:
    from dcplan.diag import ConfigPath
    from dcplan.resources import JsonValue

PATH: ConfigPath = ("providers", "aws", "machine_groups")
KIND_OF = {"auto-scaling-group": SCALING_GROUP, "fleet": FLEET, "node-group": NODE_GROUP}
_ROLE = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/\-]+$"


class AwsGroupSpec(GroupSpec):
    """One workload, and the kind of its groups."""

    as_: Literal["auto-scaling-group", "fleet", "node-group"] = Field(alias="as")
    cluster: Annotated[str, Field(pattern=r"^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$")] | None = None
    """The EKS cluster of a node group, by name; it must be there, in the region of the machines."""
    role: Annotated[str, Field(pattern=_ROLE)] | None = None
    """The ARN of the IAM role of a node group's machines."""


def problems_of_groups(groups: Sequence[AwsGroupSpec]) -> Iterator[Diagnostic]:
    """What cannot be."""
    yield from twice(groups, PATH)
    for i, group in enumerate(groups):
        word: str = group.as_
        if word == "node-group":
            for key, value in (("cluster", group.cluster), ("role", group.role)):
                if value is None:
                    yield error(
                        "node-group-incomplete",
                        "A node group says too little",
                        f"A node group needs the `cluster` that it belongs to and the `role` of its machines "
                        f"(an ARN). Add the {key}.",
                        path=(*PATH, i),
                    )
        elif group.cluster is not None or group.role is not None:
            key = "cluster" if group.cluster is not None else "role"
            yield error(
                "group-not-of-nodes",
                "Only node groups have clusters",
                f"`{key}` is for `as: node-group`. Take it out, or make it a node group.",
                path=(*PATH, i, key),
            )
        if word == "fleet" and group.at_most is not None:
            yield error(
                "fleet-at-most",
                "A fleet does not grow by itself",
                "Nothing in AWS changes the size of a fleet, so `at_most` would do nothing. Take it out, or "
                "use an auto-scaling-group.",
                path=(*PATH, i, "at_most"),
            )


def wishes_of(groups: Sequence[AwsGroupSpec]) -> tuple[GroupWish, ...]:
    """The same in the core's words."""
    return tuple(
        GroupWish(
            workload=group.workload,
            kind=KIND_OF[group.as_],
            word=group.as_,
            gangs=KIND_OF[group.as_] == NODE_GROUP,
            answers=KIND_OF[group.as_] == SCALING_GROUP,
            at_most=group.at_most,
            more=_more(group),
            path=(*PATH, i),
        )
        for i, group in enumerate(groups)
    )


def _more(group: AwsGroupSpec) -> dict[str, JsonValue]:
    return {"cluster": group.cluster, "role": group.role} if KIND_OF[group.as_] == NODE_GROUP else {}
