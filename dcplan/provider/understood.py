"""Answers of a cloud whose form this release does not know: told as such, and not as a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dcplan.provider.errors import Invalid


@contextmanager
def understood(title: str, package: str) -> Iterator[None]:
    """Looks at the cloud ``title`` by ``package``: what they cannot read becomes ``Invalid``.

    Calls that change something need no such thing: the core takes what they raise for no answer, and looks.
    """
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError) as problem:
        raise Invalid(
            f"{title} answered in a form that this release does not know ({type(problem).__name__}: "
            f"{problem}). Its API may have changed: look for a newer {package}. If there is none, this is a "
            "bug in dcplan; DCPLAN_LOG=trace names the call. Nothing was changed."
        ) from problem
