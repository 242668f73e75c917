"""How much of some machine types an account may have: quotas, as the document and the cloud tell them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from dcplan.catalog import Machine, Purchase, canonical_accelerator
from dcplan.catalog.purchase import Quota
from dcplan.config.strict import Strict
from dcplan.diag import ConfigPath, Diagnostic, did_you_mean, error, listed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from dcplan.catalog.live_types import LiveCatalog, LiveQuota


class QuotaSpec(Strict):
    """How much of some machine types your account may have in each region at once."""

    of: str
    """A machine type (``p5.48xlarge``), a family (``p5``, ``P``, ``a3``) or an accelerator (``H100``)."""
    region: str | None = None
    """Default: as much in each region."""
    vcpus: Annotated[int, Field(ge=0)] | None = None
    """Exactly one of this and ``devices``."""
    devices: Annotated[int, Field(ge=0)] | None = None
    """Accelerators."""
    purchase: Literal["on-demand", "spot"] = "on-demand"
    """Committed machines count as on-demand ones, queued machines as spot ones."""


COUNTS_AS: Mapping[str, tuple[Purchase, ...]] = {
    "on-demand": (Purchase.ON_DEMAND, Purchase.OWNED, Purchase.COMMITTED),
    "spot": (Purchase.SPOT, Purchase.QUEUED),
}
"""Which quota a way to buy uses up; reservations and blocks use up none.  Machines of GCP's flex-start count
against the preemptible quota (Compute Engine, about flex-start VMs)."""


def unknown(what: str, name: str, known: Collection[str], path: ConfigPath) -> Diagnostic:
    """An error about a name that is not there, with the one that may have been meant."""
    near = did_you_mean(name, known) or f"Known are {listed(sorted(known)[:12])}."
    detail = f'There is no {what} "{name}". {near}'
    return error("unknown-capacity", f"Unknown {what}", detail, path=path)


def quota_problems(
    specs: Iterable[QuotaSpec], regions: Collection[str], machines: Mapping[str, Machine], path: ConfigPath
) -> Iterator[Diagnostic]:
    """What cannot be in quotas: no unit or two, a region or a machine type that is not there."""
    for i, spec in enumerate(specs):
        yield from _problems_of(spec, regions, machines, (*path, i))


def _problems_of(
    spec: QuotaSpec, regions: Collection[str], machines: Mapping[str, Machine], at: ConfigPath
) -> Iterator[Diagnostic]:
    if (spec.vcpus is None) == (spec.devices is None):
        has = "neither" if spec.vcpus is None else "both"
        detail = f"It has {has} of vcpus and devices. Keep exactly one of them."
        yield error("quota-unit", "A quota needs one unit", detail, path=at)
    if spec.region is not None and spec.region not in regions:
        yield unknown("region", spec.region, regions, (*at, "region"))
    if not any(counts(spec.of, machine) for machine in machines.values()):
        known = {name for machine in machines.values() for name in _families(machine)}
        yield unknown("machine type, family or accelerator", spec.of, known, (*at, "of"))


def _families(machine: Machine) -> tuple[str, ...]:
    """Everything by which a quota can be about a machine type: its name, families, accelerator.

    AWS has quotas for ``P`` and ``G and VT`` instances, in vCPUs (Service Quotas, Amazon EC2); GCP has
    them for each GPU model (Compute Engine allocation quotas).
    """
    family = re.split(r"[.-]", machine.name, maxsplit=1)[0]
    letters = re.match(r"[a-z]+", family.lower())
    return (machine.name, family, *((letters[0].upper(),) if letters else ()), machine.accelerator)


def counts(of: str, machine: Machine) -> bool:
    """Whether a quota of this name is about a machine type."""
    wanted = {of.lower(), (canonical_accelerator(of) or of).lower()}
    return any(name.lower() in wanted for name in _families(machine))


def quotas_of(
    specs: Iterable[QuotaSpec],
    provider: str,
    regions: Collection[str],
    machines: Mapping[str, Machine],
    path: ConfigPath,
) -> tuple[Quota, ...]:
    """The quotas that are told of, one for each region."""
    return tuple(
        Quota(
            name=spec.of,
            provider=provider,
            region=region,
            machines=tuple(m.name for m in machines.values() if counts(spec.of, m)),
            purchases=COUNTS_AS[spec.purchase],
            vcpus=spec.vcpus,
            devices=spec.devices,
            origin=(*path, i),
        )
        for i, spec in enumerate(specs)
        for region in sorted(regions)
        if spec.region in {None, region}
    )


def live_quotas(
    live: LiveCatalog | None, told: Iterable[Quota], machines: Mapping[str, Machine], path: ConfigPath
) -> tuple[Quota, ...]:
    """What the cloud said when it was last asked, where the document says nothing (``told``).

    A quota of the document stands for one of the cloud that counts no machine types and no ways to buy but
    the document's.  What is narrower does not: both hold then, as they do for the cloud.  ``path`` is the
    provider's.
    """
    if live is None:
        return ()
    known = tuple(told)
    return tuple(
        _quota(live.provider, region.name, quota, _named(quota, machines), path)
        for region in live.regions
        for quota in region.quotas
        if quota.machines and not any(_stands_for(one, region.name, quota) for one in known)
    )


def _stands_for(one: Quota, region: str, quota: LiveQuota) -> bool:
    return (
        one.region == region
        and set(quota.machines) <= set(one.machines)
        and set(quota.purchases) <= set(one.purchases)
    )


def _named(quota: LiveQuota, machines: Mapping[str, Machine]) -> str:
    """The narrowest name by which a document means all machine types of a quota; empty where none does."""
    counted = [machines[name] for name in quota.machines if name in machines]
    names = dict.fromkeys((quota.of, *(name for one in counted for name in reversed(_families(one)))))
    fits = [name for name in names if counted and all(counts(name, one) for one in counted)]
    return min(fits, key=lambda name: sum(counts(name, one) for one in machines.values()), default="")


def _quota(provider: str, region: str, quota: LiveQuota, named: str, path: ConfigPath) -> Quota:
    return Quota(
        name=quota.of,
        provider=provider,
        region=region,
        machines=quota.machines,
        purchases=quota.purchases,
        vcpus=quota.vcpus,
        devices=quota.devices,
        origin=path,
        code=f"{quota.name}, {quota.code}" if quota.code != quota.name else quota.name,
        named=named,
        used=quota.used,
        source=quota.source,
    )
