"""Read a trace of requests and say what it asks for.

Plain Python on purpose: reading the CSV is the cost, and numpy's import alone
takes longer than all arithmetic on a hundred thousand requests.

A trace is a CSV, gzipped or not, with one row a request: when it arrived and
how many tokens went in and came out.  The header decides which column is
which; the names of the Azure LLM inference traces (2023, 2024) are known.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import operator
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from dcplan.demand.types import Lengths
from dcplan.diag import ConfigPath, Diagnostic, Result, did_you_mean, error, listed, warning

ARRIVAL = ("arrival_s", "timestamp", "arrived_at", "time")
PROMPT = ("prompt_tokens", "contexttokens", "num_prefill_tokens", "input_tokens")
OUTPUT = ("output_tokens", "generatedtokens", "num_decode_tokens", "completion_tokens")

BIN_S = 60.0
"""A peak is the busiest minute: shorter bins measure bursts, which queueing covers."""

SUMMARY = "The trace cannot be used"

_INF = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Requests in order of arrival.  All sequences have one entry a request."""

    arrival_s: Sequence[float]
    """Seconds since the first request."""
    prompt_tokens: Sequence[float]
    output_tokens: Sequence[float]

    @property
    def duration_s(self) -> float:
        """From the first request to the last."""
        return self.arrival_s[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSummary:
    """What a planner needs of a trace."""

    requests: int
    duration_s: float
    mean_requests_per_s: float
    peak_requests_per_s: float
    """Of the busiest whole minute."""
    arrival_cv2: float
    prompt_tokens: Lengths
    output_tokens: Lengths


def read_trace(path: Path, origin: ConfigPath) -> Result[Trace]:
    """The trace at ``path``; diagnostics point at ``origin``, where the document names it."""
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
    except OSError as problem:
        return _refused(origin, f"{path.name} cannot be read: {problem.strerror or 'not a gzip file'}.")
    except (EOFError, UnicodeDecodeError):
        return _refused(origin, f"{path.name} is damaged: it is neither UTF-8 text nor a whole gzip file.")
    rows = csv.reader(io.StringIO(text))
    header = [name.strip().lower() for name in next(rows, [])]
    columns = [_column(header, names) for names in (ARRIVAL, PROMPT, OUTPUT)]
    missing = [
        names[0] for names, column in zip((ARRIVAL, PROMPT, OUTPUT), columns, strict=True) if column < 0
    ]
    if missing:
        near = " ".join(did_you_mean(name, header) for name in missing).strip()
        return _refused(
            origin,
            f"{path.name} has no column {listed(missing)}. Its first line must name the columns "
            f"{ARRIVAL[0]}, {PROMPT[0]} and {OUTPUT[0]}. {near}".strip(),
        )
    return _parse(path.name, list(rows), columns, origin)


def summarise(trace: Trace) -> TraceSummary:
    """Rates, burstiness and lengths of a trace."""
    count = len(trace.arrival_s)
    duration_s = trace.duration_s
    mean_gap_s = duration_s / (count - 1)
    gaps = map(operator.sub, trace.arrival_s[1:], trace.arrival_s)
    variance = math.fsum([(gap - mean_gap_s) ** 2 for gap in gaps]) / (count - 1)
    mean_rate = 1 / mean_gap_s
    peak = mean_rate
    if duration_s >= BIN_S:
        whole = int(duration_s // BIN_S)
        bins = Counter([int(arrival // BIN_S) for arrival in trace.arrival_s])
        peak = max(bins[i] for i in range(whole)) / BIN_S
    return TraceSummary(
        requests=count,
        duration_s=duration_s,
        mean_requests_per_s=mean_rate,
        peak_requests_per_s=max(peak, mean_rate),
        arrival_cv2=variance / mean_gap_s**2,
        prompt_tokens=_lengths(trace.prompt_tokens),
        output_tokens=_lengths(trace.output_tokens),
    )


def _lengths(tokens: Sequence[float]) -> Lengths:
    ordered = sorted(tokens)
    p50, p95, p99 = (_quantile(ordered, q) for q in (0.5, 0.95, 0.99))
    return Lengths(mean=math.fsum(ordered) / len(ordered), p50=p50, p95=p95, p99=p99)


def _quantile(ordered: Sequence[float], q: float) -> float:
    """Linear between neighbours (Hyndman and Fan's type 7, the default of numpy and R)."""
    position = q * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


def _column(header: list[str], names: tuple[str, ...]) -> int:
    return next((header.index(name) for name in names if name in header), -1)


def _parse(name: str, rows: list[list[str]], columns: list[int], origin: ConfigPath) -> Result[Trace]:
    """Turn rows into arrays; the first rows that cannot be read are named by their line."""
    values, bad = _at_once(rows, columns) or _one_by_one(rows, columns)
    if len(values) < 2 or len(bad) > len(values):  # noqa: PLR2004 - a rate needs two arrivals
        where = f" Line {bad[0]} is the first that cannot be read." if bad else ""
        return _refused(
            origin, f"{name} holds {len(values)} readable requests; at least two are needed.{where}"
        )
    values.sort(key=operator.itemgetter(0))
    first = values[0][0]
    if values[-1][0] <= first:
        return _refused(origin, f"All requests of {name} arrive at the same moment, so it has no rate.")
    diagnostics: tuple[Diagnostic, ...] = ()
    if bad:
        diagnostics = (
            warning(
                "trace-rows-skipped",
                "Some rows of the trace were skipped",
                f"{len(bad):,} of {len(bad) + len(values):,} rows of {name} cannot be read, "
                f"the first of them in line {bad[0]}.",
                path=origin,
            ),
        )
    trace = Trace(
        arrival_s=array("d", [value[0] - first for value in values]),
        prompt_tokens=array("d", [value[1] for value in values]),
        output_tokens=array("d", [max(value[2], 1.0) for value in values]),
    )
    return Result(trace, diagnostics)


_Values = list[tuple[float, float, float]]
"""Of each request that can be read: its arrival in seconds, its prompt and its output in tokens."""


def _at_once(rows: list[list[str]], columns: list[int]) -> tuple[_Values, list[int]] | None:
    """The values of rows that are plain numbers without exception, much sooner; None where one is not."""
    try:
        arrival, prompt, output = ([float(row[column]) for row in rows if row] for column in columns)
    except (ValueError, IndexError):
        return None
    sound = all(map(math.isfinite, chain(arrival, prompt, output)))
    if not sound or min(prompt, default=0.0) < 0 or min(output, default=0.0) < 0:
        return None
    return list(zip(arrival, prompt, output, strict=True)), []


def _one_by_one(rows: list[list[str]], columns: list[int]) -> tuple[_Values, list[int]]:
    """The values of the rows that can be read, and the lines of those that cannot."""
    values: _Values = []
    bad: list[int] = []
    arrival, prompt, output = columns
    for line, row in enumerate(rows, start=2):
        if not row:
            continue
        try:
            value = (_seconds(row[arrival]), float(row[prompt]), float(row[output]))
        except (ValueError, IndexError):
            bad.append(line)
            continue
        # Spelled out because this runs once a request; NaN lies between no two numbers.
        if -_INF < value[0] < _INF and 0 <= value[1] < _INF and 0 <= value[2] < _INF:
            values.append(value)
        else:
            bad.append(line)
    return values, bad


def _seconds(text: str) -> float:
    """Seconds from a number or an ISO date; nanoseconds, as Azure writes them, are cut to micro."""
    try:
        return float(text)
    except ValueError:
        head, _, fraction = text.strip().partition(".")
        stamp = datetime.fromisoformat(head)
        if stamp.tzinfo is None:
            # Only differences matter, and those must not jump with this machine's summer time.
            stamp = stamp.replace(tzinfo=UTC)
        digits = "".join(c for c in fraction if c.isdigit())
        return stamp.timestamp() + (float(f"0.{digits}") if digits else 0.0)


def _refused(origin: ConfigPath, detail: str) -> Result[Trace]:
    return Result(None, (error("bad-trace", SUMMARY, detail, path=origin),))
