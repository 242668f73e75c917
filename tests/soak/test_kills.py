"""SOAK_KILLS kills (1,000) of the real program, on a cloud in another process where everything goes wrong.

A tenth as many for each server that may keep the state.
"""

from __future__ import annotations

import json
import os
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from kill_storm import storm
from state_servers import state_server

if TYPE_CHECKING:
    from pathlib import Path

PIECE = 50
REMOTE_PIECE = 25
KILLS = int(os.environ.get("SOAK_KILLS", "1000"))
SEED = int(os.environ.get("SOAK_SEED", "1"))
PIECES = [
    *(("local", piece, min(PIECE, KILLS)) for piece in range(-(-KILLS // PIECE))),
    *(
        (kind, piece, min(REMOTE_PIECE, -(-KILLS // 10)))
        for kind in ("postgres", "s3")
        for piece in range(-(-KILLS // (10 * REMOTE_PIECE)))
    ),
]


@pytest.mark.timeout(0)
@pytest.mark.parametrize(("where", "piece", "kills"), PIECES)
def test_no_orphan_and_no_double(tmp_path: Path, out: Path, where: str, piece: int, kills: int) -> None:
    """After each kill, one apply makes cloud, wish and state agree, and a second plan is empty."""
    with nullcontext(None) if where == "local" else state_server(where) as server:
        tally = storm(tmp_path, kills=kills, seed=SEED * 10_000 + piece, cold=0.05, server=server)
    (out / f"kills-{where}-{piece:04}.json").write_text(json.dumps(tally.as_data()))

    assert tally.wrongs == []
