"""Find the document's files, read them and merge them into one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcplan.config.reader import Content, read_file
from dcplan.config.source_map import SourceMap
from dcplan.diag import ConfigPath, Diagnostic, Result, error
from dcplan.diag.types import Related

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SUFFIXES = (".yaml", ".yml")
NOTHING = "no-document"


@dataclass(frozen=True)
class Gathered:
    """All files of a document: merged, and by themselves."""

    files: tuple[Path, ...]
    content: Content


def default_paths(folder: Path) -> tuple[Path, ...]:
    """``dcplan.yaml`` and the folder ``dcplan.d`` in ``folder``, as far as they exist.

    Beside a ``dcplan.yaml`` a folder that nobody has put a file into yet is nothing to complain about.
    """
    document, more = folder / "dcplan.yaml", folder / "dcplan.d"
    if document.exists() and any(problem.code == NOTHING for problem in _files(more).diagnostics):
        return (document,)
    return tuple(path for path in (document, more) if path.exists())


def shown(path: Path) -> str:
    """How messages name a file: from the current folder when it is below it."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except (ValueError, OSError, RuntimeError):
        return str(path)


def gather(paths: Sequence[Path]) -> Result[Gathered]:
    """Read every file, or every YAML file of a folder, and merge them in that order.

    There is no value when any file cannot be read as YAML: what the others
    lack could stand in it.
    """
    said: list[Diagnostic] = []
    files: list[Path] = []
    for path in paths:
        found = _files(path)
        files += found.value or ()
        said += found.diagnostics
    if not files and not said:
        detail = "Write a dcplan.yaml here, or name the files to read."
        said.append(error(NOTHING, "There is no document to read", detail))
    contents: list[Content] = []
    for file in files:
        read = read_file(file, shown(file))
        said += read.diagnostics
        if read.value is not None:
            contents.append(read.value)
    if len(contents) < len(files) or not contents:
        return Result(None, tuple(said))
    merged = merge(contents)
    return Result(Gathered(tuple(files), merged.unwrap()), (*said, *merged.diagnostics))


def _files(path: Path) -> Result[tuple[Path, ...]]:
    """A folder's YAML files by name, or the file itself."""
    if not path.is_dir():
        return Result((path,))
    try:
        found = sorted(p for p in path.iterdir() if p.suffix in _SUFFIXES and p.is_file())
    except OSError as problem:
        detail = f"{shown(path)} cannot be read: {problem.strerror or type(problem).__name__}."
        return Result(None, (error("unreadable-file", "A file cannot be read", detail),))
    if not found:
        detail = f"The folder {shown(path)} holds no .yaml or .yml file."
        return Result(None, (error(NOTHING, "There is no document to read", detail),))
    return Result(tuple(found))


def merge(contents: Sequence[Content]) -> Result[Content]:
    """One mapping of several: mappings merge, anything else may stand in one file only."""
    said: list[Diagnostic] = []
    data: dict[str, Any] = dict(contents[0].data)
    seen = [contents[0].source]
    for content in contents[1:]:
        data = _merged(data, content.data, (), said, seen, content.source)
        seen.append(content.source)
    source = seen[0] if len(seen) == 1 else SourceMap.of(seen)
    bad: Iterable[ConfigPath] = (path for content in contents for path in content.bad)
    return Result(Content(data, source, frozenset(bad)), tuple(said))


def _merged(  # noqa: PLR0913, PLR0917 - one recursion with its two notebooks
    first: Mapping[str, Any],
    second: Mapping[str, Any],
    path: ConfigPath,
    said: list[Diagnostic],
    seen: Sequence[SourceMap],
    source: SourceMap,
) -> dict[str, Any]:
    """``first`` with what ``second`` adds; keys that clash keep their first value."""
    result = dict(first)
    for key, value in second.items():
        here = (*path, key)
        if key not in result:
            result[key] = value
        elif isinstance(result[key], dict) and isinstance(value, dict):
            result[key] = _merged(result[key], value, here, said, seen, source)
        else:
            said.append(_twice(here, seen, source))
    return result


def _twice(path: ConfigPath, seen: Sequence[SourceMap], source: SourceMap) -> Diagnostic:
    """The same key in two files; both places are named."""
    first = next((m.keys[path] for m in seen if path in m.keys), None)
    detail = f'"{path[-1]}" also stands in {first.file if first else "another file"}. Keep one of the two.'
    related = (Related(note="It stands here first.", range=first),) if first else ()
    return error(
        "duplicate-key",
        "A key is there twice",
        detail,
        range=source.keys.get(path) or source.values[()],
        related=related,
    )
