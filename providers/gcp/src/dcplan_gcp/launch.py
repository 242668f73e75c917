"""The body of an instance: cards, disks, scheduling, reservation.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dcplan.provider.errors import Invalid
from dcplan.provider.purchases import QueueSpec
from dcplan_gcp.families import family_of
from dcplan_gcp.lots import lot_in
from dcplan_gcp.naming import OWNER, Note, labels_of, name_of
from dcplan_gcp.rest import last

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dcplan.provider.types import Request
    from dcplan_gcp.settings import GcpSettings, NetworkSettings

DAY_S = 86_400.0
LONGEST_FLEX_S = 7 * DAY_S
"""For how long flex-start machines may be kept (Compute Engine documentation, "About Flex-start VMs")."""

WAITS_S = 2 * 3600.0
"""For how long a flex-start request of one machine may wait (as above)."""

RESERVATION = "compute.googleapis.com/reservation-name"


def body_of(  # noqa: PLR0913 - everything that a machine is made of
    request: Request,
    zone: str,
    project: str,
    settings: GcpSettings,
    *,
    nics: Sequence[Mapping[str, Any]],
    policies: Sequence[str],
) -> dict[str, Any]:
    """What to insert.  ``nics`` and ``policies`` are what the machine stands in."""
    ask = request.attributes
    machine, name = str(ask["machine"]), name_of(request.lineage, request.address)
    family = family_of(machine)
    labels = labels_of(request)
    public = {"accessConfigs": [{"name": "External NAT", "type": "ONE_TO_ONE_NAT"}]}
    cards = [dict(nic) for nic in nics]
    if settings.public_addresses and cards:
        cards[0] |= public
    body: dict[str, Any] = {
        "name": name,
        "description": f"{request.address} of dcplan",
        "machineType": f"projects/{project}/zones/{zone}/machineTypes/{machine}",
        "labels": labels,
        "metadata": {"items": _metadata(request, settings)},
        "networkInterfaces": cards,
        "disks": [
            {
                "boot": True,
                "autoDelete": True,
                "initializeParams": {
                    "sourceImage": settings.image or family.image,
                    "diskSizeGb": str(settings.boot_disk_gb),
                    "diskType": f"projects/{project}/zones/{zone}/diskTypes/{family.disk}",
                    "labels": labels,
                },
            }
        ],
        "serviceAccounts": [
            {
                "email": settings.service_account or "default",
                "scopes": ["https://www.googleapis.com/auth/cloud-platform"],
            }
        ],
        **bought_as(str(ask.get("purchase")), reservation_in(request), project, settings),
    }
    if policies:
        body["resourcePolicies"] = list(policies)
    return body


def _metadata(request: Request, settings: GcpSettings) -> list[dict[str, str]]:
    own = {**settings.boot_metadata, OWNER: Note.of(request).text}
    return [{"key": key, "value": value} for key, value in sorted(own.items())]


def reservation_in(request: Request) -> str | None:
    """The name of the reservation that a machine stands in."""
    ordered = lot_in(request)
    return lot_of(request.attributes) if ordered is None else last(ordered)


def lot_of(ask: Mapping[str, Any]) -> str | None:
    """The name of a reservation, which is the end of its pool's: ``zone/machine/reservation-NAME``."""
    way, purchase = str(ask.get("pool") or "").rpartition("/")[2], str(ask.get("purchase"))
    return way.removeprefix(f"{purchase}-") if way.startswith(f"{purchase}-") else None


def bought_as(purchase: str, lot: str | None, project: str, settings: GcpSettings) -> dict[str, Any]:
    """Scheduling and reservation of one way to buy a machine."""
    rules: dict[str, Any] = {"onHostMaintenance": "TERMINATE", "automaticRestart": True}
    goes = {**rules, "automaticRestart": False, "instanceTerminationAction": "DELETE"}
    unreserved = {"consumeReservationType": "NO_RESERVATION"}
    if purchase == "spot":
        return {"scheduling": {**goes, "provisioningModel": "SPOT"}, "reservationAffinity": unreserved}
    if purchase == "queued":
        queue = settings.queued if isinstance(settings.queued, QueueSpec) else QueueSpec()
        keeps_s = min(queue.at_most or LONGEST_FLEX_S, LONGEST_FLEX_S)
        return {
            "scheduling": {
                **goes,
                "provisioningModel": "FLEX_START",
                "maxRunDuration": {"seconds": str(int(keeps_s))},
            },
            "params": {"requestValidForDuration": {"seconds": str(int(WAITS_S))}},
            "reservationAffinity": unreserved,
        }
    if purchase in {"reservation", "capacity-block"}:
        return _reserved(purchase, lot, project, rules, goes)
    if purchase in {"on-demand", "committed"}:
        return {"scheduling": {**rules, "provisioningModel": "STANDARD"}}
    msg = f"dcplan-gcp does not buy machines as {purchase}."
    raise Invalid(msg)


def _reserved(
    purchase: str, lot: str | None, project: str, rules: Mapping[str, Any], goes: Mapping[str, Any]
) -> dict[str, Any]:
    """A machine of a reservation; those that a calendar request made are bound to its window."""
    block = purchase == "capacity-block"
    if lot is None:
        if block:
            raise Invalid(
                "A capacity block on Google Cloud is a reservation: say its name as the block's `name`, or "
                "let dcplan `buy` it."
            )
        affinity: dict[str, Any] = {"consumeReservationType": "ANY_RESERVATION"}
    else:
        affinity = {
            "consumeReservationType": "SPECIFIC_RESERVATION",
            "key": RESERVATION,
            "values": [f"projects/{project}/reservations/{lot}"],
        }
    if block:
        return {
            "scheduling": {**goes, "provisioningModel": "RESERVATION_BOUND"},
            "reservationAffinity": affinity,
        }
    return {"scheduling": {**rules, "provisioningModel": "STANDARD"}, "reservationAffinity": affinity}


def adopted_nics(
    own: NetworkSettings, project: str, machine: str, region: str, zone: str
) -> list[dict[str, Any]]:
    """The cards of a machine in a network that the settings name; ``Invalid`` where a subnet is missing."""
    family = family_of(machine)
    wanted: list[tuple[str | None, str, str]] = [
        (own.subnets.get(region), family.system_nic, f"subnets: {region}")
    ]
    if family.system_nics > 1:
        second = own.second_subnets.get(region)
        wanted.append((second, family.system_nic, f"second_subnets: {region}"))
    gpu, rdma = own.gpu_subnets.get(region, ()), own.rdma_subnets.get(zone, ())
    for k in range(family.gpu_vpcs):
        named = gpu[k] if k < len(gpu) else None
        wanted.append((named, family.system_nic, f"gpu_subnets: {region} (number {k + 1})"))
    for j in range(family.rdma_subnets):
        named = rdma[j] if j < len(rdma) else None
        wanted.append((named, "MRDMA", f"rdma_subnets: {zone} (number {j + 1})"))
    cards = []
    for subnet, card, key in wanted:
        if subnet is None:
            msg = f"{machine} needs a subnet that is not named: providers: gcp: network: {key}."
            raise Invalid(msg)
        path = subnet if "/" in subnet else f"projects/{project}/regions/{region}/subnetworks/{subnet}"
        cards.append({"subnetwork": path, "nicType": card})
    return cards
