"""What one permission is, and how tables of permissions name what they are about."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class When(Enum):
    """What a permission is bound to, besides its resources."""

    ANYTHING = "anything"
    NEW = "new"
    """What is made carries the owner's tag from its first moment."""
    OURS = "ours"
    """What is there carries the owner's tag."""
    LAUNCHED = "launched"
    """The same of machines, which are of the plan's types as well."""
    BORN = "born"
    """Tags are put on by the very call that makes the object."""


@dataclass(frozen=True, slots=True)
class Need:
    """One permission on some resources."""

    action: str
    """``service:Action``, as in a policy."""
    on: str
    """Resources in ``service:path``, several with spaces between; ``*`` where the service knows none."""
    when: When = When.ANYTHING
    born_of: str = ""
    """The call that makes what is tagged."""


LOOK = "look"
"""Refreshing, looking up and listing what the owner has: nothing is changed."""

MADE_HERE = "made-here"
"""Calls beside those of an action, where dcplan makes the network."""
ADOPTED = "adopted"
"""The same, where settings name the network."""
HELD = "held"
"""Looks that are needed where the plan, or the state, has something of a kind."""
