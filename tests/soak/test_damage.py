"""SOAK_HARMS harms (10,000) to dcplan's files."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from damage import READ_BY, Sound

if TYPE_CHECKING:
    from pathlib import Path

    from fork_server import ForkServer

HARMS = int(os.environ.get("SOAK_HARMS", "10000"))
SEED = int(os.environ.get("SOAK_SEED", "1"))


@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", READ_BY)
def test_no_traceback_and_nothing_lost_without_a_word(
    tmp_path: Path, far: ForkServer, out: Path, name: str
) -> None:
    """Bits flip, ends are cut, stretches are zeroed, torn, swapped and edited: refused, or read as it was."""
    chance = random.Random(f"{SEED} {name}")  # noqa: S311 - repeatable, not secret
    sound = Sound.killed(far, tmp_path / "far")
    told = [sound.harmed(name, chance, chance.choice(READ_BY[name])) for _ in range(HARMS // len(READ_BY))]
    figures = {"file": name, **Counter(how or "wrong" for how, _ in told)}
    (out / f"damage-{name.replace('/', '-')}.json").write_text(json.dumps(figures))

    assert [wrong for _, wrong in told if wrong] == []
