"""kill -9 at every passage of every crash point on AWS: all is whole in the end, and nothing twice."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from aws_cloud import AwsCloud, aws_cloud
from aws_project import SERVED, TRAINED, Team, aws_forks
from dcplan.apply.crash import POINTS
from fork_server import ForkServer

KILLED = -9
MOST_PASSAGES = 60
NOT_PASSED = ("rollback", "plan-anew")
WALK = [p for p in POINTS if not p.startswith("recover-") and not p.endswith(NOT_PASSED)]
RECOVERY = {
    "recover-start": "after-begin:2",
    "recover-after-begin": "after-intent:3",
    "recover-after-ack": "after-begin:3",
    "recover-after-wait": "after-ack:3",
    "recover-after-done": "after-ack:4",
}
"""Points of the recovery, and the crash that makes it necessary."""


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsCloud]:
    """One account after another."""
    with aws_cloud() as cloud:
        yield cloud


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    """Runs commands in processes that have all imported."""
    with aws_forks() as server:
        yield server


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory, forks: ForkServer, aws: AwsCloud) -> Team:
    """A plan for a served model and a gang."""
    team = Team(tmp_path_factory.mktemp("planned"), forks, aws)
    team.write(SERVED, TRAINED)
    team.done("plan", "-out", "first.plan")
    return team


def fresh(planned: Team, folder: Path) -> Team:
    """The plan in a folder of its own, an empty account, and a zone with one machine for a gang of two."""
    shutil.copytree(planned.folder, folder)
    home = re.search(r"If (\S+)/p4d.24xlarge is sold out", (folder / "out").read_text())
    assert home is not None
    planned.cloud.reset()
    planned.cloud.weather(stock={f"{home[1]}/p4d.24xlarge": 1})
    return Team(folder, planned.forks, planned.cloud)


def whole(team: Team) -> None:
    """Apply once more, look, and destroy."""
    team.done("apply", "first.plan")
    assert max(team.cloud.made().values()) == 1
    assert sorted(one["InstanceType"] for one in team.running()) == ["g6e.xlarge", *["p4d.24xlarge"] * 2]
    team.done("destroy", "-auto-approve")
    assert team.left() == {}


@pytest.mark.parametrize("point", WALK)
def test_killed_at_every_passage_of_an_apply(planned: Team, tmp_path: Path, point: str) -> None:
    """Whatever had been begun is found again, gangs that were on their way too."""
    for passage in range(1, MOST_PASSAGES):
        team = fresh(planned, tmp_path / str(passage))
        if team.dcplan("apply", "-parallelism", "2", "first.plan", crash_at=f"{point}:{passage}") != KILLED:
            assert passage > 1, team.said()
            return
        whole(team)
    pytest.fail(f"{point} is passed {MOST_PASSAGES} times")


@pytest.mark.parametrize(("point", "first"), RECOVERY.items())
def test_killed_while_recovering(planned: Team, tmp_path: Path, point: str, first: str) -> None:
    """A recovery that dies is recovered from."""
    team = fresh(planned, tmp_path / "twice")
    assert team.dcplan("apply", "-parallelism", "1", "first.plan", crash_at=first) == KILLED
    assert team.dcplan("apply", "first.plan", crash_at=point) == KILLED, team.said()
    whole(team)


@pytest.mark.parametrize("point", ["after-intent", "after-begin", "after-ack", "after-done"])
def test_killed_while_destroying(planned: Team, tmp_path: Path, point: str) -> None:
    """A destroy can be run again until nothing is left."""
    for passage in range(1, MOST_PASSAGES):
        team = fresh(planned, tmp_path / str(passage))
        team.done("apply", "first.plan")
        died = team.dcplan("destroy", "-auto-approve", crash_at=f"{point}:{passage}")
        team.done("destroy", "-auto-approve")
        assert team.left() == {}
        if died != KILLED:
            assert passage > 1
            return
    pytest.fail(f"{point} is passed {MOST_PASSAGES} times")
