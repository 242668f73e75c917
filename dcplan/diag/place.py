"""Turn config paths into places in files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from dcplan.diag.types import ConfigPath, Diagnostic, Diagnostics, Related, SourceRange

Ranges = Mapping[ConfigPath, SourceRange]


def place(diagnostics: Iterable[Diagnostic], values: Ranges, keys: Ranges) -> Diagnostics:
    """Give each diagnostic that has a path, but no range, the nearest enclosing range.

    ``values`` maps a path to where its value stands, ``keys`` to where its key
    stands.  A path that the text does not hold (a missing key, say) climbs to
    the item that should hold it.
    """

    def find(path: ConfigPath, *, on_key: bool) -> SourceRange | None:
        if on_key and path in keys:
            return keys[path]
        if path in values:
            return values[path]
        while path and path not in values:
            path = path[:-1]
        # A mapping starts at its first key, a line below its own name; the
        # name is where people look for what is missing inside it.
        return keys.get(path) or values.get(path)

    def placed_note(note: Related) -> Related:
        if note.range is not None or note.path is None:
            return note
        return replace(note, range=find(note.path, on_key=False))

    def placed(d: Diagnostic) -> Diagnostic:
        related = tuple(placed_note(note) for note in d.related)
        if d.range is None and d.path is not None:
            return replace(d, range=find(d.path, on_key=d.on_key), related=related)
        return replace(d, related=related)

    return tuple(placed(d) for d in diagnostics)
