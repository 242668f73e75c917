"""AWS as dcplan sees it: what can be had there, what a placement becomes, and who makes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dcplan.catalog import load_machines, load_offerings
from dcplan.diag import Diagnostics, Result
from dcplan.provider.catalogued import CataloguedProvider, Cloud
from dcplan.provider.orders import with_orders
from dcplan.provider.protocol import API_VERSION, Provider, Stop
from dcplan.provider.start_up import KEY, too_large
from dcplan.provider.types import Ack, Found, Placement, ProviderInfo, Refreshed, Request
from dcplan.provider.understood import understood
from dcplan.resources import JsonValue, Resource
from dcplan_aws.agent import MOST_BYTES, user_data
from dcplan_aws.kinds import INSTANCE, KINDS
from dcplan_aws.lowering import resources_of
from dcplan_aws.settings import AwsSettings, problems_of

if TYPE_CHECKING:
    from dcplan.catalog import Offering
    from dcplan.catalog.live_types import LiveCatalog
    from dcplan.catalog.purchase import Quota
    from dcplan.provider.permissions import Allowance, Use
    from dcplan_aws.acting import Acting


class AwsProvider(CataloguedProvider):
    """Plans on AWS from the catalogue's facts, and acts through its APIs.

    It knows no racks: AWS tells of racks and links only for machines that already run.
    """

    cloud = Cloud(name="aws", title="AWS", machine_kind=INSTANCE, kinds=KINDS)
    settings_type = AwsSettings

    def __init__(self, settings: AwsSettings, offerings: tuple[Offering, ...]) -> None:
        """``offerings`` are all that the catalogue has for AWS."""
        super().__init__(settings, offerings)
        self._aws = settings
        regions = settings.regions or sorted({offering.region for offering in offerings})
        others = (network.region for network in settings.networks)
        stored = (spec.place for spec in settings.storage if spec.made)
        self._regions = tuple(dict.fromkeys((*regions, *others, *filter(None, stored))))
        self._zones = {o.zone: o.region for o in offerings if o.region in self._regions}
        self._acting: Acting | None = None

    @classmethod
    def with_settings(cls, settings: Mapping[str, object]) -> Result[Provider]:
        """The provider with these settings of the document; opens no connection."""
        opened = super().with_settings(settings)
        if not isinstance(opened.value, AwsProvider):
            return opened
        known = {offering.region for offering in load_offerings(cls.cloud.name)}
        wrong = tuple(problems_of(opened.value._aws, known))  # noqa: SLF001 - one of this class
        return Result(None if wrong else opened.value, (*opened.diagnostics, *wrong))

    @property
    def info(self) -> ProviderInfo:
        """What this provider is."""
        return ProviderInfo(name=self.cloud.name, api_version=API_VERSION, kinds=self.cloud.kinds)

    def quotas(self) -> Result[tuple[Quota, ...]]:
        """As every cloud's, less what reservations take that are to be ordered."""
        told = super().quotas()
        found = told.value or ()
        specs = {i: spec for i, spec in enumerate(self._aws.reservations) if spec.order}
        path = (*self._path, "reservations")
        left = with_orders(found, specs, self._zones.get, self._facts.machines, path)
        return Result(left.value, (*told.diagnostics, *left.diagnostics))

    def resources_for(self, placement: Placement) -> Result[tuple[Resource, ...]]:
        """Machines and what runs on them, networks and placement groups."""
        return resources_of(placement, self._aws, self.cloud.kinds, self._zones)

    def begin(self, request: Request) -> Ack:
        """Make the one mutating call."""
        return self._act.begin(request)

    def wait(self, request: Request, ack: Ack, stop: Stop) -> Mapping[str, JsonValue]:
        """Look until it is ready or gone."""
        return self._act.wait(request, ack, stop)

    def lookup(self, request: Request) -> tuple[Found, ...]:
        """What this request may have made, or is about."""
        return self._act.lookup(request)

    def refresh(self, resources: Sequence[Resource]) -> Refreshed:
        """What is there now."""
        if not resources:
            return Refreshed(found={}, calls=0)
        with understood(self.cloud.title, "dcplan-aws"):
            return self._act.refresh(resources)

    def owned(self, lineage: str) -> tuple[Found, ...]:
        """Every object of this owner."""
        with understood(self.cloud.title, "dcplan-aws"):
            return self._act.owned(lineage)

    def set_owner(self, request: Request) -> None:
        """Another owner's tag, or none."""
        self._act.set_owner(request)

    def permissions(self, use: Use) -> tuple[Allowance, ...]:
        """The smallest IAM policy."""
        from dcplan_aws.policy import allowances  # noqa: PLC0415 - only for whoever asks

        return allowances(use, self._regions)

    @property
    def _act(self) -> Acting:
        """Made when it is first needed: plans do without it."""
        if self._acting is None:
            from dcplan_aws.acting import Acting  # noqa: PLC0415 - only for whoever acts or looks

            self._acting = Acting(
                regions=self._regions, profile=self._aws.profile, start_up=self._aws.start_up_file
            )
        return self._acting

    def live(self, regions: Sequence[str], at_s: float) -> Result[LiveCatalog]:
        """What AWS says of these regions now."""
        from dcplan_aws.catalog_live import live  # noqa: PLC0415 - only a refresh asks

        return live(self._aws.profile, load_machines(self.cloud.name), regions, at_s)

    def boots(self, folder: Path) -> Diagnostics:
        """Read what machines boot with; what is wrong with it."""
        path = ("providers", self.cloud.name, KEY)
        said, file = self._aws.read_start_up(folder, path, MOST_BYTES), self._aws.start_up_file
        if file is None:
            return said
        size_bytes = len((user_data(self._aws.launcher, file) or "").encode())
        return (too_large(file.name, size_bytes, MOST_BYTES, path),) if size_bytes > MOST_BYTES else ()


def provider(settings: Mapping[str, object], folder: Path) -> Result[Provider]:
    """The AWS provider with these settings; opens no connection."""
    opened = AwsProvider.with_settings(settings)
    wrong = opened.value.boots(folder) if isinstance(opened.value, AwsProvider) else ()
    return Result(None if wrong else opened.value, (*opened.diagnostics, *wrong))
