"""Measurements as the CSV that ``dcplan calibrate`` reads.  Pure."""

from __future__ import annotations

import csv
import io

from dcplan.measure.types import Attention, Case, Collective, Gemm, Launch, Measured, Row, Stream

COLUMNS = (
    "kind", "accelerator", "software", "version", "date", "precision", "source", "time_s",
    "m", "n", "k", "bytes",
    "batch", "heads", "kv_heads", "head_dim", "length", "causal", "direction",
    "operation", "ranks", "machines",
    "repeats",
)  # fmt: skip
"""Of every file, used or not: files of several machines can be put together."""


def calibrates(case: Case | Collective) -> bool:
    """Whether the CSV has a kind for it.

    Decode attention and launches have none: its attention has as many queries
    as keys.  They are told of, and stand in the JSON.
    """
    return not isinstance(case, Launch) and not (isinstance(case, Attention) and case.decode)


def to_csv(measured: Measured) -> str:
    """Everything measured that the CSV has a kind for, one row each, with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for row in measured.rows:
        if calibrates(row.case):
            writer.writerow(cells(row, measured))
    return text.getvalue()


def cells(row: Row, measured: Measured) -> dict[str, object]:
    """One row by column; what its kind has no use for is left out."""
    return {
        "kind": kind_of(row.case),
        "accelerator": measured.accelerator,
        "software": measured.software,
        "version": measured.version,
        "date": measured.date,
        "source": measured.source,
        # More digits than any clock has would only make files larger.
        "time_s": float(f"{row.timing.seconds:.6g}"),
        "repeats": row.timing.repeats,
        **shape_of(row.case),
    }


def kind_of(case: Case | Collective) -> str:
    """The word of the column ``kind``; decode attention and launches have words that only the JSON knows."""
    if isinstance(case, Attention):
        return "decode_attention" if case.decode else "attention"
    words = {Gemm: "gemm", Stream: "memory", Launch: "launch", Collective: "collective"}
    return words[type(case)]


def shape_of(case: Case | Collective) -> dict[str, object]:
    """The columns that say what exactly was done."""
    if isinstance(case, Gemm):
        return {"precision": case.precision, "m": case.m, "n": case.n, "k": case.k}
    if isinstance(case, Stream):
        return {"bytes": case.moved_bytes}
    if isinstance(case, Attention):
        return {
            "precision": case.precision,
            "batch": case.batch,
            "heads": case.heads,
            "kv_heads": case.kv_heads,
            "head_dim": case.head_dim,
            "length": case.length,
            "causal": "true" if case.causal else "false",
            "direction": "both" if case.backward else "forward",
        }
    if isinstance(case, Collective):
        return {
            "precision": case.precision,
            "operation": case.operation,
            "ranks": case.ranks,
            "machines": 1,
            "bytes": case.full_bytes,
        }
    return {}


def to_data(measured: Measured) -> list[dict[str, object]]:
    """Every row for programs, those without a kind in the CSV too."""
    return [cells(row, measured) for row in measured.rows]
