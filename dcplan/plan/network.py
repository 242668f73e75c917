"""What joins the machines of a gang, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.sharding.types import Within
from dcplan.units import format_bytes_per_s

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dcplan.sharding.types import Candidate, MachineClass


def network_in_words(candidate: Candidate, classes: Iterable[MachineClass]) -> str:
    """Transport and bandwidth between the machines of one replica; empty where it has only one.

    ``classes``: the kinds of machines that its workload may use.
    """
    if candidate.machines < 2:  # noqa: PLR2004 - one machine needs no network for collectives
        return ""
    pools = set(candidate.pools)
    for one in classes:
        if one.within is candidate.within and pools & set(one.pools):
            if candidate.devices <= one.links.scale_up_domain:
                inside = format_bytes_per_s(one.links.scale_up.bytes_per_s)
                return f"scale-up links: {inside} a device [{one.links.scale_up.basis.value}]"
            own = one.machine.network_bytes_per_s
            out = one.links.scale_out
            told = f"{one.machine.transport}: {format_bytes_per_s(own)} a machine"
            where = "across the pool" if candidate.within is Within.POOL else "in one rack"
            return f"{told}, {format_bytes_per_s(out.bytes_per_s)} a device {where} [{out.basis.value}]"
    return ""
