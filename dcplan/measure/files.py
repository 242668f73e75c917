"""Where the rows go: nothing is written over unasked, and nothing half."""

from __future__ import annotations

import os
from pathlib import Path

from dcplan.diag import Diagnostics, error

NOT_WRITTEN = "The measurements cannot be written"


def check_target(path: Path, *, force: bool) -> Diagnostics:
    """What keeps ``path`` from being written; asked before measuring, so that nobody waits in vain."""
    if path.is_dir():
        return _refused("rows-not-written", f"{path} is a folder. Name a file with -o.")
    if path.exists() and not force:
        detail = f"{path} is there already. Add -force to write over it, or name another file with -o."
        return _refused("rows-exist", detail)
    folder = path.parent
    if not folder.is_dir():
        return _refused("rows-not-written", f"There is no folder {folder}. Make it, or name another file.")
    if not os.access(path if path.exists() else folder, os.W_OK):
        return _refused("rows-not-written", f"{path} may not be written by you. Name another file with -o.")
    return ()


def save(text: str, path: Path) -> Diagnostics:
    """Write ``text`` whole: beside ``path`` first, then in its place."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as problem:
        beside.unlink(missing_ok=True)
        return _refused(
            "rows-not-written", f"{path} cannot be written: {problem.strerror}. Name another file with -o."
        )
    return ()


def _refused(code: str, detail: str) -> Diagnostics:
    return (error(code, NOT_WRITTEN, detail),)
