"""Machines that are sold out in all zones of a region, or everywhere: the same apply plans anew."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aws_cloud import AwsCloud
from aws_examples import client
from aws_project import HEAD, TRAINED, Team, aws_forks
from fork_server import ForkServer

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has neither SIGKILL nor fork")

REGIONS = {"us-east-1": "use1", "us-west-2": "usw2"}
SERVED = """\
  chat:
    kind: serve
    model: llama-3.1-8b
    traffic: {requests_per_s: 2/s, prompt_tokens: 800, output_tokens: 200}
    sla: {ttft: {p95: 2s}, tpot: {p95: 80ms}}
    constraints: {accelerators: [A100-40]}
"""


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    """Runs commands in processes that have all imported."""
    with aws_forks() as server:
        yield server


@pytest.fixture
def team(tmp_path: Path, forks: ForkServer, cloud: AwsCloud) -> Team:
    """One that may go to two regions."""
    return Team(tmp_path, forks, cloud)


def wants(team: Team, *workloads: str, regions: str = "us-east-1, us-west-2") -> None:
    """Write the document."""
    text = HEAD.replace("us-east-1", regions) + "".join(workloads)
    (team.folder / "dcplan.yaml").write_text(text)


def sold_out(team: Team, region: str, machine: str) -> None:
    """None of a type is left in any zone of a region."""
    zones = (f"{REGIONS[region]}-az{n}" for n in range(1, 9))
    team.cloud.weather(stock={f"{zone}/{machine}": 0 for zone in zones})


def there(team: Team, region: str) -> dict[str, Any]:
    """What there is in a region that a new account has not."""
    ec2, elb = (client(team.cloud, name, region) for name in ("ec2", "elbv2"))
    every = [i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
    return {
        "machines": Counter(i["InstanceType"] for i in every if i["State"]["Name"] != "terminated"),
        "networks": sum(not vpc["IsDefault"] for vpc in ec2.describe_vpcs()["Vpcs"]),
        "balancers": len(elb.describe_load_balancers()["LoadBalancers"]),
    }


NOTHING = {"machines": {}, "networks": 0, "balancers": 0}


def test_another_region_gets_its_network_the_machines_and_the_endpoint(team: Team) -> None:
    """No zone of the planned region has the type: all comes to be in the other one, and nothing stays."""
    wants(team, SERVED)
    team.done("plan", "-out", "first.plan")
    plan = json.loads(team.done("show", "-json", "first.plan"))
    (home,) = plan["workloads"][0]["regions"]
    (other,) = REGIONS.keys() - {home}
    step = plan["next_best"][0]["steps"][0]
    sold_out(team, home, "p4d.24xlarge")
    said = " ".join(team.done("apply", "-auto-approve").split())
    left, came = there(team, home), there(team, other)
    again = team.dcplan("plan", "-detailed-exitcode")
    team.done("destroy", "-auto-approve")

    assert [(b["machine"], b["region"]) for b in step["buys"]] == [("p4d.24xlarge", other)]
    assert "Planning anew without them, round 2 of 4 at most." in said
    assert left == NOTHING
    assert came == {"machines": {"p4d.24xlarge": 1}, "networks": 1, "balancers": 1}
    assert again == 0
    assert [there(team, region) for region in REGIONS] == [NOTHING, NOTHING]


def test_another_type_gets_another_layout(team: Team) -> None:
    """A gang whose type is sold out but for one machine comes to be on another, split otherwise."""
    wants(team, TRAINED.replace("[A100-40]", "[A100-40, A100-80]"), regions="us-east-1")
    team.done("plan", "-out", "first.plan")
    changes = json.loads(team.done("show", "-json", "first.plan"))["changes"]
    (planned,) = (c["after"]["attributes"] for c in changes if c["address"].startswith("aws.job."))
    team.cloud.weather(stock={"p4d.24xlarge": 1})
    said = " ".join(team.done("apply", "-auto-approve").split())
    made = json.loads(team.done("state", "show", "-json", "aws.job.tune-0"))["attributes"]

    assert "Planning anew" in said
    assert there(team, "us-east-1")["machines"] == {"p4de.24xlarge": 2}
    layouts = [one["settings"]["choice"] for one in (planned, made)]
    assert [layout.split("/")[1] for layout in layouts] == ["p4d.24xlarge", "p4de.24xlarge"]
    assert planned["settings"]["layout"] != made["settings"]["layout"]
    assert max(team.cloud.made().values()) == 1
    assert team.dcplan("plan", "-detailed-exitcode") == 0
