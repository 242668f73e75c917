"""The file that machines boot with is read when a plan is made, and refused in words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dcplan.provider.errors import Invalid
from dcplan.provider.start_up import StartUp, check_planned, read_start_up

AT = ("providers", "aws", "start_up")
GOOD = b"#!/bin/bash\nmount /data\n"


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (None, "start-up-missing", "starts from the document's folder"),
        (b"\x7fELF\x02\xff", "start-up-text", "byte 6"),
        (b"#!/bin/sh\necho \0", "start-up-text", "NUL"),
        (b"mount /data\n", "start-up-first-line", "#!/bin/bash"),
        (b"", "start-up-first-line", "#cloud-config"),
        (b"#!/bin/bash\r\nmount /data\r\n", "start-up-line-ends", "dos2unix"),
        (b"#!" + b"x" * 999, "start-up-size", "1,001 bytes"),
    ],
)
def test_what_no_machine_could_run_is_refused(
    tmp_path: Path, content: bytes | None, code: str, says: str
) -> None:
    """Each with what is wrong, at the line of the document that names it."""
    if content is not None:
        (tmp_path / "boot").write_bytes(content)
    read = read_start_up("boot", tmp_path, AT, 1000)
    (problem,) = read.diagnostics

    assert (read.value, problem.code, problem.path) == (None, code, AT)
    assert says in problem.detail


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    """Not a traceback."""
    (tmp_path / "boot").write_bytes(GOOD)
    (tmp_path / "boot").chmod(0)

    assert [d.code for d in read_start_up("boot", tmp_path, AT, 1000).diagnostics] == ["start-up-unreadable"]


def test_a_device_is_not_read_for_ever(tmp_path: Path) -> None:
    """Only files are read."""
    read = read_start_up("/dev/zero", tmp_path, AT, 1000)

    assert [d.code for d in read.diagnostics] == ["start-up-missing"]


def test_a_plan_says_which_file_it_was_made_with(tmp_path: Path) -> None:
    """Its name and digest, not its text; with another one the machine is not made."""
    (tmp_path / "boot").write_bytes(GOOD)
    mine = read_start_up("boot", tmp_path, AT, 1000).unwrap()
    other = StartUp(name="boot", text=mine.text + "\n")

    check_planned(mine.attribute, mine)
    check_planned(None, mine)
    for now in (other, None):
        with pytest.raises(Invalid, match="Plan again"):
            check_planned(mine.attribute, now)
    assert mine.attribute.startswith("boot (")
    assert "mount" not in mine.attribute
