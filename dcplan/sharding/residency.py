"""Which offerings lie in the countries that a workload may not leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.catalog.regions import countries_of, read_countries
from dcplan.diag import Diagnostics, error, listed, plural

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dcplan.catalog.types import Offering, Place
    from dcplan.demand.types import Allowed, WorkloadDemand

NAMED = 6
"""Countries that a message lists."""


def allowed_there(limit: Allowed | None, place: Place | None) -> bool:
    """Whether a place is in one of the countries and jurisdictions; what is not known is not."""
    if limit is None:
        return True
    country = None if place is None else place.country
    return country is not None and any(country in (countries_of(name) or ()) for name in limit.names)


def nowhere_allowed(demand: WorkloadDemand, offerings: Iterable[Offering]) -> Diagnostics:
    """One error: none of these offerings is where the workload must stay, and where they are instead."""
    limit = demand.limits.residency
    if limit is None:
        return ()
    names = {code: name for some in read_countries().values() for code, name in some.items()}
    countries = [None if o.place is None else o.place.country for o in offerings]
    there = sorted({names.get(code, code) for code in countries if code is not None})
    unknown = sum(code is None for code in countries)
    said = (
        f"The machines on offer are in {listed(there[:NAMED])}"
        if there
        else "Of no machine the country is known"
    )
    more = (
        f", and {plural(len(there) - NAMED, 'more country', 'more countries')}" if len(there) > NAMED else ""
    )
    lost = ""
    if unknown:
        lost = (
            f" Of {plural(unknown, 'offering')} the country is not known, so that they do not count: tell it "
            "under `site` of the inventory, or under `regions`."
        )
    detail = f"{demand.name} may not leave {listed(limit.names, last='or')}. {said}{more}.{lost}"
    return (error("no-machines", "No machine is left", detail, path=limit.origin),)
