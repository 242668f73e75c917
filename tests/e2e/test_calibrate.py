"""``dcplan calibrate``: a file of measurements to figures, judgements and a profile."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dcplan.calibrate.stored import read_profile
from dcplan.catalog.efficiency import ANY, load_efficiencies

if TYPE_CHECKING:
    from tests.e2e.conftest import Small

HEAD = "kind,accelerator,software,version,date,precision,source,time_s,m,n,k,bytes\n"


def measurements() -> str:
    """A sweep over an L40S's memory at three quarters of its 864 GB/s, and products at half of its peak."""
    sweeps = [
        f"memory,L40S,torch,2.9,2026-05-01,,lab,{2**power / 864e9 / 0.75!r},,,,{2**power}\n"
        for power in range(26, 33)
    ]
    products = [
        f"gemm,L40S,torch,2.9,2026-05-02,bf16,lab,{m * m * 2**14 / 181e12!r},{m},{2 * m},4096,\n"
        for m in (1024, 2048, 4096, 8192)
    ]
    return "".join([HEAD, *sweeps, *products])


def test_measurements_become_a_profile(small: Small) -> None:
    """Figures are shown before and after with held-out errors, and the profile can be read back."""
    (small.folder / "rows.csv").write_text(measurements())
    done = small.run("calibrate", "rows.csv", "-o", "profile.yaml")
    table = read_profile(small.folder / "profile.yaml", load_efficiencies()).unwrap()
    again = small.run("calibrate", "rows.csv", "--out", "profile.yaml")

    assert done.exit_code == 0
    assert "L40S  11 rows: lab torch 2.9, 2026-05-02" in done.stdout
    assert "kept apart" in done.stdout
    assert "to profile.yaml." in done.stdout
    assert abs(table.rows["L40S", ANY]["memory"].value - 0.75) < 0.02
    assert {p.metric for p in table.profiles} == {"memory", "gemm"}
    assert again.exit_code == 0


def test_without_out_nothing_is_written(small: Small) -> None:
    """A look at the figures leaves no file, and as JSON has everything."""
    (small.folder / "rows.csv").write_text(measurements())
    before = sorted(small.folder.iterdir())
    text, data = small.run("calibrate", "rows.csv").stdout, small.data("calibrate", "rows.csv")
    (one,) = data["calibrations"]
    (memory,) = [c for c in one["changes"] if c["figure"] == "memory"]

    assert "Nothing was written." in text
    assert sorted(small.folder.iterdir()) == before
    assert (data["rows"], data["written"], one["accelerator"]) == (11, None, "L40S")
    assert memory["before"]["value"] != memory["after"]
    assert memory["errors"]["median"] < 0.05


def test_mistakes_end_the_command(small: Small) -> None:
    """A bad file is told with line and column, in JSON too, and nothing is written."""
    (small.folder / "rows.csv").write_text(f"{HEAD}memory,L40,torch,,,,,0.1,,,,4096\n")
    done = small.run("calibrate", "rows.csv", "-o", "profile.yaml")
    told = json.loads(small.run("calibrate", "rows.csv", "--json").stdout)["diagnostics"][0]

    assert done.exit_code == 1
    assert "rows.csv:2:8" in done.stderr
    assert 'Did you mean "L40S"?' in done.stderr
    assert told["range"]["start"] == {"line": 2, "column": 8}
    assert not (small.folder / "profile.yaml").exists()


def test_what_is_no_profile_is_not_overwritten(small: Small) -> None:
    """Neither the measurements nor any other file is lost to a slip of the hand."""
    (small.folder / "rows.csv").write_text(measurements())
    onto_rows = small.run("calibrate", "rows.csv", "-o", "rows.csv")
    onto_document = small.run("calibrate", "rows.csv", "-o", "dcplan.yaml")
    nowhere = small.run("calibrate", "rows.csv", "-o", "none/profile.yaml")

    assert (onto_rows.exit_code, onto_document.exit_code, nowhere.exit_code) == (1, 1, 1)
    assert "it is not overwritten" in onto_rows.stderr
    assert "it is not overwritten" in onto_document.stderr
    assert "cannot be written" in nowhere.stderr
    assert (small.folder / "rows.csv").read_text() == measurements()
