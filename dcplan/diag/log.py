"""The log: what dcplan does while it does it, a line each, for whoever asks by ``DCPLAN_LOG``.

Costs nothing while nobody asks: no line is made, and Python's ``logging`` is not even imported.  What is
hidden (``dcplan.diag.hidden``) is hidden here as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dcplan.diag.text import listed
from dcplan.diag.types import Diagnostic, warning

if TYPE_CHECKING:
    from dcplan.diag.log_lines import Lines

LEVEL = "DCPLAN_LOG"
PATH = "DCPLAN_LOG_PATH"
LEVELS: Mapping[str, int] = {"trace": 5, "debug": 10, "info": 20, "warn": 30, "error": 40}
"""By name, as Python's ``logging`` counts; ``trace`` is everything."""
JSON, OFF = "json", "off"
"""Besides these: everything as lines of JSON; nothing."""


class _To:
    """Where lines go; None: nobody asked."""

    lines: Lines | None = None


def start_log(env: Mapping[str, str]) -> tuple[Diagnostic, ...]:
    """Log from now on as these variables say; what of them cannot be followed is a warning.

    A level that there is not counts as ``trace``: who mistypes it wants to see something.
    """
    level = env.get(LEVEL, "").strip().lower()
    stop_log()
    if level in {"", OFF}:
        return ()
    from dcplan.diag.log_lines import Lines  # noqa: PLC0415 - only for those who log

    said = []
    if level not in {*LEVELS, JSON}:
        known = listed([*LEVELS, JSON, OFF], last="or")
        detail = f"{LEVEL} is {env[LEVEL]!r}, so everything is logged, as with trace. Set it to {known}."
        said.append(warning("log-level", "There is no such level of the log", detail))
    lines = Lines(LEVELS.get(level, LEVELS["trace"]), as_json=level == JSON)
    path = env.get(PATH, "")
    try:
        lines.open(path)
    except OSError as problem:
        detail = (
            f"{path} cannot be opened: {problem.strerror}. The log goes to standard error. Set {PATH} to a "
            "file that you may write."
        )
        said.append(warning("log-not-opened", "The log has no file", detail))
        lines.open("")
    _To.lines = lines
    return tuple(said)


def stop_log() -> None:
    """Log no more."""
    if _To.lines is not None:
        _To.lines.close()
        _To.lines = None


def logs(level: str = "error") -> bool:
    """Whether lines of this level are written."""
    return _To.lines is not None and _To.lines.takes(LEVELS[level])


def log(level: str, room: str, message: str, **fields: object) -> None:
    """A line from ``room`` (``provider``, ``state``...) with what it is about; None and empty are left out.

    Values are texts, numbers, truths and lists of these; a text is shown without what is hidden.
    """
    if _To.lines is not None:
        _To.lines.write(LEVELS[level], room, message, fields)
