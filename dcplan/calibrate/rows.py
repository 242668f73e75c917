"""Read a CSV of measurements; every problem at once, each with its line and column.

The first line names the columns; unknown columns are ignored.  Which columns a
row needs is told by the noun of its kind: a field without a default is needed.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from dcplan.calibrate.cells import names, reader_of, spellings
from dcplan.calibrate.types import KINDS, AttentionRow, GemmRow, Row, Rows, ServeRow, TrainRow
from dcplan.config.files import shown
from dcplan.diag import Diagnostics, Result, SourceRange, did_you_mean, error, listed, plural, warning

SHOWN = 20
"""Problems of one sort that are told one by one; the others are counted."""

PRECISION_NEEDED = (GemmRow, AttentionRow, TrainRow, ServeRow)
"""Kinds whose time depends on the precision."""

CANNOT = "The measurements cannot be read"
BAD_CELL = "A cell of the measurements cannot be used"
UNKNOWN = "The measurements name something that the catalogue has not"
MISSING_COLUMN = "The measurements lack a column"
INCOMPLETE = "A measurement is incomplete"


@dataclass(slots=True)
class _Problems:
    """What was found so far; many of one sort are counted and not told one by one."""

    file: str
    lines: list[str]
    columns: Mapping[str, int]
    found: list[Any] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, code: str, summary: str, detail: str, line: int, column: str | None = None) -> None:
        """Note one problem at a cell, or at its whole line where the cell is not there."""
        self.counts[code] = self.counts.get(code, 0) + 1
        if self.counts[code] <= SHOWN:
            self.found.append(error(code, summary, detail, range=self.place(line, column)))

    def place(self, line: int, column: str | None = None) -> SourceRange:
        """Where a cell stands; the line's first character for the whole line."""
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        index = self.columns.get(column) if column else None
        if index is None:
            return SourceRange(file=self.file, line=line, column=1)
        begin, end = _span(text, index)
        return SourceRange(file=self.file, line=line, column=begin, end_line=line, end_column=end)

    def all(self) -> Diagnostics:
        """Everything found, and how many more there are of those that were cut short."""
        more = [
            error(
                "more-problems",
                "There are more problems of the same sort",
                f"{plural(count - SHOWN, 'further cell')} or rows of {self.file} have the problem {code}.",
            )
            for code, count in self.counts.items()
            if count > SHOWN
        ]
        return (*self.found, *more)


def _span(text: str, index: int) -> tuple[int, int]:
    """Columns, from 1, at which field ``index`` of a CSV line begins and ends; quoted commas do not count."""
    quoted, commas = False, [0]
    for place, letter in enumerate(text, start=1):
        if letter == '"':
            quoted = not quoted
        elif letter == "," and not quoted:
            commas.append(place)
    commas.append(len(text) + 1)
    begin = commas[min(index, len(commas) - 2)] + 1
    return begin, max(commas[min(index + 1, len(commas) - 1)], begin + 1)


def read_rows(path: Path) -> Result[Rows]:
    """The measurements in the CSV at ``path``, gzipped or not."""
    file = shown(path)
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
    except (EOFError, UnicodeDecodeError, gzip.BadGzipFile):
        return _refused(f"{file} is damaged: it is neither UTF-8 text nor a whole gzip file.")
    except OSError as problem:
        return _refused(f"{file} cannot be read: {problem.strerror}.")
    return parse_rows(text, file)


def parse_rows(text: str, file: str) -> Result[Rows]:
    """The measurements in CSV ``text``; ``file`` is its name as messages show it."""
    reader = csv.reader(io.StringIO(text))
    header = [name.strip().lower() for name in next(reader, [])]
    columns = {name: index for index, name in reversed(list(enumerate(header))) if name}
    problems = _Problems(file=file, lines=text.splitlines(), columns=columns)
    if not header or "kind" not in columns:
        detail = (
            f"{file} has no column kind. Its first line must name the columns: docs/calibration.md has them. "
            + did_you_mean("kind", header)
        )
        return Result(None, (error("no-column", MISSING_COLUMN, detail.strip(), range=problems.place(1)),))
    lines, cells = [], []
    try:
        for cell in reader:
            if any(c.strip() for c in cell):
                cells.append(cell)
                lines.append(reader.line_num)
    except csv.Error as problem:
        return _refused(f"{file} is no CSV: {problem} in line {reader.line_num}.")
    read = _Reading(problems=problems, columns=columns)
    rows = [read.row(line, cell) for line, cell in zip(lines, cells, strict=True)]
    read.tell_unknown()
    if problems.counts:
        return Result(None, problems.all())
    if not rows:
        return _refused(f"{file} holds no measurement, only a header.")
    return _without_copies(file, [row for row in rows if row is not None], problems)


