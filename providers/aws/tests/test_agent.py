"""What machines do from their first boot, with a metadata service and a Systems Manager of paper."""

from __future__ import annotations

import base64
import email
import os
from pathlib import Path

import pytest

from aws_cloud import AwsCloud
from aws_examples import REGION, client, gang_and_replicas
from dcplan.provider import Placement, Provider
from dcplan.provider.contract_base import ContractBase
from dcplan.provider.errors import Invalid
from dcplan.provider.start_up import StartUp
from dcplan_aws import provider
from dcplan_aws.agent import MOST_BYTES, RUNS, user_data
from paper_machine import AgentContract

pytestmark = pytest.mark.skipif(os.name == "nt", reason="The script is for Linux")

_CURL = """#!/bin/bash
case "${@: -1}" in
  */api/token) echo secret ;;
  */placement/region) echo us-east-1 ;;
  */tags/instance) [[ -n "$(ls "$PAPER/names")" ]] || exit 22; ls "$PAPER/names" ;;
  */tags/instance/*) echo "/dcplan/l/replica/$(basename "${@: -1}")" ;;
esac
"""
_AWS = """#!/bin/bash
[[ "$*" =~ --name\\ /dcplan/l/replica/([^ ]+) ]] && cat "$PAPER/names/${BASH_REMATCH[1]}"
"""


class TestAgent(AgentContract):
    """On AWS, tags name parameters."""

    name = f"{RUNS}1"

    def script(self, launcher: str, start_up: StartUp | None = None) -> str:
        """User data."""
        return user_data(launcher, start_up) or ""

    def programs(self) -> dict[str, str]:
        """Metadata, and AWS's own command."""
        return {"curl": _CURL, "aws": _AWS}


def test_a_cloud_config_comes_as_a_part_of_its_own() -> None:
    """cloud-init takes both parts as they are; without a launcher, it takes the one."""
    config = StartUp(name="c.yaml", text="#cloud-config\npackages: [nvme-cli]  # für alle\n")
    parts = email.message_from_string(user_data("/opt/launch", config) or "").get_payload()

    assert isinstance(parts, list)
    texts = [(p.get_content_type(), p.get_payload(decode=True).decode()) for p in parts]  # type: ignore[union-attr]
    assert texts == [("text/cloud-config", config.text), ("text/x-shellscript", user_data("/opt/launch"))]
    assert user_data(None, config) == config.text
    assert user_data(None) is None


def test_user_data_stays_below_the_limit_of_ec2(tmp_path: Path) -> None:
    """16 KiB with our part: what is more is told before anything is planned, with both sizes."""
    ours = len((user_data("/opt/launch") or "").encode())
    made = {}
    for name, size in (("fits", MOST_BYTES - ours - 1000), ("large", MOST_BYTES - ours + 1)):
        (tmp_path / name).write_text("#!/bin/bash\n".ljust(size, "#"))
        made[name] = provider({"launcher": "/opt/launch", "start_up": name}, tmp_path)
    (problem,) = made["large"].diagnostics

    assert ours < MOST_BYTES / 4
    assert made["fits"].ok
    assert (made["large"].value, problem.code) == (None, "start-up-size")
    assert "16,384" in problem.detail
    assert problem.path == ("providers", "aws", "start_up")


class Hands(ContractBase):
    """Builds the example, with machines that have a launcher."""

    def make(self, folder: Path) -> Provider:
        """The provider with its settings."""
        return provider({"regions": [REGION], "launcher": "/opt/launch"}, folder).unwrap()

    def placement(self) -> Placement:
        """Two replicas and a training."""
        return gang_and_replicas()


def test_tags_of_machines_name_what_runs_on_them(cloud: AwsCloud) -> None:
    """Each machine knows the parameters of what runs on it, as long as it runs there."""
    hands = Hands()
    hands.built_outputs = {}
    aws, ec2 = hands.make(Path()), client(cloud, "ec2")

    def runs() -> dict[str, list[str]]:
        every = [i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
        tags = {i["InstanceId"]: {tag["Key"]: tag["Value"] for tag in i["Tags"]} for i in every}
        return {
            one["dcplan-address"]: [value for key, value in one.items() if key.startswith(RUNS)]
            for one in tags.values()
        }

    built = hands.build(aws)
    ids = {r.address.name: str(r.outputs["id"]).partition(":")[2] for r in built}
    before = runs()
    hands.delete(aws, next(r for r in built if r.address.name == "tune"))
    after = runs()

    assert before == {
        **{f"aws.instance.serve-{i}": [ids[f"chat-{i}"]] for i in range(2)},
        **{f"aws.instance.train-{i}": [ids["tune"]] for i in range(2)},
    }
    assert after == {**before, "aws.instance.train-0": [], "aws.instance.train-1": []}


def test_a_machine_boots_with_what_was_planned_or_is_not_made(cloud: AwsCloud, tmp_path: Path) -> None:
    """Its tags say with which file it was made; another text than was planned makes nothing."""
    hands, boot = Hands(), tmp_path / "boot.sh"
    hands.built_outputs = {}

    def opened(text: str) -> Provider:
        boot.write_text(f"#!/bin/bash\n{text}\n")
        return provider(
            {"regions": [REGION], "launcher": "/opt/launch", "start_up": "boot.sh"}, tmp_path
        ).unwrap()

    aws = opened("mount /data")
    network, machine, other = [r for r in hands.resources(aws) if r.address.kind in {"network", "instance"}][
        :3
    ]
    built = hands.build(aws, [network, machine])
    there = aws.refresh(built).found[machine.address]
    shown = client(cloud, "ec2").describe_instance_attribute(
        InstanceId=str(built[-1].outputs["id"]), Attribute="userData"
    )

    assert "\nmount /data\n" in base64.b64decode(shown["UserData"]["Value"]).decode()
    assert there is not None
    assert there.attributes["start_up"] == machine.attributes["start_up"]
    with pytest.raises(Invalid, match="Plan again"):
        hands.build(opened("mount /other"), [other])
    assert len(cloud.calls("RunInstances")) == 1
