"""Gather before deciding: what the providers offer, and how their machines are wired."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from dcplan.catalog import build_catalog, check_known
from dcplan.catalog.regions import place_of
from dcplan.catalog.types import Catalog, Machine, Offering, Purchase
from dcplan.diag import Diagnostic, Result, error, has_errors, plural, warning
from dcplan.placement.purchases import is_over
from dcplan.provider.errors import ProviderError
from dcplan.provider.protocol import HasQuotas
from dcplan.provider.types import OfferingQuery
from dcplan.topology.build import build
from dcplan.workflow.price_ages import stale_prices
from dcplan.workflow.types import Checked, Gathered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dcplan.catalog.purchase import Quota
    from dcplan.catalog.site import ZoneSite
    from dcplan.catalog.types import Place
    from dcplan.provider.protocol import Provider


def gather(checked: Checked, lineage: str, at_s: float) -> Result[Gathered]:
    """Ask every provider what it offers to the owner of ``lineage``; draw the topology of it.

    ``at_s`` is the time of asking (Unix time): what can be used only until then is not on offer.
    """
    machines: dict[str, Machine] = {}
    offerings: list[Offering] = []
    sites: list[ZoneSite] = []
    quotas: list[Quota] = []
    diagnostics: list[Diagnostic] = []
    for name, provider in checked.providers.items():
        try:
            found = _ask(provider, OfferingQuery(lineage=lineage), name)
        except ProviderError as problem:
            diagnostics.append(error(problem.code, problem.summary, problem.detail, path=("providers", name)))
            continue
        diagnostics.extend(found.diagnostics)
        if found.value is not None:
            machines.update({m.name: m for m in found.value[0]})
            offerings.extend(found.value[1])
            sites.extend(found.value[2])
        told = provider.quotas() if isinstance(provider, HasQuotas) else Result(())
        diagnostics.extend(told.diagnostics)
        quotas.extend(told.value or ())
    diagnostics.extend(_over(offerings, at_s))
    offerings = [replace(o, available=False) if is_over(o, at_s) else o for o in offerings]
    offerings = _placed(offerings, checked.places)
    diagnostics.extend(check_known(list(machines.values()), offerings))
    diagnostics.extend(_unpriced([o for o in offerings if _may_be_used(o, machines, checked)]))
    diagnostics.extend(stale_prices(checked, offerings, at_s))
    if has_errors(tuple(diagnostics)):
        return Result(None, tuple(diagnostics))
    catalog = build_catalog(checked.accelerators, machines, checked.models, offerings)
    topology = build(catalog.machines, checked.accelerators, offerings, sites)
    gathered = Gathered(
        catalog=catalog,
        topology=topology,
        digest=_digest(catalog),
        free=_free(offerings, sites),
        sites=tuple(sites),
        quotas=tuple(quotas),
        at_s=at_s,
    )
    return Result(gathered, tuple(diagnostics))


def _over(offerings: Sequence[Offering], at_s: float) -> Iterator[Diagnostic]:
    """Say of bought capacity that its time is over."""
    for origin in dict.fromkeys(o.origin for o in offerings if is_over(o, at_s)):
        detail = "Its time is over, so the plan does without. Take it out."
        yield warning("capacity-over", "Bought capacity has ended", detail, path=origin)


def _placed(offerings: Sequence[Offering], told: Mapping[str, Place]) -> list[Offering]:
    """The offerings with all that is known of where they are."""
    known: dict[tuple[str, str, int], Place | None] = {}
    placed = []
    for offering in offerings:
        key = (offering.provider, offering.region, id(offering.place))
        if key not in known:
            known[key] = place_of(offering, told)
        placed.append(replace(offering, place=known[key]))
    return placed


def _free(offerings: Sequence[Offering], sites: Sequence[ZoneSite]) -> dict[str, dict[str, int]]:
    """Machines that nobody holds, by pool and rack; where that is not told, all that stand there."""
    zones = {(site.provider, site.name): site for site in sites}
    return {
        offering.pool: {
            f"{site.name}/{block.name}/{rack.name}": rack.nodes if rack.free is None else rack.free
            for block in site.blocks
            if offering.block in {None, block.name}
            for rack in block.racks
            if rack.machine == offering.machine
        }
        for offering in offerings
        if (site := zones.get((offering.provider, offering.zone))) is not None
    }


def _ask(
    provider: Provider, query: OfferingQuery, name: str
) -> Result[tuple[tuple[Machine, ...], tuple[Offering, ...], tuple[ZoneSite, ...]]]:
    """Machines, offerings and site of one provider."""
    machines = provider.machines()
    offerings = provider.offerings(query)
    site = provider.site()
    said = (*machines.diagnostics, *offerings.diagnostics, *site.diagnostics)
    if machines.value is None or offerings.value is None or site.value is None:
        if not has_errors(said):
            msg = f"provider {name} gave neither an answer nor an error. This is a bug in the provider."
            raise RuntimeError(msg)
        return Result(None, said)
    return Result((machines.value, offerings.value, site.value), said)


def _may_be_used(offering: Offering, machines: Mapping[str, Machine], checked: Checked) -> bool:
    """Whether some workload allows it, as far as its place and its accelerator go."""
    machine = machines.get(offering.machine)
    facts = (offering.provider, offering.region, offering.zone, machine and machine.accelerator)
    return any(
        all(allowed is None or fact in allowed.names for allowed, fact in zip(told, facts, strict=True))
        and (offering.purchase is not Purchase.SPOT or bool(limits.spot_share))
        for limits in (workload.limits for workload in checked.demand.workloads)
        for told in [(limits.providers, limits.regions, limits.zones, limits.accelerators)]
    )


def _unpriced(offerings: list[Offering]) -> tuple[Diagnostic, ...]:
    """Say how many offerings cannot be weighed: an unknown price is unknown, not free."""
    names = {o.machine for o in offerings if o.available and o.usd_per_h is None}
    if not names:
        return ()
    count = sum(o.available and o.usd_per_h is None for o in offerings)
    return (
        warning(
            "unknown-price",
            "Some prices are not known",
            f"{plural(count, 'offering')} of {plural(len(names), 'machine type')} "
            f"({', '.join(sorted(names)[:4])}{', ...' if len(names) > 4 else ''}) "  # noqa: PLR2004 - four names show the kind
            "cannot be weighed against the others, so the plan does without. An inventory gives its "
            "machines a price with `price`; `dcplan catalog refresh` asks clouds for theirs.",
            path=("providers",),
        ),
    )


def _digest(catalog: Catalog) -> str:
    facts = [asdict(m) for m in catalog.machines.values()] + [asdict(o) for o in catalog.offerings]
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
