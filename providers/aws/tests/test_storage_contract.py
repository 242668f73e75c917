"""Buckets and file systems keep what every provider promises, over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aws_cloud import AwsCloud
from aws_examples import REGION, ZONE, adopted
from cloud_life import deeds_of_life
from dcplan.provider import Placement, Provider
from dcplan.provider.contract import ProviderContract
from dcplan.provider.permissions import Use
from dcplan_aws import AwsProvider, provider
from dcplan_aws.permissions import action_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dcplan.resources import JsonValue

BUCKET = {"name": "checkpoints", "as": "bucket", "region": REGION}
FILES = {"name": "scratch", "as": "lustre", "zone": ZONE, "size": "2.4TiB", "throughput": 250}


class StorageContract(ProviderContract):
    """Storage alone, without machines: the tests that are about a thing that needs nothing else."""

    # Not about storage, or about machines; the suite with machines has them.
    test_machines_are_the_same_twice = None
    test_site_is_the_same_twice = None
    test_offerings_are_the_same_twice = None
    test_offerings_are_of_known_machines = None
    test_offerings_of_other_regions_are_left_out = None
    test_every_kind_has_an_example = None
    test_unavailable_is_a_value = None
    test_refresh_answers_for_each_address = None

    storage: Sequence[Mapping[str, object]] = ()
    cloud: AwsCloud
    settings: Mapping[str, object]

    @pytest.fixture(autouse=True)
    def _account(self, cloud: AwsCloud) -> None:
        self.cloud = cloud
        self.settings = {"regions": [REGION], "networks": [adopted(cloud)], "storage": self.storage}

    @pytest.fixture(autouse=True)
    def _only_what_is_allowed(self, _account: None, tmp_path: Path) -> Iterator[None]:
        """Whatever a test of the suite calls, ``dcplan iam`` has in its policy."""
        before = len(self.cloud.calls())
        yield
        made = provider(self.settings, tmp_path).unwrap()
        assert isinstance(made, AwsProvider)
        deeds = deeds_of_life(made.resources_for(self.placement()).unwrap())
        told = made.permissions(Use(project="example", lineage="ours", deeds=deeds))[0]
        called = {action_of(f"{call['service']}:{call['action']}") for call in self.cloud.calls()[before:]}
        assert sorted(call for call in called if f'"{call}"' not in told.text) == []

    def make(self, folder: Path) -> Provider:
        """A handle on the account."""
        return provider(self.settings, folder).unwrap()

    def placement(self) -> Placement:
        """No machine."""
        return Placement(project="example", machines=(), workloads=())

    def slow_down(self, provider: Provider) -> None:
        """Everything is pending for a minute."""
        self.cloud.weather(pending_s=60)


class TestBucket(StorageContract):
    """A bucket of S3."""

    storage = (BUCKET,)
    updates: Mapping[str, Mapping[str, JsonValue]] = {"bucket": {"project": "renamed"}}


class TestFileSystem(StorageContract):
    """A file system of FSx for Lustre, in a network that is there."""

    storage = (FILES,)
    updates: Mapping[str, Mapping[str, JsonValue]] = {"file_system": {"size_gib": 4800, "throughput": 500}}
