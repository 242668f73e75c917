"""``dcplan defrag``: two lists to moves that free whole racks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.e2e.conftest import Small

NODES = "name,model,devices,cpu_milli,memory_mib,rack\n" + "".join(
    f"r{r}-n{n},GB200,4,144000,900000,r{r}\n" for r in range(3) for n in range(4)
)
JOBS = """\
name,devices,parts,cpu_milli,memory_mib,on
chat,1,1,8000,1000,r0-n0
train,4,2,32000,1000,r1-n0|r1-n1
batch,2,1,16000,1000,r1-n2
notebook,2,1,16000,1000,r2-n0
"""


def lists(small: Small, jobs: str = JOBS) -> tuple[str, ...]:
    """Write both lists, and name them as the command takes them."""
    (small.folder / "nodes.csv").write_text(NODES)
    (small.folder / "jobs.csv").write_text(jobs)
    return ("defrag", "-nodes", "nodes.csv", "-jobs", "jobs.csv")


def test_racks_are_freed_and_the_moves_written(small: Small) -> None:
    """Two racks need two moves, told in words and written in their order."""
    done = small.run(*lists(small), "-free", "2", "-slice", "all", "-o", "moves.csv")
    again = small.run(*lists(small), "-free", "2", "-slice", "4", "-o", "moves.csv")

    assert done.exit_code == again.exit_code == 0
    assert "2 slices of 4 machines free after 2 moves; 0 today" in done.stdout
    assert "Proven: no plan has fewer moves." in done.stdout
    assert "Wrote 2 moves to moves.csv." in done.stdout
    lines = (small.folder / "moves.csv").read_text().splitlines()
    assert lines[0] == "step,job,part,from,to,temporary"
    assert {"chat", "notebook"} == {line.split(",")[1] for line in lines[1:]}


def test_the_same_for_programs(small: Small) -> None:
    """The JSON has slices, moves and the bound."""
    done = small.run(*lists(small), "-free", "1", "-slice", "4", "-json")
    told = json.loads(done.stdout)

    assert done.exit_code == 0
    assert (len(told["moves"]), told["bound"], told["proven"]) == (1, 1, True)
    assert len(told["slices"][0]["nodes"]) == 4
    assert told["written"] is None


def test_a_job_on_an_unknown_machine_is_an_error(small: Small) -> None:
    """It is named, and the exit code is 1."""
    done = small.run(*lists(small, JOBS.replace("r0-n0", "r0-n9")), "-free", "1", "-slice", "4")

    assert done.exit_code == 1
    assert '"chat" runs on "r0-n9"' in done.stderr


def test_another_file_is_not_overwritten(small: Small) -> None:
    """Moves never replace the list that they were made from."""
    done = small.run(*lists(small), "-free", "1", "-slice", "4", "-o", "jobs.csv")

    assert done.exit_code == 1
    assert "could not be written" in done.stderr
    assert (small.folder / "jobs.csv").read_text() == JOBS


def test_a_slice_size_is_a_number_or_all(small: Small) -> None:
    """Anything else is wrong usage."""
    done = small.run(*lists(small), "-free", "1", "-slice", "some")

    assert done.exit_code == 1
    assert "neither a number of machines nor all" in done.stderr


def test_few_moves_free_what_they_can(small: Small) -> None:
    """With -max-moves a warning says what was left out."""
    done = small.run(*lists(small), "-free", "2", "-slice", "4", "-max-moves", "1")

    assert done.exit_code == 0
    assert "1 slice of 4 machines free after 1 move; 0 today" in done.stdout
    assert "Fewer slices are freed than asked for" in done.stderr


def test_the_job_list_overwrites_only_its_like(small: Small) -> None:
    """The list after the moves never replaces the list before them, the moves, or anything else."""
    (small.folder / "notes.csv").write_text("mine\n")
    asked = (*lists(small), "-free", "1", "-slice", "4", "-o", "moves.csv", "-jobs-out")

    refused = [small.run(*asked, name) for name in ("jobs.csv", "moves.csv", "notes.csv")]
    written = [small.run(*asked, "after.csv") for _ in range(2)]

    assert [done.exit_code for done in (*refused, *written)] == [1, 1, 1, 0, 0]
    assert "stays true until the moves are made" in " ".join(refused[0].stderr.split())
    assert (small.folder / "jobs.csv").read_text() == JOBS
    assert (small.folder / "notes.csv").read_text() == "mine\n"
    assert "Wrote what runs where after them to after.csv." in written[1].stdout
