"""``measure``: time this machine, and write the rows that ``calibrate`` reads."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from dcplan import __version__
from dcplan.diag import Result, has_errors
from dcplan.measure import Measured, Settings, check_target, open_backend, save, to_csv
from dcplan.measure import measure as measured
from dcplan.workflow.types import Progress, silent


def measure(  # noqa: PLR0913 - what the command was asked
    out: Path,
    *,
    backend: str = "auto",
    device: str = "auto",
    settings: Settings | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Result[Measured]:
    """Measure this machine and write ``out``; errors before anything is timed where that cannot work.

    ``backend`` and ``device`` are as in ``dcplan.measure.open_backend``;
    ``force`` writes over a file that is there.
    """
    unwritable = check_target(out, force=force)
    if unwritable:
        return Result(None, unwritable)
    progress("looking for what can be measured")
    opened = open_backend(backend, device)
    if opened.value is None:
        return Result(None, opened.diagnostics)
    made = measured(
        opened.value,
        settings or Settings(),
        date=datetime.now(tz=UTC).date().isoformat(),
        source=f"dcplan measure {__version__}",
        progress=progress,
    )
    if made.value is None:
        return made
    said = (*opened.diagnostics, *made.diagnostics, *save(to_csv(made.value), out))
    return Result(None if has_errors(said) else made.value, said)
