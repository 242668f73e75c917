"""What is different for somebody who sits at a terminal: colours, questions, Ctrl-C."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import termios
import threading
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Small


@pytest.mark.parametrize(
    ("arguments", "env", "coloured"),
    [
        ([], {}, True),
        ([], {"NO_COLOR": "1"}, False),
        ([], {"NO_COLOR": ""}, True),
        (["-no-color"], {}, False),
    ],
)
def test_colours_can_be_switched_off(
    small: Small, arguments: list[str], env: dict[str, str], *, coloured: bool
) -> None:
    """NO_COLOR (when not empty) and -no-color hold on a terminal, too."""
    _, shown = on_terminal(small, [*arguments, "validate", "-var", "ttft=x"], env)

    assert ("\x1b[31m" in shown) == coloured
    assert "error: " in shown


def test_no_color_may_stand_behind_the_command(small: Small) -> None:
    """As in Terraform, so that scripts need no change."""
    _, shown = on_terminal(small, ["validate", "-var", "ttft=x", "-no-color"])

    assert "\x1b[31m" not in shown
    assert "error: " in shown


def on_terminal(
    small: Small,
    arguments: list[str],
    env: dict[str, str] | None = None,
    *,
    typed: str | int = "",
    columns: int = 120,
) -> tuple[int, str]:
    """The exit code and what is seen by somebody who types (or sends a signal) at the prompt."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(ours, (40, columns))
    environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | (env or {})
    with subprocess.Popen(
        [sys.executable, "-m", "dcplan", *arguments],
        cwd=small.folder,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        # A test run in the background inherits that Ctrl-C is ignored; people at terminals do not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
    ) as child:
        os.close(theirs)
        shown, asked = b"", False
        while piece := _piece(ours):
            shown += piece
            if not asked and b"Only 'yes' will do" in shown:
                asked = True
                if isinstance(typed, int):
                    threading.Thread(target=_insist, args=(child, typed), daemon=True).start()
                else:
                    os.write(ours, typed.encode())
        child.wait(60)
    os.close(ours)
    return child.returncode, shown.decode()


def _insist(child: subprocess.Popen[bytes], number: int) -> None:
    """Send the signal as a person presses Ctrl-C: again, when nothing happens.

    One that comes between the prompt and Python's read of the answer is not
    noticed before the next key.
    """
    while child.poll() is None:
        child.send_signal(number)
        time.sleep(1.0)


def _piece(terminal: int) -> bytes:
    """What was written to the terminal; nothing once everybody has closed it."""
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux answers EIO where others answer with nothing.
        return b""


@pytest.mark.parametrize("columns", [60, 80, 200])
@pytest.mark.parametrize("command", [["plan"], ["explain"], ["plan", "-var", "ttft=1ms"]])
def test_text_fits_the_terminal(small: Small, command: list[str], columns: int) -> None:
    """Lines break between words where the terminal ends, and at 142 characters at the latest."""
    _, shown = on_terminal(small, command, columns=columns)
    plain = re.sub(r"\x1b\[[0-9;]*[mK]", "", shown).replace("\r\n", "\n")
    lines = [line.rpartition("\r")[2] for line in plain.split("\n")]

    assert max(map(len, lines)) <= min(columns, 142)
    assert len(lines) > 3


def test_what_changes_fits_the_terminal_and_stays_whole_in_a_file(applied: Small) -> None:
    """Old to new, below the change; 80 columns hold it all, and the events of an apply with its counts."""
    path = applied.folder / "dcplan.yaml"
    path.write_text(path.read_text() + "    constraints: {precisions: [fp8]}\n")
    whole = applied.run("plan").stdout
    _, planned = on_terminal(applied, ["-no-color", "plan"], columns=80)
    code, done = on_terminal(applied, ["-no-color", "apply", "-auto-approve"], columns=80)
    shown = [line.rpartition("\r")[2] for line in (planned + done).replace("\r\n", "\n").split("\n")]

    assert code == 0
    assert re.search(r"\n +settings\.precision: +bf16 -> fp8\n", whole)
    assert re.search(r"\n +settings\.precision: +bf16 -> fp8\r\n", planned)
    assert re.search(r"Applied: \d+ changes? \((\d+ )?(created|updated|replaced)", done)
    assert max(len(re.sub(r"\x1b\[[0-9;]*[mK]", "", line)) for line in shown) <= 80


def test_a_group_without_a_command_shows_what_is_in_it(small: Small) -> None:
    """The help, once, and exit 1; nothing is called an error that only asks."""
    done = small.run("workspace")

    assert done.exit_code == 1
    assert done.stderr.count("Usage: ") == 1
    assert "error:" not in done.stderr
    assert "select  " in done.stderr


def test_output_to_a_file_has_no_colours(small: Small) -> None:
    """Where nobody sees them, no colours are sent."""
    done = small.process("plan", "-var", "ttft=1ms")

    assert "\x1b" not in done.stdout + done.stderr


def test_only_yes_is_a_yes(small: Small) -> None:
    """At the prompt anything but ``yes`` changes nothing, and ends with 1."""
    refused = on_terminal(small, ["apply"], typed="y\n")
    untouched = not small.touched()
    agreed = on_terminal(small, ["apply"], typed="yes\n")

    assert refused[0] == 1
    assert "Nothing was changed." in refused[1]
    assert untouched
    assert agreed[0] == 0
    assert "Applied: " in agreed[1]
    assert small.objects() == small.known() != []


def test_ctrl_c_at_the_prompt_ends_at_once(small: Small) -> None:
    """Nothing is under way yet, so one Ctrl-C is enough: 130, and nothing written."""
    code, shown = on_terminal(small, ["apply"], typed=signal.SIGINT)

    assert code == 130
    assert "Stopped. Nothing was changed." in shown
    assert not small.touched()
