"""The efficiency table that ships with dcplan, with the user's own profiles over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.catalog.efficiency import load_efficiencies
from dcplan.diag import Diagnostic, Result, error, has_errors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dcplan.catalog.efficiency import Efficiencies
    from dcplan.config import Document


def profiles_of(document: Document, root: Path) -> Result[tuple[Efficiencies, ...]]:
    """The table with the document's profiles in it, or nothing where it names none: what ships will do then.

    A file that is not there is told at its line.
    """
    if not document.profiles:
        return Result(())
    missing = tuple(
        error(
            "no-profile",
            "There is no such profile",
            f'"{name}" is not a file beside the document. dcplan calibrate writes profiles; '
            "docs/calibration.md tells how.",
            path=("profiles", index),
        )
        for index, name in enumerate(document.profiles)
        if not (root / name).is_file()
    )
    if missing:
        return Result(None, missing)
    table = efficiencies_with([root / name for name in document.profiles])
    return Result(None if table.value is None else (table.value,), table.diagnostics)


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
