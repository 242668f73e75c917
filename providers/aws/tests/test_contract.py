"""AWS keeps what every provider promises, over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aws_cloud import AwsCloud
from aws_examples import REGION, adopted, gang_and_replicas
from dcplan.provider import Placement, Provider
from dcplan.provider.contract import ProviderContract
from dcplan_aws import provider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.resources import JsonValue


class TestAws(ProviderContract):
    """With a network of its own: what needs nothing else is the network."""

    updates: Mapping[str, Mapping[str, JsonValue]] = {
        "network": {"project": "renamed"},
        "placement_group": {"project": "renamed"},
        "instance": {"pool": "renamed"},
        "replica": {"settings": {"max_batch": 2}},
        "endpoint": {"replicas": {"chat-0": 2, "chat-1": 1}},
    }
    cloud: AwsCloud
    settings: Mapping[str, object]

    @pytest.fixture(autouse=True)
    def _account(self, cloud: AwsCloud) -> None:
        self.cloud, self.settings = cloud, {"regions": [REGION]}

    def make(self, folder: Path) -> Provider:
        """A handle on the account."""
        return provider(self.settings, folder).unwrap()

    def placement(self) -> Placement:
        """A served model and a training on a gang."""
        return gang_and_replicas()

    def sell_out(self, provider: Provider) -> None:
        """No machine is left anywhere."""
        self.cloud.weather(stock={"*": 0})

    def slow_down(self, provider: Provider) -> None:
        """Everything is pending for a minute."""
        self.cloud.weather(pending_s=60)


class TestAwsInAdoptedNetwork(TestAws):
    """In a VPC that is there, what needs nothing else is a machine: the tests that are about such a thing."""

    # The others would do the same again.
    test_machines_are_the_same_twice = None
    test_site_is_the_same_twice = None
    test_offerings_are_the_same_twice = None
    test_offerings_are_of_known_machines = None
    test_offerings_of_other_regions_are_left_out = None
    test_every_kind_has_an_example = None
    test_wait_gives_the_declared_outputs = None
    test_refresh_answers_for_each_address = None
    test_update_in_place = None
    test_delete_is_there_no_more = None

    @pytest.fixture(autouse=True)
    def _account(self, cloud: AwsCloud) -> None:
        self.cloud, self.settings = cloud, {"regions": [REGION], "networks": [adopted(cloud)]}
