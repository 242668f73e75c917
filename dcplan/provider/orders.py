"""What reservations that dcplan orders take of an account's quotas.

All of one counts, whether machines are in it or not: "Active and unused Capacity Reservations count toward
your On-Demand Instance limits" (EC2 User Guide, On-Demand Capacity Reservations); what is reserved counts
against quotas as what runs (Compute Engine documentation, "Reservations of zonal resources", quota).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.catalog import Machine, Purchase
from dcplan.diag import ConfigPath, Diagnostic, Result, error

if TYPE_CHECKING:
    from dcplan.catalog.purchase import Quota
    from dcplan.provider.purchases import ReservationSpec


def with_orders(
    quotas: Iterable[Quota],
    specs: Mapping[int, ReservationSpec],
    region_of: Callable[[str], str | None],
    machines: Mapping[str, Machine],
    path: ConfigPath,
) -> Result[tuple[Quota, ...]]:
    """The quotas, and what of each is left for machines; an error where orders alone are beyond one.

    ``specs`` are those that dcplan orders, by their number in the list at ``path``; ``region_of`` tells the
    region of a zone, None where dcplan orders nothing.
    """
    left, wrong = [], []
    for quota in quotas:
        taken = {
            i: spec.machines * (machine.devices if quota.vcpus is None else machine.vcpus)
            for i, spec in specs.items()
            if region_of(spec.zone) == quota.region
            and spec.machine in quota.machines
            and Purchase.ON_DEMAND in quota.purchases
            and (machine := machines[spec.machine])
        }
        kept = sum(taken.values())
        left.append(replace(quota, kept=kept))
        amount = (quota.devices if quota.vcpus is None else quota.vcpus) or 0
        if kept > amount:
            wrong.append(_beyond(quota, kept, amount, (*path, max(taken), "machines")))
    return Result(None if wrong else tuple(left), tuple(wrong))


def _beyond(quota: Quota, kept: int, amount: int, path: ConfigPath) -> Diagnostic:
    unit = "devices" if quota.vcpus is None else "vCPUs"
    said = "" if quota.source is None else f" ({quota.source.name}, {quota.source.date})"
    more = f" ({quota.code}) and then `dcplan catalog refresh`" if quota.code else ""
    detail = (
        f"Reservations that are to be ordered take {kept:,} {unit} of the quota {quota.name} of "
        f"{quota.region}, which is {amount:,}{said}. Order fewer machines, or ask {quota.provider} for "
        f"more{more}."
    )
    return error("reservation-quota", "Reservations are beyond a quota", detail, path=path)
