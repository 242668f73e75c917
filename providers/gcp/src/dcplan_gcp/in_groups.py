"""Which machines of a placement stand in groups of Google Cloud, and what cannot.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, Result, error
from dcplan.provider.grouping import Grouped, GroupWish, grouped
from dcplan_gcp.families import COMPUTE_TPU, family_of
from dcplan_gcp.kinds import KINDS, MANAGED_GROUP
from dcplan_gcp.lots import region_of
from dcplan_gcp.settings import PATH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dcplan.provider.types import MachineGroup, Placement
    from dcplan.resources import Resource
    from dcplan_gcp.settings import GcpSettings


def in_groups(placement: Placement, settings: GcpSettings) -> Result[Grouped]:
    """A placement taken apart: in groups what the settings name, and what comes in no other way.

    Errors: those of ``grouped``; ``group-slice`` for TPUs of which groups make no slices; ``group-queued``
    for machines that wait in a queue and shall grow by themselves.
    """
    wishes = (*settings.wishes(), *_slices(placement, {group.workload for group in settings.machine_groups}))
    taken = grouped(placement, wishes, provider="gcp", kinds=KINDS)
    if taken.value is None:
        return taken
    wrong = (
        *(_no_slice(group) for group in taken.value.groups if not _can(group)),
        *(_far_off(group) for group in taken.value.groups if not _near(group)),
        *(_no_growth(group) for group in taken.value.groups if _waits_and_grows(group)),
    )
    return Result(None if wrong else taken.value, (*taken.diagnostics, *wrong))


def is_slice(group: MachineGroup) -> bool:
    """Whether these machines are the hosts of one TPU slice."""
    return group.gang and len(group.names) > 1 and family_of(group.machine).tpu


def _slices(placement: Placement, named: set[str]) -> Iterator[GroupWish]:
    """Workloads on slices of hosts that only a managed instance group can make."""
    only = {
        name
        for g in placement.machines
        if is_slice(g) and g.machine.startswith(COMPUTE_TPU)
        for name in g.names
    }
    for workload in placement.workloads:
        if workload.name not in named and any(only.intersection(spec.machines) for spec in workload.replicas):
            yield GroupWish(
                workload=workload.name,
                kind=MANAGED_GROUP,
                word="a managed instance group",
                gangs=True,
                answers=True,
                path=PATH,
            )


def _can(group: Resource) -> bool:
    """Whether a managed instance group can make the slice that a gang of TPU hosts is."""
    family = family_of(str(group.attributes["machine"]))
    managed = group.address.kind == MANAGED_GROUP and group.attributes["gang"] is not None
    return not (managed and family.tpu and family.slices is None)


def _no_slice(group: Resource) -> Diagnostic:
    machine, workload = group.attributes["machine"], group.attributes["workload"]
    detail = (
        f'"{workload}" runs on a slice of several {machine}, which managed instance groups cannot make: they '
        f'know TPU v5p and later. Take "{workload}" out of `machine_groups`: then it is a queued resource of '
        "Cloud TPU."
    )
    return error("group-slice", "A group cannot make such a slice", detail, path=(*PATH, "machine_groups"))


def _near(group: Resource) -> bool:
    """Whether the nodes of a pool are in the region of their cluster."""
    location = group.attributes.get("location")
    return not isinstance(location, str) or region_of(location) == group.attributes["region"]


def _far_off(group: Resource) -> Diagnostic:
    asked = group.attributes
    detail = (
        f'"{asked["workload"]}" is best in {asked["region"]}, and the nodes of {asked["cluster"]} are in '
        f"{region_of(str(asked['location']))}. Keep it there by `constraints: regions`, or name another."
    )
    return error("group-region", "A cluster is elsewhere", detail, path=(*PATH, "machine_groups"))


def _waits_and_grows(group: Resource) -> bool:
    """Whether a group whose machines come by resize requests is to grow by itself, too."""
    asked = group.attributes
    if group.address.kind != MANAGED_GROUP:
        return False
    return asked["purchase"] == "queued" and asked["at_most"] != asked["at_least"]


def _no_growth(group: Resource) -> Diagnostic:
    workload = group.attributes["workload"]
    detail = (
        f'"{workload}" gets machines that wait in a queue, and no autoscaler can ask for these. Leave out '
        "`at_most` of its entry in `machine_groups`."
    )
    return error("group-queued", "A queue is not scaled", detail, path=(*PATH, "machine_groups"))
