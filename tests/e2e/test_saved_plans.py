"""Saved plans: what makes them stale, and what they are refused for."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dcplan.plan.codec import _with_digest, read_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Small


def edited(small: Small, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a saved plan as if dcplan had written it so."""
    path = small.folder / name
    plan = json.loads(path.read_text())
    del plan["sha256"]
    change(plan)
    path.write_bytes(_with_digest(json.dumps(plan).encode()))


def words(text: str) -> str:
    """Without line breaks."""
    return " ".join(text.split())


def test_a_stale_plan_tells_what_was_and_what_is(applied: Small) -> None:
    """The refusal names each address and each difference."""
    applied.run("plan", "-out", "p", "-var", "load=75/s")
    applied.run("apply", "-auto-approve", "-var", "ttft=1500ms", "-var", "load=20/s")
    done = applied.run("apply", "p")

    assert done.exit_code == 1
    assert "error: The plan is out of date" in done.stderr
    assert "local.endpoint.chat replicas.chat-10 was 1 and is not set" in words(done.stderr)
    assert "local.replica.chat-0 settings.max_sequences was 32 and is 64" in words(done.stderr)
    assert "local.replica.chat-5 was there, and is gone" in words(done.stderr)


def test_a_plan_that_a_later_one_undid_is_not_applied_again(small: Small) -> None:
    """Scaled up by a saved plan and down by a later one: the saved plan makes nothing once more."""
    small.run("apply", "-auto-approve", "-var", "load=20/s")
    small.run("plan", "-out", "p")
    time.sleep(1.0)  # A plan's time is told in whole seconds.
    first, again = small.run("apply", "p"), small.run("apply", "p")
    more = len(small.objects())
    small.run("apply", "-auto-approve", "-var", "load=20/s")
    before = small.objects()
    late = small.run("apply", "p")

    assert (first.exit_code, again.exit_code, late.exit_code) == (0, 0, 1)
    assert "made since the plan was made, and deleted again" in words(late.stderr)
    assert small.objects() == before
    assert len(before) < more


def test_of_two_first_plans_the_second_is_refused(small: Small) -> None:
    """After init, too, where both plans know the state's lineage."""
    small.run("init")
    small.run("plan", "-out", "one")
    small.run("plan", "-out", "two", "-var", "load=75/s")
    first, before = small.run("apply", "one"), small.objects()
    second = small.run("apply", "two")

    assert (first.exit_code, second.exit_code) == (0, 1)
    assert "it was the first plan of all" in words(second.stderr)
    assert small.objects() == before


def test_an_old_plan_is_applied_with_a_warning(small: Small) -> None:
    """Older than -max-age: its prices are called old, and it is applied."""
    small.run("plan", "-out", "p")
    made = datetime.now(UTC) - timedelta(hours=30)
    edited(small, "p", lambda plan: plan.update(created_at=made.isoformat(timespec="seconds")))
    patient = small.run("apply", "p", "-max-age", "2d")
    old = small.run("apply", "p")

    assert (patient.exit_code, old.exit_code) == (0, 0)
    assert "are old" not in patient.stderr
    assert "The plan was made 1d6h ago" in words(old.stderr)


def test_a_plan_of_another_version_of_a_provider_is_refused(small: Small) -> None:
    """What it was made with and what is installed are both named; nothing is written."""
    small.run("plan", "-out", "p")
    edited(small, "p", lambda plan: plan["inputs"]["providers"][0].update(version="0.0.9"))
    done = small.run("apply", "p")

    assert done.exit_code == 1
    assert "error: The plan was made with another provider" in done.stderr
    assert "local was dcplan 0.0.9 and is dcplan " in words(done.stderr)
    assert small.objects() == []


def test_a_saved_plan_is_shown_where_its_provider_is_not_installed(small: Small) -> None:
    """Show reads the file alone."""
    small.run("plan", "-out", "p")
    shown = small.run("show", "p").stdout
    edited(small, "p", lambda plan: plan.update(settings={"nowhere": {"secret": "${env.NOT_SET}"}}))

    assert small.run("show", "p").stdout == shown
    assert small.run("show", "p", "-json").exit_code == 0
    assert small.run("apply", "p").exit_code == 1


def test_a_plan_that_came_to_harm_is_refused(small: Small) -> None:
    """A word of it changed, as by a bad disk: neither shown nor applied."""
    small.run("plan", "-out", "p")
    path = small.folder / "p"
    path.write_bytes(path.read_bytes().replace(b"hall-a", b"hall-b", 1))
    codes = [small.run(command, "p") for command in ("show", "apply")]

    assert [done.exit_code for done in codes] == [1, 1]
    assert all("error: The plan is damaged" in done.stderr for done in codes)
    assert small.objects() == []


@pytest.mark.parametrize("harm", ["rewritten", "renamed digest", "one word"])
def test_a_plan_that_is_not_as_it_was_written_is_refused(small: Small, harm: str) -> None:
    """Written anew by another program, robbed of its digest, or with one word changed: nothing is applied."""
    small.run("plan", "-out", "p")
    path = small.folder / "p"
    content = path.read_bytes()
    harmed = {
        "rewritten": json.dumps(json.loads(content)).encode(),
        "renamed digest": content.replace(b'"sha256"', b'"sha255"'),
        "one word": content.replace(b"llama", b"lhama"),
    }[harm]
    path.write_bytes(harmed)
    shown, applied = small.run("show", "p"), small.run("apply", "p")

    assert harmed != content
    assert (shown.exit_code, applied.exit_code) == (1, 1)
    assert "The plan is damaged" in shown.stderr
    assert "Nothing was changed. Plan again." in words(applied.stderr)
    assert small.objects() == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_plan_is_written_to_a_device_and_not_in_its_place(small: Small) -> None:
    """What is no file stays what it is; a device that is full is told, and a pipe gets the whole plan."""
    full, pipe = small.run("plan", "-out", "/dev/full"), small.folder / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as reader:
        content = reader.submit(pipe.read_bytes)
        saved = small.run("plan", "-out", "pipe")
    (small.folder / "copy").write_bytes(content.result())

    assert "No space left on device" in words(full.stderr)
    assert Path("/dev/full").is_char_device()
    assert (full.exit_code, saved.exit_code, pipe.is_fifo()) == (1, 0, True)
    assert read_plan(small.folder / "copy").ok


def test_a_plan_is_written_where_a_link_leads(small: Small) -> None:
    """The link stays, and the file behind it is its owner's alone."""
    (small.folder / "link").symlink_to("behind")
    small.run("plan", "-out", "link")

    assert (small.folder / "link").is_symlink()
    assert (small.folder / "behind").stat().st_mode & 0o777 == 0o600
    assert read_plan(small.folder / "behind").ok


def test_a_first_plan_is_not_carried_out_over_half_of_another(small: Small) -> None:
    """Two plans saw nothing; one fails half-way.  The other is out of date, and the one may be ended."""
    small.faults("{fault: denied, resource: endpoint, times: 1}")
    small.run("plan", "-out", "p")
    small.run("plan", "-out", "q", "-var", "load=75/s")
    half = small.run("apply", "p")
    made = small.known()
    other = small.run("apply", "q")
    untouched = small.known() == made
    rest = small.run("apply", "p")

    assert (half.exit_code, other.exit_code, rest.exit_code) == (1, 1, 0)
    assert "Another plan was begun since the plan was made" in words(other.stderr)
    assert made
    assert untouched
    assert small.run("plan", "-detailed-exitcode").exit_code == 0
