"""Lists of machines: a CSV of one's own, or what a cloud's API answers about where instances are.

AWS: DescribeInstanceTopology and DescribeCapacityReservationTopology, whose
``NetworkNodes`` name the switches above an instance, the widest layer first
(EC2 API Reference).  Google Cloud: instances with
``resourceStatus.physicalHostTopology`` (Compute Engine API).  Both tell
positions, neither tells bandwidths.
"""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan import units
from dcplan.config.files import shown
from dcplan.diag import (
    Diagnostic,
    Related,
    Result,
    SourceRange,
    did_you_mean,
    error,
    has_errors,
    listed,
    plural,
    warning,
)
from dcplan.provider.local.answers import read_answer
from dcplan.provider.local.parts import PLACE_NAME
from dcplan.provider.local.rows import ONLY_BLOCK, ONLY_ZONE, Row

if TYPE_CHECKING:
    from pathlib import Path

_SPELLINGS = {
    "name": ("name", "node", "host", "hostname"),
    "machine": ("machine", "type", "instance_type", "machine_type"),
    "zone": ("zone",),
    "block": ("block", "pod", "switch"),
    "rack": ("rack", "leaf"),
    "rail": ("rail",),
    "free_devices": ("free_devices", "free_gpus"),
    "free_vcpus": ("free_vcpus", "free_cpu", "free_cpus"),
    "free_memory": ("free_memory",),
}
"""Columns and the heads that they may have."""

_NEEDED = ("name", "machine", "rack")


def read_nodes(path: Path) -> Result[tuple[Row, ...]]:
    """The machines of a list, in its order; every mistake with its line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "it is not UTF-8 text"
        detail = f"The list of machines {shown(path)} cannot be read: {reason}."
        return Result(
            None, (error("inventory-no-nodes", "List of machines not read", detail, path=("nodes",)),)
        )
    found = (
        read_answer(text, shown(path)) if text.lstrip()[:1] in {"{", "["} else _read_csv(text, shown(path))
    )
    if found.value is None:
        return found
    said = (*found.diagnostics, *_checked(found.value))
    if not found.value and not said:
        detail = f"{shown(path)} lists no machine."
        said = (error("inventory-no-nodes", "List of machines not read", detail, path=("nodes",)),)
    return Result(None if has_errors(said) else found.value, said)


def _read_csv(text: str, file: str) -> Result[tuple[Row, ...]]:
    """Rows below a line of heads; lines that are empty or begin with # are left out."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    lines = [(number, line) for number, line in lines if not line.lstrip().startswith("#")]
    if not lines:
        return Result(())
    delimiter = max(",;\t", key=lines[0][1].count)
    parsed = list(csv.reader((line for _, line in lines), delimiter=delimiter))
    heads = _heads(parsed[0], SourceRange(file=file, line=lines[0][0], column=1))
    if heads.value is None:
        return Result(None, heads.diagnostics)
    reader = _Reader(file, heads.value, len(parsed[0]))
    rows = [reader.row(cells, number) for (number, _), cells in zip(lines[1:], parsed[1:], strict=False)]
    said = (*heads.diagnostics, *reader.said)
    return Result(tuple(row for row in rows if row is not None), said)


def _heads(cells: list[str], place: SourceRange) -> Result[dict[str, int]]:
    """The number of each column that is known."""
    known = {spelling: column for column, spellings in _SPELLINGS.items() for spelling in spellings}
    found: dict[str, int] = {}
    other = []
    for index, cell in enumerate(cells):
        column = known.get(cell.strip().lower().replace(" ", "_"))
        if column is None:
            other.append(cell.strip())
        else:
            found.setdefault(column, index)
    missing = [column for column in _NEEDED if column not in found]
    if missing:
        hints = [did_you_mean(column, other) for column in missing]
        detail = (
            f"The first line names no column {listed(missing)}. {' '.join(h for h in hints if h)}".rstrip()
        )
        detail += f" Columns that are read: {listed(list(_SPELLINGS))}."
        return Result(None, (error("inventory-columns", "A column is missing", detail, range=place),))
    if other:
        detail = f"Nothing is read from {listed(other)}. Columns that are read: {listed(list(_SPELLINGS))}."
        said = warning("inventory-columns", "Some columns are not read", detail)
        return Result(found, (replace(said, range=place),))
    return Result(found)


