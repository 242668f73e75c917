"""How an apply goes about its work: ``apply`` in the document.  Flags of the command line win."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dcplan.config.strict import PositiveDuration, Strict
from dcplan.config.values import Duration, Fraction


class TimeoutsSpec(Strict):
    """How long one object may take; the provider goes on, and the next apply waits on."""

    create: PositiveDuration | None = None
    update: PositiveDuration | None = None
    delete: PositiveDuration | None = None


class ApplySpec(Strict):
    """How many calls at once, how patiently, and what follows when one fails."""

    parallelism: int | None = Field(default=None, ge=1, le=200)
    """Operations under way at the same time."""
    attempts: int | None = Field(default=None, ge=1, le=100)
    """How often one call may be sent."""
    call_deadline: PositiveDuration | None = None
    """How long one call may be tried again before it counts as failed."""
    timeouts: TimeoutsSpec = TimeoutsSpec.model_construct()
    on_error: Literal["continue", "stop", "rollback-new"] | None = None
    """What does not depend on a failure goes on, nothing more starts, or what is new is taken away again."""
    failover: Literal["auto", "pools", "never"] | None = None
    """What follows when a pool is sold out: the plan's next best pool, and a new plan where there is none
    left; only its pools; or neither."""
    failover_at_most: Fraction | None = None
    """How much more than planned a new plan may cost without a question; else as much as the plan showed."""
    sold_out_for: Duration = 1800.0
    """How long plans buy nothing more in a pool that was found sold out; 0: not at all."""
