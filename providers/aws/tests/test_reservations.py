"""Capacity reservations that dcplan orders: kept while told, changed in place, cancelled."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aws_cloud import AwsCloud
from aws_examples import REGION, RESERVED, ZONE, adopted, client, in_the_reservation, machines
from aws_project import HEAD, SERVED, Team, aws_forks
from dcplan.provider import CapacityUnavailable, Invalid, NotReady, Placement, Provider, QuotaExceeded
from dcplan.provider.contract_base import OURS, never, new_token
from dcplan.provider.protocol import HasQuotas
from dcplan.provider.types import request_of
from dcplan.resources import Action, Resource
from dcplan_aws import provider
from fork_server import ForkServer

_KILLED = -9


def opened(cloud: AwsCloud, **reserved: object) -> Provider:
    """The provider in a VPC that is there, with this reservation."""
    settings = {
        "regions": [REGION],
        "networks": [adopted(cloud)],
        "reservations": [{**RESERVED, **reserved}],
    }
    return provider(settings, Path()).unwrap()


def resources(aws: Provider, *names: str) -> tuple[Resource, ...]:
    """The reservation, and machines in it."""
    placement = Placement(project="p", machines=(in_the_reservation(*names),), workloads=())
    return aws.resources_for(placement).unwrap()


def done(aws: Provider, resource: Resource, action: Action, token: str = "") -> Resource:
    """Carry out one change."""
    request = request_of(resource, action, token=token or new_token(), lineage=OURS, needs={})
    return replace(resource, outputs=dict(aws.wait(request, aws.begin(request), never)))


def kept(cloud: AwsCloud) -> list[dict[str, Any]]:
    """The account's reservations that keep something."""
    shown = client(cloud, "ec2").describe_capacity_reservations()["CapacityReservations"]
    return [one for one in shown if one["State"] == "active"]


def test_it_is_ordered_once_and_its_machine_stands_in_it(cloud: AwsCloud) -> None:
    """Only machines that name it may use it; a repeated order is the same one."""
    aws = opened(cloud)
    reservation, machine = resources(aws, "m-0")
    order = request_of(reservation, Action.CREATE, token=new_token(), lineage=OURS, needs={})
    acks = {aws.begin(order).object_id for _ in range(2)}
    outputs = aws.wait(order, aws.begin(order), never)
    needs = {str(reservation.address): outputs}
    make = request_of(machine, Action.CREATE, token=new_token(), lineage=OURS, needs=needs)
    cloud.weather(stock={"*": 0})
    aws.wait(make, aws.begin(make), never)
    (there,) = kept(cloud)
    (seen,) = [one for one in aws.owned(OURS) if one.address == reservation.address]

    assert acks == {outputs["id"]} == {there["CapacityReservationId"]}
    assert machine.needs == (reservation.address,)
    assert (there["InstanceMatchCriteria"], there["EndDateType"]) == ("targeted", "unlimited")
    assert there["AvailableInstanceCount"] == 0
    assert dict(seen.attributes) == dict(reservation.attributes)


def test_its_size_and_end_are_changed_in_place_and_deleting_cancels_it(cloud: AwsCloud) -> None:
    """The same reservation keeps more, until a day; refresh sees what somebody else changed."""
    aws = opened(cloud)
    reservation = done(aws, resources(aws)[0], Action.CREATE)
    until = (dt.datetime.now(dt.UTC) + dt.timedelta(days=30)).strftime("%Y-%m-%dT%H:%MZ")
    other = opened(cloud, machines=3, until=until)
    wanted = replace(resources(other)[0], outputs=reservation.outputs)
    done(other, wanted, Action.UPDATE)
    (larger,) = kept(cloud)
    seen = other.refresh([wanted]).found[wanted.address]
    client(cloud, "ec2").modify_capacity_reservation(
        CapacityReservationId=larger["CapacityReservationId"], InstanceCount=2, EndDateType="unlimited"
    )
    drifted = other.refresh([wanted]).found[wanted.address]
    gone = done(other, wanted, Action.DELETE)

    assert larger["CapacityReservationId"] == reservation.outputs["id"]
    assert (larger["TotalInstanceCount"], larger["EndDateType"]) == (3, "limited")
    assert seen is not None
    assert dict(seen.attributes) == dict(wanted.attributes)
    assert drifted is not None
    assert (drifted.attributes["machines"], drifted.attributes["end"]) == (2, None)
    assert gone.outputs == {}
    assert kept(cloud) == []
    assert other.refresh([wanted]).found[wanted.address] is None


def test_sold_out_and_beyond_the_quota_are_told_apart(cloud: AwsCloud) -> None:
    """Nothing is made in either case; of a quota, what is kept for nobody yet counts."""
    aws = opened(cloud, machines=2)
    (reservation,) = resources(aws)
    cloud.weather(stock={"g6e.xlarge": 1})
    with pytest.raises(CapacityUnavailable, match="Order fewer machines or in another zone"):
        done(aws, reservation, Action.CREATE)
    cloud.weather(stock={}, vcpus={"G": 8})
    made = done(aws, reservation, Action.CREATE)
    larger = replace(made, attributes={**made.attributes, "machines": 3})
    with pytest.raises(QuotaExceeded):
        done(aws, larger, Action.UPDATE)

    assert [one["TotalInstanceCount"] for one in kept(cloud)] == [2]


