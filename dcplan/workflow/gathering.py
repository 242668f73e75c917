"""Gather before deciding: what the providers offer, and how their machines are wired."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from dcplan.catalog import build_catalog, check_known
from dcplan.catalog.types import Catalog, Machine, Offering
from dcplan.diag import Diagnostic, Result, error, has_errors, plural, warning
from dcplan.provider.errors import ProviderError
from dcplan.provider.types import OfferingQuery
from dcplan.topology.build import build
from dcplan.workflow.types import Checked, Gathered

if TYPE_CHECKING:
    from dcplan.catalog.site import ZoneSite
    from dcplan.provider.protocol import Provider


def gather(checked: Checked, lineage: str) -> Result[Gathered]:
    """Ask every provider what it offers to the owner of ``lineage``; draw the topology of it."""
    machines: dict[str, Machine] = {}
    offerings: list[Offering] = []
    sites: list[ZoneSite] = []
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
    diagnostics.extend(check_known(list(machines.values()), offerings))
    diagnostics.extend(_unpriced(offerings))
    if has_errors(tuple(diagnostics)):
        return Result(None, tuple(diagnostics))
    catalog = build_catalog(checked.accelerators, machines, checked.models, offerings)
    topology = build(catalog.machines, checked.accelerators, offerings, sites)
    return Result(Gathered(catalog=catalog, topology=topology, digest=_digest(catalog)), tuple(diagnostics))


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
            "machines a price with `price`; those of the catalogue may not be known yet.",
            path=("providers",),
        ),
    )


def _digest(catalog: Catalog) -> str:
    facts = [asdict(m) for m in catalog.machines.values()] + [asdict(o) for o in catalog.offerings]
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
