"""SOAK_KILLS kills (1,000) of the real program, on a cloud in another process where everything goes wrong."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from kill_storm import storm

if TYPE_CHECKING:
    from pathlib import Path

PIECE = 50
KILLS = int(os.environ.get("SOAK_KILLS", "1000"))
SEED = int(os.environ.get("SOAK_SEED", "1"))


@pytest.mark.timeout(0)
@pytest.mark.parametrize("piece", range(-(-KILLS // PIECE)))
def test_no_orphan_and_no_double(tmp_path: Path, out: Path, piece: int) -> None:
    """Fifty kills: after each, one apply makes cloud, wish and state agree, and a second plan is empty."""
    tally = storm(tmp_path, kills=min(PIECE, KILLS), seed=SEED * 10_000 + piece, cold=0.05)
    (out / f"kills-{piece:04}.json").write_text(json.dumps(tally.as_data()))

    assert tally.wrongs == []
