"""Managed instance groups behind an endpoint: what a backend service is told of each, and tells back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dcplan.provider import errors
from dcplan.provider.grouping import GROUPS
from dcplan_gcp.group_parts import MANAGERS, note_of
from dcplan_gcp.kinds import MANAGED_GROUP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.provider.types import Request
    from dcplan.resources import JsonValue
    from dcplan_gcp.rest import Rest

_LEAST = 0.01
"""A rate is above zero."""


def backends_of(rest: Rest, request: Request) -> list[dict[str, Any]]:
    """The groups of an endpoint with their weights, which all members of a group share."""
    told = request.attributes.get(GROUPS)
    groups = told if isinstance(told, dict) else {}
    by_name = {a.split(".", 2)[2]: o for a, o in request.needs.items() if a.split(".")[1] == MANAGED_GROUP}
    return [_backend(rest, request, name, about, by_name) for name, about in sorted(groups.items())]


def _backend(
    rest: Rest,
    request: Request,
    name: str,
    about: JsonValue,
    by_name: Mapping[str, Mapping[str, JsonValue]],
) -> dict[str, Any]:
    outputs = by_name.get(name)
    if outputs is None or not isinstance(about, dict):
        raise errors.Invalid(f"{request.address} names {name}, which is not among its needs.")
    note = note_of(rest.get(str(outputs["id"])))
    floor = note.attributes.get("at_least") if note is not None else None
    weight = about.get("weight")
    share = float(weight) if isinstance(weight, (int, float)) else 1.0
    return {
        "group": str(outputs["group"]),
        "description": json.dumps({"machine_group": name, **about}),
        "balancingMode": "RATE",
        "maxRatePerInstance": max(share / max(floor if isinstance(floor, int) else 1, 1), _LEAST),
        "capacityScaler": 1.0 if share > 0 else 0.0,
    }


def groups_in(service: Mapping[str, Any] | None) -> dict[str, JsonValue]:
    """The groups that get requests, as they were asked for."""
    found: dict[str, JsonValue] = {}
    for backend in (service or {}).get("backends", []):
        try:
            told = json.loads(backend.get("description", ""))
            name = str(told.pop("machine_group"))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # A replica's, or somebody else's.
        found[name] = told
    return found


def nic_of(rest: Rest, path: str) -> dict[str, Any] | None:
    """The first network card of each member of a group; None for other things."""
    if f"/{MANAGERS}/" not in path:
        return None
    template = rest.get(_template_of(rest.get(path)))
    nic: dict[str, Any] = template["properties"]["networkInterfaces"][0]
    return nic


def _template_of(there: Mapping[str, Any]) -> str:
    link = str(there["instanceTemplate"])
    return link[link.index("projects/") :]
