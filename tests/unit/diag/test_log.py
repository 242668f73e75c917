"""The log: which lines are written, how they look, and what is never in them."""

from __future__ import annotations

import json
import logging
import stat
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from dcplan.diag.hidden import forget_hidden, hide
from dcplan.diag.log import LEVELS, log, logs, start_log, stop_log
from dcplan.diag.watch import Watched, watched

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "s3cr3t-of-the-hall"  # noqa: S105 - what the tests look for


@pytest.fixture(autouse=True)
def nobody_asks_afterwards() -> Iterator[None]:
    """The log and what is hidden are of the whole process."""
    yield
    stop_log()
    forget_hidden()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log goes."""
    return tmp_path / "log"


def started(level: str, path: Path) -> tuple[str, ...]:
    """Log so; the codes of what is warned of."""
    return tuple(d.code for d in start_log({"DCPLAN_LOG": level, "DCPLAN_LOG_PATH": str(path)}))


def written(path: Path) -> list[dict[str, Any]]:
    """Lines of JSON."""
    return [json.loads(line) for line in path.read_text().splitlines()]


class Machine:
    """Something whose calls are watched."""

    def __init__(self) -> None:
        self.name = "m"

    def twice(self, number: int) -> int:
        """A call that goes well, or not."""
        if number < 0:
            msg = f"less than nothing: {SECRET}"
            raise ValueError(msg)
        return 2 * number


METHODS = {
    "twice": Watched(asks=lambda n: {"number": n}, gives=lambda n: {"answer": n}),
    "missing": Watched(),
}


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_takes_itself_and_what_is_graver(level: str, path: Path) -> None:
    """Lines below it are not written."""
    assert started(level.upper(), path) == ()
    for name in LEVELS:
        log(name, "room", name)
    told = [line.split("room: ")[1] for line in path.read_text().splitlines()]

    assert told == [name for name in LEVELS if LEVELS[name] >= LEVELS[level]]
    assert logs(level)


@pytest.mark.parametrize("level", ["", "off", "OFF"])
def test_nothing_is_written_unless_somebody_asks(level: str, path: Path) -> None:
    """No file, no line, no stand-in."""
    machine = Machine()

    assert started(level, path) == ()
    log("error", "room", "told to nobody")
    assert not path.exists()
    assert not logs()
    assert watched(machine, "room", METHODS) is machine


def test_json_is_everything_a_line_each_with_its_fields(path: Path) -> None:
    """Each line is an object; what is not known is left out; line ends stay within their line."""
    started("json", path)
    log("trace", "provider", "begin", address="local.machine.a-0", token=None, took_s=0.25, ids=["a", "b"])
    log("error", "state", "two\nlines", ok=False, count=0)
    first, second = written(path)

    assert (first["@level"], first["@module"]) == ("trace", "dcplan.provider")
    assert (first["@message"], first["address"]) == ("begin", "local.machine.a-0")
    assert (first["took_s"], first["ids"]) == (0.25, ["a", "b"])
    assert "token" not in first
    assert (second["@level"], second["@message"]) == ("error", "two\nlines")
    assert (second["ok"], second["count"]) == (False, 0)


def test_text_is_one_line_each_and_cannot_be_forged(path: Path) -> None:
    """A value with a line end, a blank or a quote is quoted, so nobody writes lines in another's name."""
    started("trace", path)
    log(
        "warn",
        "provider",
        "begin\n2026 [INFO]",
        why="gone\n2026-01-01 [INFO] fine",
        address="local.machine.a-0",
    )
    (line,) = path.read_text().splitlines()

    assert line.partition(" ")[2].startswith("[WARN]  provider: begin 2026 [INFO] why=")
    assert line.endswith('why="gone\\n2026-01-01 [INFO] fine" address=local.machine.a-0')