def test_a_reservation_is_not_made_smaller_than_what_is_in_it(cloud: AwsCloud) -> None:
    """Machines that are too many go first; the change waits for them."""
    aws = opened(cloud)
    reservation, machine = resources(aws, "m-0")
    reservation = done(aws, reservation, Action.CREATE)
    needs = {str(reservation.address): reservation.outputs}
    make = request_of(machine, Action.CREATE, token=new_token(), lineage=OURS, needs=needs)
    aws.wait(make, aws.begin(make), never)

    with pytest.raises(NotReady, match="too many go first"):
        done(aws, replace(reservation, attributes={**reservation.attributes, "machines": 0}), Action.UPDATE)


def test_an_end_that_is_over_is_told_before_anything_is_sent(cloud: AwsCloud) -> None:
    """With the way out."""
    aws = opened(cloud, until="2026-01-01")

    with pytest.raises(Invalid, match="Take it out"):
        done(aws, resources(aws)[0], Action.CREATE)
    assert cloud.calls("CreateCapacityReservation") == []


def test_it_is_there_while_it_stands_in_the_document(cloud: AwsCloud) -> None:
    """Used or not; one with an id is used and never ordered, and not both."""
    aws = opened(cloud)
    placement = Placement(project="p", machines=(machines("m-0"),), workloads=())
    kinds = [one.address.kind for one in aws.resources_for(placement).unwrap()]
    there = {**RESERVED, "id": "cr-0a1b2c3d4e5f60718"}
    [told] = provider({"reservations": [there]}, Path()).diagnostics
    plain = opened(cloud, order=False, id="cr-0a1b2c3d4e5f60718")

    assert kinds == ["capacity_reservation", "instance"]
    assert told.code == "reservation-there"
    assert [one.address.kind for one in plain.resources_for(placement).unwrap()] == ["instance"]


def test_what_is_ordered_uses_up_a_quota() -> None:
    """All of it counts, in its region; beyond the quota it is an error at its line."""
    quotas = [{"of": "G", "vcpus": 12}, {"of": "G", "vcpus": 12, "purchase": "spot"}]
    more = {"regions": [REGION, "us-west-2"], "quotas": quotas}
    two, four = ({**RESERVED, "machines": machines} for machines in (2, 4))
    fits = provider({**more, "reservations": [two]}, Path()).unwrap()
    beyond = provider({**more, "reservations": [two, {**four, "name": "b"}]}, Path()).unwrap()
    assert isinstance(fits, HasQuotas)
    assert isinstance(beyond, HasQuotas)
    kept = {(quota.region, quota.purchases[0].value): quota.kept for quota in fits.quotas().unwrap()}
    refused = beyond.quotas()

    assert {key: amount for key, amount in kept.items() if amount} == {(REGION, "on-demand"): 8}
    assert refused.value is None
    assert refused.diagnostics[0].path == ("providers", "aws", "reservations", 1, "machines")
    assert "take 24 vCPUs of the quota G of us-east-1, which is 12" in refused.diagnostics[0].detail


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    """Runs commands in processes that have all imported."""
    with aws_forks() as server:
        yield server


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither SIGKILL nor fork")
def test_a_whole_life_with_a_kill(tmp_path: Path, forks: ForkServer, cloud: AwsCloud) -> None:
    """The plan says what it keeps; killed after the order nothing is ordered twice; destroy cancels."""
    team = Team(tmp_path, forks, cloud)
    head = {"regions": [REGION], "spot": False, "reservations": [{**RESERVED, "zone": ZONE}]}
    document = (HEAD + SERVED).replace("{regions: [us-east-1], spot: false}", json.dumps(head))
    (team.folder / "dcplan.yaml").write_text(document)
    planned = team.done("plan", "-out", "first.plan")
    killed = team.dcplan("apply", "-parallelism", "1", "first.plan", crash_at="after-begin:2")
    team.done("apply", "first.plan")
    (there,) = kept(cloud)
    again = team.dcplan("plan", "-detailed-exitcode")
    said = team.said()
    (team.folder / "dcplan.yaml").write_text(document.replace('"machines": 1', '"machines": 2'))
    team.done("apply", "-auto-approve")
    sizes = [one["TotalInstanceCount"] for one in kept(cloud)]
    team.done("destroy", "-auto-approve")

    name = "aws.capacity_reservation.use1-az6-g6e-xlarge"
    assert f"{name}  keeps 1 x g6e.xlarge in use1-az6, paid by the hour, used or not" in planned
    assert killed == _KILLED
    assert len(team.cloud.calls("CreateCapacityReservation")) <= 2
    assert there["AvailableInstanceCount"] == 0
    assert again == 0, said
    assert sizes == [2]
    assert kept(cloud) == []
    assert team.left() == {}
