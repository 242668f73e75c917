"""What a managed instance group is made of: template, manager, autoscaler, and what its members read.  Pure.

The owner's note and what runs stand in the group's all-instances configuration: that can be changed in place,
a template cannot, and groups have no labels.  Sources: Compute Engine documentation, "Set and apply an
all-instances configuration", "Create a MIG with multi-host TPU slice", "About resize requests in a MIG".
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dcplan.provider.errors import Invalid
from dcplan.provider.grouping import first_devices
from dcplan_gcp.composite import Part
from dcplan_gcp.families import family_of
from dcplan_gcp.launch import LONGEST_FLEX_S, body_of
from dcplan_gcp.naming import OWNER, Note, labels_of, name_of
from dcplan_gcp.placed import FIRST_PORT
from dcplan_gcp.rest import last
from dcplan_gcp.stores import told as told_storage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dcplan.provider.types import Request
    from dcplan.resources import JsonValue
    from dcplan_gcp.settings import GcpSettings

TEMPLATES, MANAGERS, AUTOSCALERS = "instanceTemplates", "instanceGroupManagers", "autoscalers"

NOTE = "dcplan-group"
"""The key of a group's owner note, beside that of what runs."""

PROGRAM = "dcplan-run-group"
"""The metadata key that says what each member runs; the agent of machines reads what begins like this."""

PORT_NAME = "serve"
"""What a load balancer calls the ports of replicas: 8000 plus the number of their first device."""

COOL_DOWN_S = 600
"""How long the autoscaler lets a new machine load its model before it looks at it (our choice)."""

BUSY = 0.6
"""The share of CPU time that the autoscaler aims at: its own default."""


def whole(request: Request, key: str) -> int:
    """A whole number among the attributes."""
    found = request.attributes.get(key)
    if not isinstance(found, int):
        raise Invalid(f"{request.address} does not say {key}.")
    return found


def queued(attributes: Mapping[str, JsonValue]) -> bool:
    """Whether the machines come by resize requests."""
    return attributes.get("purchase") == "queued"


def template(  # noqa: PLR0913 - everything that a machine is made of
    request: Request,
    zone: str,
    project: str,
    settings: GcpSettings,
    *,
    nics: Sequence[Mapping[str, Any]],
    policies: Sequence[str],
) -> Part:
    """The template: an instance without what is one instance's own, and with names where others have URLs."""
    made = body_of(request, zone, project, settings, nics=nics, policies=())
    for disk in made["disks"]:
        disk["initializeParams"]["diskType"] = last(disk["initializeParams"]["diskType"])
    items = [item for item in made["metadata"]["items"] if item["key"] != OWNER]
    properties = {
        **{k: v for k, v in made.items() if k not in {"name", "description", "params"}},
        "machineType": last(made["machineType"]),
        "metadata": {"items": items},
    }
    named = [last(policy) for policy in policies if family_of(properties["machineType"]).compact]
    if named:
        properties["resourcePolicies"] = named
    body = {
        "name": name_of(request.lineage, request.address),
        "description": _short(request).text,
        "properties": properties,
    }
    return Part(scope="global", collection=TEMPLATES, body=body)


def _short(request: Request) -> Note:
    """The owner's note of a template, without members and programs: a description has 2,048 characters."""
    asked = {key: value for key, value in request.attributes.items() if key not in {"members", "runs"}}
    return replace(Note.of(request), attributes={**asked, "members": []})


