"""From pydantic's error locations to config paths, by walking the types.

Pydantic puts the tags of unions into its locations; a config path holds only
what the user wrote.  Walking the types tells the two apart, and finds the
names that were allowed where a name was wrong.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, Tag

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from dcplan.diag import ConfigPath

_KEY = "[key]"
"""Pydantic's last step when a mapping's key is wrong and not its value."""


@dataclasses.dataclass(frozen=True, slots=True)
class Spot:
    """What a location means: the user's path, whether its key is meant, and the type there."""

    path: ConfigPath
    on_key: bool
    type_: Any
    holder: Any
    """The type of what encloses the place; its fields are the names allowed there."""
    in_union: bool = False
    """The location ends in a union without a tag: pydantic reports each member apart."""


def follow(type_: Any, location: Sequence[str | int]) -> Spot:
    """Walk ``location`` down from ``type_``."""
    path: list[str | int] = []
    here, holder, in_union = type_, None, False
    for step in location:
        members = _members(here)
        if len(members) > 1:
            here = _chosen(members, step)
            in_union = not _tagged(members)
            continue
        if step == _KEY:
            return Spot(tuple(path), on_key=True, type_=here, holder=holder)
        in_union = False
        holder = members[0] if members else None
        here = _inside(holder, step)
        path.append(step)
    return Spot(tuple(path), on_key=False, type_=here, holder=holder, in_union=in_union)


def choices(type_: Any) -> tuple[str, ...]:
    """The values that a type allows when it allows only a few, as the user writes them."""
    found: list[str] = []
    for member in map(_bare, _members(type_)):
        if get_origin(member) is Literal:
            found += map(str, get_args(member))
        elif isinstance(member, type) and issubclass(member, Enum):
            found += (str(choice.value) for choice in member)
        elif member is not type(None):
            return ()
    return tuple(found)


def tags(type_: Any, key: str) -> tuple[str, ...]:
    """The choices of ``key`` in a union whose members are told apart by it."""
    found: list[str] = []
    for member in _members(type_):
        found += choices(_field_types(_bare(member)).get(key))
    return tuple(found)


def names(type_: Any) -> tuple[str, ...]:
    """The keys that may stand in a mapping of this type; none when any may."""
    members = [_bare(member) for member in _members(type_)]
    return tuple(name for member in members for name in _field_types(member))


def _inside(type_: Any, step: str | int) -> Any:
    """The type of the value at ``step`` in a value of ``type_``; None when nothing is known."""
    bare = _bare(type_)
    fields = _field_types(bare)
    if fields:
        return fields.get(str(step))
    args = get_args(bare)
    origin = get_origin(bare)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return args[1]
    if isinstance(origin, type) and issubclass(origin, Sequence) and args:
        several = origin is not tuple or Ellipsis in args
        return args[0] if several else args[min(int(step), len(args) - 1)]
    return None


def _field_types(type_: Any) -> dict[str, Any]:
    """Key to type, for a model or a dataclass; empty for everything else."""
    if not isinstance(type_, type):
        return {}
    if issubclass(type_, BaseModel):
        return {field.alias or name: _annotation(field) for name, field in type_.model_fields.items()}
    if dataclasses.is_dataclass(type_):
        hints = get_type_hints(type_, include_extras=True)
        return {field.name: hints[field.name] for field in dataclasses.fields(type_)}
    return {}


def _annotation(field: FieldInfo) -> Any:
    """A field's type with what pydantic has taken apart from it."""
    annotation: Any = field.annotation
    for extra in field.metadata:
        annotation = Annotated[annotation, extra]
    return annotation


def _bare(type_: Any) -> Any:
    """A type without its annotations."""
    while get_origin(type_) is Annotated:
        type_ = get_args(type_)[0]
    return type_


def _members(type_: Any) -> list[Any]:
    """The members of a union, ``None`` left out; any other type is its only member."""
    bare = _bare(type_)
    if get_origin(bare) not in (Union, types.UnionType):
        return [type_]
    plain = [member for member in get_args(bare) if member is not types.NoneType]
    return [inner for member in plain for inner in _members(member)]


def _tag(member: Any) -> str | None:
    """The tag given to a union's member by hand."""
    extras = get_args(member)[1:] if get_origin(member) is Annotated else ()
    return next((extra.tag for extra in extras if isinstance(extra, Tag)), None)


def _literals(member: Any) -> set[str]:
    """The tags by which a model's own fields tell it apart."""
    return {tag for field in _field_types(_bare(member)).values() for tag in choices(field)}


def _tagged(members: Sequence[Any]) -> bool:
    """Whether pydantic picks one member by a tag, and so reports only that one's errors."""
    return all(_tag(member) is not None for member in members) or all(_literals(m) for m in members)


def _chosen(members: Sequence[Any], step: str | int) -> Any:
    """The member that pydantic calls ``step``: by tag, by discriminator or by its type's name."""
    for member in members:
        if step == _tag(member) or step in _literals(member):
            return member
    return next((m for m in members if getattr(_bare(m), "__name__", None) == step), None)
