"""Write the lists that ``pack`` and ``defrag`` make: whole or not at all, and over nothing else."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_list(text: str, out: Path) -> str:
    """Write ``text`` to ``out``, where a half-written file is never seen; why it failed, or nothing."""
    try:
        descriptor, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(text)
            Path(name).chmod(0o644)
            Path(name).replace(out)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as problem:
        return problem.strerror or str(problem)
    return ""


def has_columns(path: Path, columns: tuple[str, ...]) -> bool:
    """Whether a file begins with these columns, as we write them."""
    try:
        with path.open(encoding="utf-8") as file:
            return file.readline().rstrip("\r\n") == ",".join(columns)
    except (OSError, UnicodeDecodeError):
        return False
