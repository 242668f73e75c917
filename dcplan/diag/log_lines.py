"""Lines of the log: how they look, and where they go.  Imported only where something is logged."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

from dcplan.diag.hidden import redacted, without_hidden

_TRACE = 5
_NAMES = {_TRACE: "trace", logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warn"}
_STDERR = 2
_NEVER = 1000


class Lines(logging.Handler):
    """Takes lines of this level and above, from any thread; each is written whole, and at once."""

    def __init__(self, level: int, *, as_json: bool) -> None:
        super().__init__(level)
        self._as_json = as_json
        self._descriptor: int | None = None
        self._file = False
        self._logger = logging.getLogger("dcplan")
        self._logger.setLevel(level)
        self._logger.propagate = False
        self._logger.addHandler(self)

    def open(self, path: str) -> None:
        """Append to this file, which is made for its owner alone; without a name, to standard error.

        ``OSError`` where it cannot be opened.
        """
        if path:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
            self._descriptor = os.open(path, flags, 0o600)
            self._file = True

    def takes(self, level: int) -> bool:
        """Whether a line of this level is written."""
        return level >= self.level

    def write(self, level: int, room: str, message: str, fields: Mapping[str, object]) -> None:
        """One line."""
        if self.takes(level):
            self._logger.getChild(room).log(level, "%s", message, extra={"dcplan_fields": fields})

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; a log that cannot be written ends, and what it tells of goes on."""
        line = (self._json(record) if self._as_json else self._text(record)) + "\n"
        try:
            if self._descriptor is None:
                sys.stderr.write(line)
                sys.stderr.flush()
            else:
                os.write(self._descriptor, line.encode(errors="backslashreplace"))
        except (OSError, ValueError) as problem:
            self.setLevel(_NEVER)
            if self._file:
                os.write(_STDERR, f"warning: The log ends here: {problem}\n".encode())

    def close(self) -> None:
        """Let go of the file."""
        self._logger.removeHandler(self)
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        super().close()

    def _json(self, record: logging.LogRecord) -> str:
        fields = {name: clean for name, value in _fields(record) if not _empty(clean := _clean(value))}
        return json.dumps(
            {
                "@level": _NAMES.get(record.levelno, "error"),
                "@message": redacted(record.getMessage()),
                "@module": record.name,
                "@timestamp": _time(record),
                **fields,
            }
        )

    def _text(self, record: logging.LogRecord) -> str:
        fields = [(name, clean) for name, value in _fields(record) if not _empty(clean := _clean(value))]
        level = f"[{_NAMES.get(record.levelno, 'error').upper()}]"
        room = record.name.partition(".")[2] or record.name
        told = "".join(f" {name}={_shown(value)}" for name, value in fields)
        message = " ".join(redacted(record.getMessage()).splitlines())
        return f"{_time(record)} {level:<7} {room}: {message}{told}"


def _fields(record: logging.LogRecord) -> list[tuple[str, object]]:
    fields: Mapping[str, object] = getattr(record, "dcplan_fields", {})
    return list(fields.items())


def _clean(value: object) -> object:
    """A value that JSON can hold, without what is hidden."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, float):
        return without_hidden(round(value, 6))
    if isinstance(value, int):
        return without_hidden(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item) for item in value]
    if isinstance(value, Mapping):
        return {redacted(str(name)): _clean(item) for name, item in value.items()}
    return redacted(str(value))


def _empty(value: object) -> bool:
    return value is None or value in ("", [], {})


def _shown(value: object) -> str:
    """A value on a line of text: quoted where it would not be one word."""
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    plain = isinstance(value, str) and value.isprintable() and not set(value) & set(" \"'=[]{},")
    return str(value) if plain else json.dumps(value)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
