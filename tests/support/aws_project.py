"""A project on the AWS of ``tests/clouds``, whose commands run in forked processes that may be killed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_cloud import AwsCloud
from aws_examples import REGION, client
from dcplan.apply.crash import VARIABLE
from fork_server import ForkServer

HEAD = """\
project: small
providers:
  aws: {regions: [us-east-1], spot: false}
workloads:
"""
SERVED = """\
  chat:
    kind: serve
    model: llama-3.1-8b
    traffic: {requests_per_s: 2/s, prompt_tokens: 800, output_tokens: 200}
    sla: {ttft: {p95: 2s}, tpot: {p95: 80ms}}
    constraints: {accelerators: [L40S]}
"""
TRAINED = """\
  tune:
    kind: train
    model: llama-3.1-8b
    tokens: 60B
    sequence_length: 8192
    global_batch: 256
    deadline: 14d
    constraints: {accelerators: [A100-40]}
"""


def aws_forks() -> ForkServer:
    """A server of forked commands that have imported what AWS needs; use it in a ``with``."""
    return ForkServer("forked_cli.py", env={**os.environ, "FORKED_CLI_IMPORTS": "aws_near"})


@dataclass(frozen=True, slots=True)
class Team:
    """A project on an account."""

    folder: Path
    forks: ForkServer
    cloud: AwsCloud

    def dcplan(self, *arguments: str, crash_at: str | None = None) -> int:
        """The exit status of a command."""
        job = {"folder": str(self.folder), "arguments": arguments}
        more = {VARIABLE: crash_at} if crash_at else {}
        return self.forks.ask(job, environment={**self.cloud.environ, **more})

    def done(self, *arguments: str) -> str:
        """What a command says that must succeed."""
        status = self.dcplan(*arguments)
        assert status == 0, self.said()
        return self.said()

    def said(self) -> str:
        """What the last command printed."""
        return (self.folder / "out").read_text()

    def write(self, *workloads: str) -> None:
        """Want these."""
        (self.folder / "dcplan.yaml").write_text(HEAD + "".join(workloads))

    def running(self) -> list[Mapping[str, Any]]:
        """The instances that live."""
        return running(self.cloud)

    def left(self) -> dict[str, int]:
        """What there is in the account that a new one has not."""
        return left(self.cloud)


def running(cloud: AwsCloud, region: str = REGION) -> list[Mapping[str, Any]]:
    """The instances of a region that live."""
    reservations = client(cloud, "ec2", region).describe_instances()["Reservations"]
    every = [instance for reservation in reservations for instance in reservation["Instances"]]
    return [instance for instance in every if instance["State"]["Name"] != "terminated"]


def left(cloud: AwsCloud, region: str = REGION) -> dict[str, int]:
    """What there is in a region that is not in that of a new account."""
    ec2, ssm, elb = (client(cloud, name, region) for name in ("ec2", "ssm", "elbv2"))
    s3, fsx, scaling = (client(cloud, name, region) for name in ("s3", "fsx", "autoscaling"))
    count = {
        "instances": len(running(cloud, region)),
        "networks": sum(not vpc["IsDefault"] for vpc in ec2.describe_vpcs()["Vpcs"]),
        "gateways": len(ec2.describe_internet_gateways()["InternetGateways"]),
        "groups": len(ec2.describe_placement_groups()["PlacementGroups"]),
        "templates": len(ec2.describe_launch_templates()["LaunchTemplates"]),
        "machine groups": len(scaling.describe_auto_scaling_groups()["AutoScalingGroups"]),
        "volumes": len(ec2.describe_volumes()["Volumes"]),
        "interfaces": len(ec2.describe_network_interfaces()["NetworkInterfaces"]),
        "parameters": len(ssm.get_parameters_by_path(Path="/dcplan", Recursive=True)["Parameters"]),
        "balancers": len(elb.describe_load_balancers()["LoadBalancers"]),
        "target groups": len(elb.describe_target_groups()["TargetGroups"]),
        "buckets": len(s3.list_buckets()["Buckets"]),
        "file systems": len(fsx.describe_file_systems()["FileSystems"]),
    }
    return {name: number for name, number in count.items() if number}
