"""UltraServers of P6e-GB200: planned as one NVLink domain, bought and started in a block, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from aws_cloud import AwsCloud
from aws_examples import REGION, adopted, block_for_sale, client, machines
from dcplan.catalog import load_machines
from dcplan.catalog.types import Purchase
from dcplan.provider import MachineGroup, Placement
from dcplan.provider.contract_base import OURS, never, new_token
from dcplan.provider.types import OfferingQuery, request_of
from dcplan.resources import Action
from dcplan_aws import provider

P6E, ZONE = "p6e-gb200.36xlarge", "use1-dfw2-az1"


def of_an_ultraserver(*names: str) -> MachineGroup:
    """Machines of a gang in a block."""
    pool = f"{ZONE}/{P6E}/capacity-block"
    return machines(*names, gang=True, purchase="capacity-block", pool=pool, machine=P6E, zone=ZONE)


def block(count: int = 9, price: str = "$10000") -> dict[str, object]:
    """One UltraServer for a day, as settings name it."""
    return block_for_sale(price, machine=P6E, zone=ZONE, machines=count)


def test_it_is_one_domain_that_is_sold_in_blocks_alone() -> None:
    """72 GPUs on 18 machines; on demand and as spot it is never planned on."""
    machine = load_machines("aws")[P6E]
    settings = {"regions": [REGION], "capacity_blocks": [block(18)]}
    found = provider(settings, Path()).unwrap().offerings(OfferingQuery()).unwrap()
    sold = {o.purchase: o.machines for o in found if o.machine == P6E and o.available}

    assert (machine.devices, machine.scale_up_domain, machine.accelerator) == (4, 72, "GB200")
    assert sold == {Purchase.CAPACITY_BLOCK: 18}


def test_an_ultraserver_is_bought_and_its_machines_start_in_it(cloud: AwsCloud) -> None:
    """It is sought by its own type; machines have Arm images and an EFA interface for each GPU."""
    network = adopted(cloud, zones=(ZONE,))
    settings = {"regions": [REGION], "networks": [network], "capacity_blocks": [block()]}
    aws = provider(settings, Path()).unwrap()
    placement = Placement(project="p", machines=(of_an_ultraserver("g-0", "g-1"),), workloads=())
    lowered = aws.resources_for(placement)
    bought, *others = lowered.unwrap()
    buy = request_of(bought, Action.CREATE, token=new_token(), lineage=OURS, needs={})
    outputs = aws.wait(buy, aws.begin(buy), never)
    ids = []
    for machine in others:
        needs = {str(bought.address): outputs}
        make = request_of(machine, Action.CREATE, token=new_token(), lineage=OURS, needs=needs)
        ids.append(aws.begin(make).object_id)
        aws.wait(make, aws.begin(make), never)
    shown = client(cloud, "ec2").describe_instances(InstanceIds=ids)["Reservations"]
    instances = [instance for reservation in shown for instance in reservation["Instances"]]
    cards = [
        (nic["Attachment"]["NetworkCardIndex"], nic["Attachment"]["DeviceIndex"], nic["InterfaceType"])
        for nic in instances[0]["NetworkInterfaces"]
    ]

    assert lowered.diagnostics == ()
    assert [one.address.kind for one in others] == ["instance", "instance"]
    assert "/arm64/" in str(others[0].attributes["image"])
    assert {one["CapacityReservationId"] for one in instances} == {outputs["id"]}
    assert sorted(cards) == [(0, 0, "interface"), *((card, 0, "efa-only") for card in (1, 5, 9, 13))]


def test_what_is_no_ultraserver_is_told_at_its_line() -> None:
    """A part of one, and one outside a block, with the way out."""
    part = provider({"capacity_blocks": [block(4)]}, Path()).diagnostics
    kept = provider(
        {"reservations": [{"machine": P6E, "zone": ZONE, "machines": 9, "order": True}]}, Path()
    ).diagnostics

    assert [(one.code, one.path[-1] if one.path else "") for one in (*part, *kept)] == [
        ("ultraserver-size", "machines"),
        ("ultraserver-block", "machine"),
    ]
    assert "18 (u-p6e-gb200x72) or 9 (u-p6e-gb200x36) machines, not 4" in part[0].detail


def test_a_network_of_dcplans_own_does_not_reach_a_local_zone() -> None:
    """It can be planned, with a warning that says what is missing."""
    named = {**block(), "buy": False, "id": "cr-0a1b2c3d4e5f60718"}
    aws = provider({"regions": [REGION], "capacity_blocks": [named]}, Path()).unwrap()
    placement = Placement(project="p", machines=(of_an_ultraserver("g-0"),), workloads=())
    [told] = aws.resources_for(placement).diagnostics

    assert told.code == "zone-subnet"
    assert "under `networks`, for us-east-1" in told.detail


@pytest.mark.parametrize("operation", ["describe_capacity_block_offerings", "create_capacity_reservation"])
def test_the_server_refuses_what_ec2_does(cloud: AwsCloud, operation: str) -> None:
    """Machines of an UltraServer are not sought or kept one by one."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - slow

    asked: dict[str, object] = {"InstanceType": P6E, "InstanceCount": 1}
    asked |= (
        {"CapacityDurationHours": 24}
        if operation.startswith("describe")
        else {"InstancePlatform": "Linux/UNIX", "AvailabilityZoneId": ZONE}
    )
    with pytest.raises(ClientError, match=r"UltraServers|not supported"):
        getattr(client(cloud, "ec2"), operation)(**asked)
