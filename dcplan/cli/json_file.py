"""JSON for programs in a file, while people read the terminal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TextIO

import click


def open_json(path: Path) -> TextIO:
    """The file, emptied, for its owner's eyes only (0600): a plan is in it.

    What cannot be written ends the command.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.chmod(path, 0o600)  # noqa: PTH101 - as the line above; a file that was there had another mode
    except OSError as problem:
        raise click.UsageError(
            f"{path} cannot be written: {problem.strerror}. Name another -json-into."
        ) from None
    return os.fdopen(descriptor, "w", encoding="utf-8")
