"""The lines of ``apply -json``, format ``event.v1``: one JSON object a line, told apart by ``type``.

Knows pydantic, so it is imported when the format is described, and never on the way of an apply.  Readers
ignore keys and types that they do not know.  Units stand in names; a price that is not known is null.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Action = Literal["create", "update", "replace", "delete", "move", "forget", "import", "record", "no-op"]


class Line(BaseModel):
    """What every line has."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    level: Literal["info", "warn", "error"] = Field(serialization_alias="@level")
    message: str = Field(serialization_alias="@message")
    """For people; its words may change."""
    module: str = Field(serialization_alias="@module")
    timestamp: str = Field(serialization_alias="@timestamp")
    """ISO 8601 in UTC."""


class Version(Line):
    """The first line."""

    type: Literal["version"]
    dcplan: str
    format_version: str


class Log(Line):
    """A sentence in between, in ``@message``."""

    type: Literal["log"]


class Diagnostic(Line):
    """A problem."""

    type: Literal["diagnostic"]
    severity: Literal["error", "warning"]
    code: str
    summary: str
    detail: str
    path: list[str | int] | None = None
    address: str | None = None
    range: dict[str, Any] | None = None
    related: list[dict[str, Any]] | None = None


class SolverProgress(Line):
    """What planning is at."""

    type: Literal["solver_progress"]
    stage: str


class ResourceDrift(Line):
    """Of a refresh-only plan: what is not as the state says."""

    type: Literal["resource_drift"]
    address: str
    gone: bool
    ready: bool
    attributes: dict[str, dict[str, Any]]
    """Name to ``before`` and ``after``, as ``outputs``."""
    outputs: dict[str, dict[str, Any]]


class PlannedChange(Line):
    """One change of the plan."""

    type: Literal["planned_change"]
    address: str
    action: Action
    reason: str
    changed: list[str]
    forced_by: list[str]
    """Those of ``changed`` because of which it is replaced."""
    values: dict[str, dict[str, Any]]
    """Of ``changed`` in an update or a replacement: name to ``before`` and ``after``."""


class PlanSummary(Line):
    """The plan, counted."""

    type: Literal["plan_summary"]
    mode: Literal["apply", "destroy", "refresh-only"]
    changes: dict[str, int]
    unchanged: int
    left: dict[str, int] | None
    """Changes that a partial plan leaves out, by action; null for a plan of everything."""
    usd_per_h: float | None
    before_usd_per_h: float | None


class CostDelta(Line):
    """What the plan's changes do to the cost."""

    type: Literal["cost_delta"]
    before_usd_per_h: float | None
    after_usd_per_h: float | None
    delta_usd_per_h: float | None


class LockAcquired(Line):
    """The state is locked for this command."""

    type: Literal["lock_acquired"]
    epoch: int
    operation: str


class LockWaiting(Line):
    """Somebody else has the state; it is tried again after a pause."""

    type: Literal["lock_waiting"]
    why: str
    delay_s: float


class LockLost(Line):
    """Somebody else has the state now; nothing more is written."""

    type: Literal["lock_lost"]
    why: str


class OfResource(Line):
    """What every line about one call has."""

    address: str
    action: Action


class IntentRecorded(OfResource):
    """The journal knows of a call that is about to be made."""

    type: Literal["intent_recorded"]
    op_id: str


class IntentResolved(OfResource):
    """The journal knows what came of a call: done, or nothing made."""

    type: Literal["intent_resolved"]
    op_id: str
    done: bool


class ApplyStart(OfResource):
    """A call is made."""

    type: Literal["apply_start"]


class ApplyAcknowledged(OfResource):
    """The provider took it; ``adopted``: found from an earlier attempt."""

    type: Literal["apply_acknowledged"]
    id: str
    adopted: bool


class ApplyProgress(OfResource):
    """Still under way; told again and again."""

    type: Literal["apply_progress"]
    elapsed_s: float


class ApplyComplete(OfResource):
    """Ready, or gone."""

    type: Literal["apply_complete"]
    elapsed_s: float


class ApplyErrored(OfResource):
    """Not done."""

    type: Literal["apply_errored"]
    diagnostic: dict[str, Any]


class ApplySkipped(OfResource):
    """Not tried, because of another."""

    type: Literal["apply_skipped"]
    because: str


class ApplyRetry(OfResource):
    """Tried again after a pause."""

    type: Literal["apply_retry"]
    why: str
    delay_s: float
    attempt: int


class CapacityAttempt(OfResource):
    """A pool is sold out, the next one is tried."""

    type: Literal["capacity_attempt"]
    from_pool: str
    pool: str
    machines: int
    usd_per_h: float
    """Of these machines there, more than planned; negative is less."""
    why: str
    attempt: int


class PlanAnew(Line):
    """A round has ended because its plan's machines are sold out; lines of a new plan follow."""

    type: Literal["plan_anew"]
    round: int
    """That begins; the first plan's is 1."""
    sold_out: list[str]
    """``provider/pool``: all that were found sold out so far."""
    done: int
    failed: int
    skipped: int
    serial: int


class Outputs(Line):
    """The document's outputs after all that; of what is sensitive the value is null."""

    type: Literal["outputs"]
    outputs: dict[str, dict[str, Any]]


class ChangeSummary(Line):
    """The last line: what came of it, counted."""

    type: Literal["change_summary"]
    done: int
    failed: int
    skipped: int
    rolled_back: int
    in_progress: int
    not_started: int
    already_made: int
    recovered: int
    interrupted: bool
    serial: int
    moved: list[Any]
    """What failed over to another pool."""
    rounds: int
    """Plans that were begun: the counts are of the last one, those of others are told by ``plan_anew``."""


AnyLine = Annotated[
    Version
    | Log
    | Diagnostic
    | SolverProgress
    | ResourceDrift
    | PlannedChange
    | PlanSummary
    | CostDelta
    | LockAcquired
    | LockWaiting
    | LockLost
    | IntentRecorded
    | IntentResolved
    | ApplyStart
    | ApplyAcknowledged
    | ApplyProgress
    | ApplyComplete
    | ApplyErrored
    | ApplySkipped
    | ApplyRetry
    | CapacityAttempt
    | PlanAnew
    | Outputs
    | ChangeSummary,
    Field(discriminator="type"),
]
