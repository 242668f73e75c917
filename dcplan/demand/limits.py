"""What a user allows and demands of the machines of one workload, beyond lists of names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.diag import ConfigPath

if TYPE_CHECKING:
    from dcplan.config.limits import Constraints


@dataclass(frozen=True, slots=True, kw_only=True)
class Survive:
    """With any one of these gone, as many replicas are left as the load needs."""

    units: tuple[str, ...]
    """``spot`` (all spot machines of one type in one zone), ``zone``, ``region``."""
    origin: ConfigPath


def survive_of(everywhere: Constraints, here: Constraints, own: ConfigPath) -> Survive | None:
    """What a workload must survive: its own line where it has one, else the project's."""
    for constraints, path in ((here, own), (everywhere, ("constraints",))):
        if constraints.survive is not None:
            units = tuple(dict.fromkeys(constraints.survive))
            return Survive(units=units, origin=(*path, "survive")) if units else None
    return None
