"""How a plan is to be applied, as its document says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplySettings:
    """What the document's ``apply`` says; None is not said.  Flags win."""

    parallelism: int | None = None
    attempts: int | None = None
    call_deadline_s: float | None = None
    create_timeout_s: float | None = None
    update_timeout_s: float | None = None
    delete_timeout_s: float | None = None
    on_error: str | None = None
    """``continue``, ``stop`` or ``rollback-new``."""
    failover: str | None = None
    """``auto``, ``pools`` or ``never``."""
    failover_at_most: float | None = None
    """How much more than the plan's cost a plan that is made anew may cost unasked, as a share of it."""
    sold_out_for_s: float = 1800.0


AS_USUAL = ApplySettings()
"""Nothing was said."""
