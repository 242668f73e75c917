"""Machine groups keep the names that they have: pure functions of values.

A group's name is made from its workload and pool.  One that was renamed with its workload, or came as a
successor, has another name, and is the group of that workload in that pool all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.plan.renaming import Renames
from dcplan.resources import ResourceGraph
from dcplan.resources.machines import is_group

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.resources import Address, Resource

_SAME = ("workload", "pool", "exclusive_to")
"""Attributes by which a group is the same."""


def under_standing_names(desired: ResourceGraph, prior: Mapping[Address, Resource]) -> ResourceGraph:
    """What is wanted, with the groups that stand already under the names that they stand under."""
    there: dict[object, list[Address]] = {}
    for address in sorted(prior):
        if is_group(prior[address].attributes):
            there.setdefault(_identity(prior[address]), []).append(address)
    if not there:
        return desired
    addresses: dict[Address, Address] = {}
    for address, resource in desired.resources.items():
        if is_group(resource.attributes) and address not in prior:
            stands = [a for a in there.get(_identity(resource), ()) if a not in desired.resources]
            if len(stands) == 1:
                addresses[address] = stands[0]
    if not addresses:
        return desired
    renames = Renames(addresses=addresses)
    return ResourceGraph.of(renames.resource(resource) for resource in desired.resources.values())


def _identity(resource: Resource) -> object:
    return (
        resource.address.provider,
        resource.address.kind,
        *(resource.attributes.get(name) for name in _SAME),
    )
