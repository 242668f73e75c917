"""Read the machines of a fleet from a CSV.

Plain column names are those of ``FleetNode``; those of Alibaba's GPU trace of
2023 (openb: sn, gpu, model) are known, too, and so are those of the lists of
machines of local data centres (machine, free_devices, free_vcpus, free_memory),
so that one list serves both.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dcplan.catalog.fleet import Fleet, FleetNode
from dcplan.config.table import BAD_CELL, Row, Table, read_table
from dcplan.diag import Diagnostics, Result, SourceRange, did_you_mean, error, listed
from dcplan.units import UnitError, parse_bytes

COLUMNS = {
    "name": ("sn", "node", "host", "hostname"),
    "model": ("gpu_model", "accelerator"),
    "machine": ("type", "instance_type", "machine_type"),
    "devices": ("gpu", "gpus", "num_gpu"),
    "free_devices": ("free_gpus",),
    "cpu_milli": (),
    "vcpus": (),
    "free_vcpus": ("free_cpu", "free_cpus"),
    "memory_mib": (),
    "memory": (),
    "free_memory": (),
    "rack": ("leaf",),
    "block": ("pod", "switch"),
    "zone": (),
}
NEEDED = {
    "name": ("name",),
    "devices": ("free_devices", "devices"),
    "cpu_milli": ("free_vcpus", "cpu_milli", "vcpus"),
    "memory_mib": ("free_memory", "memory_mib", "memory"),
}
"""What must be told, and the columns that can tell it: the first one whose cell is not empty does."""
FREE = ("free_devices", "free_vcpus", "free_memory")
TWICE = "A machine is listed twice"
MIB = 1 << 20


def read_fleet(path: Path) -> Result[Fleet]:
    """The fleet of a CSV; every bad row at once.

    Where the list tells what is free of machines, that is what the fleet has
    (``Fleet.leftover``).  Errors: ``list-not-read``, ``column-missing``,
    ``bad-cell``, ``no-name``, ``no-model``, ``node-twice``,
    ``more-free-than-there``.
    """
    read = read_table(path, COLUMNS, ())
    if read.value is None:
        return Result(None, read.diagnostics)
    table = read.value
    missing = _missing(table)
    if missing:
        return Result(None, missing)
    seen: dict[str, int] = {}
    nodes = []
    for row in table.rows:
        node = _node(table, row)
        if not node.name:
            table.problem(
                "no-name", "A machine has no name", f"Line {row.line} names no machine.", row, "name"
            )
        elif node.name in seen:
            detail = (
                f'"{node.name}" is listed in line {seen[node.name]} already. Remove one of the two lines.'
            )
            table.problem("node-twice", TWICE, detail, row, "name")
        seen.setdefault(node.name, row.line)
        nodes.append(node)
    said = table.problems()
    leftover = any(column in table.spelled for column in FREE)
    return Result(None if said else Fleet(nodes=tuple(nodes), leftover=leftover), said)


def _missing(table: Table) -> Diagnostics:
    """An error where something is told by none of the columns that can."""
    missing = [ways for ways in NEEDED.values() if not any(way in table.spelled for way in ways)]
    if not missing:
        return ()
    header = table.lines[0].lower().split(",") if table.lines else []
    spellings = [[spelling for way in ways for spelling in (way, *COLUMNS[way])] for ways in missing]
    near = " ".join(filter(None, (did_you_mean(ways[0], header) for ways in spellings)))
    detail = (
        f"{table.file} lacks {'a column' if len(missing) == 1 else 'columns'}: "
        f"{'; '.join(listed(ways, last='or') for ways in spellings)}. "
        f"Its first line must name its columns. {near}"
    )
    place = SourceRange(file=table.file, line=1, column=1)
    return (error("column-missing", "A list lacks a column", detail.strip(), range=place),)


def _node(table: Table, row: Row) -> FleetNode:
    """The machine of one row."""
    devices = _amount(table, row, {"free_devices": 1, "devices": 1}, default=0)
    # A list for a local data centre names kinds of machines; such a kind has one model.
    model = row.text("model") or row.text("machine")
    if devices and not model:
        detail = f'"{row.text("name")}" has {devices} accelerators; say of which model, such as H100.'
        table.problem("no-model", "A machine's accelerators have no model", detail, row, "model")
    return FleetNode(
        name=row.text("name"),
        model=model if devices else "",
        devices=devices,
        cpu_milli=_amount(table, row, {"free_vcpus": 1000, "cpu_milli": 1, "vcpus": 1000}),
        memory_mib=_amount(table, row, {"free_memory": 0, "memory_mib": 1, "memory": 0}),
        rack=row.text("rack"),
        block=row.text("block"),
        zone=row.text("zone"),
    )


def _amount(table: Table, row: Row, scale: Mapping[str, int], default: int | None = None) -> int:
    """What a row tells in the first of some columns that is not empty.

    ``scale``: of each column, what its numbers are multiplied by; 0: memory
    with a unit, which gives MiB.
    """
    told = [column for column in scale if row.text(column)]
    if not told:
        there = [column for column in scale if column in table.spelled]
        return table.whole(row, there[-1], default)
    amounts = [_memory_mib(table, row, c) if not scale[c] else scale[c] * table.whole(row, c) for c in told]
    if told[0] in FREE and len(told) > 1 and amounts[0] > amounts[1]:
        detail = (
            f'"{row.text("name")}" has more free ({told[0]} {row.text(told[0])}) than it has at all '
            f"({told[1]} {row.text(told[1])}). Correct one of the two."
        )
        table.problem("more-free-than-there", "More is free than there is", detail, row, told[0])
    return amounts[0]


def _memory_mib(table: Table, row: Row, column: str) -> int:
    """Memory with a unit, in whole MiB; 0 and a noted problem where it cannot be read."""
    try:
        return int(parse_bytes(row.text(column))) // MIB
    except UnitError as problem:
        detail = f'The cell "{table.spelled[column]}" of line {row.line} cannot be read: {problem}'
        table.problem("bad-cell", BAD_CELL, detail, row, column)
        return 0