@pytest.mark.parametrize("level", ["trace", "json"])
def test_what_is_hidden_is_in_no_line(level: str, path: Path) -> None:
    """Neither in words, in fields, in lists, in mappings, in numbers, nor in the words of an exception."""
    hide([SECRET, "47114711"])
    started(level, path)
    log(
        "info",
        "room",
        f"told {SECRET}",
        why=f"x {SECRET} y",
        ids=[SECRET],
        more={SECRET: SECRET},
        pin=47114711,
    )
    with pytest.raises(ValueError, match="less than nothing"):
        watched(Machine(), "room", METHODS).twice(-1)
    text = path.read_text()

    assert SECRET not in text
    assert "47114711" not in text
    assert text.count("(sensitive)") == 7
    assert level == "trace" or written(path)


def test_the_file_is_the_owners_and_is_appended_to(path: Path) -> None:
    """A new file is 0600; a second log goes on behind the first."""
    for number in range(2):
        started("info", path)
        log("info", "room", f"run {number}")
        stop_log()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [line[-5:] for line in path.read_text().splitlines()] == ["run 0", "run 1"]


def test_a_level_that_there_is_not_is_a_warning_with_those_that_are(path: Path) -> None:
    """Everything is logged then, as Terraform does."""
    (said,) = start_log({"DCPLAN_LOG": "verbose", "DCPLAN_LOG_PATH": str(path)})
    log("trace", "room", "told")

    assert said.code == "log-level"
    assert "trace, debug, info, warn, error, json or off" in said.detail
    assert path.read_text().endswith("told\n")


def test_a_file_that_cannot_be_opened_is_a_warning_and_stderr_is_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder, for instance."""
    assert started("info", tmp_path) == ("log-not-opened",)
    log("info", "room", "told")

    assert capsys.readouterr().err.endswith("room: told\n")


def test_a_full_disk_ends_the_log_and_nothing_else(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It is said once; who logs does not hear of it."""
    path.symlink_to("/dev/full")
    started("info", path)
    log("info", "room", "first")
    log("error", "room", "second")

    assert capfd.readouterr().err == "warning: The log ends here: [Errno 28] No space left on device\n"
    assert not logs()


def test_a_stand_in_tells_what_was_asked_what_came_and_how_long_it_took(path: Path) -> None:
    """It is otherwise as the thing itself; a call that raises is a warning, and raises."""
    machine = Machine()
    started("json", path)
    stand_in = watched(machine, "room", METHODS, where="here")
    odd = watched(machine, "room", {"twice": Watched(gives=lambda answer: {"id": answer.object_id})}).twice(1)
    path.write_text("")
    begins, ends = (stand_in.twice(4), written(path))[1]
    with pytest.raises(ValueError, match="less"):
        stand_in.twice(-1)
    last = written(path)[-1]

    assert isinstance(stand_in, Machine)
    assert odd == 2, "an answer that cannot be told is given all the same"
    assert stand_in.name == "m"
    assert not hasattr(stand_in, "missing")
    assert (begins["@message"], begins["@level"], begins["number"]) == ("twice begins", "trace", 4)
    assert (ends["@level"], ends["where"], ends["number"], ends["answer"]) == ("debug", "here", 4, 8)
    assert (ends["outcome"], ends["duration_s"] >= 0) == ("ok", True)
    assert (last["@level"], last["outcome"]) == ("warn", "ValueError")


def test_a_thing_ends_with_its_stand_in(path: Path) -> None:
    """Nothing else holds it: a store's file, say, is let go of when it was without a log."""
    started("trace", path)
    machine = Machine()
    gone = weakref.ref(machine)
    stand_in = watched(machine, "room", METHODS)
    del machine
    held = gone() is not None
    del stand_in

    assert held
    assert gone() is None


def test_other_loggers_are_left_alone(path: Path) -> None:
    """Only lines of dcplan are in it: an SDK's own tell headers and keys."""
    started("trace", path)
    logging.getLogger("botocore").warning("Authorization: %s", SECRET)
    logging.getLogger().warning("root")

    assert path.read_text() == ""
