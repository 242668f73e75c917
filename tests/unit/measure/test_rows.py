"""The CSV has what calibrate reads, and nothing that it would misread."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from dcplan.calibrate.rows import parse_rows
from dcplan.measure import (
    COLUMNS,
    Attention,
    Collective,
    Device,
    Gemm,
    Launch,
    LeftOut,
    Measured,
    Row,
    Stream,
    Timing,
    check_target,
    save,
    to_csv,
)
from dcplan.measure.rows import to_data
from dcplan.measure.summary import kept, to_text

GPU = Device(name="NVIDIA H200", kind="cuda", count=2, memory_bytes=10**11, cache_bytes=10**7)


def timed(case: Gemm | Stream | Attention | Launch | Collective, seconds: float) -> Row:
    """A row of five calls."""
    return Row(case=case, timing=Timing(seconds=seconds, repeats=5))


def attention(queries: int, *, backward: bool = False) -> Attention:
    """Grouped-query attention over 4,096 keys."""
    return Attention(
        precision="bf16", batch=2, heads=32, kv_heads=8, head_dim=128, length=4096, queries=queries,
        causal=queries > 1, backward=backward,
    )  # fmt: skip


MEASURED = Measured(
    device=GPU,
    accelerator="H200",
    software="torch",
    version="2.13.0",
    date="2026-01-31",
    source="dcplan measure, a test",
    rows=(
        timed(Launch(), 2.5e-6),
        timed(Gemm(precision="fp8", m=64, n=8192, k=8192), 2.123456789e-5),
        timed(Gemm(precision="fp32", m=64, n=8192, k=8192), 3e-4),
        timed(Stream(moved_bytes=2**30), 2.5e-4),
        timed(attention(4096), 5e-4),
        timed(attention(4096, backward=True), 2e-3),
        timed(attention(1), 1e-5),
        timed(Collective(precision="bf16", operation="all_reduce", ranks=2, full_bytes=2**26), 3e-4),
    ),
    left_out=(LeftOut(what="int8", why="no such cores"), LeftOut(what="fp16", why="no such cores")),
)


def test_calibrate_reads_every_row() -> None:
    """Without a word of complaint, and with the same numbers."""
    read = parse_rows(to_csv(MEASURED), "measured.csv")
    rows = read.unwrap().rows

    assert read.diagnostics == ()
    assert [row.kind for row in rows] == ["gemm", "gemm", "memory", "attention", "attention", "collective"]
    assert {(r.accelerator, r.software, r.date, r.source) for r in rows} == {
        ("H200", "torch", "2026-01-31", "dcplan measure, a test")
    }


def test_each_kind_fills_its_own_columns() -> None:
    """What a kind has no use for stays empty; times have six digits."""
    gemm, _, memory, forward, both, collective = csv.DictReader(io.StringIO(to_csv(MEASURED)))

    assert tuple(gemm) == COLUMNS
    assert (gemm["precision"], gemm["m"], gemm["n"], gemm["k"]) == ("fp8", "64", "8192", "8192")
    assert float(gemm["time_s"]) == 2.12346e-5
    assert (gemm["bytes"], gemm["batch"], gemm["operation"]) == ("", "", "")
    assert (memory["bytes"], memory["precision"]) == (str(2**30), "")
    assert (forward["direction"], both["direction"], forward["causal"]) == ("forward", "both", "true")
    assert (collective["operation"], collective["ranks"], collective["machines"]) == ("all_reduce", "2", "1")


def test_what_has_no_kind_is_told_of_elsewhere() -> None:
    """Decode attention and launches are in the JSON and the summary, not among the rows for calibrate."""
    kinds = [row["kind"] for row in to_data(MEASURED)]
    text = to_text(MEASURED)

    assert kept(MEASURED) == 6
    assert {"decode_attention", "launch"} <= set(kinds)
    assert "attention decode" in text
    assert "2.5us" in text


def test_the_summary_names_device_shares_and_what_was_left_out() -> None:
    """One line a sort; reasons are told once."""
    text = to_text(MEASURED)

    assert text.splitlines()[0] == "H200 (NVIDIA H200), torch 2.13.0"
    assert "405 TFLOP/s" in text
    assert "20.4%" in text
    assert "Left out: int8, fp16 (no such cores)" in text


def test_nothing_is_written_over_unasked(tmp_path: Path) -> None:
    """A file that is there needs -force; a folder and a missing folder are refused whatever is said."""
    there = tmp_path / "measured.csv"
    there.write_text("mine")

    assert [d.code for d in check_target(there, force=False)] == ["rows-exist"]
    assert "-force" in check_target(there, force=False)[0].detail
    assert check_target(there, force=True) == ()
    assert [d.code for d in check_target(tmp_path, force=True)] == ["rows-not-written"]
    assert [d.code for d in check_target(tmp_path / "no" / "a.csv", force=True)] == ["rows-not-written"]


def test_rows_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """What cannot be written gives an error and leaves nothing behind."""
    gone = save("text", tmp_path / "no" / "a.csv")
    written = save("text", tmp_path / "a.csv")

    assert [d.code for d in gone] == ["rows-not-written"]
    assert written == ()
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]
    assert (tmp_path / "a.csv").read_text() == "text"
