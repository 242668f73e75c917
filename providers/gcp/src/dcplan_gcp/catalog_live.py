"""What Google Cloud says today: machine types by zone, and prices made of SKUs.

Everything is asked, nothing is changed.  Permissions: compute.machineTypes.list in the project; the price
list is public, but the project needs the Cloud Billing API enabled.  ``catalog_beside`` asks for the rest.
"""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dcplan.catalog.dates import day_of
from dcplan.catalog.live_types import Doubt, LiveCatalog, LiveMachine, LivePrice, LiveRegion, Part
from dcplan.catalog.types import Purchase, Source
from dcplan.diag import Diagnostic, Result, error, listed, warning
from dcplan.provider.errors import Invalid
from dcplan_gcp.asking import BILLING, COMPUTE, Asking, UnheardError
from dcplan_gcp.catalog_beside import beside
from dcplan_gcp.catalog_skus import BILLS, COMPUTE_SERVICE, TPU_SERVICE, Made, Rates, price_of, rates_of
from dcplan_gcp.settings import endpoint, project_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from dcplan.catalog.types import Machine
    from dcplan_gcp.settings import GcpSettings

PATH = ("providers", "gcp")

MACHINES_A_PAGE, SKUS_A_PAGE = 500, 5000

FAMILIES = "|".join(sorted({bill.machines.partition("-")[0] for bill in BILLS} | {"a4x"}))
"""What names of machine types with accelerators begin with."""

UNREACHABLE = "UNREACHABLE"
"""The code of a scope that did not answer: what it holds is unknown, not nothing."""

FACTS_SOURCE = "Compute Engine machine types"


def live(
    settings: GcpSettings, machines: Mapping[str, Machine], regions: Sequence[str], at_s: float
) -> Result[LiveCatalog]:
    """What Google Cloud says of these regions; ``machines`` are the machine types of the catalogue."""
    try:
        asking = Asking(project=project_of(settings), endpoint=endpoint())
    except Invalid:
        return Result(None, (_no_project(),))
    with ThreadPoolExecutor(3) as pool:
        types = pool.submit(_machine_types, asking)
        lists = [pool.submit(_skus, asking, service) for service in (COMPUTE_SERVICE, TPU_SERVICE)]
        try:
            scopes = types.result()
        except UnheardError as problem:
            return Result(None, (_unanswered(asking, problem),))
        said: list[Diagnostic] = []
        rates: Rates = {}
        priced = True
        for listed_by in lists:
            try:
                for key, amounts in listed_by.result().items():
                    rates.setdefault(key, set()).update(amounts)
            except UnheardError as problem:
                priced = False
                said.append(_unpriced(problem))
    if priced and not rates:
        priced = False
        said.append(_unpriced(UnheardError("it has no price at all")))
    said += _silent(scopes, regions)
    told = _catalog(scopes, machines, regions, rates if priced else None, at_s)
    whole, partly = beside(asking, settings, told, machines, at_s)
    return Result(whole, (*said, *partly))


@dataclass(frozen=True, slots=True)
class Scopes:
    """Machine types by zone, and zones that did not answer."""

    zones: Mapping[str, Sequence[Mapping[str, Any]]]
    silent: tuple[str, ...]


def _machine_types(asking: Asking) -> Scopes:
    """Every machine type with accelerators, in every zone; ``UnheardError``."""
    zones: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    silent = []
    for page in asking.pages(
        COMPUTE,
        f"compute/v1/projects/{asking.project}/aggregated/machineTypes",
        filter=f'name eq "({FAMILIES})-.*"',
        maxResults=str(MACHINES_A_PAGE),
    ):
        for scope, held in page.get("items", {}).items():
            zone = scope.removeprefix("zones/")
            if held.get("warning", {}).get("code") == UNREACHABLE:
                silent.append(zone)
            found = [one for one in held.get("machineTypes", ()) if _is_current(one)]
            if found:
                zones[zone] += found
        silent += [str(scope).removeprefix("zones/") for scope in page.get("unreachables", ())]
    return Scopes(zones, tuple(silent))


def _is_current(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("deprecated", {}).get("state", "ACTIVE") == "ACTIVE")


def _skus(asking: Asking, service: str) -> Rates:
    """The plain prices of one service; ``UnheardError``."""
    pages = asking.pages(
        BILLING, f"v1/services/{service}/skus", currencyCode="USD", pageSize=str(SKUS_A_PAGE)
    )
    return rates_of(sku for page in pages for sku in page.get("skus", ()))


