"""``dcplan pack``: two lists in, an assignment and a bound out."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dcplan.cli.main import cli

NODES = "name,devices,model,cpu_milli,memory_mib\na,2,H100,8000,8000\nb,2,T4,8000,8000\n"
JOBS = (
    "name,devices,share_milli,cpu_milli,memory_mib,models,parts,priority\n"
    "pair,1,,1000,1000,H100,2,\nhalf,0,500,1000,1000,,,\nwide,16,,1000,1000,,,\nlight,0,,1000,1000,,,\n"
)


@pytest.fixture
def lists(tmp_path: Path) -> tuple[str, ...]:
    """Two small lists, as options."""
    (tmp_path / "nodes.csv").write_text(NODES)
    (tmp_path / "jobs.csv").write_text(JOBS)
    return ("-nodes", str(tmp_path / "nodes.csv"), "-jobs", str(tmp_path / "jobs.csv"))


def dcplan(*arguments: str) -> Result:
    """One command in this process."""
    return CliRunner().invoke(cli, list(arguments))


def test_people_read_the_bound_and_the_reasons(lists: tuple[str, ...]) -> None:
    """Text tells what is placed, what no packing can beat, and why a job is refused."""
    shown = dcplan("pack", *lists)

    assert shown.exit_code == 0
    assert "3 of 4 jobs placed on 2 machines." in shown.stdout
    assert "(proven)" in shown.stdout
    assert "needs 16 accelerators" in shown.stdout


def test_programs_read_every_seat(lists: tuple[str, ...]) -> None:
    """JSON has a seat for each part, and a sentence for each job refused."""
    data = json.loads(dcplan("pack", *lists, "-json").stdout)

    assert [(s["job"], s["part"], s["node"]) for s in data["seats"]][:2] == [
        ("pair", 0, "a"),
        ("pair", 1, "a"),
    ]
    assert (data["allocated_devices"], data["bound_devices"]) == (2.5, 2.5)
    assert [(r["job"], r["cause"], r["resource"]) for r in data["refused"]] == [
        ("wide", "impossible", "accelerators")
    ]


def test_the_assignment_is_written(lists: tuple[str, ...], tmp_path: Path) -> None:
    """``-out`` writes a row for each part and each job refused, and writes over an older assignment."""
    out = tmp_path / "assignment.csv"
    for _ in range(2):
        assert dcplan("pack", *lists, "-out", str(out)).exit_code == 0

    rows = list(csv.DictReader(out.read_text().splitlines()))

    assert [row["job"] for row in rows] == ["pair", "pair", "half", "light", "wide"]
    assert [row["devices"] for row in rows[:2]] == ["0", "1"]
    assert [bool(row["refused"]) for row in rows] == [False, False, False, False, True]


def test_no_other_file_is_overwritten(lists: tuple[str, ...], tmp_path: Path) -> None:
    """A file that is no assignment stays as it is."""
    done = dcplan("pack", *lists, "-out", str(tmp_path / "jobs.csv"))

    assert done.exit_code == 1
    assert (tmp_path / "jobs.csv").read_text() == JOBS


def test_bad_rows_end_the_command_with_their_places(lists: tuple[str, ...], tmp_path: Path) -> None:
    """Problems of both files are told at once, each with file and line."""
    (tmp_path / "nodes.csv").write_text(NODES + "a,1,T4,1,1\n")
    (tmp_path / "jobs.csv").write_text(JOBS + "x,-1,,1,1,,,\n")

    done = dcplan("pack", *lists)

    assert done.exit_code == 1
    assert "nodes.csv:4:1" in done.stderr
    assert "jobs.csv:6:3" in done.stderr


def test_what_runs_stays_and_may_be_moved_on_request(lists: tuple[str, ...], tmp_path: Path) -> None:
    """Jobs with a machine keep it; with -move they make room, which is told, and so is who would stop."""
    head = "name,devices,cpu_milli,memory_mib,priority,on\n"
    (tmp_path / "jobs.csv").write_text(f"{head}x,1,1,1,0,a\ny,1,1,1,0,b\nz,1,8000,1,0,b\nwide,2,1,1,1,\n")
    (tmp_path / "nodes.csv").write_text(NODES.replace("b,2", "b,3").replace("T4,8000", "T4,9000"))

    stays, moves = dcplan("pack", *lists), dcplan("pack", *lists, "-move", "-json")

    assert stays.exit_code == moves.exit_code == 0, stays.output
    assert "3 jobs of them run already and stay where they are." in stays.stdout
    assert "around what runs" in stays.stdout
    told = json.loads(moves.stdout)
    assert told["staying_jobs"] == 0
    assert told["allocated_devices"] == 5
    assert told["moved_parts"] >= 1


def test_a_machine_that_is_overfull_is_told(lists: tuple[str, ...], tmp_path: Path) -> None:
    """More running than there is room for is an error, not a packing."""
    (tmp_path / "jobs.csv").write_text("name,devices,cpu_milli,memory_mib,on\nx,3,1,1,a\n")

    done = dcplan("pack", *lists)

    assert done.exit_code == 1
    assert '"a" need at least 3 accelerators' in " ".join(done.stderr.split())


def test_who_would_stop_is_told(lists: tuple[str, ...], tmp_path: Path) -> None:
    """With -move a job that is worth less may lose its machine: a warning names it."""
    head = "name,devices,cpu_milli,memory_mib,priority,models,on\n"
    (tmp_path / "jobs.csv").write_text(f"{head}x,1,1,1,0,H100,a\nwide,2,1,1,1,H100,\n")

    done = dcplan("pack", *lists, "-move")

    assert done.exit_code == 0
    assert "would have to stop, x first" in " ".join(done.stderr.split())


def test_racks_are_freed_and_the_rest_is_packed_around(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What defrag writes is what pack reads: gangs of a whole rack fit after it, and did not before."""
    folder = Path(__file__).parents[2] / "examples" / "07-existing-data-centre"
    for name in ("nodes.csv", "jobs.csv"):
        (tmp_path / name).write_text((folder / name).read_text())
    monkeypatch.chdir(tmp_path)
    gangs = "".join(f"gang-{i},8000,1000,8,0,,8,9,\n" for i in (1, 2))

    freed = dcplan(
        *("defrag", "-nodes", "nodes.csv", "-jobs", "jobs.csv", "-free", "2", "-slice", "all"),
        *("-o", "moves.csv", "-jobs-out", "after.csv", "-json"),
    )
    after = Path("after.csv").read_text()
    Path("wanted.csv").write_text(after + gangs)
    packed = dcplan("pack", "-nodes", "nodes.csv", "-jobs", "wanted.csv", "-json")
    Path("today.csv").write_text(
        Path("jobs.csv").read_text() + "".join(f"gang-{i},8,8,8000,1000,9,\n" for i in (1, 2))
    )
    before = dcplan("pack", "-nodes", "nodes.csv", "-jobs", "today.csv", "-json")

    assert freed.exit_code == packed.exit_code == 0, freed.output + packed.output
    told, moved = json.loads(packed.stdout), json.loads(freed.stdout)
    assert moved["jobs_written"] == "after.csv"
    assert {r["job"] for r in json.loads(before.stdout)["refused"]} & {"gang-1", "gang-2"}
    assert told["refused"] == []
    assert told["staying_jobs"] == len(after.splitlines()) - 1
    where = {row["name"]: row["on"].split("|") for row in csv.DictReader(after.splitlines())}
    seats = {(s["job"], s["part"]): s["node"] for s in told["seats"]}
    assert all(seats[name, part] == node for name, on in where.items() for part, node in enumerate(on))
    for row in csv.DictReader(Path("moves.csv").read_text().splitlines()):
        assert row["temporary"] == "true" or where[row["job"]][int(row["part"])] == row["to"]


def test_a_list_of_what_is_free_is_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list that a local data centre reads serves pack as well, but not beside jobs that run."""
    folder = Path(__file__).parents[2] / "examples" / "07-existing-data-centre"
    monkeypatch.chdir(folder)

    done = dcplan("pack", "-nodes", "free.csv", "-jobs", "tonight.csv", "-json")
    twice = dcplan("pack", "-nodes", "free.csv", "-jobs", "jobs.csv")
    moved = dcplan("defrag", "-nodes", "free.csv", "-jobs", "jobs.csv", "-free", "1", "-slice", "4")

    free = [int(row["free_devices"]) for row in csv.DictReader(Path("free.csv").read_text().splitlines())]
    assert json.loads(done.stdout)["devices"] == sum(free)
    assert twice.exit_code == moved.exit_code == 1
    assert "count twice" in twice.stderr
    assert "count twice" in moved.stderr