class _Reader:
    """Reads the rows of one CSV; collects what is wrong with them."""

    def __init__(self, file: str, heads: dict[str, int], width: int) -> None:
        self.file = file
        self.heads = heads
        self.width = width
        self.said: list[Diagnostic] = []

    def row(self, cells: list[str], line: int) -> Row | None:
        """One machine; None where it cannot be read."""
        place = SourceRange(file=self.file, line=line, column=1)
        if len(cells) != self.width:
            detail = f"This line has {plural(len(cells), 'cell')}, the first one has {self.width}."
            self.said.append(error("inventory-row", "A line cannot be read", detail, range=place))
            return None
        cell = {column: cells[index].strip() for column, index in self.heads.items()}
        empty = [column for column in _NEEDED if not cell[column]]
        if empty:
            detail = f"This machine has no {listed(empty)}. What stands nowhere is connected to nothing."
            self.said.append(error("inventory-row", "A line cannot be read", detail, range=place))
            return None
        free = self._free(cell, place)
        return (
            None
            if free is None
            else Row(
                name=cell["name"],
                machine=cell["machine"],
                zone=cell.get("zone") or ONLY_ZONE,
                block=cell.get("block") or ONLY_BLOCK,
                # Machines of one rack on different rails hang on different switches.
                rack=".".join(part for part in (cell["rack"], cell.get("rail")) if part),
                free_devices=free[0],
                free_vcpus=free[1],
                free_memory_bytes=free[2],
                place=place,
            )
        )

    def _free(
        self, cell: dict[str, str], place: SourceRange
    ) -> tuple[int | None, int | None, int | None] | None:
        """Free devices, processors and bytes; None where one of them cannot be read."""
        found: list[int | None] = []
        for column in ("free_devices", "free_vcpus", "free_memory"):
            text = cell.get(column, "")
            if not text:
                found.append(None)
            elif column == "free_memory":
                try:
                    found.append(int(units.parse_bytes(text)))
                except units.UnitError as problem:
                    detail = f"{column}: {problem}"
                    self.said.append(error("inventory-row", "A line cannot be read", detail, range=place))
                    return None
            elif re.fullmatch(r"[0-9]{1,9}", text):
                found.append(int(text))
            else:
                detail = f'{column} is "{text}", and not a whole number that is 0 or more.'
                self.said.append(error("inventory-row", "A line cannot be read", detail, range=place))
                return None
        return found[0], found[1], found[2]


def _checked(rows: tuple[Row, ...]) -> tuple[Diagnostic, ...]:
    """Names that cannot be, and machines that are listed twice."""
    said = []
    first: dict[str, Row] = {}
    for row in rows:
        for name in (row.name, row.machine, row.zone, row.block, row.rack):
            if PLACE_NAME.fullmatch(name) is None:
                detail = (
                    f'"{name}" cannot name a place or a node. Such names have 1 to 63 letters, digits, dots, '
                    "hyphens and underscores, and begin with a letter or digit."
                )
                said.append(error("inventory-name", "A name cannot be used", detail, range=row.place))
        if row.name in first:
            earlier = Related(note="it is listed here, too", range=first[row.name].place)
            detail = f'The node "{row.name}" is listed twice. Host names are unique in a data centre.'
            said.append(
                error(
                    "inventory-node-twice",
                    "Node listed twice",
                    detail,
                    range=row.place,
                    related=(earlier,),
                )
            )
        first.setdefault(row.name, row)
    return tuple(said)
