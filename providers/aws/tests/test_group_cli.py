"""The command line with machine groups on AWS: a whole life, sold-out zones, kill -9."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from aws_cloud import AwsCloud
from aws_examples import cluster
from aws_project import HEAD, SERVED, TRAINED, Team, aws_forks
from fork_server import ForkServer

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has neither SIGKILL nor fork")

_KILLED = -9
SCALED = "machine_groups: [{workload: chat, as: auto-scaling-group, at_most: 6}]"


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    """Runs commands in processes that have all imported."""
    with aws_forks() as server:
        yield server


@pytest.fixture
def team(tmp_path: Path, forks: ForkServer, cloud: AwsCloud) -> Team:
    """A project that is on paper."""
    return Team(tmp_path, forks, cloud)


def write(team: Team, groups: str, *workloads: str) -> None:
    """Want these workloads, in these groups."""
    head = HEAD.replace("spot: false}", f"spot: false, {groups}}}")
    (team.folder / "dcplan.yaml").write_text(head + "".join(workloads))


def test_a_group_lives_grows_and_leaves_nothing(team: Team) -> None:
    """More traffic is a higher floor in place; destroyed, the account is as it was."""
    write(team, SCALED, SERVED)
    team.done("apply", "-auto-approve")
    first = len(team.running())
    write(team, SCALED, SERVED.replace("2/s", "14/s"))
    planned = team.done("apply", "-auto-approve")
    second = len(team.running())
    again = team.dcplan("plan", "-detailed-exitcode")
    orphans = team.done("orphans")
    team.done("destroy", "-auto-approve")

    assert (first, second, again) == (1, 3, 0)
    assert "~ aws.auto_scaling_group.chat-use1-az1-g6e-xlarge  3 x g6e.xlarge in use1-az1" in planned
    assert "No orphans" in orphans
    assert team.left() == {}


def test_a_sold_out_zone_sends_the_group_elsewhere(team: Team) -> None:
    """Nothing half made is left there; the same apply plans anew, and the group comes in another zone."""
    write(team, SCALED, SERVED.replace("2/s", "14/s"))
    team.cloud.weather(stock={"use1-az1": 2})
    said = team.done("apply", "-auto-approve")
    zones = Counter(instance["Placement"]["AvailabilityZone"] for instance in team.running())

    assert "No capacity" in said
    assert "use1-az1/g6e.xlarge was sold out" in said
    assert list(zones.values()) == [3]
    assert team.dcplan("plan", "-detailed-exitcode") == 0


def test_a_group_that_cannot_grow_gets_another_beside_it(team: Team) -> None:
    """What is there stays; the plan that follows adds a group in another zone."""
    write(team, SCALED, SERVED)
    team.done("apply", "-auto-approve")
    (first,) = team.running()
    write(team, SCALED, SERVED.replace("2/s", "14/s"))
    team.cloud.weather(stock={"use1-az1": 1})
    planned = team.done("apply", "-auto-approve")
    running = team.running()

    assert "+ aws.auto_scaling_group.chat-use1-az2-g6e-xlarge  2 x g6e.xlarge" in planned
    assert first["InstanceId"] in {instance["InstanceId"] for instance in running}
    assert len(running) == 3
    assert team.dcplan("plan", "-detailed-exitcode") == 0


@pytest.mark.parametrize("point", ["after-intent:2", "after-begin:2", "after-ack:2", "after-wait:2"])
def test_apply_after_a_kill_makes_no_group_twice(team: Team, point: str) -> None:
    """Killed while the group is made and run again: one group, and all of it goes."""
    write(team, SCALED, SERVED)
    killed = team.dcplan("apply", "-auto-approve", "-parallelism", "1", crash_at=point)
    team.done("apply", "-auto-approve")
    made = [call["action"] for call in team.cloud.calls("CreateAutoScalingGroup")]
    running = len(team.running())
    team.done("destroy", "-auto-approve")

    assert killed == _KILLED
    assert (len(made), running) == (1, 1)
    assert team.left() == {}


def test_a_workload_that_is_not_there_has_no_group(team: Team) -> None:
    """A name that is none is told at its place, with the one that was meant."""
    write(team, SCALED.replace("chat", "chatt"), SERVED)
    status = team.dcplan("plan")

    assert status == 1
    assert 'There is no workload "chatt"' in team.said()
    assert "chat" in team.said()


ROLE = "arn:aws:iam::123456789012:role/nodes"
NODES = f"machine_groups: [{{workload: tune, as: node-group, cluster: prod, role: '{ROLE}'}}]"


def test_a_gang_of_nodes_survives_a_kill(team: Team) -> None:
    """Killed while its node group is made and run again: it is there once, whole, and all of it goes."""
    cluster(team.cloud, zones=("use1-az1", "use1-az2", "use1-az4", "use1-az6"))
    before = team.left()
    write(team, NODES, TRAINED)
    team.done("plan", "-out", "first.plan")
    killed = team.dcplan("apply", "-parallelism", "1", "first.plan", crash_at="after-begin:2")
    team.done("apply", "-auto-approve")
    (group,) = {i["Placement"]["GroupName"] for i in team.running()}
    again = team.dcplan("plan", "-detailed-exitcode")
    team.done("destroy", "-auto-approve")

    assert killed == _KILLED
    assert group.startswith("dcplan-")
    assert again == 0
    assert team.left() == before
