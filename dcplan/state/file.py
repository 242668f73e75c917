"""The state as a JSON document, format ``state.v1``: what ``state pull`` prints.

The only module of this room that knows pydantic; imported when a document is
written, read or described, and never on the way of a plan or an apply.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, JsonValue, TypeAdapter
from pydantic.dataclasses import dataclass

AddressText = Annotated[str, Field(pattern=r"^[^.]+\.[^.]+\..+$", examples=["local.machine.h100-0"])]


@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid", strict=True))
class ResourceRecord:
    """One thing that dcplan made."""

    address: AddressText
    attributes: Mapping[str, JsonValue]
    """What was asked for."""
    needs: list[AddressText] = Field(default_factory=list)
    known_after_apply: list[str] = Field(default_factory=list)
    outputs: Mapping[str, JsonValue] = Field(default_factory=dict)
    """What the provider answered."""
    protect: bool = False
    on_remove: Literal["destroy", "forget"] = "destroy"
    """What becomes of it when its workload leaves the document."""


@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid", strict=True))
class TriesRecord:
    """How often an address was made and tried; keeps tokens from being used twice."""

    generation: Annotated[int, Field(ge=0)] = 0
    attempt: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid", strict=True))
class StateFile:
    """Everything that dcplan knows to exist."""

    FORMAT: ClassVar[str] = "state.v1"

    version: Annotated[int, Field(ge=1, le=1)]
    lineage: Annotated[str, Field(min_length=1)]
    """Made once with the state; marks its objects in the cloud."""
    serial: Annotated[int, Field(ge=0)]
    """Grows with each change."""
    resources: list[ResourceRecord]
    deployment: Mapping[str, JsonValue] = Field(default_factory=dict)
    tries: Mapping[AddressText, TriesRecord] = Field(default_factory=dict)
    """By address, also of what is gone."""


def adapter() -> TypeAdapter[StateFile]:
    """Reads, writes and describes the document."""
    return TypeAdapter(StateFile)
