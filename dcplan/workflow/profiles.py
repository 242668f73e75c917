"""The efficiency table that ships with dcplan, with the user's own profiles over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.catalog.efficiency import load_efficiencies
from dcplan.diag import Diagnostic, Result, has_errors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dcplan.catalog.efficiency import Efficiencies


def efficiencies_with(profiles: Sequence[Path]) -> Result[Efficiencies]:
    """The shipped table with these files over it, later ones over earlier ones; every problem at once."""
    table = load_efficiencies()
    said: list[Diagnostic] = []
    if not profiles:
        return Result(table)
    from dcplan.calibrate.profile import over  # noqa: PLC0415 - pydantic, only for a file
    from dcplan.calibrate.stored import read_profile  # noqa: PLC0415 - as above

    for path in profiles:
        own = read_profile(path, table)
        said += own.diagnostics
        if own.value is not None:
            table = over(table, own.value)
    return Result(None if has_errors(tuple(said)) else table, tuple(said))
