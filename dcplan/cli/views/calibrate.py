"""How a calibration is shown: figures before and after, and how well they predict what was kept apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from io import StringIO
from typing import TYPE_CHECKING

import click

from dcplan.cli.views.width import width, wrapped
from dcplan.diag import plural
from dcplan.units import format_bytes, format_count, format_duration, format_percent

if TYPE_CHECKING:
    from pathlib import Path

    from dcplan.calibrate import Calibration, Change, Judged
    from dcplan.calibrate.judge import Errors
    from dcplan.workflow.calibrating import Calibrated

TABLE = 142
"""Width of the tables, where there is room."""

WIDTH = 100


def as_text(done: Calibrated, out: Path | None) -> str:
    """Everything, and what to do next."""
    blocks = [_calibration(one) for one in done.calibrations]
    if out is None:
        blocks.append(
            "Nothing was written. Write the profile with: dcplan calibrate ROWS.csv -out profile.yaml"
        )
    else:
        moved = sum(change.moved for one in done.calibrations for change in one.changes)
        judged = sum(len(one.judged) for one in done.calibrations)
        blocks.append(f"Wrote {plural(moved, 'figure')} and {plural(judged, 'judgement')} to {out}.")
    return "\n\n".join(blocks)


def as_data(done: Calibrated, out: Path | None) -> dict[str, object]:
    """The same for programs."""
    return {
        "rows": len(done.rows),
        "calibrations": [asdict(one) for one in done.calibrations],
        "written": None if out is None else str(out),
    }


def _calibration(one: Calibration) -> str:
    under = "" if one.software == "any" else f" with {one.software}"
    title = click.style(f"{one.accelerator}{under}", bold=True)
    about = wrapped(f"{plural(one.rows, 'row')}: {one.source.name}, {one.source.date}", WIDTH, indent="  ")
    parts = [f"{title}  {about}", _figures(one.changes)]
    if one.judged:
        parts.append(_judged(one.judged))
    if not one.converged:
        parts.append("  The search stopped before it settled: take the figures with care.")
    return "\n\n".join(parts)


def _figures(changes: Sequence[Change]) -> str:
    """One line a figure."""
    rows = [
        (
            change.figure,
            _value(change.figure, change.before.value),
            change.before.basis.value,
            _value(change.figure, change.after if change.moved else change.before.value),
            f"{_value(change.figure, change.low)} to {_value(change.figure, change.high)}"
            if change.moved
            else "",
            "calibrated" if change.moved else "prior: too few rows",
            str(change.rows),
            *_errors(change.errors),
        )
        for change in changes
    ]
    names = ("figure", "before", "basis", "after", "one sigma", "basis", "rows", "off by", "p90")
    return _table(names, rows)


def _judged(judged: Sequence[Judged]) -> str:
    """One line for each sort of rows."""
    rows = [
        (
            one.metric if one.precision == "any" else f"{one.metric} {one.precision}",
            str(one.errors.rows),
            str(one.errors.groups),
            *_errors(one.errors),
            f"{one.errors.bias:+.1%}",
            _percent(one.errors.within_10),
            "" if one.source_errors is None else _percent(one.source_errors.median),
            ", ".join(f"{key} {_span(key, *ends)}" for key, ends in one.range.items()),
        )
        for one in judged
    ]
    names = ("kept apart", "rows", "groups", "off by", "p90", "bias", "within 10 %", "other source", "range")
    return _table(names, rows)


def _errors(errors: Errors | None) -> tuple[str, str]:
    """Median and p90 of the absolute error; dashes where nothing could be kept apart."""
    return ("-", "-") if errors is None else (_percent(errors.median), _percent(errors.p90))


def _percent(share: float) -> str:
    return format_percent(round(share, 3))


def _value(name: str, value: float) -> str:
    """A figure in the unit that its name carries."""
    if name.endswith("_s"):
        return format_duration(value)
    return format_bytes(value) if name.endswith("_bytes") else f"{value:.3g}"


def _span(name: str, low: float, high: float) -> str:
    shown = format_bytes if name == "bytes" else format_count
    return shown(low) if low == high else f"{shown(low)} to {shown(high)}"


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    from rich.console import Console  # noqa: PLC0415 - only where a table is drawn
    from rich.table import Table  # noqa: PLC0415 - as above

    table = Table(box=None, pad_edge=False)
    for name in names:
        # A figure whose name is cut off cannot be looked up.
        table.add_column(name, overflow="fold" if name == "figure" else "ellipsis")
    for row in rows:
        table.add_row(*row)
    out = StringIO()
    Console(file=out, width=width(TABLE) - 2, no_color=True).print(table)
    return "\n".join(f"  {line.rstrip()}" for line in out.getvalue().splitlines())
