"""Servers that tests start as programs: each prints its port and ends when its input does."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
END_S = 10


@contextmanager
def served(program: str, *arguments: str, python: str = sys.executable) -> Iterator[int]:
    """The port of a server of ``tests/support`` that runs as long as the body does."""
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(
            [python, str(HERE / program), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.strip().isdigit():
                said.seek(0)
                raise RuntimeError(f"{program} did not start: {line}{said.read()[-2000:]}")
            yield int(line)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
