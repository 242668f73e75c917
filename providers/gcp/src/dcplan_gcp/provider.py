"""Google Cloud as dcplan sees it: what can be had there, what a placement becomes, and who acts."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from dcplan.catalog import load_machines, load_offerings
from dcplan.diag import Result
from dcplan.provider.catalogued import CataloguedProvider, Cloud
from dcplan.provider.orders import with_orders
from dcplan.provider.protocol import API_VERSION
from dcplan.provider.start_up import KEY
from dcplan.provider.types import ProviderInfo, Refreshed
from dcplan.provider.understood import understood
from dcplan_gcp.agent import MOST_BYTES, OURS_BYTES
from dcplan_gcp.kinds import INSTANCE, KINDS, NETWORK
from dcplan_gcp.lots import is_always, lot_problems, region_of
from dcplan_gcp.lowered import CLOUD, resources_of
from dcplan_gcp.settings import GcpSettings, endpoint_problems, group_problems, startup_problems
from dcplan_gcp.storage_settings import storage_problems

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dcplan.catalog.live_types import LiveCatalog
    from dcplan.catalog.purchase import Quota
    from dcplan.provider.permissions import Allowance, Use
    from dcplan.provider.protocol import Provider, Stop
    from dcplan.provider.types import Ack, Found, Placement, Request
    from dcplan.resources import JsonValue, Resource
    from dcplan_gcp.acting import Acting


class GcpProvider(CataloguedProvider):
    """Plans on Google Cloud from the catalogue's facts, and acts through ``acting.Acting``.

    It knows no blocks: Google Cloud tells of them only for reservations and machines that run.
    """

    cloud = Cloud(name=CLOUD, title="Google Cloud", machine_kind=INSTANCE, kinds=KINDS)
    settings_type = GcpSettings

    _settings: GcpSettings
    _acts: Acting | None = None
    _opening = threading.Lock()

    @property
    def settings(self) -> GcpSettings:
        """What the document says."""
        return self._settings

    @property
    def info(self) -> ProviderInfo:
        """What this provider is; without a network of its own where the settings name one."""
        adopted = self._settings.network is not None
        kinds = {name: kind for name, kind in self.cloud.kinds.items() if not (adopted and name == NETWORK)}
        return ProviderInfo(name=self.cloud.name, api_version=API_VERSION, kinds=kinds)

    def quotas(self) -> Result[tuple[Quota, ...]]:
        """As every cloud's, less what reservations take that are to be ordered."""
        told, settings = super().quotas(), self._settings
        specs = {i: s for i, s in enumerate(settings.reservations) if s.order and is_always(s, settings)}
        path = (*self._path, "reservations")
        left = with_orders(told.value or (), specs, region_of, self._facts.machines, path)
        return Result(left.value, (*told.diagnostics, *left.diagnostics))

    def resources_for(self, placement: Placement) -> Result[tuple[Resource, ...]]:
        """Machines with what they stand in, and what runs on them."""
        return resources_of(placement, self._settings)

    def begin(self, request: Request) -> Ack:
        """The one call."""
        return self._acting().begin(request)

    def wait(self, request: Request, ack: Ack, stop: Stop) -> Mapping[str, JsonValue]:
        """Until it is ready, or gone."""
        return self._acting().wait(request, ack, stop)

    def lookup(self, request: Request) -> tuple[Found, ...]:
        """What a request may have made, or is about."""
        return self._acting().lookup(request)

    def refresh(self, resources: Sequence[Resource]) -> Refreshed:
        """What is there of these, by lists."""
        if not resources:
            return Refreshed(found={}, calls=0)
        with understood(self.cloud.title, "dcplan-gcp"):
            return self._acting().refresh(resources)

    def owned(self, lineage: str) -> tuple[Found, ...]:
        """Everything with the owner's tag."""
        with understood(self.cloud.title, "dcplan-gcp"):
            return self._acting().owned(lineage)

    def set_owner(self, request: Request) -> None:
        """Another owner and name for an object."""
        self._acting().set_owner(request)

    def permissions(self, use: Use) -> tuple[Allowance, ...]:
        """The smallest custom roles."""
        from dcplan_gcp.role import allowances  # noqa: PLC0415 - only for whoever asks

        return allowances(use, self._settings)

    def _acting(self) -> Acting:
        with self._opening:
            if self._acts is None:
                from dcplan_gcp.acting import Acting  # noqa: PLC0415 - plans do not pay for it

                self._acts = Acting(self._settings)
            return self._acts

    def live(self, regions: Sequence[str], at_s: float) -> Result[LiveCatalog]:
        """What Google Cloud says of these regions now."""
        from dcplan_gcp.catalog_live import live  # noqa: PLC0415 - only a refresh asks

        return live(self._settings, load_machines(self.cloud.name), regions, at_s)


def provider(settings: Mapping[str, object], folder: Path) -> Result[Provider]:
    """The Google Cloud provider with these settings; opens no connection."""
    made = GcpProvider.with_settings(settings)
    wrong = [*endpoint_problems()]
    if isinstance(made.value, GcpProvider):
        wrong += made.value.settings.read_start_up(folder, ("providers", CLOUD, KEY), MOST_BYTES - OURS_BYTES)
        wrong += startup_problems(made.value.settings)
        regions = {offering.region for offering in load_offerings(CLOUD)}
        wrong += lot_problems(made.value.settings, regions)
        wrong += storage_problems(made.value.settings.storage, ("providers", CLOUD, "storage"))
        wrong += group_problems(made.value.settings)
    return Result(None if wrong else made.value, (*made.diagnostics, *wrong))
