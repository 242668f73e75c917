"""Run something as a user to whom the modes of files apply, also where the tests run as root."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")

_VERSION_3 = 0x20080522
_OVERRIDES = 1 << 1 | 1 << 2
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: https://man7.org/linux/man-pages/man7/capabilities.7.html."""


def bound(work: Callable[[], T]) -> T:
    """What ``work`` gives in a thread without root's leave to read and write everything.

    Capabilities belong to threads, so they come back with the end of this one.
    """
    answers: list[T] = []
    problems: list[BaseException] = []

    def run() -> None:
        try:
            if os.geteuid() == 0:
                _drop()
            answers.append(work())
        except BaseException as problem:  # noqa: BLE001 - raised by who asked
            problems.append(problem)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if problems:
        raise problems[0]
    return answers[0]


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Takes the leave to write from a folder and all in it; skips the test where that binds nobody."""
    paths = [folder, *folder.rglob("*")]
    modes = {path: path.stat().st_mode & 0o777 for path in paths}
    for path, mode in modes.items():
        path.chmod(mode & 0o555)
    try:
        if bound(lambda: os.access(folder, os.W_OK)):
            pytest.skip("file modes bind nobody here")
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def _drop() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()
    if not hasattr(libc, "capset") or libc.capget(header, sets) != 0:
        pytest.skip("root's leave to write everything cannot be given up here")
    for at in range(3):  # Effective, permitted, inheritable; each has a second word further on.
        sets[at] &= ~_OVERRIDES
    if libc.capset(header, sets) != 0:
        pytest.skip("root's leave to write everything cannot be given up here")
