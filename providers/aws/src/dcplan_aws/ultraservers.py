"""UltraServers: machines that one NVLink domain joins, sold together in capacity blocks.

"For EC2 UltraServers, each UltraServer corresponds to one Capacity Block" (EC2 User Guide, "How Capacity
Blocks work"); P6e-GB200 is sold in no other way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dcplan.diag import Diagnostic, error

if TYPE_CHECKING:
    from dcplan_aws.settings import AwsCapacityBlockSpec, AwsReservationSpec

ULTRASERVERS: Mapping[str, Mapping[int, str]] = {
    "p6e-gb200.36xlarge": {18: "u-p6e-gb200x72", 9: "u-p6e-gb200x36"},
}
"""Machine type to how many of them make which UltraServer (botocore's changes of 2025-07-09 name both)."""


def sought(machine: str, machines: object) -> dict[str, Any]:
    """What DescribeCapacityBlockOfferings is asked for: machines, or the UltraServer that so many make."""
    kinds = ULTRASERVERS.get(machine)
    if kinds is None or not isinstance(machines, int) or machines not in kinds:
        return {"InstanceType": machine, "InstanceCount": machines}
    return {"UltraserverType": kinds[machines], "UltraserverCount": 1}


def problems(
    reservations: Sequence[AwsReservationSpec], blocks: Sequence[AwsCapacityBlockSpec]
) -> Iterator[Diagnostic]:
    """Capacity that cannot be had: a part of an UltraServer, or one outside a capacity block."""
    for i, reservation in enumerate(reservations):
        if reservation.machine in ULTRASERVERS:
            detail = (
                f"{reservation.machine} is sold in capacity blocks only, an UltraServer each. Tell of it "
                "under `capacity_blocks`."
            )
            path = ("providers", "aws", "reservations", i, "machine")
            yield error("ultraserver-block", "UltraServers come in capacity blocks", detail, path=path)
    for i, block in enumerate(blocks):
        kinds = ULTRASERVERS.get(block.machine)
        if kinds is not None and block.machines not in kinds:
            sizes = " or ".join(f"{count} ({name})" for count, name in kinds.items())
            detail = (
                f"A capacity block of {block.machine} is one UltraServer, so it has {sizes} machines, not "
                f"{block.machines}. Tell of each UltraServer as a block of its own, with a `name`."
            )
            path = ("providers", "aws", "capacity_blocks", i, "machines")
            yield error("ultraserver-size", "That is no UltraServer", detail, path=path)
