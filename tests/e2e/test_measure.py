"""``dcplan measure`` on the machine that runs the tests, with what is always there: numpy."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dcplan.calibrate.rows import parse_rows


def dcplan(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``dcplan measure`` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "dcplan", "measure", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """One quick run, and what it wrote."""
    folder = tmp_path_factory.mktemp("measured")
    done = dcplan(folder, "-backend", "numpy", "-quick", "-json", "-o", "rows.csv")
    return folder / "rows.csv", done


def test_rows_are_written_and_can_be_read_back(
    measured: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    """Products and copies of this processor, each with a positive time; the JSON has the same and more."""
    path, done = measured
    rows = list(csv.DictReader(path.read_text().splitlines()))
    data = json.loads(done.stdout)

    assert done.returncode == 0, done.stderr
    assert {"gemm", "memory"} <= {row["kind"] for row in rows}
    assert all(float(row["time_s"]) > 0 and int(row["repeats"]) >= 3 for row in rows)
    assert {(row["software"], row["accelerator"]) for row in rows} == {("numpy", data["accelerator"])}
    assert len(rows) < len(data["rows"])
    assert {"fp32 GEMM", "memory copy", "launch"} <= {line["what"] for line in data["best"]}


def test_calibrate_understands_all_but_the_processor(
    measured: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    """Of a processor there is no datasheet; were it an H200, calibrate would take every row."""
    path, _ = measured
    text = path.read_text()
    name = text.splitlines()[1].split(",")[1]

    assert [d.code for d in parse_rows(text, "rows.csv").diagnostics] == ["unknown-name"]
    assert len(parse_rows(text.replace(f",{name},", ",H200,"), "rows.csv").unwrap()) == text.count("\n") - 1


def test_a_file_that_is_there_is_kept(measured: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """At once, before anything is timed, with the way out."""
    path, _ = measured
    before = path.read_text()
    done = dcplan(path.parent, "-backend", "numpy", "-quick", "-o", "rows.csv")

    assert done.returncode == 1
    assert "-force" in done.stderr
    assert path.read_text() == before


def test_people_see_a_table(tmp_path: Path) -> None:
    """With the best of each sort, what was left out and why, and where the rows are."""
    done = dcplan(tmp_path, "-backend", "numpy", "-seconds", "1")

    assert done.returncode == 0, done.stderr
    assert "fp32 GEMM" in done.stdout
    assert "Left out: bf16" in done.stdout
    assert "rows to measured.csv. dcplan calibrate takes accelerators of the catalogue" in done.stdout
