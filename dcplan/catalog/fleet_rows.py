"""Read the machines of a fleet from a CSV.

Plain column names are those of ``FleetNode``; those of Alibaba's GPU trace of
2023 (openb: sn, gpu, model) are known, too.
"""

from __future__ import annotations

from pathlib import Path

from dcplan.catalog.fleet import Fleet, FleetNode
from dcplan.config.table import Row, Table, read_table
from dcplan.diag import Result

COLUMNS = {
    "name": ("sn", "node"),
    "model": ("gpu_model", "accelerator"),
    "devices": ("gpu", "gpus", "num_gpu"),
    "cpu_milli": (),
    "memory_mib": (),
    "rack": (),
    "block": (),
    "zone": (),
}
NEEDED = ("name", "devices", "cpu_milli", "memory_mib")
TWICE = "A machine is listed twice"


def read_fleet(path: Path) -> Result[Fleet]:
    """The fleet of a CSV; every bad row at once.

    Errors: ``list-not-read``, ``column-missing``, ``bad-cell``, ``no-name``,
    ``no-model``, ``node-twice``.
    """
    read = read_table(path, COLUMNS, NEEDED)
    if read.value is None:
        return Result(None, read.diagnostics)
    table = read.value
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
    return Result(None if said else Fleet(nodes=tuple(nodes)), said)


def _node(table: Table, row: Row) -> FleetNode:
    """The machine of one row."""
    devices = table.whole(row, "devices", 0)
    if devices and not row.text("model"):
        detail = f'"{row.text("name")}" has {devices} accelerators; say of which model, such as H100.'
        table.problem("no-model", "A machine's accelerators have no model", detail, row, "model")
    return FleetNode(
        name=row.text("name"),
        model=row.text("model") if devices else "",
        devices=devices,
        cpu_milli=table.whole(row, "cpu_milli"),
        memory_mib=table.whole(row, "memory_mib"),
        rack=row.text("rack"),
        block=row.text("block"),
        zone=row.text("zone"),
    )
