"""Lists of jobs as CSV."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcplan.demand.job_rows import jobs_csv, read_jobs
from dcplan.demand.jobs import Job

HEADER = "name,cpu_milli,memory_mib,devices,share_milli,models,parts,priority,on\n"


def written(folder: Path, text: str) -> Path:
    """A file with this text."""
    file = folder / "jobs.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_plain_names_are_read(tmp_path: Path) -> None:
    """Every field of a job has its column; several entries are separated by a bar."""
    row = "train,1000,2000,4,,H100|A100,2,-3,n1|n2\n"

    jobs = read_jobs(written(tmp_path, HEADER + row)).unwrap()

    expected = Job(
        name="train",
        cpu_milli=1000,
        memory_mib=2000,
        devices=4,
        models=("H100", "A100"),
        parts=2,
        priority=-3,
        on=("n1", "n2"),
    )
    assert jobs == (expected,)


@pytest.mark.parametrize(
    ("devices", "share", "expected"),
    [
        ("1", "1000", (1, 0)),
        ("1", "460", (0, 460)),
        ("0", "460", (0, 460)),
        ("8", "1000", (8, 0)),
        ("2", "", (2, 0)),
        ("0", "0", (0, 0)),
        ("0", "1000", (1, 0)),
    ],
)
def test_accelerators_of_the_trace(
    tmp_path: Path, devices: str, share: str, expected: tuple[int, int]
) -> None:
    """In openb one GPU with fewer than 1,000 thousandths is a share, with 1,000 a whole one."""
    text = f"name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\nx,1,1,{devices},{share},T4|T4\n"

    (job,) = read_jobs(written(tmp_path, text)).unwrap()

    assert (job.devices, job.share_milli) == expected
    assert job.models == ("T4",)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("x,1,1,2,500,,,,\n", "shares-of-several"),
        ("x,1,1,1,,,2,,n1\n", "parts-and-machines"),
        ("x,1,1,1,,,0,,\n", "bad-cell"),
        ("x,-1,1,1,,,,,\n", "bad-cell"),
        ("x,1,1,nan,,,,,\n", "bad-cell"),
        ("x,1,1,1e99,,,,,\n", "bad-cell"),
        (",1,1,1,,,,,\n", "no-name"),
        ("x,1,1,1,,,,,\nx,1,1,1,,,,,\n", "job-twice"),
    ],
)
def test_bad_rows_are_told(tmp_path: Path, row: str, code: str) -> None:
    """Each problem of a row has its own code, and there is no list then."""
    result = read_jobs(written(tmp_path, HEADER + row))

    assert [d.code for d in result.diagnostics] == [code]
    assert result.value is None


def test_a_written_list_is_read_as_it_was(tmp_path: Path) -> None:
    """Names with commas, several models, gangs, shares and machines survive the way to a file and back."""
    jobs = (
        Job(name='a, "b"', cpu_milli=1, memory_mib=2, devices=0, share_milli=300, models=("T4", "A10")),
        Job(name="gang", cpu_milli=1, memory_mib=2, devices=4, parts=2, priority=-3, on=("n1", "n0")),
    )

    assert read_jobs(written(tmp_path, jobs_csv(jobs))).unwrap() == jobs
