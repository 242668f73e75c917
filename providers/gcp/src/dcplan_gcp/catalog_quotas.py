"""What Compute Engine says a project may have of accelerators, region by region.

Metrics are those of Compute Engine's own description of its API (``Quota.metric``).  H100 has a preemptible
one alone there, and newer GPUs none: theirs are told by another service (Cloud Quotas), not asked here, so
nothing is known of them.  A preemptible quota of 0 is left out: until one is granted, such machines count
against the plain one (Compute Engine documentation, "Allocation quotas", preemptible quotas).

Permissions: compute.regions.list, compute.projects.get.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from dcplan.catalog.dates import day_of
from dcplan.catalog.live_types import LiveQuota
from dcplan.catalog.types import Source
from dcplan.provider.quotas import COUNTS_AS
from dcplan_gcp.asking import COMPUTE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dcplan.catalog.types import Machine
    from dcplan_gcp.asking import Asking

SOURCE = "Compute Engine quotas"

ACCELERATORS: Mapping[str, str] = {
    "NVIDIA_A100_GPUS": "A100-40",
    "NVIDIA_A100_80GB_GPUS": "A100-80",
    "NVIDIA_L4_GPUS": "L4",
    "NVIDIA_H100_GPUS": "H100",
    "TPU_LITE_PODSLICE_V5": "TPU-v5e",
}
"""By metric, the accelerator of the catalogue that it counts."""

FAMILY_CPUS: Mapping[str, str] = {"A2_CPUS": "a2"}
"""By metric, the family whose vCPUs it counts."""

ALL_GPUS = "GPUS_ALL_REGIONS"
"""The project's: all GPUs in all regions together, so that no region can have more."""

PREEMPTIBLE = "PREEMPTIBLE_"

Said = dict[str, list[dict[str, Any]]]
"""By region, and for the whole project under an empty name, the rows as they were told."""


def asked(asking: Asking) -> Said:
    """The quotas of all regions, and of the project; ``UnheardError``."""
    path = f"compute/v1/projects/{asking.project}"
    found: Said = {"": list(next(asking.pages(COMPUTE, path)).get("quotas", []))}
    for page in asking.pages(COMPUTE, f"{path}/regions", maxResults="500"):
        found.update({region["name"]: region.get("quotas", []) for region in page.get("items", ())})
    return found


def quotas_of(
    said: Said, region: str, machines: Mapping[str, Machine], at_s: float
) -> tuple[LiveQuota, ...] | None:
    """What binds in one region; None where that region was not told.  Pure."""
    if region not in said:
        return None
    rows = [*said[region], *(row for row in said.get("", ()) if row.get("metric") == ALL_GPUS)]
    return tuple(_told(rows, machines, Source(name=SOURCE, date=day_of(at_s))))


def _told(
    rows: Iterable[Mapping[str, Any]], machines: Mapping[str, Machine], source: Source
) -> Iterator[LiveQuota]:
    for row in sorted(rows, key=lambda row: str(row.get("metric", ""))):
        metric = str(row.get("metric", ""))
        amount, used = _count(row.get("limit")), _count(row.get("usage"))
        plain, spot = metric.removeprefix(PREEMPTIBLE), metric.startswith(PREEMPTIBLE)
        of, counted = _counted(plain, machines)
        if amount is None or not counted or (spot and amount == 0):
            continue
        by_vcpus = plain in FAMILY_CPUS
        yield LiveQuota(
            name=metric,
            code=metric,
            of=of,
            machines=counted,
            purchases=COUNTS_AS["spot" if spot else "on-demand"],
            vcpus=amount if by_vcpus else None,
            devices=None if by_vcpus else amount,
            used=used,
            source=source,
        )


def _counted(metric: str, machines: Mapping[str, Machine]) -> tuple[str, tuple[str, ...]]:
    """What a quota is of in short, and the machine types that count."""
    chip, family = ACCELERATORS.get(metric), FAMILY_CPUS.get(metric)
    if chip is not None:
        return chip, tuple(sorted(n for n, m in machines.items() if m.accelerator == chip))
    if family is not None:
        return family, tuple(sorted(n for n in machines if n.startswith(f"{family}-")))
    if metric == ALL_GPUS:
        return "GPUs", tuple(sorted(n for n, m in machines.items() if not m.accelerator.startswith("TPU")))
    return "", ()


def _count(amount: object) -> int | None:
    """A whole amount; None where there is none, or no end."""
    if (
        not isinstance(amount, int | float)
        or isinstance(amount, bool)
        or not math.isfinite(amount)
        or amount < 0
    ):
        return None
    return int(amount)
