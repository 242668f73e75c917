"""AWS keeps what every provider promises, over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aws_cloud import AwsCloud
from aws_examples import (
    REGION,
    RESERVED,
    STORAGE,
    adopted,
    block_for_sale,
    cluster,
    gang_and_replicas,
    in_the_block,
    in_the_reservation,
    machine_groups,
    machines,
    with_groups,
)
from cloud_life import deeds_of_life
from dcplan.provider import Placement, Provider
from dcplan.provider.contract import ProviderContract
from dcplan.provider.permissions import Use
from dcplan_aws import AwsProvider, provider
from dcplan_aws.permissions import action_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dcplan.resources import JsonValue


class TestAws(ProviderContract):
    """With a network of its own: what needs nothing else is the network."""

    updates: Mapping[str, Mapping[str, JsonValue]] = {
        "network": {"project": "renamed"},
        "placement_group": {"project": "renamed"},
        "capacity_block": {"project": "renamed"},
        "capacity_reservation": {"machines": 2},
        "bucket": {"project": "renamed"},
        "file_system": {"throughput": 1000},
        "instance": {"pool": "renamed"},
        "auto_scaling_group": {"at_least": 2, "at_most": 2},
        "node_group": {"at_least": 2, "at_most": 2},
        "fleet": {"at_least": 2, "at_most": 2},
        "replica": {"settings": {"max_batch": 2}},
        "endpoint": {"replicas": {"chat-0": 2, "chat-1": 1}},
    }
    cloud: AwsCloud
    settings: Mapping[str, object]

    @pytest.fixture(autouse=True)
    def _account(self, cloud: AwsCloud) -> None:
        self.cloud = cloud
        cluster(cloud)
        self.settings = {
            "regions": [REGION],
            "capacity_blocks": [block_for_sale()],
            "reservations": [RESERVED],
            "storage": STORAGE,
            "machine_groups": machine_groups(),
        }

    @pytest.fixture(autouse=True)
    def _only_what_is_allowed(self, _account: None, tmp_path: Path) -> Iterator[None]:
        """Whatever a test of the suite calls, ``dcplan iam`` has in its policy."""
        before = len(self.cloud.calls())
        yield
        made = provider(self.settings, tmp_path).unwrap()
        assert isinstance(made, AwsProvider)
        deeds = deeds_of_life(made.resources_for(self.placement()).unwrap())
        told, _ = made.permissions(Use(project="example", lineage="ours", deeds=deeds))
        called = {action_of(f"{call['service']}:{call['action']}") for call in self.cloud.calls()[before:]}
        assert sorted(call for call in called if f'"{call}"' not in told.text) == []

    def make(self, folder: Path) -> Provider:
        """A handle on the account."""
        return provider(self.settings, folder).unwrap()

    def placement(self) -> Placement:
        """All kinds: replicas, a gang, machines in a capacity block and in a reservation, and in groups."""
        idle = machines(*(f"idle-{i}" for i in range(4)))
        kept = (in_the_block("block-0"), in_the_reservation("kept-0"))
        return with_groups(gang_and_replicas(*kept, idle))

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
        self.cloud = cloud
        cluster(cloud)
        self.settings = {
            "regions": [REGION],
            "networks": [adopted(cloud)],
            "reservations": [RESERVED],
            "capacity_blocks": [block_for_sale()],
            "storage": STORAGE,
            "machine_groups": machine_groups(),
        }
