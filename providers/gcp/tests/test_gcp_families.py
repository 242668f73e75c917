"""Machines of each family over HTTP: their cards, networks and policies, and lists of many of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dcplan.catalog import load_offerings
from dcplan.provider.errors import Cancelled, CapacityUnavailable
from dcplan.provider.types import Request
from dcplan.resources import Action, Address, Resource
from dcplan_gcp.acting import Acting
from dcplan_gcp.settings import GcpSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gcp_cloud import GcpCloud

NETWORK = {"mtu": 8896, "routing": "global"}


@pytest.fixture
def cloud(gcp_server: GcpCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[GcpCloud]:
    """An empty cloud; nothing broke its description."""
    for name, value in gcp_server.variables.items():
        monkeypatch.setenv(name, value)
    gcp_server.reset()
    yield gcp_server
    violations = gcp_server.violations
    assert not violations, violations


@pytest.fixture
def acting(cloud: GcpCloud) -> Acting:
    """Acts there."""
    return Acting(GcpSettings())


def made(
    acting: Acting, kind: str, name: str, attributes: Mapping[str, Any], **needs: Any
) -> Mapping[str, Any]:
    """Make one thing and wait for it; its outputs."""
    request = Request(
        address=Address("gcp", kind, name),
        action=Action.CREATE,
        token=f"{kind} {name}",
        lineage="l",
        attributes=attributes,
        needs={f"gcp.{need}.main": outputs for need, outputs in needs.items()},
    )
    return acting.wait(request, acting.begin(request), lambda: False)


def place(machine: str) -> dict[str, str]:
    """A region that has the type, and one of its zones."""
    offering = next(o for o in load_offerings("gcp") if o.machine == machine)
    zone = f"{offering.region}-a" if offering.zone == offering.region else offering.zone
    return {"machine": machine, "region": offering.region, "zone": zone}


@pytest.mark.parametrize(
    ("machine", "cards", "vpcs"),
    [
        ("g2-standard-4", ["GVNIC"], 1),
        ("a2-ultragpu-1g", ["GVNIC"], 1),
        ("g4-standard-48", ["GVNIC"], 1),
        ("a3-highgpu-1g", ["GVNIC"], 1),
        ("a3-highgpu-8g", ["GVNIC"] * 5, 5),
        ("a3-megagpu-8g", ["GVNIC"] * 9, 9),
        ("a3-ultragpu-8g", ["GVNIC"] * 2 + ["MRDMA"] * 8, 3),
        ("a4-highgpu-8g", ["GVNIC"] * 2 + ["MRDMA"] * 8, 3),
        ("a4x-highgpu-4g", ["GVNIC"] * 2 + ["MRDMA"] * 4, 3),
        ("ct6e-standard-1t", ["GVNIC"], 1),
        ("ct5p-hightpu-4t", ["GVNIC"], 1),
        ("tpu7x-standard-4t", ["GVNIC"], 1),
    ],
)
def test_cards_and_networks_of_each_family(
    cloud: GcpCloud, acting: Acting, machine: str, cards: list[str], vpcs: int
) -> None:
    """Each card is in a subnet of its own, whose ranges do not overlap; everything goes with the network."""
    network = made(acting, "network", "main", NETWORK)
    attributes = {**place(machine), "purchase": "reservation", "gang": None}
    made(acting, "instance", "m-0", attributes, network=network)
    (instance,) = cloud.things("instances").values()
    nics = instance["networkInterfaces"]
    delete = Request(
        address=Address("gcp", "instance", "m-0"),
        action=Action.DELETE,
        token="gone",  # noqa: S106 - tells calls apart, no secret
        lineage="l",
        attributes=attributes,
        object_id=instance["selfLink"].partition("/compute/v1/")[2],
    )
    acting.wait(delete, acting.begin(delete), lambda: False)

    assert [nic["nicType"] for nic in nics] == cards
    assert len({nic["subnetwork"] for nic in nics}) == len(cards)
    assert len(cloud.things("networks")) == vpcs


def test_roce_networks_have_the_profile_of_their_zone(cloud: GcpCloud, acting: Acting) -> None:
    """RDMA cards work only there, and its subnets hold no firewall rules."""
    network = made(acting, "network", "main", NETWORK)
    there = place("a4-highgpu-8g")
    made(acting, "instance", "m-0", {**there, "purchase": "reservation", "gang": None}, network=network)
    profiles = [vpc["networkProfile"] for vpc in cloud.things("networks").values() if "networkProfile" in vpc]

    assert profiles == [f"projects/example/global/networkProfiles/{there['zone']}-vpc-roce"]
    assert not [
        rule for rule in cloud.things("firewalls").values() if "-r" in rule["network"].rpartition("/")[2][-8:]
    ]


@pytest.mark.parametrize(
    ("machine", "policy"),
    [
        ("a2-highgpu-8g", {"groupPlacementPolicy": {"collocation": "COLLOCATED", "vmCount": 2}}),
        ("a4x-highgpu-4g", {"workloadPolicy": {"type": "HIGH_THROUGHPUT", "acceleratorTopology": "1x72"}}),
    ],
)
def test_gangs_are_kept_close(cloud: GcpCloud, acting: Acting, machine: str, policy: Any) -> None:
    """All machines of a gang name one policy, in their region."""
    network = made(acting, "network", "main", NETWORK)
    gang = {"name": "m-0", "size": 2}
    for name in ("m-0", "m-1"):
        attributes = {**place(machine), "purchase": "reservation", "gang": gang}
        made(acting, "instance", name, attributes, network=network)
    (path, there) = next(iter(cloud.things("resourcePolicies").items()))
    named = [instance["resourcePolicies"] for instance in cloud.things("instances").values()]

    assert {key: there[key] for key in policy} == policy
    assert named == [[path], [path]]


def test_machines_that_are_only_reserved_are_not_bought(acting: Acting) -> None:
    """Before anything is sent."""
    network = made(acting, "network", "main", NETWORK)
    attributes = {**place("a4x-highgpu-4g"), "purchase": "on-demand", "gang": None}

    with pytest.raises(Exception, match="by reservation only"):
        made(acting, "instance", "m-0", attributes, network=network)


def test_zones_of_a_region_are_tried_one_after_the_other(cloud: GcpCloud, acting: Acting) -> None:
    """Where only the region is known; a zone that the settings do not name is not tried."""
    network = made(acting, "network", "main", NETWORK)
    cloud.weather(capacity={"us-central1-a/g2-standard-4": 0})
    where = {"machine": "g2-standard-4", "region": "us-central1", "zone": "us-central1"}
    attributes = {**where, "purchase": "on-demand", "gang": None}
    anywhere = made(acting, "instance", "m-0", attributes, network=network)
    named = Acting(GcpSettings(zones={"us-central1": ("us-central1-c",)}))

    assert anywhere["zone"] == "us-central1-b"
    assert made(named, "instance", "m-1", attributes, network=network)["zone"] == "us-central1-c"


def queued(acting: Acting) -> Request:
    """A flex-start machine."""
    network = made(acting, "network", "main", NETWORK)
    return Request(
        address=Address("gcp", "instance", "m-0"),
        action=Action.CREATE,
        token="queued",  # noqa: S106 - tells calls apart, no secret
        lineage="l",
        attributes={**place("g2-standard-4"), "purchase": "queued", "gang": None},
        needs={"gcp.network.main": network},
    )


def test_the_wait_for_a_queued_machine_is_taken_up_again(cloud: GcpCloud, acting: Acting) -> None:
    """It waits in the queue while nobody waits for it; another process sees it run."""
    cloud.weather(queue_s=0.5)
    request = queued(acting)
    ack = acting.begin(request)
    with pytest.raises(Cancelled):
        acting.wait(request, ack, lambda: True)
    (waiting,) = acting.lookup(request)
    outputs = Acting(GcpSettings()).wait(request, ack, lambda: False)
    (instance,) = cloud.things("instances").values()

    assert not waiting.ready
    assert outputs["id"] == ack.object_id
    assert instance["scheduling"]["provisioningModel"] == "FLEX_START"
    assert instance["params"] == {"requestValidForDuration": {"seconds": "7200"}}


def test_a_queued_machine_that_does_not_come_is_no_capacity(cloud: GcpCloud, acting: Acting) -> None:
    """Google takes the request back after its time; the plan may go elsewhere."""
    cloud.weather(capacity={f"{place('g2-standard-4')['zone']}/g2-standard-4": 0}, valid_s=0.3)
    request = queued(acting)
    ack = acting.begin(request)

    with pytest.raises(CapacityUnavailable, match="No machine came"):
        acting.wait(request, ack, lambda: False)
    assert acting.lookup(request) == ()


def test_all_pages_are_read_by_few_calls(cloud: GcpCloud, acting: Acting) -> None:
    """Twelve machines on pages of five are all there, and no call is for one machine."""
    network = made(acting, "network", "main", NETWORK)
    attributes = {**place("g2-standard-4"), "purchase": "on-demand", "gang": None}
    rows = []
    for number in range(12):
        outputs = made(acting, "instance", f"m-{number}", attributes, network=network)
        address = Address("gcp", "instance", f"m-{number}")
        rows.append(Resource(address=address, attributes=attributes, outputs=outputs))
    cloud.weather(page=5)
    refreshed = acting.refresh(rows)

    assert all(there is not None and there.ready for there in refreshed.found.values())
    assert refreshed.calls == 3
    assert len(acting.owned("l")) == 13


def test_new_machines_that_lists_do_not_show_yet_are_made_once(cloud: GcpCloud, acting: Acting) -> None:
    """The same call again gives the same machine, also while reads are behind."""
    network = made(acting, "network", "main", NETWORK)
    cloud.weather(invisible_s=0.5)
    request = Request(
        address=Address("gcp", "instance", "m-0"),
        action=Action.CREATE,
        token="once",  # noqa: S106 - tells calls apart, no secret
        lineage="l",
        attributes={**place("g2-standard-4"), "purchase": "on-demand", "gang": None},
        needs={"gcp.network.main": network},
    )
    acks = [acting.begin(request), acting.begin(request)]

    assert acks[0].object_id == acks[1].object_id
    assert len(cloud.things("instances")) == 1


def test_a_machine_that_nobody_can_see_coming_is_begun(cloud: GcpCloud, acting: Acting) -> None:
    """Its insert was taken: operations that cannot be read do not undo that."""
    network = made(acting, "network", "main", NETWORK)
    cloud.fail(method="zoneOperations.get", status=503, times=3)
    cloud.weather(operation_s=0.2)
    attributes = {**place("g2-standard-4"), "purchase": "on-demand", "gang": None}
    outputs = made(acting, "instance", "m-0", attributes, network=network)

    assert [f.object_id for f in acting.owned("l") if f.address.kind == "instance"] == [outputs["id"]]


def test_a_machine_without_its_label_is_nobodys(cloud: GcpCloud, acting: Acting) -> None:
    """Other labels may go; without that of its lineage a machine is there and has no owner."""
    network = made(acting, "network", "main", NETWORK)
    attributes = {**place("g2-standard-4"), "purchase": "on-demand", "gang": None}
    outputs = made(acting, "instance", "m-0", attributes, network=network)
    row = Resource(address=Address("gcp", "instance", "m-0"), attributes=attributes, outputs=outputs)
    there = acting.rest.get(str(outputs["id"]))
    labels = {"labels": {"dcplan-lineage": there["labels"]["dcplan-lineage"]}}
    acting.rest.send(
        "POST", f"{outputs['id']}/setLabels", {**labels, "labelFingerprint": there["labelFingerprint"]}
    )
    kept = acting.refresh([row]).found[row.address]
    gone = acting.rest.get(str(outputs["id"]))
    acting.rest.send("POST", f"{outputs['id']}/setLabels", {"labelFingerprint": gone["labelFingerprint"]})

    after = acting.refresh([row]).found[row.address]

    assert kept is not None
    assert kept.lineage == "l"
    assert after is not None
    assert after.lineage is None
    assert [found.address.kind for found in acting.owned("l")] == ["network"]
