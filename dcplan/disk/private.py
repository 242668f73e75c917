"""Folders that only their owner may enter."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def make_folder(path: Path) -> None:
    """Make a folder and those above it that are missing, all for their owner alone.

    What is there stays as it is.  ``OSError`` where it is refused.
    """
    missing = [path]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)  # With ``parents``, those above would get another mode.
