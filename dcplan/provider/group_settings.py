"""What may stand under ``machine_groups`` of every cloud; each says itself which kinds there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from dcplan.config.strict import Name, Strict
from dcplan.diag import Diagnostic, error

if TYPE_CHECKING:
    from dcplan.diag import ConfigPath


class GroupSpec(Strict):
    """That the machines of one workload stand in groups; a cloud's own derives from it and adds ``as``."""

    workload: Name
    at_most: Annotated[int, Field(ge=1)] | None = None
    """Machines of one group, up to which the cloud may add some; None: as many as planned."""


def twice(groups: Sequence[GroupSpec], path: ConfigPath) -> Iterator[Diagnostic]:
    """Errors for a workload that is to stand in groups of two kinds."""
    seen: set[str] = set()
    for i, group in enumerate(groups):
        if group.workload in seen:
            yield error(
                "group-twice",
                "A workload stands in groups twice",
                f'"{group.workload}" has another entry in machine_groups. Keep one of them.',
                path=(*path, i, "workload"),
            )
        seen.add(group.workload)