@dataclass(slots=True)
class _Reading:
    """Turns the cells of a line into a row, and notes what is wrong with them."""

    problems: _Problems
    columns: Mapping[str, int]
    unknown: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    """Lines by column and name that the catalogue has not."""
    lacking: set[tuple[str, str]] = field(default_factory=set)
    """Kinds and columns that were already told to be missing from the header."""

    def row(self, line: int, cells: list[str]) -> Row | None:
        """One measurement; None when anything about it is wrong."""
        word = self._cell(cells, "kind").lower()
        noun = KINDS.get(word)
        if noun is None:
            hint = did_you_mean(word, KINDS) or f"There are {listed(list(KINDS))}."
            told = f'The kind "{word}" is not known. {hint}' if word else f"The kind is missing. {hint}"
            self.problems.add("unknown-kind", BAD_CELL, told, line, "kind")
            return None
        values: dict[str, Any] = {"line": line, "source": self.problems.file}
        for one in _readable(noun):
            text = self._cell(cells, one.name)
            if text:
                values[one.name] = self._value(one, text, line)
            elif _needed(noun, one):
                self._missing(noun, one.name, line)
                values[one.name] = None
        if None in values.values():
            return None
        row = noun(**values)
        self._check(row)
        return row

    def _cell(self, cells: list[str], name: str) -> str:
        index = self.columns.get(name)
        return cells[index].strip() if index is not None and index < len(cells) else ""

    def _missing(self, noun: type[Row], name: str, line: int) -> None:
        """A column that the file has not is told once a kind, an empty cell at its line."""
        if name in self.columns:
            told = f"A measurement of the kind {noun.kind} needs {name}, and this one has none."
            self.problems.add("no-value", INCOMPLETE, told, line, name)
        elif (noun.kind, name) not in self.lacking:
            self.lacking.add((noun.kind, name))
            hint = did_you_mean(name, set(self.columns) - {f.name for f in _readable(noun)})
            told = f"Measurements of the kind {noun.kind} need the column {name}. {hint}".strip()
            self.problems.add("no-column", MISSING_COLUMN, told, 1)

    def _value(self, one: Field[Any], text: str, line: int) -> Any:
        """The value of a cell, or None with the problem noted."""
        known = names().get(one.name)
        if known is not None:
            name = known(text)
            if name is None:
                self.unknown.setdefault((one.name, text), []).append(line)
            return name
        try:
            return reader_of(one)(text)
        except ValueError as problem:
            self.problems.add("bad-cell", BAD_CELL, f"{one.name}: {problem}", line, one.name)
            return None

    def _check(self, row: Row) -> None:
        """What must hold between the cells of a line."""
        told = _contradiction(row)
        if told:
            self.problems.add("contradiction", "A measurement contradicts itself", told, row.line)

    def tell_unknown(self) -> None:
        """Each name that the catalogue has not, once, with the nearest that it has."""
        for (column, name), lines in self.unknown.items():
            hint = did_you_mean(name, spellings(column))
            also = f" It stands in {plural(len(lines), 'row')}." if len(lines) > 1 else ""
            told = (
                f'The catalogue has no {column.replace("_", " ")} "{name}".{also} {_WAY_OUT[column]} {hint}'
            )
            self.problems.add("unknown-name", UNKNOWN, told.strip(), lines[0], column)


_WAY_OUT = {
    "accelerator": (
        "Without its datasheet's peaks nobody can tell what share of them was reached: correct the name, as "
        "docs/document.md lists them, or leave its rows out."
    ),
    "model": "Without its architecture its work cannot be counted.",
    "precision": "Without it nobody can tell which peak the hardware has for it.",
    "kv_precision": "Without it the size of the cache is not known.",
}
"""Why a name must be known, by column."""


MOST = 10**15
"""Whole numbers beyond this are slips of the pen; no size in bytes comes near."""


def _contradiction(row: Row) -> str:
    """What cannot be true of a row, in a sentence; empty for nothing."""
    huge = [name for name, value in asdict(row).items() if isinstance(value, int) and value > MOST]
    if huge:
        return f"{huge[0]} is larger than anything there is: at most {MOST:,} is read."
    if isinstance(row, ServeRow) and row.tpot_s is None and row.ttft_s is None:
        return "A measurement of the kind serve needs tpot_s or ttft_s, or both, and this one has neither."
    if isinstance(row, AttentionRow) and row.heads % row.kv_heads:
        return f"{row.heads} heads cannot share {row.kv_heads} kv_heads evenly."
    if isinstance(row, TrainRow):
        return _wrong_split(row)
    ranks, machines = getattr(row, "ranks", 1), getattr(row, "machines", 1)
    if ranks % machines:
        return f"{ranks} ranks cannot be spread evenly over {machines} machines."
    return ""


def _wrong_split(row: TrainRow) -> str:
    """What cannot be true of how a job is split, in a sentence; empty for nothing."""
    split = row.tensor * row.pipeline * row.context
    if row.devices % row.machines:
        return f"{row.devices} devices cannot be spread evenly over {row.machines} machines."
    if row.devices % split:
        return f"{plural(row.devices, 'device')} cannot be split by tensor x pipeline x context = {split}."
    if row.data is not None and row.data * split != row.devices:
        return (
            f"data x tensor x pipeline x context is {row.data * split} but devices is {row.devices}. "
            "Leave data empty to have it follow from the others."
        )
    return ""


def _without_copies(file: str, rows: list[Row], problems: _Problems) -> Result[Rows]:
    """Each measurement once: a line that repeats another to the last digit is no second measurement."""
    first: dict[Row, Row] = {}
    copies = [row for row in rows if first.setdefault(replace(row, line=0), row) is not row]
    told: Diagnostics = ()
    if copies:
        detail = (
            f"{plural(len(copies), 'row')} of {file} repeat another row to the last digit and count once, "
            f"the first of them in line {copies[0].line}. Measuring the same thing again is welcome: "
            "the times differ."
        )
        found = warning("copied-rows", "Some measurements are there twice", detail)
        told = (replace(found, range=problems.place(copies[0].line)),)
    return Result(Rows(file=file, rows=tuple(first.values())), told)


def _readable(noun: type[Row]) -> tuple[Field[Any], ...]:
    """The fields of a noun that stand in the file."""
    return tuple(one for one in fields(noun) if one.name != "line")


def _needed(noun: type[Row], one: Field[Any]) -> bool:
    """Whether a row of this kind cannot be without the cell."""
    if one.name == "precision":
        return noun in PRECISION_NEEDED
    return one.default is MISSING


def _refused(detail: str) -> Result[Rows]:
    return Result(None, (error("bad-rows", CANNOT, detail),))
