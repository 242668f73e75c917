"""How quotas look that a cloud told: one line for each region."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.catalog.types import Purchase
from dcplan.cli.views.width import wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.catalog.live_types import LiveQuota, LiveRegion

WIDTH = 100


def quotas_text(regions: Sequence[LiveRegion], *, most: int) -> str:
    """What the account may have, ``most`` regions of it (0 is all); empty where nothing was told."""
    told = [region for region in regions if region.quotas]
    if not told:
        return ""
    shown = told[:most] if most else told
    lines = ["Quotas of the account, which plans keep to where the document tells none:"]
    lines += [wrapped(f"  {region.name}: {_all(region.quotas)}", WIDTH, indent="    ") for region in shown]
    if len(shown) < len(told):
        lines.append(f"    ... and {len(told) - len(shown):,} more regions: -n 0 shows all")
    return "\n".join(lines)


def _all(quotas: Sequence[LiveQuota]) -> str:
    listed = [q for q in quotas if Purchase.ON_DEMAND in q.purchases]
    others = [q for q in quotas if Purchase.ON_DEMAND not in q.purchases]
    parts = [", ".join(map(_one, listed)), "spot " + ", ".join(map(_one, others)) if others else ""]
    return "; ".join(part for part in parts if part)


def _one(quota: LiveQuota) -> str:
    amount, unit = (quota.vcpus, "vCPUs") if quota.vcpus is not None else (quota.devices, "devices")
    used = "" if quota.used is None else f" ({quota.used:,} in use)"
    return f"{quota.of} {amount:,} {unit}{used}"


def quota_data(region: LiveRegion) -> list[dict[str, object]]:
    """The same for programs; what is not known is null."""
    return [
        {
            "region": region.name,
            "name": quota.name,
            "code": quota.code,
            "of": quota.of,
            "machines": list(quota.machines),
            "purchases": [purchase.value for purchase in quota.purchases],
            "vcpus": quota.vcpus,
            "devices": quota.devices,
            "used": quota.used,
            "source": quota.source.name,
            "date": quota.source.date,
        }
        for quota in region.quotas
    ]
