"""The command line against AWS on this machine: a whole life, sold-out zones, kill -9."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from aws_cloud import AwsCloud
from aws_examples import block_for_sale
from aws_project import HEAD, SERVED, TRAINED, Team, aws_forks
from fork_server import ForkServer

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has neither SIGKILL nor fork")

_KILLED = -9


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    """Runs commands in processes that have all imported."""
    with aws_forks() as server:
        yield server


@pytest.fixture
def team(tmp_path: Path, forks: ForkServer, cloud: AwsCloud) -> Team:
    """One that serves a model, so far on paper."""
    made = Team(tmp_path, forks, cloud)
    made.write(SERVED)
    return made


def test_a_whole_life_leaves_nothing(team: Team) -> None:
    """Applied, it is as planned; destroyed, the account is as it was."""
    team.write(SERVED, TRAINED)
    team.done("apply", "-auto-approve")
    machines = Counter(instance["InstanceType"] for instance in team.running())
    again = team.dcplan("plan", "-detailed-exitcode")
    said = team.said()
    team.done("destroy", "-auto-approve")

    assert machines == {"g6e.xlarge": 1, "p4d.24xlarge": 2}
    assert again == 0, said
    assert team.left() == {}


def test_a_sold_out_zone_sends_the_whole_gang_to_another(team: Team) -> None:
    """One machine is had and the second is not: the first is given back, and both come in the next zone."""
    team.write(TRAINED)
    team.done("plan", "-out", "first.plan")
    home = re.search(r"If (\S+)/p4d.24xlarge is sold out", team.said())
    assert home is not None
    team.cloud.weather(stock={f"{home[1]}/p4d.24xlarge": 1})
    said = team.done("apply", "first.plan")
    zones = Counter(instance["Placement"]["AvailabilityZone"] for instance in team.running())
    groups = {instance["Placement"]["GroupName"] for instance in team.running()}

    assert "sold out" in said
    assert list(zones.values()) == [2]
    assert len(groups) == 1
    assert max(team.cloud.made().values()) == 1
    assert team.dcplan("plan", "-detailed-exitcode") == 0
    assert len(team.cloud.calls("RunInstances")) == len(team.cloud.made()) + 1


def test_failover_stays_where_the_network_is(team: Team) -> None:
    """With a VPC in each of two regions, machines are not planned to land where their endpoint is not."""
    networks = [
        {
            "region": region,
            "vpc": f"vpc-0a1b2c3d4e5f6071{i}",
            "subnets": [f"subnet-0a1b2c3d4e5f6071{i}"],
            "security_groups": [f"sg-0a1b2c3d4e5f6071{i}"],
        }
        for i, region in enumerate(("us-east-2", "us-west-2"))
    ]
    head = {"regions": ["us-east-2", "us-west-2"], "spot": False, "networks": networks}
    document = (HEAD + TRAINED).replace("{regions: [us-east-1], spot: false}", json.dumps(head))
    (team.folder / "dcplan.yaml").write_text(document.replace("A100-40", "H100"))
    team.done("plan", "-out", "first.plan")
    plan = json.loads(team.done("show", "-json", "first.plan"))
    homes = {fallback["region"] for fallback in plan["fallbacks"]}
    others = {other["region"] for fallback in plan["fallbacks"] for other in fallback["alternatives"]}

    assert others == homes
    assert team.cloud.calls() == []


def test_a_block_is_bought_once_whatever_dies(team: Team) -> None:
    """The plan says what it may cost; killed after the purchase, the next apply finds what was bought."""
    block = block_for_sale("$25000", machines=2, zone="use1-az1", days=14)
    head = {"regions": ["us-east-1"], "spot": False, "capacity_blocks": [block]}
    document = (HEAD + TRAINED).replace("{regions: [us-east-1], spot: false}", json.dumps(head))
    document = document.replace("60B", "50B").replace("[A100-40]", "[A100-40], purchase: [capacity-block]")
    (team.folder / "dcplan.yaml").write_text(document)
    planned = team.done("plan", "-out", "first.plan")
    killed = team.dcplan("apply", "-parallelism", "1", "first.plan", crash_at="after-begin:1")
    team.done("apply", "first.plan")
    kinds = {instance["InstanceLifecycle"] for instance in team.running()}
    gone = team.done("destroy", "-auto-approve")

    assert "aws.capacity_block.use1-az1-p4d-24xlarge  bought for at most $25,000, paid at once" in planned
    assert killed == _KILLED
    assert kinds == {"capacity-block"}
    assert len(team.cloud.calls("PurchaseCapacityBlock")) == 1
    assert "aws.capacity_block.use1-az1-p4d-24xlarge  stays paid for" in gone
    assert "stays yours and paid for: aws.capacity_block.use1-az1-p4d-24xlarge (cr-" in gone
    assert "Nothing of this project is left" not in gone


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory, forks: ForkServer, _server: AwsCloud) -> Path:
    """A folder with a plan for an empty account."""
    team = Team(tmp_path_factory.mktemp("planned"), forks, _server)
    team.write(SERVED)
    team.done("plan", "-out", "first.plan")
    return team.folder


def test_the_policy_of_a_plan_has_all_that_applying_it_calls(team: Team, planned: Path) -> None:
    """``dcplan iam`` of the saved plan asks nobody, and allows each call that the apply of it makes."""
    shutil.copytree(planned, team.folder, dirs_exist_ok=True)
    (told,) = json.loads(team.done("iam", "-json", "first.plan"))["permissions"]
    unasked = team.cloud.calls()
    team.done("apply", "first.plan")
    called = {f"{call['service']}:{call['action']}" for call in team.cloud.calls()}
    text = json.dumps(told["content"])

    assert unasked == []
    assert sorted(call for call in called if f'"{call}"' not in text) == []
    assert "ec2:DeleteVpc" not in text
