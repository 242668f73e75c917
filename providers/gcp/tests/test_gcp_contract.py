"""Google Cloud keeps what every provider promises, over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cloud_life import deeds_of_life
from dcplan.provider import Placement, Provider
from dcplan.provider.contract import ProviderContract
from dcplan.provider.permissions import Use
from dcplan_gcp import GcpProvider, provider
from gcp_allowed import not_allowed, permissions_in
from gcp_cloud import GcpCloud, gcp_cloud
from gcp_examples import (
    GROUPS,
    IN_A_CLUSTER,
    THEIRS,
    ZONE,
    and_a_slice,
    and_models,
    bought_machines,
    gang_and_replicas,
    in_the_block,
    in_the_reservation,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dcplan.resources import JsonValue

STORAGE = [{"name": "checkpoints", "as": "bucket", "region": "us-central1", "for": ["tune", "chat"]}]
"""A bucket for all workloads."""


@pytest.fixture(scope="module")
def server() -> Iterator[GcpCloud]:
    """One server for all tests of this module."""
    with gcp_cloud() as cloud:
        yield cloud


@pytest.fixture(autouse=True)
def cloud(server: GcpCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[GcpCloud]:
    """The server, empty but for one network, and where dcplan looks for it; nothing broke its description."""
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    server.reset()
    server.put_network("ours", "us-central1")
    server.put_cluster("prod", "us-central1")
    server.weather(early=True)
    yield server
    assert server.violations == []


class OfGcp(ProviderContract):
    """What the two classes of tests below share."""

    updates: Mapping[str, Mapping[str, JsonValue]] = {
        "instance": {"pool": "renamed"},
        "managed_group": {"runs": {"settings": {"max_batch": 2}, "each": [[0]], "replicas": []}},
        "node_pool": {"runs": {"settings": {"max_batch": 2}, "each": [[0]], "replicas": []}},
        "reservation": {"machines": 3},
        "replica": {"settings": {"max_batch": 2}},
        "endpoint": {"replicas": {"chat-0": 2, "chat-1": 1}},
        "bucket": {"on_delete": "with-its-data"},
    }
    own: Mapping[str, object] = {}
    groups: Sequence[Mapping[str, object]] = ()

    server: GcpCloud
    settings: Mapping[str, object]

    @pytest.fixture(autouse=True)
    def _settled(self) -> None:
        groups = [*self.groups, IN_A_CLUSTER]
        self.settings = {**self.own, **bought_machines(), "storage": STORAGE, "machine_groups": groups}

    @pytest.fixture(autouse=True)
    def _served(self, cloud: GcpCloud) -> None:
        self.server = cloud

    @pytest.fixture(autouse=True)
    def _only_what_is_allowed(self, _served: None, _settled: None, tmp_path: Path) -> Iterator[None]:
        """Whatever a test of the suite calls, ``dcplan iam`` has the permissions of in its role."""
        before = len(self.server.seen)
        yield
        made = provider(self.settings, tmp_path).unwrap()
        assert isinstance(made, GcpProvider)
        deeds = deeds_of_life(made.resources_for(self.placement()).unwrap())
        told = made.permissions(Use(project="example", lineage="ours", deeds=deeds))
        allowed = {permission for one in told for permission in permissions_in(one)}
        assert not_allowed(self.server.seen[before:], allowed) == []

    def make(self, folder: Path) -> Provider:
        """A handle on the server's cloud."""
        return provider(self.settings, folder).unwrap()

    def placement(self) -> Placement:
        """A served model, trainings on a gang, a slice, a cluster; machines in a reservation and a block."""
        plain = gang_and_replicas(in_the_reservation("kept-0"), in_the_block("block-0"))
        return and_models(and_a_slice(plain), ("pods",), "train")

    def sell_out(self, provider: Provider) -> None:
        """No zone has any machine."""
        self.server.weather(capacity={f"{ZONE}/g2-standard-48": 0})

    def slow_down(self, provider: Provider) -> None:
        """Machines take a minute."""
        self.server.weather(boot_s=60.0)


class TestInANetworkOfTheirs(OfGcp):
    """The conformance tests on machines alone, in a network that settings name."""

    own = THEIRS


class TestBucket(OfGcp):
    """The conformance tests on a bucket alone, without machines."""

    own = THEIRS
    updates: Mapping[str, Mapping[str, JsonValue]] = {"bucket": {"on_delete": "with-its-data"}}

    # Not about storage, or about machines; the others have them.
    test_machines_are_the_same_twice = None
    test_site_is_the_same_twice = None
    test_offerings_are_the_same_twice = None
    test_offerings_are_of_known_machines = None
    test_offerings_of_other_regions_are_left_out = None
    test_every_kind_has_an_example = None
    test_unavailable_is_a_value = None
    test_refresh_answers_for_each_address = None
    # There is no time in which a bucket is made: its insert answers once it is there.
    test_stop_ends_a_wait = None

    def placement(self) -> Placement:
        """No machine."""
        return Placement(project="example", machines=(), workloads=())


class TestInANetworkOfTheirOwn(OfGcp):
    """The conformance tests with a network that dcplan makes, which everything else needs."""

    def slow_down(self, provider: Provider) -> None:
        """Operations take a minute."""
        self.server.weather(operation_s=60.0)


class TestWithGroups(OfGcp):
    """The conformance tests with models in managed instance groups beside machines of their own."""

    own = THEIRS
    groups = GROUPS
    updates: Mapping[str, Mapping[str, JsonValue]] = {
        "instance": {"pool": "renamed"},
        "managed_group": {"runs": {"settings": {"max_batch": 2}, "each": [[0]], "replicas": []}},
        "node_pool": {"runs": {"settings": {"max_batch": 2}, "each": [[0]], "replicas": []}},
    }

    def placement(self) -> Placement:
        """That of the others, with two more models in groups, one of which may grow to three machines."""
        return and_models(super().placement(), ("code", "docs"))
