"""What the measurements say in a few lines: the best of each sort, beside the datasheet.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from dcplan.diag import plural
from dcplan.measure.names import datasheet
from dcplan.measure.rows import calibrates
from dcplan.measure.types import PRECISIONS, Attention, Case, Collective, Gemm, Launch, Measured, Row, Stream
from dcplan.units import format_bytes, format_bytes_per_s, format_duration, format_percent

if TYPE_CHECKING:
    from dcplan.catalog import Accelerator

BUS_FACTORS: Mapping[str, Callable[[int], float]] = {
    "all_reduce": lambda n: 2 * (n - 1) / n,
    "all_gather": lambda n: (n - 1) / n,
    "reduce_scatter": lambda n: (n - 1) / n,
    "all_to_all": lambda n: (n - 1) / n,
    "send": lambda _: 1.0,
}
"""From the buffer's bytes a second to those on the slowest link (nccl-tests, doc/PERFORMANCE.md)."""

TERA = 1e12
SHOWN = 10
"""Things left out for one reason that are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The best of one sort of measurement."""

    what: str
    value: float
    unit: str
    """FLOP/s, B/s or s."""
    peak: float | None
    """The datasheet's, in the same unit; None where nobody knows it."""
    at: str
    """The case that reached it."""
    rows: int
    """Measurements of this sort."""

    @property
    def share(self) -> float | None:
        """Of the datasheet's peak."""
        return None if self.peak is None else self.value / self.peak


def summarise(measured: Measured) -> tuple[Line, ...]:
    """One line a sort of measurement, in a fixed order."""
    facts = datasheet(measured.accelerator)
    lines = [_best_gemm(measured, p, _peak_flops(facts, p)) for p in PRECISIONS]
    lines.append(_best_bytes(measured, "memory copy", _is_stream, _peak_bytes_per_s(facts)))
    lines += _best_attention(measured, facts)
    lines += [_best_collective(measured, operation, facts) for operation in BUS_FACTORS]
    for row in measured.rows:
        if isinstance(row.case, Launch):
            lines.append(Line(what="launch", value=row.timing.seconds, unit="s", peak=None, at="", rows=1))
    return tuple(line for line in lines if line is not None)


def to_data(measured: Measured) -> dict[str, object]:
    """The summary for programs."""
    return {
        "device": asdict(measured.device),
        "accelerator": measured.accelerator,
        "software": measured.software,
        "version": measured.version,
        "date": measured.date,
        "best": [{**asdict(line), "share": line.share} for line in summarise(measured)],
        "left_out": [asdict(one) for one in measured.left_out],
    }


def to_text(measured: Measured) -> str:
    """The summary for people: a table, then what was left out."""
    device = measured.device
    threads = f", {plural(device.threads, 'thread')}" if device.threads else ""
    known = "" if measured.accelerator == device.name else f" ({device.name})"
    head = f"{measured.accelerator}{known}{threads}, {measured.software} {measured.version}"
    table = [("", "best", "of peak", "at", "rows")]
    table += [
        (line.what, _shown(line), format_share(line.share), line.at, f"{line.rows}")
        for line in summarise(measured)
    ]
    widths = [max(len(row[i]) for row in table) for i in range(5)]
    lines = [
        f"  {what:<{widths[0]}}  {best:>{widths[1]}}  {share:>{widths[2]}}  {at:<{widths[3]}}  "
        f"{rows:>{widths[4]}}".rstrip()
        for what, best, share, at, rows in table
    ]
    left = _left_out(measured)
    return "\n".join([head, "", *lines, *([""] if left else []), *left])


def _left_out(measured: Measured) -> list[str]:
    """What was not measured, one line a reason."""
    reasons: dict[str, list[str]] = {}
    for one in measured.left_out:
        reasons.setdefault(one.why, []).append(one.what)
    return [
        f"Left out: {', '.join(what[:SHOWN])}{' and more' if len(what) > SHOWN else ''} ({why})"
        for why, what in reasons.items()
    ]


def kept(measured: Measured) -> int:
    """How many rows stand in the CSV."""
    return sum(calibrates(row.case) for row in measured.rows)


def format_share(share: float | None) -> str:
    """``71.2%``, or a dash where the peak is not known."""
    return "-" if share is None else format_percent(round(share, 3))


