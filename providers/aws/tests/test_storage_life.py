"""Buckets and file systems from the command line: a whole life, data that stay, kill -9."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aws_cloud import AwsCloud
from aws_examples import client
from aws_project import HEAD, TRAINED, Team, aws_forks
from fork_server import ForkServer

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has neither SIGKILL nor fork")

_KILLED = -9
BUCKET = {"name": "checkpoints", "as": "bucket", "region": "us-east-1", "for": ["tune"]}
FILES = {
    "name": "scratch",
    "as": "lustre",
    "zone": "use1-az6",
    "size": "4.8TiB",
    "throughput": 500,
    "for": ["tune"],
}


def document(*storage: dict[str, Any]) -> str:
    """A training with this storage."""
    head = {"regions": ["us-east-1"], "spot": False, "storage": storage}
    return (HEAD + TRAINED).replace("{regions: [us-east-1], spot: false}", json.dumps(head))


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    """Runs commands in processes that have all imported."""
    with aws_forks() as server:
        yield server


@pytest.fixture
def team(tmp_path: Path, forks: ForkServer, cloud: AwsCloud) -> Team:
    """One that trains a model with a bucket and a file system, so far on paper."""
    made = Team(tmp_path, forks, cloud)
    (tmp_path / "dcplan.yaml").write_text(document(BUCKET, FILES))
    return made


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory, forks: ForkServer, _server: AwsCloud) -> Path:
    """A folder with a plan for an empty account."""
    team = Team(tmp_path_factory.mktemp("planned"), forks, _server)
    (team.folder / "dcplan.yaml").write_text(document(BUCKET, FILES))
    team.done("plan", "-out", "first.plan")
    return team.folder


def bucket_of(team: Team) -> str:
    """The one bucket."""
    (bucket,) = client(team.cloud, "s3").list_buckets()["Buckets"]
    return str(bucket["Name"])


def test_a_whole_life_tells_the_job_where_its_data_are(team: Team, planned: Path) -> None:
    """A launcher reads url and mount; then nothing is to plan; a destroy leaves a backup of the files."""
    shutil.copytree(planned, team.folder, dirs_exist_ok=True)
    said = team.done("show", "first.plan")
    team.done("apply", "first.plan")
    (job,) = client(team.cloud, "ssm").get_parameters_by_path(Path="/dcplan", Recursive=True)["Parameters"]
    (files,) = client(team.cloud, "fsx").describe_file_systems()["FileSystems"]
    mount = f"{files['DNSName']}@tcp:/{files['LustreConfiguration']['MountName']}"
    bucket, again = bucket_of(team), team.dcplan("plan", "-detailed-exitcode")
    looked = team.said()
    destroyed = team.done("destroy", "-auto-approve")
    (backup,) = client(team.cloud, "fsx").describe_backups()["Backups"]

    assert "aws.file_system.scratch  4,800 GiB at 500 MB/s a TiB, price unknown" in said
    assert json.loads(job["Value"])["storage"] == [
        {"name": "checkpoints", "kind": "bucket", "url": f"s3://{bucket}"},
        {"name": "scratch", "kind": "file_system", "mount": mount},
    ]
    assert again == 0, looked
    assert "aws.file_system.scratch  its data go; a backup of them stays" in destroyed
    assert "aws.bucket.checkpoints  only if it is empty" in destroyed
    assert {"Key": "dcplan-address", "Value": "aws.file_system.scratch"} in backup["Tags"]
    assert team.left() == {}


def test_a_bucket_with_something_in_it_stays(team: Team) -> None:
    """A destroy says so and what to do; once the document allows it, the bucket goes with what is in it."""
    (team.folder / "dcplan.yaml").write_text(document(BUCKET))
    team.done("apply", "-auto-approve")
    bucket, s3 = bucket_of(team), client(team.cloud, "s3")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for step in range(2):
        s3.put_object(Bucket=bucket, Key="step", Body=str(step).encode())
    refused = team.dcplan("destroy", "-auto-approve")
    said, left = " ".join(team.said().split()), team.left()
    (team.folder / "dcplan.yaml").write_text(document({**BUCKET, "force_delete": True}))
    team.done("apply", "-auto-approve")
    destroyed = team.done("destroy", "-auto-approve")

    assert refused == 1
    assert left == {"buckets": 1}
    assert f"The bucket {bucket} is not empty" in said
    assert f"adopt: {bucket}" in said
    assert "force_delete: true" in said
    assert "Data of 1 storage would be deleted" in destroyed
    assert team.left() == {}


def test_storage_stays_when_its_workload_goes_elsewhere(team: Team) -> None:
    """Without any machine on AWS, what the document names there is kept; a name in `for` must exist."""
    team.done("apply", "-auto-approve")
    text = document({**BUCKET, "for": []}, {**FILES, "for": []})
    text = text.replace("providers:\n", "providers:\n  gcp: {regions: [us-central1]}\n")
    text = text.replace("constraints: {accelerators: [A100-40]}", "constraints: {providers: [gcp]}")
    (team.folder / "dcplan.yaml").write_text(text)
    moved = team.done("plan")
    (team.folder / "dcplan.yaml").write_text(document({**BUCKET, "for": ["tuen"]}))
    refused = team.dcplan("plan")
    said = " ".join(team.said().split())

    assert "aws.instance." in moved
    assert "aws.bucket." not in moved
    assert "aws.file_system." not in moved
    assert refused == 1
    assert 'No workload is called "tuen". Did you mean "tune"?' in said


@pytest.mark.parametrize("point", ["after-intent:1", "after-begin:1", "after-begin:2", "after-begin:3"])
def test_apply_after_a_kill_makes_nothing_twice(team: Team, planned: Path, point: str) -> None:
    """Killed at a boundary of the first resources and run again: one of each is made, and all of it goes."""
    shutil.copytree(planned, team.folder, dirs_exist_ok=True)
    killed = team.dcplan("apply", "-parallelism", "1", "first.plan", crash_at=point)
    team.done("apply", "first.plan")
    calls = team.cloud.calls()
    left = team.left()
    team.done("destroy", "-auto-approve")

    assert killed == _KILLED
    assert (left["buckets"], left["file systems"]) == (1, 1)
    assert sum(call["action"] == "CreateBucket" for call in calls) == 1
    assert team.left() == {}
