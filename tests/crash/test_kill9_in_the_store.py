"""kill -9 after each write that the remote state itself makes, on each kind of server."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from cloud_project import environment
from dcplan.state.log import open_log
from fork_server import ForkServer
from kill_storm import KILLED
from state_servers import KINDS, NOBODY, state_server
from store_child import SERVER, WRITES

if TYPE_CHECKING:
    from pathlib import Path

LATER_S = 1000.0
"""So long after each death comes the next holder: the lease of the dead one is over."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_holder_may_die_after_any_of_its_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """At take-over, between entry and snapshot, in the middle of folding and sweeping, at the release.

    Each next holder takes over from the dead one, reads all that was written, and the last one sweeps.
    """
    for name, value in NOBODY.items():
        monkeypatch.setenv(name, value)
    returned, at = tmp_path / "returned", 0
    returned.touch()
    with state_server(kind) as server, ExitStack() as stack:
        settings = server.settings()
        blobs = server.opened(settings)
        env = environment({**NOBODY, SERVER: json.dumps([kind, settings])})
        forks = stack.enter_context(ForkServer("store_child.py", env=env))
        ended = KILLED
        while ended == KILLED:
            at += 1
            ended = forks.ask({"at": at, "now_s": at * LATER_S, "returned": str(returned)})
            store = open_log(blobs, create=False).unwrap()
            there, holder = {str(a) for a in store.read().resources}, store.holder()
            left = [name for name in blobs.names("") if not name.startswith("journal/")]
            markers = len(blobs.names("journal/"))
            store.close()
            known = set(returned.read_text().split())

            assert known <= there, at
            assert len(there - known) <= at  # At each death one write may be there that did not return.

    assert ended == 0
    # Lease and marker, entries, a snapshot in between and one in the end, the lease again, each entry's end.
    assert at > 2 + WRITES + 2 + 1 + WRITES
    assert holder is None
    assert left == ["lease.json", "state.json"]
    assert markers <= at
