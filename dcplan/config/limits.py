"""What a document allows, and what it wants most: ``constraints`` and ``objective``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dcplan.config.goals import Minimise, Pins
from dcplan.config.strict import FormatName, PositiveDuration, Strict
from dcplan.config.values import Fraction, KgPerH, Many, Power, UsdPerH

PurchaseName = Literal["on-demand", "spot", "owned", "reservation", "capacity-block", "committed", "queued"]
"""Ways to buy machines, as the catalogue calls them; a test holds the two together."""


class SpreadSpec(Strict):
    """Sit in at least so many different zones or regions."""

    over: Literal["zone", "region"] = "zone"
    at_least: int = Field(gt=1)


class AffinitySpec(Strict):
    """Sit where another workload sits, or, ``apart``, where it does not."""

    workload: str
    at: Literal["zone", "region"] = "zone"
    apart: bool = False


class Constraints(Strict):
    """What is allowed.  At the top of the document it holds for every workload."""

    providers: Many[str] | None = None
    regions: Many[str] | None = None
    zones: Many[str] | None = None
    residency: Many[str] | None = None
    """Countries and jurisdictions whose ground it may not leave: ``[eu, switzerland]``."""
    accelerators: Many[str] | None = None
    precisions: Many[FormatName] | None = None
    """How weights, and with ``-kv8`` caches, may be kept."""
    spread: SpreadSpec | None = None
    affinity: Many[AffinitySpec] = ()
    purchase: Many[PurchaseName] | None = None
    """Ways to buy machines; without it all but spot (see ``spot_share``) and queued ones."""
    spot_share: Annotated[Fraction, Field(le=1)] | None = None
    """The largest share of the replicas that may run on spot machines."""
    survive: Many[Literal["spot", "zone", "region"]] | None = None
    """What may fail as a whole while enough replicas stay up; ``spot`` is all of a type in a zone."""
    pin: Pins = ()
    """Where replicas must be."""


ANYTHING = Constraints.model_construct()
"""No constraints.  Not ``Constraints()``, which would build a validator at import."""


class ProjectConstraints(Constraints):
    """Constraints for all workloads together."""

    budget: UsdPerH | None = None
    carbon: Annotated[KgPerH, Field(gt=0)] | None = None
    """The most CO2e that all machines together may cause."""
    power: Annotated[Power, Field(gt=0)] | None = None
    """The most that all machines together may draw, without cooling."""
    max_moves: int | None = Field(default=None, ge=0)
    """The most replicas of today that may not stay where they are."""


class Objective(Strict):
    """What to minimise once all demand is met."""

    minimise: Minimise = "cost"
    horizon: PositiveDuration = 30 * 86_400.0
    """Serving is weighed against training as if it were paid for so long."""
