"""Resources: what exists or should exist, and what changes between the two.

Takes: nothing.        Gives: Address, Resource, ResourceGraph, Change, Action, digest_of.
Knows: the standard library.       Never: a cloud, a store, a clock.
"""

from dcplan.resources.digest import digest_of
from dcplan.resources.graph import ResourceGraph
from dcplan.resources.types import STATE_ACTIONS, Action, Address, Change, JsonValue, Reason, Resource

__all__ = [
    "STATE_ACTIONS",
    "Action",
    "Address",
    "Change",
    "JsonValue",
    "Reason",
    "Resource",
    "ResourceGraph",
    "digest_of",
]
