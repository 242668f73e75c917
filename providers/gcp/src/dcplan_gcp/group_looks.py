"""Managed instance groups as they are found: by lists, with what their cloud may change of them left out."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from dcplan.provider.types import Found
from dcplan_gcp.group_parts import AUTOSCALERS, MANAGERS, TEMPLATES, note_of, queued
from dcplan_gcp.rest import last, relative

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dcplan.resources import JsonValue
    from dcplan_gcp.rest import Rest


def survey(rest: Rest, wanted: str, *, templates: bool = False) -> Iterator[Found]:
    """The groups that a filter of names shows; ``templates``: and templates that have none."""
    groups = rest.everywhere(MANAGERS, wanted)
    scaled = any(group.get("status", {}).get("autoscaler") for group in groups)
    scalers = rest.everywhere(AUTOSCALERS, wanted) if scaled else []
    bounds = {relative(s["target"]): s.get("autoscalingPolicy", {}) for s in scalers}
    for group in groups:
        found = found_of(group, bounds.get(relative(group["selfLink"]), {}))
        if found is not None:
            yield found
    if not templates:
        return
    used = {group["name"] for group in groups}
    for one in rest.listed(rest.path("global", TEMPLATES), wanted):
        note = note_of(one) if one["name"] not in used else None
        if note is not None:
            path = relative(one["selfLink"])
            yield Found(
                object_id=path,
                address=note.address,
                ready=False,
                attributes=note.attributes,
                outputs={"id": path},
                token=note.token,
                lineage=note.lineage or None,
            )


def found_of(there: Mapping[str, Any], bounds: Mapping[str, Any]) -> Found | None:
    """A group as the core sees it; None where it is none of dcplan's.

    ``bounds`` are those of its autoscaler, where these are known.
    """
    note = note_of(there)
    if note is None:
        return None
    made_at = there.get("creationTimestamp")
    return Found(
        object_id=relative(there["selfLink"]),
        address=note.address,
        ready=bool(there.get("status", {}).get("isStable")),
        attributes={**note.attributes, **_otherwise(note.attributes, there, bounds)},
        outputs=outputs_of(there),
        token=note.token,
        lineage=note.lineage or None,
        made_at_s=dt.datetime.fromisoformat(made_at).timestamp() if made_at else None,
    )


def _otherwise(
    asked: Mapping[str, JsonValue], there: Mapping[str, Any], bounds: Mapping[str, Any]
) -> dict[str, JsonValue]:
    """Sizes that are not those that were asked for; between floor and ceiling the cloud is free."""
    now: dict[str, JsonValue] = {}
    floor, ceiling, size = asked.get("at_least"), asked.get("at_most"), int(there.get("targetSize", 0))
    if not isinstance(floor, int) or not isinstance(ceiling, int):
        return now
    if not floor <= size <= ceiling and not queued(asked):
        now["at_least"] = size
    if bounds:
        now |= {
            "at_least": bounds.get("minNumReplicas", floor),
            "at_most": bounds.get("maxNumReplicas", ceiling),
        }
    elif ceiling > floor and not there.get("status", {}).get("autoscaler"):
        now["at_most"] = floor
    return now


def outputs_of(there: Mapping[str, Any]) -> dict[str, JsonValue]:
    """What a group answers."""
    return {
        "id": relative(there["selfLink"]),
        "zone": last(there["zone"]),
        "group": relative(there["instanceGroup"]),
    }
