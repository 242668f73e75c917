"""On a cloud in another process: what a killed apply left there is adopted, and listed a page at a time."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING

import pytest

from kill_storm import KILLED

if TYPE_CHECKING:
    from cloud_project import FarProject
    from fork_server import ForkServer

REPLICA_CALL = 14
"""A call of the first apply that makes a replica, which that cloud knows by its tag only."""


@pytest.mark.parametrize("after", [False, True], ids=["not carried out", "carried out"])
def test_recover_finds_out_and_makes_nothing_twice(
    project: FarProject, far: ForkServer, *, after: bool
) -> None:
    """Killed as a call came: what was made is adopted, what was not is closed, and then nothing is open."""
    project.cloud.kill_at(REPLICA_CALL, after=after)
    died = project.forked(far, "apply", "-auto-approve")
    project.cloud.no_kill()
    looked = project.forked(far, "orphans")
    orphans = project.said()
    done = project.forked(far, "recover", "-auto-approve")
    said = project.said()
    project.forked(far, "show", "-json")
    left = json.loads(project.said())["interrupted"]

    assert (died, looked, done) == (KILLED, 0, 0), said
    assert "Finish them: dcplan recover" in orphans
    assert "create faraway.replica." in said
    assert "Recovered:" in said
    assert left == []
    assert project.unequal(far) == []


def test_a_look_at_more_than_a_page_takes_a_few_requests(project: FarProject, far: ForkServer) -> None:
    """Over a thousand objects with our tag: all are seen, by no more than twenty requests."""
    project.forked(far, "init")
    project.forked(far, "state", "pull")
    lineage = json.loads(project.said())["lineage"]
    connection = http.client.HTTPConnection("127.0.0.1", project.cloud.port, timeout=30)
    for i in range(1100):
        ask = {"kind": "endpoint", "name": f"e-{i}", "lineage": lineage, "token": f"t-{i}"}
        connection.request("POST", "/objects", json.dumps({**ask, "attributes": {}, "needs": [], "pid": 1}))
        assert connection.getresponse().read()
    connection.close()
    before = project.cloud.books()["requests"]
    done = project.forked(far, "orphans", "-json")
    requests = project.cloud.books()["requests"] - before

    assert done == 2
    assert len(json.loads(project.said())["orphans"]) == 1100
    assert requests <= 20
