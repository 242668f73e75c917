"""Clouds that plan with the catalogue's machines and prices and cannot act yet.

Acting and looking refuse with ``Invalid``: a plan that cannot be applied is
useful, a provider that pretends is not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NoReturn

from dcplan.catalog import (
    Machine,
    Offering,
    Purchase,
    ZoneSite,
    canonical_accelerator,
    load_machines,
    load_offerings,
)
from dcplan.catalog.live import holding
from dcplan.catalog.purchase import Quota
from dcplan.config import validate_settings
from dcplan.config.strict import PositiveDuration
from dcplan.config.values import Many
from dcplan.diag import ConfigPath, Diagnostic, Result, did_you_mean, error, listed
from dcplan.provider.errors import Invalid
from dcplan.provider.lowering import lower
from dcplan.provider.protocol import API_VERSION, Provider, Stop
from dcplan.provider.purchases import Facts, PurchaseSettings, bought, problems
from dcplan.provider.quotas import live_quotas, quotas_of
from dcplan.provider.types import (
    Ack,
    Found,
    Kind,
    OfferingQuery,
    Placement,
    ProviderInfo,
    Refreshed,
    Request,
)
from dcplan.resources import JsonValue, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """What is one cloud's own."""

    name: str
    """In the document, in addresses, in the catalogue; its package is ``dcplan-<name>``."""
    title: str
    """As people write it."""
    machine_kind: str
    """What it calls a machine."""
    kinds: Mapping[str, Kind]
    """What a placement becomes there, by name."""


class CataloguedSettings(PurchaseSettings):
    """Where to plan, and what the account has there: what may stand under ``providers: <name>:``."""

    regions: Many[str] | None = None
    """Plan in these regions only; in all that the catalogue knows when left out."""
    prices_max_age: PositiveDuration | None = None
    """Warn of older prices; when left out, of those from ``dcplan catalog refresh`` after 30 days."""


