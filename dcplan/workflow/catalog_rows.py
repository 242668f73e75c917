"""What ``catalog list`` and ``catalog show`` tell: offerings and facts, filtered and in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.catalog import (
    Accelerator,
    Machine,
    Offering,
    canonical_accelerator,
    catalog_providers,
    load_accelerators,
    load_machines,
)
from dcplan.catalog.live_types import Doubt, LiveAdvice, LiveMachine
from dcplan.diag import Result
from dcplan.workflow.cataloguing import offered, unknown_name
from dcplan.workflow.live_files import live_catalogs

if TYPE_CHECKING:
    from dcplan.workflow.types import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogFilter:
    """What to list; empty is everything."""

    providers: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    accelerators: tuple[str, ...] = ()
    purchases: tuple[str, ...] = ()
    also_gone: bool = False
    """List what is not sold, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogRow:
    """One offering with its machine."""

    offering: Offering
    machine: Machine

    @property
    def usd_per_device_h(self) -> float | None:
        """The price of one accelerator and hour; None is unknown."""
        usd_per_h = self.offering.usd_per_h
        return None if usd_per_h is None else usd_per_h / self.machine.devices


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineShown:
    """All that is known of one machine type."""

    machine: Machine
    accelerator: Accelerator
    told: LiveMachine | None
    """As the cloud says it; None where it was not asked."""
    doubts: tuple[Doubt, ...]
    rows: tuple[CatalogRow, ...]
    advice: tuple[tuple[str, LiveAdvice], ...] = ()
    """By region, what the cloud's advisor said of it."""
    listed_in: tuple[str, ...] = ()
    """The zones that list the accelerator, by the cloud's own word for it."""


def listing(project: Project, wanted: CatalogFilter) -> Result[tuple[CatalogRow, ...]]:
    """Offerings, the cheapest accelerator-hour first, unknown prices last."""
    found = offered(project)
    if found.value is None:
        return Result(None, found.diagnostics)
    known = tuple(sorted({offering.region for offering in found.value}))
    chips = load_accelerators()
    wrong = [
        *(
            unknown_name("provider", n, catalog_providers())
            for n in wanted.providers
            if n not in catalog_providers()
        ),
        *(unknown_name("region", n, known) for n in wanted.regions if n not in known),
        *(
            unknown_name("accelerator", n, tuple(sorted(chips)))
            for n in wanted.accelerators
            if canonical_accelerator(n) is None
        ),
    ]
    if wrong:
        return Result(None, tuple(wrong))
    return Result(_sorted(_rows(found.value, wanted)))


def machine_shown(project: Project, name: str) -> Result[MachineShown]:
    """One machine type by name; a diagnostic for a stranger."""
    by_name = {n: m for provider in catalog_providers() for n, m in load_machines(provider).items()}
    machine = by_name.get(name)
    found, kept = offered(project), live_catalogs(project)
    if found.value is None or kept.value is None:
        return Result(None, found.diagnostics)
    if machine is None:
        return Result(None, (unknown_name("machine type", name, tuple(sorted(by_name))),))
    live = kept.value.get(machine.provider)
    own = [o for o in found.value if o.machine == name and o.provider == machine.provider]
    told = None if live is None else next((m for m in live.machines if m.name == name), None)
    regions = () if live is None else live.regions
    word = "" if told is None else told.accelerator
    return Result(
        MachineShown(
            machine=machine,
            accelerator=load_accelerators()[machine.accelerator],
            told=told,
            doubts=() if live is None else tuple(d for d in live.doubts if d.machine == name),
            rows=_sorted([CatalogRow(offering=o, machine=machine) for o in own]),
            advice=tuple((r.name, a) for r in regions for a in r.advice if a.machine == name),
            listed_in=tuple(zone for r in regions for zone in r.accelerators.get(word, ())),
        )
    )


def _rows(offerings: tuple[Offering, ...], wanted: CatalogFilter) -> list[CatalogRow]:
    machines = {(p, n): m for p in catalog_providers() for n, m in load_machines(p).items()}
    chips = {canonical_accelerator(name) for name in wanted.accelerators}
    rows = []
    for offering in offerings:
        machine = machines[offering.provider, offering.machine]
        if (
            (offering.available or wanted.also_gone)
            and (not wanted.providers or offering.provider in wanted.providers)
            and (not wanted.regions or offering.region in wanted.regions)
            and (not chips or machine.accelerator in chips)
            and (not wanted.purchases or offering.purchase.value in wanted.purchases)
        ):
            rows.append(CatalogRow(offering=offering, machine=machine))
    return rows


def _sorted(rows: list[CatalogRow]) -> tuple[CatalogRow, ...]:
    def order(row: CatalogRow) -> tuple[bool, float, str, str, str]:
        usd, one = row.usd_per_device_h, row.offering
        return usd is None, usd or 0.0, one.machine, one.zone, one.purchase.value

    return tuple(sorted(rows, key=order))
