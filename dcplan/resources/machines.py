"""How many machines a resource is, and what runs on those of a group, as its attributes tell.

A machine is a resource with a ``pool``.  A machine group is one, too: it lists its machines as ``members``,
and what runs on them in ``runs``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dcplan.resources.types import JsonValue, Resource

MEMBERS = "members"
"""The attribute that lists the machines of a group by name."""
RUNS = "runs"
"""The attribute that says what runs on them: ``settings``, ``each`` and ``replicas``."""


def is_group(attributes: Mapping[str, JsonValue]) -> bool:
    """Whether these are a machine group's."""
    return "pool" in attributes and MEMBERS in attributes


def members_of(attributes: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """The machines of a group by name, as its plan has them; none for other things."""
    listed = attributes.get(MEMBERS) if "pool" in attributes else None
    return tuple(str(name) for name in listed) if isinstance(listed, list | tuple) else ()


def machines_in(resource: Resource | None, pool: str | None = None) -> int:
    """How many machines of ``pool`` (None: of any) a resource is: none, one, or all of a group."""
    if resource is None:
        return 0
    its = resource.attributes.get("pool")
    if not isinstance(its, str) or pool not in {None, its}:
        return 0
    return len(members_of(resource.attributes)) if is_group(resource.attributes) else 1


def replicas_in(attributes: Mapping[str, JsonValue]) -> tuple[dict[str, JsonValue], ...]:
    """What runs on the machines of a group, replica by replica; none for other things."""
    runs = attributes.get(RUNS)
    listed = runs.get("replicas") if isinstance(runs, Mapping) else None
    return tuple(r for r in listed if isinstance(r, dict)) if isinstance(listed, list | tuple) else ()
