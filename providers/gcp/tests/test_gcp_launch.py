"""What would be sent for each family and each way to buy, and what answers mean."""

from __future__ import annotations

from typing import Any

import pytest

from dcplan.catalog import load_machines
from dcplan.provider import errors
from dcplan.provider.types import Request
from dcplan.resources import Action, Address
from dcplan_gcp.answers import CODES, REASONS, failure, refusal
from dcplan_gcp.families import family_of
from dcplan_gcp.launch import adopted_nics, body_of
from dcplan_gcp.settings import GcpSettings, NetworkSettings


def body(
    machine: str = "a2-highgpu-1g", *, purchase: str = "on-demand", pool: str = "z/m", **settings: Any
) -> Any:
    """The body of an instance."""
    request = Request(
        address=Address("gcp", "instance", "m-0"),
        action=Action.CREATE,
        token="t",  # noqa: S106 - tells calls apart, no secret
        lineage="l",
        attributes={"machine": machine, "purchase": purchase, "pool": pool},
    )
    made = GcpSettings.model_validate(settings)
    return body_of(request, "us-central1-a", "p", made, nics=[{"network": "n"}], policies=[])


@pytest.mark.parametrize("machine", sorted(load_machines("gcp")))
def test_every_machine_of_the_catalogue_can_be_launched(machine: str) -> None:
    """Each type has a family, with an image and a disk."""
    family = family_of(machine)

    assert family.image.startswith("projects/")
    assert family.tpu == machine.startswith(("ct", "tpu"))


@pytest.mark.parametrize(
    ("machine", "cards"),
    [
        ("g2-standard-4", ["GVNIC"]),
        ("a3-highgpu-1g", ["GVNIC"]),
        ("a3-highgpu-8g", ["GVNIC"] * 5),
        ("a3-megagpu-8g", ["GVNIC"] * 9),
        ("a3-ultragpu-8g", ["GVNIC"] * 2 + ["MRDMA"] * 8),
        ("a4-highgpu-8g", ["GVNIC"] * 2 + ["MRDMA"] * 8),
        ("a4x-highgpu-4g", ["GVNIC"] * 2 + ["MRDMA"] * 4),
        ("a4x-maxgpu-4g-metal", ["IDPF"] * 2 + ["MRDMA"] * 8),
    ],
)
def test_cards_of_each_family(machine: str, cards: list[str]) -> None:
    """As many cards of each kind as Google's documents say, each in a subnet of its own."""
    own = NetworkSettings(
        subnets={"r": "s"},
        second_subnets={"r": "s2"},
        gpu_subnets={"r": [f"g{k}" for k in range(8)]},
        rdma_subnets={"r-a": [f"r{j}" for j in range(8)]},
    )
    nics = adopted_nics(own, "p", machine, "r", "r-a")

    assert [nic["nicType"] for nic in nics] == cards
    assert len({nic["subnetwork"] for nic in nics}) == len(cards)


def test_a_missing_subnet_is_told_with_its_key() -> None:
    """Which line of the document is to be written."""
    with pytest.raises(errors.Invalid, match=r"network: gpu_subnets: r \(number 1\)"):
        adopted_nics(NetworkSettings(subnets={"r": "s"}), "p", "a3-highgpu-8g", "r", "r-a")


@pytest.mark.parametrize(
    ("purchase", "model", "affinity"),
    [
        ("on-demand", "STANDARD", None),
        ("committed", "STANDARD", None),
        ("spot", "SPOT", "NO_RESERVATION"),
        ("queued", "FLEX_START", "NO_RESERVATION"),
        ("reservation", "STANDARD", "ANY_RESERVATION"),
    ],
)
def test_ways_to_buy(purchase: str, model: str, affinity: str | None) -> None:
    """The provisioning model and the reservations that may be used."""
    sent = body(purchase=purchase)

    assert sent["scheduling"]["provisioningModel"] == model
    assert sent["scheduling"]["onHostMaintenance"] == "TERMINATE"
    assert sent.get("reservationAffinity", {}).get("consumeReservationType") == affinity


def test_a_queued_machine_is_kept_as_long_as_the_document_says() -> None:
    """At most seven days, which is Google's limit."""
    short = body(purchase="queued", queued={"at_most": "2d"})
    long = body(purchase="queued", queued={"at_most": "30d"})

    assert short["scheduling"]["maxRunDuration"] == {"seconds": "172800"}
    assert long["scheduling"]["maxRunDuration"] == {"seconds": "604800"}


