"""AWS as dcplan sees it: what can be had there, and what a placement becomes.

Acting and looking refuse with ``Invalid``: a plan that cannot be applied is
useful, a provider that pretends is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from dcplan.catalog import (
    Machine,
    Offering,
    ZoneSite,
    canonical_accelerator,
    load_machines,
    load_offerings,
)
from dcplan.diag import Result
from dcplan.provider.errors import Invalid
from dcplan.provider.lowering import lower
from dcplan.provider.protocol import API_VERSION, Provider, Stop
from dcplan.provider.types import (
    Ack,
    Found,
    OfferingQuery,
    Placement,
    ProviderInfo,
    Refreshed,
    Request,
)
from dcplan_aws.kinds import INSTANCE, KINDS
from dcplan_aws.settings import AwsSettings, read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dcplan.resources import JsonValue, Resource

NAME = "aws"


def provider(settings: Mapping[str, object], folder: Path) -> Result[Provider]:  # noqa: ARG001 - the factory's signature
    """The AWS provider with these settings; opens no connection."""
    offerings = load_offerings(NAME)
    checked = read_settings(settings, {offering.region for offering in offerings})
    if checked.value is None:
        return Result(None, checked.diagnostics)
    return Result(AwsProvider(checked.value, offerings), checked.diagnostics)


class AwsProvider:
    """Plans on AWS from the catalogue's facts; cannot apply yet."""

    def __init__(self, settings: AwsSettings, offerings: tuple[Offering, ...]) -> None:
        """``offerings`` are all that the catalogue has for AWS."""
        self._settings = settings
        self._offerings = offerings

    @property
    def info(self) -> ProviderInfo:
        """What this provider is; it lacks ``apply``."""
        return ProviderInfo(name=NAME, api_version=API_VERSION, kinds=KINDS, lacks=frozenset({"apply"}))

    def machines(self) -> Result[tuple[Machine, ...]]:
        """All accelerator machine types of the catalogue."""
        return Result(tuple(load_machines(NAME).values()))

    def offerings(self, query: OfferingQuery) -> Result[tuple[Offering, ...]]:
        """The catalogue's offerings in the regions of both the settings and ``query``."""
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

    def site(self) -> Result[tuple[ZoneSite, ...]]:
        """Nothing: AWS tells of racks and links only for machines that already run."""
        return Result(())

    def resources_for(self, placement: Placement) -> Result[tuple[Resource, ...]]:
        """Instances, and what runs on them."""
        return Result(lower(placement, provider=NAME, machine_kind=INSTANCE, kinds=KINDS))

    def begin(self, request: Request) -> Ack:
        """Refuse: this release makes nothing."""
        _refuse(f"{request.action} {request.address}")

    def wait(self, request: Request, ack: Ack, stop: Stop) -> Mapping[str, JsonValue]:  # noqa: ARG002 - as the protocol has it
        """Refuse: this release makes nothing to wait for."""
        _refuse(f"wait for {request.address}")

    def lookup(self, request: Request) -> tuple[Found, ...]:
        """Refuse: this release cannot look into an account."""
        _refuse(f"look up {request.address}")

    def refresh(self, resources: Sequence[Resource]) -> Refreshed:
        """Nothing for nothing; otherwise refuse: this release cannot look into an account."""
        if resources:
            _refuse(f"look at {resources[0].address}")
        return Refreshed(found={}, calls=0)

    def owned(self, lineage: str) -> tuple[Found, ...]:
        """Refuse: this release cannot look into an account."""
        _refuse(f"look for what {lineage} owns")

    def _machine_names(self, accelerators: tuple[str, ...] | None) -> set[str] | None:
        """The machines with one of these accelerators, called by any alias; None for all machines."""
        if accelerators is None:
            return None
        wanted = {canonical_accelerator(name) for name in accelerators}
        return {name for name, machine in load_machines(NAME).items() if machine.accelerator in wanted}


def _refuse(what: str) -> NoReturn:
    """Say what was asked for and that this release does not do it."""
    raise Invalid(
        f"dcplan-aws cannot {what}: this release of the provider plans but cannot apply yet. "
        "Nothing was sent to AWS. Plan with it, or apply to a provider that acts, such as local."
    )
