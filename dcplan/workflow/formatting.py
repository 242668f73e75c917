"""``fmt``: documents in their canonical layout."""

from __future__ import annotations

import difflib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dcplan.config.canonical import canonical
from dcplan.config.files import default_paths, shown
from dcplan.config.syntax import read_text
from dcplan.diag import Diagnostic, Result, error, has_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Formatted:
    """One file, as it is and as it should be."""

    path: Path
    shown: str
    """Its name in messages."""
    before: str
    after: str

    @property
    def changed(self) -> bool:
        """Whether it is not in canonical layout."""
        return self.before != self.after

    def diff(self) -> str:
        """What would change, as ``diff -u`` tells it; empty where nothing would."""
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            f"old/{self.shown}",
            f"new/{self.shown}",
        )
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def formatted(paths: Sequence[Path], *, recursive: bool = False) -> Result[tuple[Formatted, ...]]:
    """Every file in canonical layout; writes nothing.

    A folder stands for its ``dcplan.yaml`` and ``dcplan.d``; with
    ``recursive`` for those of all folders below it as well.  The value holds
    the files that could be read; each of the others is an error.
    """
    done: list[Formatted] = []
    said: list[Diagnostic] = []
    for path in dict.fromkeys(file for given in paths for file in _files(given, recursive=recursive)):
        name = shown(path)
        text = read_text(path, name)
        if text.value is None:
            said += text.diagnostics
            continue  # Of what could be read, a byte order mark is warned of: formatting takes it off.
        raw = _raw(path, text.value)
        made = canonical(text.value, name)
        said += made.diagnostics
        if made.value is not None:
            done.append(Formatted(path=path, shown=name, before=raw, after=made.value))
    if not done and not said:
        detail = "There is no dcplan.yaml and no dcplan.d here. Name files, or search below with -recursive."
        said.append(error("no-document", "There is no document to format", detail))
    return Result(tuple(done) if done or not has_errors(tuple(said)) else None, tuple(said))


def format_text(text: str, name: str) -> Result[str]:
    """A text in canonical layout; ``name`` stands for its file in messages."""
    return canonical(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}"), name)


def write(files: Sequence[Formatted]) -> tuple[Diagnostic, ...]:
    """Write those that change, each whole or not at all, with its mode; an error for each that cannot be."""
    said = []
    for file in files:
        if not file.changed:
            continue
        try:
            _replace(file.path.resolve(), file.after)
        except OSError as problem:
            detail = f"{file.shown} cannot be written: {problem.strerror}. It was left as it is."
            said.append(error("not-formatted", "A file could not be formatted", detail))
    return tuple(said)


def _files(path: Path, *, recursive: bool) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for found in default_paths(path):
        if found.is_dir():
            yield from sorted(p for p in found.iterdir() if p.suffix in _SUFFIXES and p.is_file())
        else:
            yield found
    if recursive:
        for folder in sorted(p for p in path.iterdir() if p.is_dir() and not p.is_symlink()):
            if folder.name != "dcplan.d" and not folder.name.startswith("."):
                yield from _files(folder, recursive=True)


def _raw(path: Path, text: str) -> str:
    """The text with what reading takes off its beginning: that makes a difference to the file."""
    mark = "\N{ZERO WIDTH NO-BREAK SPACE}"
    return mark + text if path.read_bytes().startswith(mark.encode()) else text


def _replace(path: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        draft.chmod(path.stat().st_mode & 0o7777)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
