"""The nouns of resources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from typing_extensions import TypeAliasType

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

JsonValue = TypeAliasType(
    "JsonValue",
    "str | bool | int | float | list[JsonValue] | tuple[JsonValue, ...] | dict[str, JsonValue] | None",
)
"""What JSON can say.  A named alias, because pydantic must resolve it when files are read."""


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """The name of one resource for as long as it lives; prints as ``local.machine.h100-0``."""

    provider: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.provider}.{self.kind}.{self.name}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> CoreSchema:
        """In files an address is its text.  Called by pydantic alone, which is imported by then."""
        from pydantic_core import core_schema  # noqa: PLC0415 - this room stays light

        return core_schema.json_or_python_schema(
            json_schema=core_schema.no_info_after_validator_function(
                cls.parse, core_schema.str_schema(pattern=r"^[^.]+\.[^.]+\..+$")
            ),
            python_schema=core_schema.union_schema(
                [
                    core_schema.is_instance_schema(cls),
                    core_schema.no_info_after_validator_function(cls.parse, core_schema.str_schema()),
                ]
            ),
            serialization=core_schema.to_string_ser_schema(),
        )

    @classmethod
    def parse(cls, text: str) -> Address:
        """The address that prints as ``text``; ValueError when it has not three parts."""
        provider, kind, name = text.split(".", 2)
        return cls(provider, kind, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One thing a provider can make.

    ``attributes`` are what dcplan asks for; ``outputs`` what the provider
    answered (object id, node, address) and are empty until the thing exists.
    Both hold JSON values, are built once and never changed.
    """

    address: Address
    attributes: Mapping[str, JsonValue]
    needs: tuple[Address, ...] = ()
    known_after_apply: tuple[str, ...] = ()
    """Names of the outputs the provider will fill in."""
    outputs: Mapping[str, JsonValue] = field(default_factory=dict)
    protect: bool = False
    """Refuse any plan that destroys it; kept in state, so it outlives the YAML that set it."""
    on_remove: Literal["destroy", "forget"] = "destroy"
    """What becomes of it when its workload is taken out of the document; kept in state as well."""


class Action(StrEnum):
    """What happens to one resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    NOOP = "no-op"
    MOVE = "move"
    """The state knows it by another address from now on."""
    FORGET = "forget"
    """It stays where it is, and dcplan has nothing to do with it any more."""
    IMPORT = "import"
    """It is there, and is dcplan's from now on."""
    RECORD = "record"
    """The state notes something of it that its provider need not know."""


STATE_ACTIONS = frozenset({Action.MOVE, Action.FORGET, Action.IMPORT, Action.RECORD})
"""What changes the state and not the thing itself; a plan has these apart, and they come first."""


class Reason(StrEnum):
    """Why, for people.  Nothing may behave differently because of it."""

    NEW = "not there yet"
    CHANGED = "attributes differ"
    GROUND = "what it runs on is replaced"
    CANNOT_UPDATE = "attributes differ that cannot be changed in place"
    NOT_WANTED = "no workload needs it any more"
    ASKED = "asked for"
    PREEMPTED = "left out for what comes first"
    GONE = "recorded, but gone from the provider"
    DRIFTED = "changed outside dcplan"
    MOVED = "renamed"
    FOLLOWS = "names what is renamed"
    FORGOTTEN = "removed, not destroyed"
    IMPORTED = "the document names it"
    RULES = "lifecycle rules"
    SAME = "as wanted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From ``before`` to ``after`` at one address.  A create has no before, a delete no after."""

    address: Address
    action: Action
    before: Resource | None
    after: Resource | None
    changed: tuple[str, ...] = ()
    """Names of the attributes that differ."""
    forced_by: tuple[str, ...] = ()
    """Those of ``changed`` that cannot be changed in place, so that the thing is made anew."""
    drifted: Mapping[str, JsonValue] = field(default_factory=dict)
    """Of ``changed``: what the provider has where that is not what ``before``, the state, says."""
    reason: Reason = Reason.SAME
    previous_address: Address | None = None
    """Where a moved resource was; of a change to the thing itself, what its provider still calls it."""
