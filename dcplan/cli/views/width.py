"""How wide text may be: as it reads best, or what fits on the terminal."""

from __future__ import annotations

import os
import stat
import sys
import textwrap
from typing import TextIO

import click

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

    The first line begins with ``first``, the others with ``indent``.  Colours take no room where all fits.
    """
    room = width(most, stream)
    if len(click.unstyle(whole := f"{first}{text}".rstrip())) <= room and "\n" not in whole:
        return whole
    lines = textwrap.wrap(
        text,
        room,
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines)


def marked(head: str, rest: str, colour: str, *, indent: int = 8) -> str:
    """A line that begins with ``head`` in a colour: whole, so that it can be searched for in a file.

    On a terminal it goes on in the next line, indented, where the terminal ends.
    """
    text = wrapped(f"{head}{rest}", sys.maxsize, indent=" " * indent)
    return click.style(head, fg=colour) + text[len(head) :] if text.startswith(head) else text


def fitted(text: str) -> str:
    """Each line whole, as ``marked``; on a terminal it goes on below, as far to the right as it began."""
    lines = text.split("\n")
    return "\n".join(
        wrapped(line, sys.maxsize, indent=line[: len(line) - len(line.lstrip())]) for line in lines
    )