class CataloguedProvider:
    """Plans on a cloud from the catalogue's facts; cannot apply yet.

    A cloud's provider derives from it and says which ``cloud`` it is.
    """

    cloud: ClassVar[Cloud]
    settings_type: ClassVar[type[CataloguedSettings]] = CataloguedSettings
    """What may stand under the cloud's name in the document."""

    def __init__(self, settings: CataloguedSettings, offerings: tuple[Offering, ...]) -> None:
        """``offerings`` are all that the catalogue has for the cloud."""
        self._settings = settings
        self._facts = Facts(self.cloud.name, offerings, load_machines(self.cloud.name))
        self._path: ConfigPath = ("providers", self.cloud.name)
        self._live = holding(self.cloud.name)
        for_all = (o for o in offerings if settings.spot or o.purchase is not Purchase.SPOT)
        self._offerings = (*for_all, *bought(settings, self._facts, self._path))

    @classmethod
    def with_settings(cls, settings: Mapping[str, object]) -> Result[Provider]:
        """The provider with these settings of the document; opens no connection."""
        offerings = load_offerings(cls.cloud.name)
        checked = _read_settings(
            settings, cls.settings_type, cls.cloud, {offering.region for offering in offerings}
        )
        if checked.value is None:
            return Result(None, checked.diagnostics)
        facts = Facts(cls.cloud.name, offerings, load_machines(cls.cloud.name))
        wrong = tuple(problems(checked.value, facts, ("providers", cls.cloud.name)))
        if wrong:
            return Result(None, (*checked.diagnostics, *wrong))
        return Result(cls(checked.value, offerings), checked.diagnostics)

    @property
    def info(self) -> ProviderInfo:
        """What this provider is; it lacks ``apply``."""
        return ProviderInfo(
            name=self.cloud.name,
            api_version=API_VERSION,
            kinds=self.cloud.kinds,
            lacks=frozenset({"apply"}),
        )

    def machines(self) -> Result[tuple[Machine, ...]]:
        """All accelerator machine types of the catalogue."""
        return Result(tuple(load_machines(self.cloud.name).values()))

    def offerings(self, query: OfferingQuery) -> Result[tuple[Offering, ...]]:
        """The catalogue's offerings, and what the account has, in the regions of settings and ``query``."""
        machines = self._machine_names(query.accelerators)
        allowed = [set(r) for r in (self._settings.regions, query.regions) if r is not None]
        return Result(
            tuple(
                offering
                for offering in self._offerings
                if all(offering.region in regions for regions in allowed)
                and (machines is None or offering.machine in machines)
            )
        )

    @property
    def prices_max_age_s(self) -> float | None:
        """After which prices are warned of; None: as always."""
        return self._settings.prices_max_age

    def live_regions(self) -> tuple[str, ...]:
        """The regions of the settings; all that the catalogue knows when they name none."""
        return tuple(self._settings.regions or sorted(self._facts.regions))

    def quotas(self) -> Result[tuple[Quota, ...]]:
        """The quotas of the account: as the settings tell them, else as the cloud was last heard to."""
        facts = self._facts
        path = (*self._path, "quotas")
        told = quotas_of(self._settings.quotas, facts.provider, facts.regions, facts.machines, path)
        return Result((*told, *live_quotas(self._live, told, facts.machines, self._path)))

    def site(self) -> Result[tuple[ZoneSite, ...]]:
        """Nothing: the catalogue does not tell of racks and links."""
        return Result(())

    def resources_for(self, placement: Placement) -> Result[tuple[Resource, ...]]:
        """Machines, and what runs on them."""
        cloud = self.cloud
        return Result(
            lower(placement, provider=cloud.name, machine_kind=cloud.machine_kind, kinds=cloud.kinds)
        )

    def begin(self, request: Request) -> Ack:
        """Refuse: this release makes nothing."""
        self._refuse(f"{request.action} {request.address}")

    def wait(self, request: Request, ack: Ack, stop: Stop) -> Mapping[str, JsonValue]:  # noqa: ARG002 - as the protocol has it
        """Refuse: this release makes nothing to wait for."""
        self._refuse(f"wait for {request.address}")

    def lookup(self, request: Request) -> tuple[Found, ...]:
        """Refuse: this release cannot look into an account."""
        self._refuse(f"look up {request.address}")

    def refresh(self, resources: Sequence[Resource]) -> Refreshed:
        """Nothing for nothing; otherwise refuse: this release cannot look into an account."""
        if resources:
            self._refuse(f"look at {resources[0].address}")
        return Refreshed(found={}, calls=0)

    def owned(self, lineage: str) -> tuple[Found, ...]:
        """Refuse: this release cannot look into an account."""
        self._refuse(f"look for what {lineage} owns")

    def _machine_names(self, accelerators: tuple[str, ...] | None) -> set[str] | None:
        """The machines with one of these accelerators, called by any alias; None for all machines."""
        if accelerators is None:
            return None
        wanted = {canonical_accelerator(name) for name in accelerators}
        machines = load_machines(self.cloud.name)
        return {name for name, machine in machines.items() if machine.accelerator in wanted}

    def _refuse(self, what: str) -> NoReturn:
        """Say what was asked for and that this release does not do it."""
        raise Invalid(
            f"dcplan-{self.cloud.name} cannot {what}: this release of the provider plans but cannot apply "
            f"yet. Nothing was sent to {self.cloud.title}. Plan with it, or apply to a provider that acts, "
            "such as local."
        )


def _read_settings(
    settings: Mapping[str, object],
    settings_type: type[CataloguedSettings],
    cloud: Cloud,
    regions: Collection[str],
) -> Result[CataloguedSettings]:
    """The settings, checked; ``regions`` are those that the catalogue knows."""
    path: ConfigPath = ("providers", cloud.name)
    checked = validate_settings(settings, settings_type, path)
    if checked.value is None:
        return checked
    unknown = tuple(
        _unknown_region(region, cloud, regions, (*path, "regions", index))
        for index, region in enumerate(checked.value.regions or ())
        if region not in regions
    )
    return Result(None if unknown else checked.value, (*checked.diagnostics, *unknown))


def _unknown_region(region: str, cloud: Cloud, regions: Collection[str], path: ConfigPath) -> Diagnostic:
    """A region in which no machine is known."""
    near = did_you_mean(region, regions) or f"Known are {listed(sorted(regions))}."
    detail = f'The catalogue knows no accelerator machines in the {cloud.title} region "{region}". {near}'
    return error("unknown-region", "Unknown region", detail, path=path)