def manager(request: Request, zone: str, template_path: str, policies: Sequence[str]) -> Part:
    """The group.  Google heals nothing by itself but what stops; a slice is had and lost as a whole."""
    name, waits = name_of(request.lineage, request.address), queued(request.attributes)
    machine = str(request.attributes["machine"])
    body: dict[str, Any] = {
        "name": name,
        "description": f"{request.address} of dcplan",
        "baseInstanceName": name,
        "instanceTemplate": template_path,
        "targetSize": 0 if waits else whole(request, "at_least"),
        "updatePolicy": {"type": "OPPORTUNISTIC", "minimalAction": "REFRESH"},
        "allInstancesConfig": {
            "properties": {"labels": labels_of(request), "metadata": metadata(request, ())}
        },
    }
    ports = first_devices(request.attributes)
    if ports:
        body["namedPorts"] = [{"name": PORT_NAME, "port": FIRST_PORT + device} for device in ports]
    if waits or (family_of(machine).tpu and request.attributes.get("gang")):
        body["instanceLifecyclePolicy"] = {"defaultActionOnFailure": "DO_NOTHING"}
    if policies and not family_of(machine).compact:
        body["resourcePolicies"] = {"workloadPolicy": policies[0]}
    if request.attributes.get("purchase") == "capacity-block" and request.attributes.get("gang"):
        body["targetSizePolicy"] = {"mode": "BULK"}
    return Part(scope=f"zones/{zone}", collection=MANAGERS, body=body)


def metadata(request: Request, on: Sequence[str]) -> dict[str, str]:
    """What a group keeps: whose it is, and what runs.

    A gang is told what to run once its members are known: ``on`` are their names, in the order of ranks.
    """
    note = {NOTE: Note.of(request).text}
    if request.attributes.get("gang") and not on:
        return note
    return {**note, PROGRAM: program(request, on)}


def program(request: Request, on: Sequence[str]) -> str:
    """What each member runs.  It is the same text as long as that does not change: launchers start by it."""
    runs = request.attributes.get("runs")
    asked = runs if isinstance(runs, dict) else {}
    told: dict[str, JsonValue] = {
        "dcplan": 1,
        "address": str(request.address),
        "attributes": {
            "workload": request.attributes.get("workload"),
            "settings": asked.get("settings"),
            "each": asked.get("each"),
            **({"storage": stored} if (stored := request.attributes.get("storage")) else {}),
        },
        "on": list(on),
        **({"storage": where} if (where := told_storage(request)) else {}),
    }
    return json.dumps(told, sort_keys=True, separators=(",", ":"))


def autoscaler(request: Request, zone: str, manager_path: str) -> Part:
    """What changes the number of members between floor and ceiling."""
    body = {
        "name": last(manager_path),
        "description": f"{request.address} of dcplan",
        "target": manager_path,
        "autoscalingPolicy": policy(whole(request, "at_least"), whole(request, "at_most")),
    }
    return Part(scope=f"zones/{zone}", collection=AUTOSCALERS, body=body)


def policy(floor: int, ceiling: int) -> dict[str, Any]:
    """Bounds of an autoscaler, and what it goes by."""
    return {
        "minNumReplicas": floor,
        "maxNumReplicas": ceiling,
        "coolDownPeriodSec": COOL_DOWN_S,
        "cpuUtilization": {"utilizationTarget": BUSY},
        "mode": "ON",
    }


def resize_request(request: Request, missing: int, keeps_s: float) -> dict[str, Any]:
    """So many more machines, when there are some; the same name for the same request."""
    return {
        "name": f"r-{missing}-{labels_of(request)['dcplan-token'][:40].strip('-_').replace('_', '-')}",
        "description": f"{request.address} of dcplan",
        "resizeBy": missing,
        "requestedRunDuration": {"seconds": str(int(min(keeps_s, LONGEST_FLEX_S)))},
    }


def texts_of(there: Mapping[str, Any]) -> dict[str, str]:
    """The metadata that a group gives its members."""
    found = there.get("allInstancesConfig", {}).get("properties", {}).get("metadata", {})
    return {str(key): str(value) for key, value in found.items()}


def note_of(there: Mapping[str, Any]) -> Note | None:
    """The owner's note of a group, or of a template that has none."""
    return Note.read(texts_of(there).get(NOTE) or there.get("description"))
