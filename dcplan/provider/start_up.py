"""What machines boot with: a script that keeps a launcher told, and a file of the user's before it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import PrivateAttr

from dcplan.config.strict import Strict
from dcplan.diag import Diagnostic, Result, error
from dcplan.provider.errors import Invalid
from dcplan.provider.templating import Template

if TYPE_CHECKING:
    from dcplan.diag import ConfigPath, Diagnostics
    from dcplan.resources import JsonValue

SHEBANG = "#!"
CLOUD_CONFIG = "#cloud-config"
"""The first line of what cloud-init takes in place of a script."""
KEY = "start_up"
"""In the settings and among a machine's attributes."""
_SHOWN = 16
"""Hexadecimal digits of a digest that tell one file from another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartUp:
    """A file that machines boot with, as it was read."""

    name: str
    """As the settings name it."""
    text: str

    @property
    def digest(self) -> str:
        """Of its text."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:_SHOWN]

    @property
    def attribute(self) -> str:
        """Which file it was, for the plan: not its text."""
        return f"{self.name} ({self.digest})"

    @property
    def is_script(self) -> bool:
        """Whether it can be run by itself."""
        return self.text.startswith(SHEBANG)

    @property
    def lines(self) -> str:
        """Its text without the end of the last line."""
        return self.text.removesuffix("\n")

    @property
    def end(self) -> str:
        """A line that it does not have."""
        return f"END_{self.digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent(Template):
    """The script that keeps running what dcplan says; each cloud extends it with how a machine asks."""

    launcher: str
    """A program of the image, by its path."""
    prefix: str
    """Begins the names of what shall run."""
    start_up: StartUp | None = None
    """A script to run first."""


class StartUpSettings(Strict):
    """Part of the settings of clouds whose machines boot with a script."""

    start_up: str | None = None
    """A file that machines run before the launcher is called, from the document's folder; whoever may read
    the machine may read it."""
    _file: StartUp | None = PrivateAttr(default=None)

    @property
    def start_up_file(self) -> StartUp | None:
        """The file, once it was read."""
        return self._file

    @property
    def start_up_attribute(self) -> str | None:
        """What a machine's attributes say of it."""
        return None if self._file is None else self._file.attribute

    def read_start_up(self, folder: Path, path: ConfigPath, most_bytes: int) -> Diagnostics:
        """Read the file; what is wrong with it."""
        if self.start_up is None:
            return ()
        read = read_start_up(self.start_up, folder, path, most_bytes)
        self._file = read.value
        return read.diagnostics


def read_start_up(name: str, folder: Path, path: ConfigPath, most_bytes: int) -> Result[StartUp]:
    """The file that the settings name, from the document's folder.

    ``most_bytes`` is what the cloud takes.  It is read when a plan is made, and again when that is applied.
    """
    file = folder / name
    wrong: Diagnostic | None = None
    text = ""
    try:
        if not file.is_file():
            detail = f"There is no file at {file}. The path under `{KEY}` starts from the document's folder."
            wrong = error("start-up-missing", "Start-up script not found", detail, path=path)
        elif file.stat().st_size > most_bytes:
            wrong = too_large(name, file.stat().st_size, most_bytes, path)
        else:
            text = file.read_bytes().decode("utf-8")
            wrong = _fault(name, text, path)
    except OSError as problem:
        detail = f"{file} cannot be read: {problem.strerror or problem}."
        wrong = error("start-up-unreadable", "Start-up script cannot be read", detail, path=path)
    except UnicodeDecodeError as problem:
        detail = (
            f"{name} is not UTF-8 text: byte {problem.start + 1} is no part of a character. Machines boot "
            "with a script; let it fetch programs and archives from your storage."
        )
        wrong = error("start-up-text", "Start-up script is no text", detail, path=path)
    return Result(None, (wrong,)) if wrong else Result(StartUp(name=name, text=text))


def too_large(name: str, size_bytes: int, most_bytes: int, path: ConfigPath) -> Diagnostic:
    """More than the cloud takes."""
    detail = (
        f"With {name}, machines would boot with {size_bytes:,} bytes; the cloud takes {most_bytes:,}. "
        "Put the larger part into your storage or image, and let the script fetch and run it."
    )
    return error("start-up-size", "Start-up script is too large", detail, path=path)


def check_planned(planned: JsonValue, start_up: StartUp | None) -> None:
    """``Invalid`` where a machine was planned with another file than there is now."""
    now = None if start_up is None else start_up.attribute
    if planned in (None, now):
        return
    raise Invalid(
        f"The machine was planned with the start-up script {planned}, and it is {now or 'not named'} now. "
        "Plan again, or put the file back as it was. Nothing was sent."
    )


def _fault(name: str, text: str, path: ConfigPath) -> Diagnostic | None:
    """Why it cannot be run."""
    first = text.split("\n", 1)[0]
    if not first.startswith((SHEBANG, CLOUD_CONFIG)):
        detail = (
            f"{name} begins with neither #! and a program, such as #!/bin/bash, nor {CLOUD_CONFIG}: no "
            "machine would know how to run it."
        )
        return error("start-up-first-line", "Start-up script names no program", detail, path=path)
    if first.endswith("\r"):
        detail = (
            f"The lines of {name} end as on Windows, and Linux would look for a program whose name ends "
            "so, too. Save it with Unix line ends (dos2unix)."
        )
        return error("start-up-line-ends", "Start-up script has Windows line ends", detail, path=path)
    if "\0" in text:
        detail = f"There is a NUL character in {name}, which no shell passes on. Take it out."
        return error("start-up-text", "Start-up script is no text", detail, path=path)
    return None
