"""The settings of the local provider: what may stand under ``providers: local:``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from dcplan.config.values import Duration, Many
from dcplan.provider.local.faults import Call, Fault, FaultKind
from dcplan.provider.quotas import QuotaSpec
from dcplan.resources import Action


class Strict(BaseModel):
    """Base of the settings: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class FaultSettings(Strict):
    """One thing that shall go wrong; see ``Fault`` for what each key means."""

    fault: FaultKind = Field(strict=False)
    call: Call | None = Field(default=None, strict=False)
    action: Action | None = Field(default=None, strict=False)
    resource: str = "*"
    name: str = "*"
    machine: str = "*"
    zone: str = "*"
    times: int | None = Field(default=1, gt=0)
    """How often; null is always."""
    skip: int = Field(default=0, ge=0)
    after: Duration = 1.0
    """To wait before trying again (throttle), or more time that it takes (slow ones)."""
    attribute: str = ""
    value: str = ""

    def fault_of_world(self) -> Fault:
        """The same as the world knows it."""
        return Fault(
            kind=self.fault,
            call=self.call,
            action=self.action,
            resource=self.resource,
            name=self.name,
            machine=self.machine,
            zone=self.zone,
            times=self.times,
            skip=self.skip,
            seconds=self.after,
            attribute=self.attribute,
            value=self.value,
        )


class LocalSettings(Strict):
    """Which data centre, and how its simulation behaves."""

    datacenter: str
    """Path to the inventory, from the document's folder."""
    world: str | None = None
    """Path to the file that holds the simulated data centre, from the document's folder;
    default ``local/<name of the data centre>.sqlite`` in the work folder, ``.dcplan``."""
    latency: Duration = 0.0
    """Of each call."""
    ready_after: Duration = 0.0
    """How long a machine takes to start."""
    faults: Many[FaultSettings] = ()
    quotas: Many[QuotaSpec] = ()
    """How much of the data centre this project may have."""
