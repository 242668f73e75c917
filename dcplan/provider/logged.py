"""What the log tells of the calls of providers: what was asked for, what came of it, never attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dcplan.diag.watch import Fields, Watched, watched

if TYPE_CHECKING:
    from dcplan.catalog.live_types import LiveCatalog
    from dcplan.diag import Result
    from dcplan.provider.protocol import Provider
    from dcplan.provider.types import Ack, Found, OfferingQuery, Refreshed, Request
    from dcplan.resources import Resource


def _request(request: Request, *_: object) -> Fields:
    return {
        "address": request.address,
        "action": request.action.value,
        "token": request.token,
        "object_id": request.object_id,
    }


def _waiting(request: Request, ack: Ack, *_: object) -> Fields:
    return {**_request(request), "object_id": ack.object_id, "operation_id": ack.operation_id}


def _ack(ack: Ack) -> Fields:
    return {"made_id": ack.object_id, "operation_id": ack.operation_id}


def _found(found: Sequence[Found]) -> Fields:
    return {"objects": len(found)}


def _seen(found: Sequence[Found]) -> Fields:
    return {"found": [one.object_id for one in found]}


def _resources(resources: Sequence[Resource]) -> Fields:
    return {"resources": len(resources)}


def _refreshed(refreshed: Refreshed) -> Fields:
    there = sum(one is not None for one in refreshed.found.values())
    return {"there": there, "gone": len(refreshed.found) - there, "calls": refreshed.calls}


def _query(query: OfferingQuery) -> Fields:
    return {"regions": query.regions, "accelerators": query.accelerators}


def _listed(result: Result[tuple[object, ...]]) -> Fields:
    return {
        "items": None if result.value is None else len(result.value),
        "diagnostics": [d.code for d in result.diagnostics],
    }


def _told(result: Result[LiveCatalog]) -> Fields:
    told = None if result.value is None else len(result.value.regions)
    return {"told_regions": told, "diagnostics": [d.code for d in result.diagnostics]}


METHODS: Mapping[str, Watched] = {
    "begin": Watched(asks=_request, gives=_ack),
    "wait": Watched(asks=_waiting),
    "lookup": Watched(asks=_request, gives=_seen),
    "refresh": Watched(asks=_resources, gives=_refreshed),
    "owned": Watched(asks=lambda lineage: {"lineage": lineage}, gives=_found),
    "set_owner": Watched(asks=_request),
    "machines": Watched(gives=_listed),
    "offerings": Watched(asks=_query, gives=_listed),
    "site": Watched(gives=_listed),
    "quotas": Watched(gives=_listed),
    "live": Watched(asks=lambda regions, _at_s: {"regions": list(regions)}, gives=_told),
    "resources_for": Watched(level="trace", gives=_listed),
}
"""Every call of the protocol."""


def logged_provider(provider: Provider, name: str) -> Provider:
    """The provider; while a log is written, one whose calls it tells."""
    return watched(provider, "provider", METHODS, provider=name)
