"""Files that came to harm are refused in words or read as they were: no traceback, no "nothing there"."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from damage import READ_BY, REFUSED, Sound, run

if TYPE_CHECKING:
    from fork_server import ForkServer


@pytest.fixture(scope="module")
def sound(far: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> Sound:
    """A project's files, whole."""
    return Sound.killed(far, tmp_path_factory.mktemp("sound") / "far")


@pytest.mark.parametrize("name", READ_BY)
def test_a_harmed_file_is_refused_or_read_as_it_was(sound: Sound, name: str) -> None:
    """Bits flip, ends are cut, stretches are zeroed, torn, swapped and edited: 60 times for each file."""
    chance = random.Random(name)  # noqa: S311 - repeatable, not secret
    told = [sound.harmed(name, chance, chance.choice(READ_BY[name])) for _ in range(60)]

    assert [wrong for _, wrong in told if wrong] == []
    if name in {"p", ".dcplan/state.sqlite"}:
        assert sum(how == REFUSED for how, _ in told) > 15


def test_a_log_that_is_gone_is_missed_and_an_older_copy_can_be_taken(sound: Sound) -> None:
    """Without the log of a killed apply the state is refused by name; who restores on purpose is told how."""
    log, lock = (sound.folder / f".dcplan/state.sqlite{end}" for end in ("-wal", ".lock"))
    try:
        log.unlink()
        refused = run(sound.folder, ("state", "pull"))
        lock.unlink()
        taken = run(sound.folder, ("state", "pull"))
    finally:
        sound.restore()

    assert refused[0] == 1
    assert "the end of its log is lost" in " ".join(refused[1].split())
    assert lock.name in refused[1]
    assert taken[0] == 0
