"""YAML files and settings that are not the document, read with the same care.

Providers use these for their own files (an inventory, a price list) and for
their part of the document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from dcplan.config.errors import diagnose
from dcplan.config.files import shown
from dcplan.config.load import in_order
from dcplan.config.reader import read_file
from dcplan.diag import ConfigPath, Result, has_errors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

T = TypeVar("T")


def load_typed(path: Path, type_: type[T]) -> Result[T]:
    """A YAML file as ``type_``, a pydantic model or a dataclass; every diagnostic has its place.

    A dataclass ignores unknown keys unless it says
    ``__pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")``.
    """
    read = read_file(path, shown(path))
    if read.value is None:
        return Result(None, read.diagnostics)
    try:
        value = TypeAdapter(type_).validate_python(read.value.data)
    except ValidationError as problem:
        errors = diagnose(problem.errors(include_url=False), type_, known_bad=read.value.bad)
        placed = read.value.source.place(errors)
        return Result(None, in_order((*read.diagnostics, *placed)))
    return Result(None if has_errors(read.diagnostics) else value, read.diagnostics)


def validate_settings(settings: Mapping[str, Any], type_: type[T], path: ConfigPath) -> Result[T]:
    """A provider's settings as ``type_``; diagnostics carry paths below ``path``, not places."""
    try:
        return Result(TypeAdapter(type_).validate_python(dict(settings)))
    except ValidationError as problem:
        return Result(None, diagnose(problem.errors(include_url=False), type_, at=path))