def _shown(line: Line) -> str:
    if line.unit == "s":
        return format_duration(line.value)
    if line.unit == "B/s":
        return format_bytes_per_s(line.value)
    value = line.value / TERA
    return f"{value:,.0f} TFLOP/s" if value >= 100 else f"{value:.3g} TFLOP/s"  # noqa: PLR2004 - three digits


def _peak_flops(facts: Accelerator | None, precision: str) -> float | None:
    """The datasheet's dense peak.  The catalogue has none for fp32, and bf16's is fp16's, too."""
    if facts is None:
        return None
    peaks = {
        "bf16": facts.bf16_flops,
        "fp16": facts.bf16_flops,
        "fp8": facts.fp8_flops,
        "int8": facts.int8_flops,
    }
    return peaks.get(precision)


def _peak_bytes_per_s(facts: Accelerator | None) -> float | None:
    """The datasheet's memory bandwidth."""
    return facts.memory_bytes_per_s if facts else None


def _rows(measured: Measured, wanted: Callable[[Case | Collective], bool]) -> list[Row]:
    return [row for row in measured.rows if wanted(row.case)]


def _is_stream(case: Case | Collective) -> bool:
    return isinstance(case, Stream)


def _best_gemm(measured: Measured, precision: str, peak: float | None) -> Line | None:
    """The fastest product of one precision."""
    rows = _rows(measured, lambda c: isinstance(c, Gemm) and c.precision == precision)
    return _best_flops(f"{precision} GEMM", rows, peak)


def _best_attention(measured: Measured, facts: Accelerator | None) -> list[Line | None]:
    """The fastest prefill and training attention by FLOP/s, the fastest decode by bytes/s."""
    lines: list[Line | None] = []
    for what, backward in (("attention forward", False), ("attention both", True)):
        rows = [
            row
            for row in measured.rows
            if isinstance(row.case, Attention) and not row.case.decode and row.case.backward is backward
        ]
        precision = rows[0].case.precision if rows and isinstance(rows[0].case, Attention) else ""
        lines.append(_best_flops(what, rows, _peak_flops(facts, precision)))
    lines.append(
        _best_bytes(
            measured,
            "attention decode",
            lambda c: isinstance(c, Attention) and c.decode,
            _peak_bytes_per_s(facts),
        )
    )
    return lines


def _best_flops(what: str, rows: list[Row], peak: float | None) -> Line | None:
    """The row with the most FLOP/s; None for no rows."""
    rates = [
        (row.case.flops / row.timing.seconds, row.case.label)
        for row in rows
        if not isinstance(row.case, Collective)
    ]
    if not rates:
        return None
    value, at = max(rates)
    return Line(what=what, value=value, unit="FLOP/s", peak=peak, at=at, rows=len(rates))


def _best_bytes(
    measured: Measured, what: str, wanted: Callable[[Case | Collective], bool], peak: float | None
) -> Line | None:
    """The row with the most bytes a second; None for no rows."""
    rates = [
        (row.case.moved_bytes / row.timing.seconds, _size(row.case))
        for row in _rows(measured, wanted)
        if not isinstance(row.case, Collective)
    ]
    if not rates:
        return None
    value, at = max(rates)
    return Line(what=what, value=value, unit="B/s", peak=peak, at=at, rows=len(rates))


def _size(case: Case) -> str:
    return format_bytes(case.moved_bytes) + " moved" if isinstance(case, Stream) else case.label


def _best_collective(measured: Measured, operation: str, facts: Accelerator | None) -> Line | None:
    """The highest bus bandwidth of one operation, beside what the links carry per direction."""
    rates = [
        (BUS_FACTORS[operation](row.case.ranks) * row.case.full_bytes / row.timing.seconds, row.case)
        for row in measured.rows
        if isinstance(row.case, Collective) and row.case.operation == operation
    ]
    if not rates:
        return None
    value, case = max(rates, key=lambda rate: rate[0])
    at = f"{format_bytes(case.full_bytes)}, {case.ranks} ranks"
    peak = facts.scale_up_bytes_per_s if facts else None
    return Line(what=operation, value=value, unit="B/s", peak=peak, at=at, rows=len(rates))
