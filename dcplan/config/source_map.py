"""Where everything in the document stands: config path -> place in a file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from dcplan import diag
from dcplan.diag import ConfigPath, Diagnostic, Diagnostics, SourceRange

Spot = tuple[int, int, int, int]
"""Line, column, end line, end column, all from 0, as the YAML parser counts them."""

HIDDEN = "(from the environment, not shown)"
_LONG = 16
"""Keys and tokens are at least this long, names of regions and machines rarely are."""


class Ranges(Mapping[ConfigPath, SourceRange]):
    """Paths to places, file by file; the first file that holds a path wins.

    Keeps bare numbers and makes the SourceRange on asking: an inventory has a
    hundred thousand places, and a run asks for a few of them or for none.
    """

    __slots__ = ("files",)

    def __init__(self, *files: tuple[str, Mapping[ConfigPath, Spot]]) -> None:
        """Wrap each file's name, as messages show it, and its spots."""
        self.files = files

    def __getitem__(self, path: ConfigPath) -> SourceRange:
        """The range of ``path``; KeyError when no text holds it."""
        for file, spots in self.files:
            if path in spots:
                return source_range(file, spots[path])
        raise KeyError(path)

    def __iter__(self) -> Iterator[ConfigPath]:
        """All paths, in the order of the texts."""
        return iter({path: None for _, spots in self.files for path in spots})

    def __len__(self) -> int:
        """How many different paths."""
        return len({path for _, spots in self.files for path in spots})


def source_range(file: str, spot: Spot) -> SourceRange:
    """A parser's place, counted from 0, as a range counted from 1."""
    line, column, end_line, end_column = spot
    return SourceRange(
        file=file, line=line + 1, column=column + 1, end_line=end_line + 1, end_column=end_column + 1
    )


@dataclass(frozen=True)
class SourceMap:
    """Paths to places of all files of a document.

    ``values`` maps a path to where its value stands (a block of several lines
    stands where its key does), ``keys`` to where its key stands.  ``secrets``
    are the texts that came from the environment, by the path of the value
    that holds them; no placed diagnostic shows them.
    """

    values: Ranges = field(default_factory=Ranges)
    keys: Ranges = field(default_factory=Ranges)
    secrets: Mapping[ConfigPath, frozenset[str]] = field(default_factory=dict)

    @staticmethod
    def of(maps: Iterable[SourceMap]) -> SourceMap:
        """One map of several files, without secrets; the first file that holds a path wins."""
        every = tuple(maps)
        return SourceMap(
            values=Ranges(*(file for m in every for file in m.values.files)),
            keys=Ranges(*(file for m in every for file in m.keys.files)),
        )

    def place(self, diagnostics: Iterable[Diagnostic]) -> Diagnostics:
        """Give each diagnostic with a path its range, and hide secrets in its words."""
        placed = diag.place(diagnostics, self.values, self.keys)
        return tuple(self._hidden(d) for d in placed) if self.secrets else placed

    def _hidden(self, d: Diagnostic) -> Diagnostic:
        """``d`` without secrets.

        A long secret is hidden wherever it is said.  A short one ("4", "aws")
        is hidden only as a word of its own and only in what is said about its
        place, or ordinary sentences would become unreadable.
        """
        about = [p for p in (d.path, *(note.path for note in d.related)) if p is not None]
        texts = {
            text
            for path, secrets in self.secrets.items()
            for text in secrets
            if text.strip() and (len(text) >= _LONG or any(_touch(path, p) for p in about))
        }
        if not texts:
            return d
        word = re.compile("|".join(_as_word(t) for t in sorted(texts, key=len, reverse=True)))
        related = tuple(replace(note, note=word.sub(HIDDEN, note.note)) for note in d.related)
        return replace(d, detail=word.sub(HIDDEN, d.detail), related=related)


def _touch(one: ConfigPath, other: ConfigPath) -> bool:
    """Whether one path encloses the other."""
    return one[: len(other)] == other or other[: len(one)] == one


def _as_word(secret: str) -> str:
    """A pattern for the secret; a short one must not be a part of a longer word.

    A unit may follow a number: advice such as "write 7s" gives away the 7.
    """
    if len(secret) >= _LONG:
        return re.escape(secret)
    end = r"(?!\d)" if secret[-1].isdigit() else r"(?![\w-])"
    return rf"(?<![\w.-]){re.escape(secret)}{end}"
