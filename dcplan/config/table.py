"""Read a CSV whose first line names its columns; every problem at once, each with its line and column."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dcplan.config.files import shown
from dcplan.diag import Diagnostic, Diagnostics, Result, SourceRange, did_you_mean, error, listed, plural

SHOWN = 20
"""Problems of one sort that are told one by one; the others are counted."""
BAD_CELL = "A cell of a list cannot be used"
LARGEST = 10**12
"""Beyond every amount that means something."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: its cells by our name of the column; empty where there is no such column."""

    line: int
    cells: Mapping[str, str]

    def text(self, column: str) -> str:
        """The cell, without spaces around it."""
        return self.cells.get(column, "")


@dataclass(slots=True)
class Table:
    """The rows of one file, and the problems found in them so far."""

    file: str
    spelled: Mapping[str, str]
    """Of each of our columns that is there, how the file's first line spells it."""
    index: Mapping[str, int]
    lines: Sequence[str]
    rows: Sequence[Row]
    _found: list[Diagnostic] = field(default_factory=list)
    _counts: dict[str, int] = field(default_factory=dict)

    def problem(self, code: str, summary: str, detail: str, row: Row, column: str = "") -> None:
        """Note a problem of a row, at one of its cells where a column is given."""
        self._counts[code] = self._counts.get(code, 0) + 1
        if self._counts[code] <= SHOWN:
            self._found.append(error(code, summary, detail, range=self._place(row.line, column)))

    def whole(self, row: Row, column: str, default: int | None = None, least: int = 0) -> int:
        """The whole number in a cell; ``default`` for an empty one; 0 and a noted problem for any other."""
        text = row.text(column)
        if not text and default is not None:
            return default
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if number.is_integer() and least <= number <= LARGEST:
            return int(number)
        what = f"a whole number, {least} or more" if least else "a whole number, not below 0"
        said = f'"{text}"' if text else "empty"
        detail = (
            f'The cell "{self.spelled.get(column, column)}" of line {row.line} is {said}; it must be {what}.'
        )
        self.problem("bad-cell", BAD_CELL, detail, row, column)
        return 0

    def problems(self) -> Diagnostics:
        """Everything noted, and how many more there are of those that were cut short."""
        more = [
            error(
                "more-problems",
                "There are more problems of the same sort",
                f"{plural(count - SHOWN, 'further row')} of {self.file} have the problem {code}.",
            )
            for code, count in self._counts.items()
            if count > SHOWN
        ]
        return (*self._found, *more)

    def _place(self, line: int, column: str) -> SourceRange:
        """The cell, or the first character of its line."""
        index = self.index.get(column)
        if index is None or line > len(self.lines):
            return SourceRange(file=self.file, line=line, column=1)
        cells = self.lines[line - 1].split(",")[: index + 1]
        begin = sum(len(cell) + 1 for cell in cells[:index]) + 1
        return SourceRange(
            file=self.file,
            line=line,
            column=begin,
            end_line=line,
            end_column=begin + len(cells[index]) if index < len(cells) else begin,
        )


def read_table(path: Path, columns: Mapping[str, tuple[str, ...]], needed: Sequence[str]) -> Result[Table]:
    """The rows of a CSV.

    ``columns``: our names, each with what else a file may call them, in small
    letters; other columns are ignored.  ``needed``: those that must be there.
    Errors: ``list-not-read``, ``column-missing``.
    """
    name = shown(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as problem:
        return _refused(name, f"{name} cannot be read: {problem.strerror or problem}.")
    except UnicodeDecodeError:
        return _refused(name, f"{name} is not UTF-8 text. Save the list as CSV in UTF-8.")
    reader = csv.reader(io.StringIO(text))
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
        raw = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as problem:
        return _refused(name, f"{name} is no CSV at line {reader.line_num}: {problem}.")
    index = _columns(header, columns)
    missing = [column for column in needed if column not in index]
    if missing:
        return Result(None, (_missing(name, header, missing, columns),))
    rows = [
        Row(line, {c: cells[i].strip() if i < len(cells) else "" for c, i in index.items()})
        for line, cells in raw
    ]
    spelled = {column: header[place] for column, place in index.items()}
    return Result(Table(name, spelled, index, text.splitlines(), rows))


def _columns(header: Sequence[str], columns: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    """Where each of our columns stands; the first spelling that is there counts."""
    found = {}
    for column, others in columns.items():
        for spelling in (column, *others):
            if spelling in header:
                found[column] = header.index(spelling)
                break
    return found


def _missing(
    file: str, header: Sequence[str], missing: Sequence[str], columns: Mapping[str, tuple[str, ...]]
) -> Diagnostic:
    near = " ".join(did_you_mean(column, header) for column in missing).strip()
    ways = "; ".join(f"{c} (or {listed(columns[c], last='or')})" if columns[c] else c for c in missing)
    detail = f"{file} has no column for {ways}. Its first line must name its columns. {near}".strip()
    return error(
        "column-missing", "A list lacks a column", detail, range=SourceRange(file=file, line=1, column=1)
    )


def _refused(file: str, detail: str) -> Result[Table]:
    place = SourceRange(file=file, line=1, column=1)
    return Result(None, (error("list-not-read", "A list cannot be read", detail, range=place),))
