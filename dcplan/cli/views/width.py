"""How wide text may be: as it reads best, or what fits on the terminal."""

from __future__ import annotations

import os
import stat
import sys
import textwrap
from typing import TextIO

LEAST = 40
"""A terminal narrower than this breaks lines where it likes."""


def width(most: int, stream: TextIO | None = None) -> int:
    """``most`` characters, or fewer where ``stream`` (standard output) is a narrower terminal.

    A pipe, as into less, is as wide as the terminal that standard error shows.
    """
    stream = stream or sys.stdout
    try:
        if stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode):
            stream = sys.stderr
        columns = os.get_terminal_size(stream.fileno()).columns if stream.isatty() else most
    except (OSError, ValueError):
        return most  # Closed, or no terminal after all.
    return max(LEAST, min(most, columns)) if columns else most


def wrapped(text: str, most: int, *, first: str = "", indent: str = "", stream: TextIO | None = None) -> str:
    """``text`` in lines of at most ``most`` characters, or what ``stream`` is wide.

    The first line begins with ``first``, the others with ``indent``.
    """
    lines = textwrap.wrap(
        text,
        width(most, stream),
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines)
