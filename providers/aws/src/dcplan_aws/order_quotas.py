"""What capacity reservations that dcplan orders take of the account's quotas.

"Active and unused Capacity Reservations count toward your On-Demand Instance limits" (EC2 User Guide,
On-Demand Capacity Reservations): all of one counts, whether machines are in it or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.catalog import Machine, Purchase
from dcplan.diag import Diagnostic, Result, error

if TYPE_CHECKING:
    from dcplan.catalog.purchase import Quota
    from dcplan_aws.settings import AwsReservationSpec


def with_orders(
    quotas: Iterable[Quota],
    specs: Sequence[AwsReservationSpec],
    regions: Mapping[str, str],
    machines: Mapping[str, Machine],
) -> Result[tuple[Quota, ...]]:
    """The quotas, and what of each is left for machines; an error where orders alone are beyond one.

    ``regions`` are those of zones.
    """
    left, wrong = [], []
    for quota in quotas:
        taken = {
            i: spec.machines * (machine.devices if quota.vcpus is None else machine.vcpus)
            for i, spec in enumerate(specs)
            if spec.order
            and regions.get(spec.zone) == quota.region
            and spec.machine in quota.machines
            and Purchase.ON_DEMAND in quota.purchases
            and (machine := machines[spec.machine])
        }
        kept = sum(taken.values())
        left.append(replace(quota, kept=kept))
        amount = (quota.devices if quota.vcpus is None else quota.vcpus) or 0
        if kept > amount:
            wrong.append(_beyond(quota, kept, amount, max(taken)))
    return Result(None if wrong else tuple(left), tuple(wrong))


def _beyond(quota: Quota, kept: int, amount: int, index: int) -> Diagnostic:
    unit = "devices" if quota.vcpus is None else "vCPUs"
    said = "" if quota.source is None else f" ({quota.source.name}, {quota.source.date})"
    more = f" ({quota.code}) and then `dcplan catalog refresh`" if quota.code else ""
    detail = (
        f"Reservations that are to be ordered take {kept:,} {unit} of the quota {quota.name} of "
        f"{quota.region}, which is {amount:,}{said}. Order fewer machines, or ask AWS for more{more}."
    )
    path = ("providers", "aws", "reservations", index, "machines")
    return error("reservation-quota", "Reservations are beyond a quota", detail, path=path)