def _catalog(
    scopes: Scopes, machines: Collection[str], regions: Sequence[str], rates: Rates | None, at_s: float
) -> LiveCatalog:
    """Decides from what was told; asks nobody."""
    wanted, silent = set(regions), {region_of(zone) for zone in scopes.silent}
    by_region: dict[str, dict[str, list[str]]] = {name: {} for name in sorted(wanted - silent)}
    facts: dict[str, Made] = {}
    told: list[LiveMachine] = []
    strangers = set()
    for zone, types in sorted(scopes.zones.items()):
        for entry in types:
            name = str(entry["name"])
            if name not in machines:
                strangers.add(name)
            elif region_of(zone) in by_region:
                by_region[region_of(zone)].setdefault(name, []).append(zone)
                if name not in facts:
                    facts[name] = made(entry)
                    told.append(_fact(entry, facts[name], day_of(at_s)))
    found, doubts = [], []
    for region, zones in by_region.items():
        prices, doubted = _prices(region, zones, facts, rates, day_of(at_s))
        doubts += doubted
        parts = {Part.ZONES} if rates is None else {Part.ZONES, Part.ON_DEMAND, Part.SPOT}
        found.append(
            LiveRegion(
                name=region,
                read_at_s=at_s,
                told=frozenset(parts),
                zones={name: tuple(names) for name, names in sorted(zones.items())},
                prices=prices,
            )
        )
    return LiveCatalog(
        provider="gcp",
        regions=tuple(found),
        machines=tuple(told),
        strangers=tuple(sorted(strangers)),
        doubts=tuple(doubts),
    )


def _prices(
    region: str,
    zones: Mapping[str, Sequence[str]],
    facts: Mapping[str, Made],
    rates: Rates | None,
    day: str,
) -> tuple[tuple[LivePrice, ...], list[Doubt]]:
    prices, doubts = [], []
    for name in sorted(zones) if rates is not None else ():
        for purchase in (Purchase.ON_DEMAND, Purchase.SPOT):
            price, doubt = price_of(facts[name], region, purchase, rates or {}, day)
            prices += [price] if price is not None else []
            doubts += [doubt] if doubt is not None else []
    return tuple(prices), doubts


def made(entry: Mapping[str, Any]) -> Made:
    """What one machine type is made of; ``memoryMb`` counts MiB, whatever its name says."""
    devices = sum(int(chip["guestAcceleratorCount"]) for chip in entry.get("accelerators", ()))
    return Made(
        name=str(entry["name"]),
        vcpus=int(entry["guestCpus"]),
        memory_gib=int(entry["memoryMb"]) / 1024,
        devices=devices,
    )


def _fact(entry: Mapping[str, Any], parts: Made, day: str) -> LiveMachine:
    chips = [str(chip["guestAcceleratorType"]) for chip in entry.get("accelerators", ())]
    return LiveMachine(
        name=parts.name,
        vcpus=parts.vcpus,
        memory_bytes=round(parts.memory_gib * 2**30),
        devices=parts.devices,
        accelerator=" and ".join(chips) or "none",
        device_memory_bytes=None,
        source=Source(name=FACTS_SOURCE, date=day),
    )


def region_of(zone: str) -> str:
    """``us-central1`` of ``us-central1-a``."""
    return zone.rpartition("-")[0]


def _silent(scopes: Scopes, regions: Sequence[str]) -> list[Diagnostic]:
    zones = sorted(zone for zone in scopes.silent if region_of(zone) in regions)
    if not zones:
        return []
    detail = (
        f"Google Cloud could not reach {listed(zones)}, so the catalogue of their regions stays as it was. "
        "Try again in a while."
    )
    return [warning("catalog-partly", "Not everything could be asked", detail, path=PATH, on_key=True)]


def _unpriced(problem: UnheardError) -> Diagnostic:
    detail = (
        f"Google's price list was not told ({problem}), so prices stay as they were. The project needs the "
        "Cloud Billing API: gcloud services enable cloudbilling.googleapis.com"
    )
    return warning("catalog-partly", "Not everything could be asked", detail, path=PATH, on_key=True)


def _unanswered(asking: Asking, problem: UnheardError) -> Diagnostic:
    detail = (
        f"Google Cloud did not tell its machine types in the project {asking.project}: {problem}. See that "
        "the network is there, and that who asks has the permission compute.machineTypes.list "
        "(roles/compute.viewer)."
    )
    return error("catalog-unanswered", "The cloud cannot be asked", detail, path=PATH, on_key=True)


def _no_project() -> Diagnostic:
    detail = (
        "It is not known in which project of Google Cloud to ask for machine types. Say `project:` under "
        "`providers: gcp:`, or set GOOGLE_CLOUD_PROJECT."
    )
    return error("catalog-project", "No project is named", detail, path=PATH, on_key=True)
