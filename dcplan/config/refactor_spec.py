"""What becomes of things that exist: ``moved``, ``removed`` and ``import`` at the top of the document."""

from __future__ import annotations

from pydantic import Field

from dcplan.config.strict import Strict


class MovedSpec(Strict):
    """What was known by one name is known by another from now on; nothing is made or destroyed for that."""

    from_: str = Field(alias="from", min_length=1)
    """An address such as ``local.machine.h100-0``, or the name that a workload had."""
    to: str = Field(min_length=1)
    """The new address, or the workload's name of today."""


class RemovedSpec(Strict):
    """What no longer stands in the document, and whether it is destroyed for that."""

    from_: str = Field(alias="from", min_length=1)
    """An address, or the name that a workload had."""
    destroy: bool
    """false: it stays as it is, and dcplan forgets it."""


class ImportSpec(Strict):
    """What exists already, and is dcplan's to manage from now on."""

    to: str = Field(min_length=1)
    """Its address, ``provider.kind.name``; ``kind.name`` where ``provider`` is given."""
    id: str = Field(min_length=1)
    """What its provider calls it."""
    provider: str | None = None
    """Needed only where ``to`` does not begin with it."""

    @property
    def address(self) -> str:
        """The whole address, as text."""
        if self.provider is None or self.to.startswith(f"{self.provider}."):
            return self.to
        return f"{self.provider}.{self.to}"
