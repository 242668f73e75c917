"""The nouns of least privilege: what a plan does, and the documents that allow exactly that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dcplan.resources import Action, JsonValue, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One thing that is, or may have to be, done to one resource."""

    action: Action
    """CREATE, UPDATE or DELETE; a replace is a delete and a create.  FORGET and IMPORT, which put on another
    owner's tag or none, come beside an UPDATE."""
    resource: Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUse:
    """A key of a cloud's KMS that the document names."""

    settings: Mapping[str, object]
    """As they stand in the document."""
    wraps: bool
    """Whether new keys are made with it; otherwise older files are only read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What somebody's credentials are wanted for, as far as one cloud is concerned."""

    project: str
    """Of the document."""
    lineage: str = ""
    """The owner tag of all objects; empty where the state is not made yet."""
    machines: bool = True
    """Whether the document plans there, so that it is looked at; False: only state or keys are there."""
    deeds: tuple[Deed, ...] = ()
    """Failover, and taking back what it leaves, among them."""
    held: tuple[Resource, ...] = ()
    """What stays as it is, as far as that is known: deeds may need it."""
    state: Mapping[str, str] | None = None
    """Settings of the server that the state is on, where that is this cloud's."""
    keys: tuple[KeyUse, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """A document that an administrator of a cloud puts in place."""

    name: str
    """The provider's, with what it is about where there are several: ``aws``, ``gcp``, ``gcp-state``."""
    text: str
    """As the cloud's own tools take it."""
    content: Mapping[str, JsonValue]
    """The same as data."""
    steps: tuple[str, ...] = ()
    """Commands that put it in place, with UPPER CASE for what is not known."""
    notes: tuple[str, ...] = field(default=())
    """What could be narrower and how, and what is needed besides; whole sentences."""
