"""How an endpoint's requests are shared among machine groups: target groups, and what each gets.  Pure.

An auto-scaling group registers each of its machines with one port in a target group, so that there is one
target group for each group and each port on which its machines answer.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dcplan.diag import Diagnostic, error
from dcplan.provider.grouping import GROUPS
from dcplan.resources import Resource
from dcplan_aws.group_settings import PATH

MOST_GROUPS = 5
"""Target groups of one forward action (Elastic Load Balancing quotas)."""
MOST_WEIGHT = 999
"""Of one target group (Elastic Load Balancing API Reference, TargetGroupTuple)."""


@dataclass(frozen=True, slots=True)
class Port:
    """Where the machines of one group answer."""

    group: str
    """By its dcplan name."""
    first_device: int

    @property
    def suffix(self) -> str:
        """What tells its target group from the others of an endpoint; a name has no room for more."""
        return hashlib.sha256(f"{self.group}/{self.first_device}".encode()).hexdigest()[:8]


def ports_of(attributes: Mapping[str, Any]) -> dict[Port, int]:
    """Each port of each group that an endpoint names, with what it gets in proportion."""
    groups = attributes.get(GROUPS)
    told = [
        (str(name), int(one["weight"]), [int(d) for d in one["first_devices"]])
        for name, one in sorted(groups.items() if isinstance(groups, Mapping) else ())
        if isinstance(one, Mapping)
    ]
    scale = math.lcm(*(len(devices) for _, _, devices in told if devices))
    whole = {
        Port(name, device): weight * scale // len(devices)
        for name, weight, devices in told
        for device in devices
    }
    most = max(whole.values(), default=1)
    if most <= MOST_WEIGHT:
        return whole
    return {port: max(1, share * MOST_WEIGHT // most) for port, share in whole.items()}


def too_many_ports(endpoints: Iterable[Resource]) -> Iterator[Diagnostic]:
    """Errors for endpoints over more target groups than a listener forwards to."""
    for endpoint in endpoints:
        count = len(ports_of(endpoint.attributes))
        if count > MOST_GROUPS:
            yield error(
                "group-ports",
                "An endpoint has too many groups",
                f'Replicas of "{endpoint.attributes["workload"]}" answer on {count} ports of auto-scaling '
                f"groups, several on each machine, and a load balancer forwards to {MOST_GROUPS}. Let each "
                "replica take more of a machine, or take the workload out of `machine_groups`.",
                path=PATH,
            )
