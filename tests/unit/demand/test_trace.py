"""Traces: what is read, what is refused, what is derived."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest

from dcplan.demand.trace import read_trace, summarise

ORIGIN = ("workloads", "chat", "traffic", "trace")
HEAD = "arrival_s,prompt_tokens,output_tokens\n"


def write(folder: Path, text: str, name: str = "trace.csv") -> Path:
    """A trace file with this text."""
    path = folder / name
    path.write_text(text)
    return path


def test_a_steady_trace_has_its_rate_and_no_burstiness(tmp_path: Path) -> None:
    """One request every half second is two a second, with equal gaps."""
    text = HEAD + "".join(f"{i / 2},100,20\n" for i in range(601))

    seen = summarise(read_trace(write(tmp_path, text), ORIGIN).unwrap())

    assert seen.requests == 601
    assert seen.duration_s == pytest.approx(300.0)
    assert seen.mean_requests_per_s == pytest.approx(2.0)
    assert seen.peak_requests_per_s == pytest.approx(2.0)
    assert seen.arrival_cv2 == pytest.approx(0.0, abs=1e-9)
    assert (seen.prompt_tokens.mean, seen.output_tokens.p99) == (100.0, 20.0)


def test_the_peak_is_the_busiest_whole_minute(tmp_path: Path) -> None:
    """Five minutes at one a second with one minute at four a second peak at four."""
    times = [float(t) for t in range(300)] + [120 + i / 3 for i in range(180)]
    text = HEAD + "".join(f"{t},10,10\n" for t in times)

    seen = summarise(read_trace(write(tmp_path, text), ORIGIN).unwrap())

    assert seen.peak_requests_per_s == pytest.approx(4.0)
    assert seen.mean_requests_per_s < 2.0


def test_azure_columns_dates_and_gzip_are_known(tmp_path: Path) -> None:
    """The published form of the Azure traces is read as it is, gzipped or not."""
    text = (
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2023-11-16 18:15:46.6805900,374,44\n"
        "2023-11-16 18:15:50.9951690,396,109\n"
    )
    path = tmp_path / "conv.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))

    trace = read_trace(path, ORIGIN).unwrap()

    assert list(trace.prompt_tokens) == [374.0, 396.0]
    assert trace.arrival_s[1] == pytest.approx(4.314579, abs=1e-4)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone of a process can be set on Unix only")
def test_gaps_do_not_depend_on_summer_time_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dates without a zone are two hours apart even where the clocks went forward between them."""
    text = "timestamp,prompt_tokens,output_tokens\n2023-03-26 01:30:00,1,1\n2023-03-26 03:30:00,1,1\n"
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        trace = read_trace(write(tmp_path, text), ORIGIN).unwrap()
    time.tzset()

    assert list(trace.arrival_s) == [0.0, 7200.0]


def test_requests_out_of_order_are_sorted(tmp_path: Path) -> None:
    """Arrival decides the order, not the line."""
    trace = read_trace(write(tmp_path, HEAD + "9,3,1\n4,1,1\n5,2,1\n"), ORIGIN).unwrap()

    assert list(trace.prompt_tokens) == [1.0, 2.0, 3.0]
    assert list(trace.arrival_s) == [0.0, 1.0, 5.0]


def test_unreadable_rows_are_counted_and_named(tmp_path: Path) -> None:
    """A few broken rows are a warning that says where the first one is."""
    result = read_trace(write(tmp_path, HEAD + "0,1,1\nx,1,1\n1,1,1\n2,nan,1\n3,1,1\n"), ORIGIN)

    assert result.ok
    assert [d.code for d in result.diagnostics] == ["trace-rows-skipped"]
    assert "2 of 5 rows" in result.diagnostics[0].detail
    assert "line 3" in result.diagnostics[0].detail


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column arrival_s, prompt_tokens and output_tokens"),
        ("arrival_s,prompt_token,output_tokens\n0,1,1\n1,1,1\n", 'Did you mean "prompt_token"?'),
        (HEAD, "0 readable requests"),
        (HEAD + "0,1,1\n", "1 readable requests"),
        (HEAD + "5,1,1\n5,2,2\n", "same moment"),
    ],
)
def test_what_is_no_trace_is_refused_with_a_reason(tmp_path: Path, text: str, words: str) -> None:
    """The diagnostic stands where the document names the trace and says what is missing."""
    result = read_trace(write(tmp_path, text), ORIGIN)

    assert result.value is None
    assert result.diagnostics[0].path == ORIGIN
    assert words in result.diagnostics[0].detail


def test_missing_and_damaged_files_are_diagnostics(tmp_path: Path) -> None:
    """No file, half a gzip and binary noise are told in words, not as a traceback."""
    half = tmp_path / "half.csv.gz"
    half.write_bytes(gzip.compress(HEAD.encode() * 1000)[:40])
    noise = tmp_path / "noise.csv"
    noise.write_bytes(b"\xff\xfe\x00\x81")

    results = [read_trace(path, ORIGIN) for path in (tmp_path / "none.csv", half, noise)]

    assert [r.value for r in results] == [None, None, None]
    assert all(r.diagnostics[0].code == "bad-trace" for r in results)
