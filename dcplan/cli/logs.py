"""What the log tells of a command: how it began and ended, its stages, events and problems."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

import click

from dcplan import __version__
from dcplan.diag import Diagnostic, Severity
from dcplan.diag.log import log, logs, start_log, stop_log

if TYPE_CHECKING:
    from dcplan.apply.types import Event
    from dcplan.plan.types import Plan

ROOM = "cli"
_WARNS = frozenset({"Retry", "CapacityAttempt", "LockWaiting", "Skipped"})
_DETAILS = frozenset({"Progress", "IntentRecorded", "IntentResolved"})


class _Began:
    """When the command began that is logged; None for none."""

    at_s: float | None = None


def begin_log(name: str, command: click.Command | None, words: Sequence[str]) -> None:
    """Log as the environment says, and that this command begins; warn where that cannot be.

    Of what was typed only the names of options are told: values may be secret.
    """
    said = start_log(os.environ)
    _Began.at_s = time.monotonic() if logs() else None
    inside = [word for word in words[:1] if isinstance(command, click.Group) and word in command.commands]
    known = _options(command)
    options = [option for word in words if (option := word.partition("=")[0]) in known]
    log(
        "info",
        ROOM,
        "command begins",
        command=" ".join([name, *inside]),
        options=options,
        dcplan=__version__,
        python=platform.python_version(),
        pid=os.getpid(),
    )
    if said:
        from dcplan.cli.options import show_diagnostics  # noqa: PLC0415 - only for a log that is wrong

        show_diagnostics(said, as_json=False)


def _options(command: click.Command | None) -> set[str]:
    """Every spelling of its options, and of the commands in it."""
    if command is None:
        return set()
    inside = command.commands.values() if isinstance(command, click.Group) else ()
    return {name for param in command.params for name in param.opts}.union(*map(_options, inside))


def log_end(code: object) -> None:
    """The command ends with this exit code (None is that of success), and with it the log."""
    if _Began.at_s is not None:
        took_s = time.monotonic() - _Began.at_s
        _Began.at_s = None
        log("info", ROOM, "command ends", exit_code=code or 0, duration_s=took_s)
    stop_log()


def log_stage(stage: str) -> None:
    """What the planning is at."""
    log("debug", "plan", stage)


def with_stages(progress: Callable[[str], None]) -> Callable[[str], None]:
    """``progress``, of which the log hears as well; the same function where there is none."""
    if not logs("debug"):
        return progress

    def both(stage: str) -> None:
        log_stage(stage)
        progress(stage)

    return both


def log_plan(plan: Plan) -> None:
    """A plan was made: how many changes of which sort."""
    if not logs("info"):
        return
    counts: dict[str, int] = {}
    for change in plan.changes:
        counts[change.action.value] = counts.get(change.action.value, 0) + 1
    log(
        "info",
        "plan",
        "planned",
        mode=plan.mode,
        **counts,
        unchanged=plan.unchanged,
        usd_per_h=plan.usd_per_h,
    )
    for change in plan.changes:
        log(
            "trace",
            "plan",
            "change",
            address=change.address,
            action=change.action.value,
            reason=change.reason.value,
            changed=change.changed,
        )


def log_event(event: Event) -> None:
    """Something happened while applying."""
    if not logs():
        return
    name = type(event).__name__
    level = (
        "error" if name == "Failed" else "warn" if name in _WARNS else "debug" if name in _DETAILS else "info"
    )
    told = {field.name: _plain(getattr(event, field.name)) for field in fields(event)}
    log(level, "apply", name, **told)


def log_diagnostics(diagnostics: Iterable[Diagnostic]) -> None:
    """Problems, in the words in which they are shown."""
    if not logs():
        return
    for one in diagnostics:
        log(
            "error" if one.severity is Severity.ERROR else "warn",
            "diagnostic",
            one.summary,
            code=one.code,
            address=one.address,
            range=one.range,
            detail=one.detail,
        )


def _plain(value: object) -> object:
    if isinstance(value, Diagnostic):
        return f"{value.summary}. {value.detail}"
    return value.value if hasattr(value, "value") else value
