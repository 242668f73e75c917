"""Machines that the document has dcplan order: reservations, and calendar-mode blocks.  Pure."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from dcplan.catalog import Purchase
from dcplan.diag import Diagnostic, error, listed
from dcplan.resources import Address, JsonValue, Resource
from dcplan_gcp.families import family_of
from dcplan_gcp.kinds import BLOCK, KINDS, RESERVATION
from dcplan_gcp.settings import GcpCapacityBlockSpec, GcpReservationSpec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from dcplan.provider.types import Request
    from dcplan_gcp.settings import GcpSettings

Lot = GcpReservationSpec | GcpCapacityBlockSpec

CALENDAR = ("a3-highgpu-8g", "a3-megagpu-8g", "a3-ultragpu-8g", "a4-highgpu-8g")
"""GPU machine types of calendar mode (Compute Engine documentation, "About future reservation requests in
calendar mode"); TPUs are ordered there in another form, which dcplan does not write."""

LONGEST_S = 90 * 86_400.0
"""Of a window in calendar mode (as above)."""

MOST = 1000
"""Machines of a reservation (Compute Engine API, ``ReservationsResizeRequest``)."""

_ZONE = re.compile(r"-[a-z]$")
"""What a zone's name has behind that of its region."""

_MARK = "gcp."
"""How an instance's ``reservation`` begins where dcplan orders it: its address."""


def ordered(settings: GcpSettings) -> dict[str, Lot]:
    """What dcplan is to order, by pool as ``Offering.pool`` names it."""
    found: dict[str, Lot] = {_pool(spec): spec for spec in settings.reservations if spec.order}
    return {**found, **{_pool(spec): spec for spec in settings.capacity_blocks if spec.buy}}


def address_of(lot: Lot) -> Address:
    """Of the resource that it is."""
    kind = RESERVATION if isinstance(lot, GcpReservationSpec) else BLOCK
    return Address("gcp", kind, lot.name or f"{lot.zone}-{lot.machine}")


def is_always(lot: Lot, settings: GcpSettings) -> bool:
    """Whether it is there used or not, as long as it stands in the document: a reservation of its regions."""
    here = settings.regions is None or region_of(lot.zone) in settings.regions
    return isinstance(lot, GcpReservationSpec) and here


def region_of(zone: str) -> str:
    """``us-central1`` of ``us-central1-a``, and of itself."""
    return _ZONE.sub("", zone)


def resource_of(lot: Lot, project: str, settings: GcpSettings) -> Resource:
    """What is ordered."""
    address, region = address_of(lot), region_of(lot.zone)
    attributes: dict[str, JsonValue] = {
        "project": project,
        "region": region,
        "zone": settings.zones[region][0] if lot.zone == region else lot.zone,
        "machine_type": lot.machine,
        "machines": lot.machines,
    }
    if isinstance(lot, GcpReservationSpec):
        attributes["until"] = None if lot.until is None else _moment(lot.until)
    else:
        attributes |= {"start": _moment(lot.start), "end": _moment(lot.end), "expected_usd": lot.price}
    return Resource(address=address, attributes=attributes, known_after_apply=KINDS[address.kind].outputs)


def named_in(pool: str, purchase: str, lots: Mapping[str, Lot]) -> str | None:
    """What an instance says of its reservation: an address, a name of the document's, or nothing."""
    lot = lots.get(pool)
    if lot is not None:
        return str(address_of(lot))
    way = pool.rpartition("/")[2]
    return way.removeprefix(f"{purchase}-") if way.startswith(f"{purchase}-") else None


def is_ordered(attributes: Mapping[str, JsonValue]) -> bool:
    """Whether a machine stands in what dcplan orders."""
    return str(attributes.get("reservation") or "").startswith(_MARK)


def lot_in(request: Request) -> str | None:
    """The id of what a machine stands in, where dcplan orders that."""
    for address, outputs in request.needs.items():
        if address.split(".", 2)[1] in {RESERVATION, BLOCK}:
            return str(outputs["id"])
    return None


def lot_problems(settings: GcpSettings, regions: Collection[str]) -> Iterator[Diagnostic]:
    """What cannot be ordered; ``regions`` are those that the catalogue knows."""
    for i, spec in enumerate(settings.reservations):
        if spec.order:
            path = ("providers", "gcp", "reservations", i)
            yield from _place_problems(spec, settings, regions, path)
            if family_of(spec.machine).tpu:
                detail = (
                    f"Google Cloud sells no reservations of {spec.machine} by its API. Have it made by your "
                    "account team, and say its `name` instead of `order`."
                )
                yield error("order-tpu", "It cannot be ordered", detail, path=(*path, "order"))
            if spec.machines > MOST:
                detail = f"A reservation has {MOST:,} machines at most. Say several, each with a `name`."
                yield error("order-size", "A reservation is too large", detail, path=(*path, "machines"))
    for i, block in enumerate(settings.capacity_blocks):
        if block.buy:
            path = ("providers", "gcp", "capacity_blocks", i)
            yield from _place_problems(block, settings, regions, path)
            if block.machine not in CALENDAR:
                detail = (
                    f"dcplan orders {listed(CALENDAR)} in calendar mode, not {block.machine}. Order it in "
                    "the console, and say the `name` of its reservation instead of `buy`."
                )
                yield error("buy-machine", "It cannot be bought", detail, path=(*path, "buy"))
            if block.end - block.start > LONGEST_S:
                detail = "A window of calendar mode has 90 days at most. Mend start or end."
                yield error("buy-window", "A capacity block is too long", detail, path=(*path, "end"))


def _place_problems(
    lot: Lot, settings: GcpSettings, regions: Collection[str], path: tuple[str | int, ...]
) -> Iterator[Diagnostic]:
    if lot.zone in regions and not settings.zones.get(lot.zone):
        detail = (
            f"{lot.zone} is a region, and machines are kept in a zone. Name the zone: under `zones: "
            f"{{{lot.zone}: [{lot.zone}-a]}}`, or here, once `dcplan catalog refresh` has told which zones "
            f"have {lot.machine}."
        )
        yield error("order-zone", "It is not known where to order", detail, path=(*path, "zone"))


def _pool(lot: Lot) -> str:
    purchase = Purchase.RESERVATION if isinstance(lot, GcpReservationSpec) else Purchase.CAPACITY_BLOCK
    return f"{lot.zone}/{lot.machine}/{'-'.join(filter(None, (purchase.value, lot.name)))}"


def _moment(at_s: float) -> str:
    """Unix time as Google writes it, in UTC."""
    return dt.datetime.fromtimestamp(at_s, tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
