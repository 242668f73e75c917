"""P6e-GB200 UltraServers, of which moto knows nothing: their machines, their Local Zone, their blocks.

Sources: EC2 User Guide, "EFA configuration for P6e-GB200 instances" (17 cards; the first takes ENA alone, odd
ones EFA-only alone) and "How Capacity Blocks work"; botocore's model of DescribeCapacityBlockOfferings.
"""

from __future__ import annotations

import copy
from typing import Any

from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend, Zone
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES
from moto.ec2.responses import EC2Response

from clouds.aws import reservations
from clouds.aws.weather import refuse

MACHINE, REGION = "p6e-gb200.36xlarge", "us-east-1"
ZONE, ZONE_ID = "us-east-1-dfw-2a", "use1-dfw2-az1"
SIZES = {"u-p6e-gb200x72": 18, "u-p6e-gb200x36": 9}

_offerings = reservations.describe_capacity_block_offerings
_reserve = reservations.create_capacity_reservation


def _machine() -> dict[str, Any]:
    """As EC2 would describe it, as far as it is known: the rest is that of another type with 17 cards."""
    made = copy.deepcopy(INSTANCE_TYPES["p6-b300.48xlarge"])
    network = made["NetworkInfo"]
    kinds = [
        ["interface"],
        *(["efa-only"] if i % 2 else ["interface", "efa", "efa-only"] for i in range(1, 17)),
    ]
    for card, taken in zip(network["NetworkCards"], kinds, strict=True):
        card["InterfaceTypes"] = taken
    return {
        **made,
        "InstanceType": MACHINE,
        "SupportedUsageClasses": ["capacity-block"],
        "VCpuInfo": {"DefaultCores": 144, "DefaultThreadsPerCore": 1, "DefaultVCpus": 144},
        "MemoryInfo": {"SizeInMiB": 960 * 1024},
        "ProcessorInfo": {"Manufacturer": "NVIDIA", "SupportedArchitectures": ["arm64"]},
        "NetworkInfo": network,
    }


def describe_capacity_block_offerings(self: Any) -> Any:
    """UltraServers are sought by their own type, each of which is one block in one zone."""
    wanted = self._get_param("UltraserverType")
    if wanted is None:
        if self._get_param("InstanceType") == MACHINE:
            refuse("InvalidParameterValue", f"{MACHINE} is sold as UltraServers.")
        return _offerings(self)
    if self._get_param("InstanceType") or self._get_param("InstanceCount"):
        refuse("InvalidParameterCombination", "UltraserverType and InstanceType exclude each other.")
    if wanted not in SIZES or int(self._get_param("UltraserverCount", 1)) != 1:
        refuse("InvalidParameterValue", f"{wanted} is no UltraServer that is on offer.")
    self.params |= {"InstanceType": MACHINE, "InstanceCount": SIZES[wanted]}
    answer = _offerings(self)
    one = answer.result["CapacityBlockOfferings"][0]
    one |= {"AvailabilityZone": ZONE, "ZoneType": "local-zone"}
    one |= {"UltraserverType": wanted, "UltraserverCount": 1}
    answer.result["CapacityBlockOfferings"] = [one]
    return answer


def create_capacity_reservation(self: Any) -> Any:
    """Not of machines that are sold in blocks only."""
    if self._get_param("InstanceType") == MACHINE:
        refuse("InvalidParameterValue", f"{MACHINE} is not supported for On-Demand Capacity Reservations.")
    return _reserve(self)


def install() -> None:
    """Let moto know them."""
    INSTANCE_TYPES[MACHINE] = _machine()
    for kind, place in (("availability-zone-id", ZONE_ID), ("availability-zone", ZONE), ("region", REGION)):
        row = {"InstanceType": MACHINE, "Location": place, "LocationType": kind}
        INSTANCE_TYPE_OFFERINGS[kind][REGION].append(row)
    zone = Zone(region_name=REGION, name=ZONE, zone_id=ZONE_ID, zone_type="local-zone")
    RegionsAndZonesBackend.zones[REGION].append(zone)
    EC2Response.describe_capacity_block_offerings = describe_capacity_block_offerings
    EC2Response.create_capacity_reservation = create_capacity_reservation