def test_a_named_reservation_is_the_one() -> None:
    """The name of the document is that of the reservation."""
    sent = body(purchase="reservation", pool="us-central1-a/a2-highgpu-1g/reservation-team")
    block = body(purchase="capacity-block", pool="us-central1-a/a2-highgpu-1g/capacity-block-may")

    assert sent["reservationAffinity"]["values"] == ["projects/p/reservations/team"]
    assert block["reservationAffinity"]["values"] == ["projects/p/reservations/may"]
    assert block["scheduling"]["provisioningModel"] == "RESERVATION_BOUND"


def test_a_block_without_a_name_cannot_be_found() -> None:
    """Google knows blocks as reservations only."""
    with pytest.raises(errors.Invalid, match="say its name"):
        body(purchase="capacity-block")


def test_settings_reach_the_machine() -> None:
    """Image, disk, service account, address and metadata are those of the document."""
    sent = body(
        image="projects/i/global/images/family/f",
        boot_disk_gb=500,
        service_account="a@p.iam.gserviceaccount.com",
        public_addresses=True,
        metadata={"startup-script": "true"},
    )
    disk = sent["disks"][0]["initializeParams"]

    assert (disk["sourceImage"], disk["diskSizeGb"]) == ("projects/i/global/images/family/f", "500")
    assert sent["serviceAccounts"][0]["email"] == "a@p.iam.gserviceaccount.com"
    assert sent["networkInterfaces"][0]["accessConfigs"][0]["type"] == "ONE_TO_ONE_NAT"
    assert {"key": "startup-script", "value": "true"} in sent["metadata"]["items"]


def answered(status: int, reason: str, message: str = "Told.", *, changes: bool = True) -> Exception:
    """The error that an answer is."""
    told = {"error": {"code": status, "message": message, "errors": [{"reason": reason}]}}
    return refusal(status, told, "POST x", changes=changes)


@pytest.mark.parametrize("reason", REASONS)
def test_known_reasons_mean_what_the_table_says(reason: str) -> None:
    """The reason decides, whatever the status."""
    assert type(answered(400, reason)) is REASONS[reason]


@pytest.mark.parametrize("code", CODES)
def test_known_codes_of_operations_mean_what_the_table_says(code: str) -> None:
    """The code is in the words, so that a person can look it up."""
    problem = failure({"error": {"errors": [{"code": code, "message": "Told."}]}}, "make x")

    assert type(problem) is CODES[code]
    assert code in str(problem)


@pytest.mark.parametrize(
    ("status", "changes", "meaning"),
    [
        (400, True, errors.Invalid),
        (418, True, errors.Invalid),
        (401, True, errors.Denied),
        (500, True, errors.Ambiguous),
        (503, True, errors.Ambiguous),
        (503, False, errors.NotReady),
        (429, True, errors.Throttled),
    ],
)
def test_unknown_reasons_are_judged_by_their_status(
    status: int, changes: bool, meaning: type[Exception]
) -> None:
    """After a call that may have done something, a failing server means that nobody knows."""
    assert type(answered(status, "neverHeard", changes=changes)) is meaning


def test_unknown_ends_of_operations_are_looked_into() -> None:
    """Something may be there."""
    assert type(failure({"error": {"errors": [{"code": "NEW"}]}}, "make x")) is errors.Ambiguous


def test_a_quota_of_calls_is_no_quota_of_machines() -> None:
    """It passes by itself; no other zone helps."""
    said = "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute'"

    assert type(answered(403, "quotaExceeded", said)) is errors.Throttled


def test_of_several_codes_the_one_that_says_why_counts() -> None:
    """Google puts a summary beside the cause, in either order."""
    summary = {"code": "VM_MIN_COUNT_NOT_REACHED", "message": "Requested minimum count of 4 VMs."}
    quota = {"code": "QUOTA_EXCEEDED", "message": "Quota 'GPUS' exceeded."}
    told = {"error": {"errors": [summary, quota]}}

    assert type(failure(told, "make m")) is errors.QuotaExceeded
    assert type(failure({"error": {"errors": [summary]}}, "make m")) is errors.CapacityUnavailable
