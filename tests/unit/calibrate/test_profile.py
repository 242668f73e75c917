"""A profile is written for people, read back to the last digit, and every mistake in one is pointed at."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcplan.basis import Basis
from dcplan.calibrate import Calibration, Change, Judged, over, profile_text, table_of
from dcplan.calibrate.judge import Errors
from dcplan.calibrate.stored import read_profile
from dcplan.catalog import Source, load_accelerators
from dcplan.catalog.efficiency import ANY, Figure, load_efficiencies, parse_efficiencies

TABLE = load_efficiencies()
H100 = load_accelerators()["H100"]
ERRORS = Errors(
    rows=20, groups=9, median=0.041234, mean=0.05, p80=0.08, p90=0.12, bias=-0.02, slow80=1.07,
    within_10=0.8, within_20=1.0,
)  # fmt: skip


def change(figure: str, after: float, *, moved: bool = True) -> Change:
    """A figure that was fitted."""
    before = Figure(value=0.5, basis=Basis.ASSUMED, source=Source(name="guess", date="2026"))
    return Change(
        figure=figure, before=before, after=after, low=after, high=after, rows=20, moved=moved, errors=None
    )


def calibration(software: str = ANY) -> Calibration:
    """A small calibration with a name that needs quotes."""
    return Calibration(
        accelerator="H100",
        software=software,
        method="by hand",
        source=Source(name='the "lab": #3, torch 2.9', date="2026-05-01"),
        rows=20,
        changes=(
            change("memory", 0.8125),
            change("launch_s", 7.25e-06),
            change("attention", 0.5, moved=False),
        ),
        judged=(
            Judged(
                metric="gemm",
                precision="bf16",
                errors=ERRORS,
                source_errors=None,
                range={"m": (1.0, 8192.0), "bytes": (2.0**10, 2.0**33), "share": (1e-7, 0.5)},
            ),
        ),
        converged=True,
    )


def written(tmp_path: Path, text: str) -> Path:
    """A file with this text."""
    path = tmp_path / "profile.yaml"
    path.write_text(text)
    return path


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    """Figures, judgements, sources and ranges come back as they were, quotes and exponents included."""
    calibrations = (calibration(), calibration("megatron"))
    path = written(tmp_path, profile_text(calibrations, "2026-06-01"))
    read = read_profile(path, TABLE)

    assert read.diagnostics == ()
    assert read.unwrap() == table_of(calibrations)


def test_a_profile_is_a_table_that_could_ship() -> None:
    """The shipped tables are read from the same format."""
    text = profile_text((calibration(),), "2026-06-01")

    assert parse_efficiencies(text) == table_of((calibration(),))


def test_the_header_tells_how_it_was_made() -> None:
    """Whoever opens the file reads when, from how many rows, how, and which figures did not move."""
    header = [line for line in profile_text((calibration(),), "2026-06-01").splitlines() if line[:1] == "#"]
    text = " ".join(line[2:] for line in header)

    assert "Written by dcplan calibrate on 2026-06-01." in text
    assert "H100: 20 rows; by hand." in text
    assert "the value before holds: attention." in text
    assert max(map(len, header)) <= 110


def test_figures_that_did_not_move_are_not_written() -> None:
    """What the rows do not tell is left to the shipped table."""
    figures = table_of((calibration(),)).rows["H100", ANY]

    assert list(figures) == ["memory", "launch_s"]
    assert figures["memory"].basis is Basis.CALIBRATED


def test_a_profile_goes_over_the_shipped_table() -> None:
    """Its figures win, others stay, and its judgement is asked before the shipped one."""
    merged = over(TABLE, table_of((calibration(),)))
    found = merged.profile("H100", ANY, "bf16", "gemm")

    assert merged.of(H100)["memory"].value == 0.8125
    assert merged.of(H100)["attention"] == TABLE.of(H100)["attention"]
    assert merged.of(load_accelerators()["B200"]).figures == TABLE.of(load_accelerators()["B200"]).figures
    assert found is not None
    assert (found.median, found.rows) == (0.04123, 20)


SOURCES = "sources:\n  lab: {name: lab, date: '2026'}\n"


@pytest.mark.parametrize(
    ("row", "line", "column", "says"),
    [
        (
            "{of: H100, figure: memroy, value: 0.8, basis: measured, from: lab}",
            4,
            24,
            'Did you mean "memory"?',
        ),
        ("{of: H10, figure: memory, value: 0.8, basis: measured, from: lab}", 4, 10, 'Did you mean "H100"?'),
        ("{of: H100, figure: memory, value: 80, basis: measured, from: lab}", 4, 39, "at most 1"),
        ("{of: H100, figure: launch_s, value: 0, basis: measured, from: lab}", 4, 41, "from 1e-12 to 1000"),
        ("{of: H100, figure: memory, value: 1.0e-300, basis: measured, from: lab}", 4, 39, "at least 1e-06"),
        ("{of: H100, figure: memory, value: .nan, basis: measured, from: lab}", 4, 39, "at least 1e-06"),
        ("{of: H100, figure: launch_s, value: 9.0e+99, basis: measured, from: lab}", 4, 41, "exponent"),
        ("{of: H100, figure: memory, value: 0.8, basis: measured, from: lb}", 4, 67, 'Did you mean "lab"?'),
        (
            "{of: H100, figure: memory, value: much, basis: measured, from: lab}",
            4,
            39,
            "A number belongs here",
        ),
        ("{of: H100, figure: memory, value: 0.8, basis: guessed, from: lab}", 4, 51, "measured"),
        ("{of: H100, figures: memory, value: 0.8, basis: measured, from: lab}", 4, 16, "figure"),
    ],
)
def test_each_mistake_is_pointed_at(tmp_path: Path, row: str, line: int, column: int, says: str) -> None:
    """A mistake in a profile gives one error at its line and column."""
    read = read_profile(written(tmp_path, f"{SOURCES}rows:\n  - {row}\n"), TABLE)
    (told,) = read.diagnostics

    assert read.value is None
    assert told.range is not None
    assert (told.range.line, told.range.column) == (line, column)
    assert says in told.detail


def test_a_figure_twice_is_an_error(tmp_path: Path) -> None:
    """Two values for one figure contradict each other."""
    row = "  - {of: H100, figure: memory, value: 0.8, basis: measured, from: lab}\n"
    (told,) = read_profile(written(tmp_path, f"{SOURCES}rows:\n{row}{row}"), TABLE).diagnostics

    assert "memory of H100 with any is there twice." in told.detail


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("median", "-0.1", "from 0 to"),
        ("rows", "0", "at least 1"),
        ("slow80", "1.0e-300", "from 0.001 to 1000"),
        ("bias", ".inf", "from -1 to"),
        ("range", "{tensor: [8, 1]}", "The smaller number comes first."),
    ],
)
def test_a_judgement_that_cannot_be_is_pointed_at(tmp_path: Path, key: str, value: str, says: str) -> None:
    """Plans multiply promises with what a profile says of its errors, so that absurd ones are refused."""
    entry = {
        "accelerator": "H100", "software": "vllm", "metric": "tpot", "date": "'2026'", "rows": "9",
        "groups": "3", "median": "0.1", "p90": "0.2", "bias": "0", "slow80": "1.1", "from": "lab",
    }  # fmt: skip
    text = ", ".join(f"{name}: {one}" for name, one in {**entry, key: value}.items())
    (told,) = read_profile(written(tmp_path, f"{SOURCES}profiles:\n  - {{{text}}}\n"), TABLE).diagnostics

    assert told.code == "bad-profile"
    assert told.range is not None
    assert told.range.line == 4
    assert says in told.detail
