"""What Google Cloud says beside machine types and prices: quotas, accelerators by zone, odds of spot.

Each of them may fail alone: what was not told is not there, and a warning says which permission it takes.
"""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dcplan.catalog.live_types import LiveCatalog, LiveRegion, Part
from dcplan.diag import Diagnostic, warning
from dcplan_gcp import catalog_quotas
from dcplan_gcp.asking import COMPUTE, Asking, UnheardError
from dcplan_gcp.catalog_advice import advised

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.catalog.live_types import LiveAdvice
    from dcplan.catalog.types import Machine
    from dcplan_gcp.settings import GcpSettings

PATH = ("providers", "gcp")
UNREACHABLE = "UNREACHABLE"


@dataclass(frozen=True, slots=True)
class Beside:
    """As it was told; None where it was not."""

    quotas: catalog_quotas.Said | None
    accelerators: Mapping[str, Mapping[str, list[str]]] | None
    """By region and accelerator, the zones."""
    advice: Mapping[str, tuple[LiveAdvice, ...]]


def beside(
    asking: Asking,
    settings: GcpSettings,
    live: LiveCatalog,
    machines: Mapping[str, Machine],
    at_s: float,
) -> tuple[LiveCatalog, list[Diagnostic]]:
    """The catalogue with all of it, and warnings of what was not told."""
    said: list[Diagnostic] = []
    told = Beside(None, None, {})
    with ThreadPoolExecutor(2) as pool:
        quotas, chips = pool.submit(catalog_quotas.asked, asking), pool.submit(_accelerators, asking)
        try:
            told = replace(told, quotas=quotas.result())
        except UnheardError as problem:
            said.append(_partly("Quotas", problem, "compute.regions.list and compute.projects.get"))
        try:
            told = replace(told, accelerators=chips.result())
        except UnheardError as problem:
            said.append(_partly("Accelerator types", problem, "compute.acceleratorTypes.list"))
    if settings.regions is not None and settings.spot:
        # A question for each machine type: only where the document says which regions it is about.
        pairs = [
            (region.name, name, zones)
            for region in live.regions
            for name, zones in sorted(region.zones.items())
            if name in machines
        ]
        advice, why = advised(asking, pairs, at_s)
        told = replace(told, advice=advice)
        if why:
            needed = "compute.advice.capacity and compute.advice.capacityHistory"
            said.append(_partly("Odds of spot machines", UnheardError(why), needed))
    regions = tuple(_with(region, told, machines, at_s) for region in live.regions)
    return replace(live, regions=regions), said


def _with(region: LiveRegion, told: Beside, machines: Mapping[str, Machine], at_s: float) -> LiveRegion:
    """One region with what was told of it."""
    parts = set(region.told)
    quotas = (
        None if told.quotas is None else catalog_quotas.quotas_of(told.quotas, region.name, machines, at_s)
    )
    chips = None if told.accelerators is None else told.accelerators.get(region.name)
    advice = told.advice.get(region.name)
    for part, found in ((Part.QUOTAS, quotas), (Part.ACCELERATORS, chips), (Part.ADVICE, advice)):
        parts |= set() if found is None else {part}
    return replace(
        region,
        told=frozenset(parts),
        quotas=quotas or (),
        advice=advice or (),
        accelerators={name: tuple(sorted(zones)) for name, zones in sorted((chips or {}).items())},
    )


def _accelerators(asking: Asking) -> Mapping[str, Mapping[str, list[str]]]:
    """Which zones list an accelerator, by region; regions with a zone that did not answer are left out."""
    found: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    silent = set()
    path = f"compute/v1/projects/{asking.project}/aggregated/acceleratorTypes"
    for page in asking.pages(COMPUTE, path, maxResults="500"):
        for scope, held in page.get("items", {}).items():
            zone = scope.removeprefix("zones/")
            if held.get("warning", {}).get("code") == UNREACHABLE:
                silent.add(zone.rpartition("-")[0])
            for one in held.get("acceleratorTypes", ()):
                if one.get("deprecated", {}).get("state", "ACTIVE") == "ACTIVE":
                    found[zone.rpartition("-")[0]][str(one["name"])].append(zone)
    return {region: chips for region, chips in found.items() if region not in silent}


def _partly(what: str, problem: UnheardError, needed: str) -> Diagnostic:
    detail = f"{what} were not told ({problem}), so nothing is known of them. It takes {needed}."
    return warning("catalog-partly", "Not everything could be asked", detail, path=PATH, on_key=True)
