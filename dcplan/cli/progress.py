"""One line on the terminal that says what is being done; nothing where nobody looks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_line(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """A function that shows its text on standard error, each over the last, if that is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    clear = "\r\x1b[K"
    try:
        yield lambda text: print(f"{clear}{text}...", end="", file=sys.stderr, flush=True)  # noqa: T201 - a view
    finally:
        print(clear, end="", file=sys.stderr, flush=True)  # noqa: T201 - as above
