"""``calibrate``: a file of measurements to figures and a profile."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from dcplan.calibrate import Calibration, Rows, profile_text, read_rows
from dcplan.calibrate import calibrate as fit_rows
from dcplan.calibrate.profile import TITLE
from dcplan.catalog.efficiency import load_efficiencies
from dcplan.diag import Diagnostics, Result, error, has_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """What a file of measurements came to."""

    rows: Rows
    calibrations: tuple[Calibration, ...]
    text: str
    """The profile, as it would be written."""


def calibrate(path: Path, today: date | None = None) -> Result[Calibrated]:
    """Read the measurements at ``path``, fit what they can tell, and judge it; writes nothing.

    ``today`` is the date in the profile's header, by default the clock's.
    """
    read = read_rows(path)
    if read.value is None:
        return Result(None, read.diagnostics)
    fitted = fit_rows(read.value, load_efficiencies())
    diagnostics = (*read.diagnostics, *fitted.diagnostics)
    if fitted.value is None or has_errors(diagnostics):
        return Result(None, diagnostics)
    written = (today or datetime.now(UTC).date()).isoformat()
    text = profile_text(fitted.value, written)
    return Result(Calibrated(rows=read.value, calibrations=fitted.value, text=text), diagnostics)


def may_write(out: Path, measurements: Path) -> Diagnostics:
    """An error where writing a profile to ``out`` would destroy something that is none."""
    if not out.exists():
        return ()
    if out.is_file() and not out.samefile(measurements) and _is_profile(out):
        return ()
    detail = (
        f"{out} is there already and is no profile, so it is not overwritten. Name another file with -out."
    )
    return (error("not-a-profile", "The profile could not be written", detail),)


def write_profile(text: str, out: Path) -> Diagnostics:
    """Write a profile to ``out``; a half-written file is never seen there."""
    try:
        descriptor, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).chmod(0o644)
            Path(name).replace(out)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as problem:
        detail = f"{out} cannot be written: {problem.strerror}. Name another file with -out."
        return (error("profile-not-written", "The profile could not be written", detail),)
    return ()


def _is_profile(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(len(TITLE) + 2).startswith(f"# {TITLE[:22]}")
    except (OSError, UnicodeDecodeError):
        return False
