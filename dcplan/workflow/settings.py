"""How a document wants its plans applied."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dcplan.plan.settings import ApplySettings

if TYPE_CHECKING:
    from dcplan.apply.types import ApplyOptions
    from dcplan.config import Document


def settings_of(document: Document) -> ApplySettings:
    """The document's ``apply`` as a plan keeps it."""
    spec = document.apply
    return ApplySettings(
        parallelism=spec.parallelism,
        attempts=spec.attempts,
        call_deadline_s=spec.call_deadline,
        create_timeout_s=spec.timeouts.create,
        update_timeout_s=spec.timeouts.update,
        delete_timeout_s=spec.timeouts.delete,
        on_error=spec.on_error,
        failover=spec.failover,
        failover_at_most=spec.failover_at_most,
        sold_out_for_s=spec.sold_out_for,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyFlags:
    """What the command line says of an apply; None is not said, and leaves it to the document."""

    parallelism: int | None = None
    on_error: str | None = None
    failover: str | None = None
    repurchase: bool = False
    """Whether what may have been paid for may be ordered again."""

    def over(self, settings: ApplySettings) -> ApplyOptions:
        """The options of an apply: flags first, then the document, then what is usual."""
        from dcplan.apply.types import ApplyOptions, Failover, OnError  # noqa: PLC0415 - plans apply nothing

        said = {
            "parallelism": self.parallelism or settings.parallelism,
            "attempts": settings.attempts,
            "deadline_s": settings.call_deadline_s,
            "create_timeout_s": settings.create_timeout_s,
            "update_timeout_s": settings.update_timeout_s,
            "delete_timeout_s": settings.delete_timeout_s,
        }
        usual = ApplyOptions(
            on_error=OnError(self.on_error or settings.on_error or OnError.CONTINUE),
            failover=Failover(self.failover or settings.failover or Failover.AUTO),
            repurchase=self.repurchase,
        )
        changed: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
        return replace(usual, **changed)


NO_FLAGS = ApplyFlags()
"""The command line says nothing."""
