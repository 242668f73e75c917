"""What machines do from their first boot, with a metadata service and a Systems Manager of paper."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from aws_cloud import AwsCloud
from aws_examples import REGION, client, gang_and_replicas
from dcplan.provider import Placement, Provider
from dcplan.provider.contract_base import ContractBase
from dcplan_aws import provider
from dcplan_aws.agent import RUNS, user_data

pytestmark = pytest.mark.skipif(os.name == "nt", reason="The script is for Linux")

_CURL = """#!/bin/bash
case "${@: -1}" in
  */api/token) echo secret ;;
  */placement/region) echo us-east-1 ;;
  */tags/instance) ls "$PAPER/tags" 2>/dev/null && [ -n "$(ls "$PAPER/tags")" ] ;;
  */tags/instance/*) cat "$PAPER/tags/$(basename "${@: -1}")" ;;
esac
"""
_AWS = """#!/bin/bash
[[ "$*" == *"--name /dcplan/"* ]] && cat "$PAPER/value"
"""
_LAUNCHER = """#!/bin/bash
echo "$1 $(basename "$2") $(cat "$2")" >>"$PAPER/log"
[[ ! -f "$PAPER/broken" ]]
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """One on paper."""

    folder: Path

    def boots(self) -> None:
        """Put its programs there."""
        (self.folder / "tags").mkdir()
        for name, text in (("curl", _CURL), ("aws", _AWS), ("launch", _LAUNCHER)):
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o755)
        (self.folder / "agent").write_text(user_data(str(self.folder / "launch")))

    def round(self) -> list[str]:
        """What the launcher was told in one round."""
        (self.folder / "log").write_text("")
        environ = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "PAPER": str(self.folder),
            "DCPLAN_FOLDER": str(self.folder / "run"),
        }
        subprocess.run(["bash", str(self.folder / "agent"), "once"], check=True, env=environ)
        return (self.folder / "log").read_text().splitlines()

    def told(self, value: str) -> None:
        """Its tag names a parameter with this value."""
        (self.folder / "tags" / f"{RUNS}1").write_text("/dcplan/l/replica/1")
        (self.folder / "value").write_text(value)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One that has just booted."""
    made = Machine(tmp_path)
    made.boots()
    return made


def test_what_comes_is_started_what_changes_too_and_what_goes_is_stopped(machine: Machine) -> None:
    """Each once, and nothing is done while nothing changes."""
    machine.told("one")
    rounds = [machine.round(), machine.round()]
    machine.told("two")
    rounds.append(machine.round())
    (machine.folder / "tags" / f"{RUNS}1").unlink()
    rounds += [machine.round(), machine.round()]

    assert rounds == [
        [f"start {RUNS}1.json one"],
        [],
        [f"start {RUNS}1.json two"],
        [f"stop {RUNS}1.json two"],
        [],
    ]


def test_what_could_not_be_started_is_tried_again(machine: Machine) -> None:
    """A launcher that fails is called in the next round, too."""
    machine.told("one")
    (machine.folder / "broken").touch()
    failed = machine.round()
    (machine.folder / "broken").unlink()

    assert failed == machine.round() == [f"start {RUNS}1.json one"]


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
