"""One section of the documents, read by itself, before anything else and though the rest may be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dcplan.config.files import gather
from dcplan.diag import Result

if TYPE_CHECKING:
    from pathlib import Path

    from dcplan.config.source_map import SourceMap

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What the documents say under one key, with the variables that it may name; nothing is checked yet."""

    data: dict[str, Any]
    """``variables`` and the section, by their keys."""
    source: SourceMap
    """Where all of it stands."""


def section_of(paths: Sequence[Path], key: str) -> Result[Section | None]:
    """The section ``key`` of the documents; None, without a diagnostic, where they have none.

    A key without anything under it is a section with nothing in it: who writes ``encryption:`` expects
    encryption.  Documents without the word are not even parsed.
    """
    if not any(_mentions(file, key) for path in paths for file in _files(path)):
        return Result(None)
    gathered = gather(paths)
    if gathered.value is None:
        return Result(None, gathered.diagnostics)
    content = gathered.value.content
    if key not in content.data:
        return Result(None)
    said = content.data[key]
    data = {"variables": content.data.get("variables", {}), key: {} if said is None else said}
    return Result(Section(data=data, source=content.source))


def _mentions(file: Path, key: str) -> bool:
    try:
        return key.encode() in file.read_bytes()
    except OSError:
        return False  # Reading the document says what is wrong with it.


def _files(path: Path) -> Sequence[Path]:
    if not path.is_dir():
        return (path,)
    try:
        return sorted(p for p in path.iterdir() if p.suffix in _SUFFIXES)
    except OSError:
        return ()
