"""Schema: the files we read and write, as JSON Schema.

Takes: the name of a format.        Gives: its schema as text, or all of them in a folder.
Knows: pydantic, the registry of formats.        Never: the content of any file.

``python -m dcplan.schema`` writes ``schemas/``; editors and other tools read it.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import sys
import textwrap
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, TypeAdapter

from dcplan import units
from dcplan.config.strict import Strict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FORMATS: Mapping[str, str] = {
    "document.v1": "dcplan.config.document:Document",
    "event.v1": "dcplan.apply.lines:AnyLine",
    "inventory.v1": "dcplan.provider.local.inventory:InventoryFile",
    "plan.v1": "dcplan.plan.types:Plan",
    "state.v1": "dcplan.state.file:StateFile",
}
"""Every file format and the type it is read into or written from, imported when it is asked for."""

WRITTEN = frozenset({"event.v1", "plan.v1", "state.v1"})
"""Formats that dcplan writes: their schema describes what stands in the file, or in the line."""

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = "Reference"
_REFERENCE_SCHEMA = {
    "type": "string",
    "pattern": r"\$\{\s*((var|env)\.[A-Za-z0-9_-]+|workspace)\s*\}",
    "description": "A value from outside: ${var.name}, ${env.NAME} or ${workspace}.",
    "examples": ["${var.region}", "${env.HOME}"],
}
_SCALARS = ("number", "integer", "boolean")


def text(name: str) -> str:
    """The schema of a format as JSON text; KeyError when there is no such format."""
    type_ = _type_of(name)
    mode: Literal["validation", "serialization"] = "serialization" if name in WRITTEN else "validation"
    schema: dict[str, Any] = TypeAdapter(type_).json_schema(mode=mode)
    if isinstance(type_, type) and issubclass(type_, Strict):
        _describe(schema, type_)
        schema = _referable_document(schema)
    schema = {"$schema": _DIALECT, "$id": f"{name}.json"} | schema
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _type_of(name: str) -> type:
    """The type of a format, imported now."""
    module, _, type_ = FORMATS[name].partition(":")
    found: type = getattr(importlib.import_module(module), type_)
    return found


def write(folder: Path) -> tuple[Path, ...]:
    """Write every format's schema into ``folder``; gives the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name in FORMATS:
        file = folder / f"{name}.json"
        file.write_text(text(name), encoding="utf-8")
        files.append(file)
    return tuple(files)


def _referable_document(schema: dict[str, Any]) -> dict[str, Any]:
    """Let every scalar of a document also be a reference; variables are declared in plain values."""
    definitions = schema.get("$defs", {})
    plain = {"Variable": definitions["Variable"]} if "Variable" in definitions else {}
    referable: dict[str, Any] = _referable(schema)
    referable["$defs"] = referable.get("$defs", {}) | plain | {_REFERENCE: _REFERENCE_SCHEMA}
    return referable


def _referable(schema: Any) -> Any:
    """``schema`` with an alternative, the reference, beside every restricted scalar."""
    if isinstance(schema, list):
        return [_referable(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if _is_restricted_scalar(schema):
        about = {key: schema[key] for key in ("title", "description", "default", "examples") if key in schema}
        rest = {key: value for key, value in schema.items() if key not in about}
        return {"anyOf": [rest, {"$ref": f"#/$defs/{_REFERENCE}"}], **about}
    several = schema.get("anyOf", ())
    if several and all(_is_restricted_scalar(one) for one in several):
        return schema | {"anyOf": [*several, {"$ref": f"#/$defs/{_REFERENCE}"}]}
    literal = ("propertyNames", "default", "examples", "discriminator")
    if "patternProperties" in schema:
        schema = {"additionalProperties": False} | schema  # a name that fits no pattern is a wrong name
    return {key: value if key in literal else _referable(value) for key, value in schema.items()}


def _is_restricted_scalar(schema: dict[str, Any]) -> bool:
    """Whether this allows some scalars only, so that ``${var.x}`` would be refused.

    A ``const`` tells the members of a union apart and stays as it is.
    """
    if schema.get("type") in _SCALARS:
        return True
    return schema.get("type") == "string" and ("pattern" in schema or "enum" in schema)


def _describe(schema: dict[str, Any], type_: type[BaseModel]) -> None:
    """Put the docstrings under the fields into the schema, and durations' defaults in words."""
    for model, part in _parts(schema, type_):
        sentences = _field_docstrings(model)
        for name, field in part.get("properties", {}).items():
            field.pop("title", None)  # pydantic's titles are the names again
            if name in sentences:
                field["description"] = sentences[name]
            if isinstance(field.get("default"), float) and field.get("type") == "string":
                field["default"] = units.format_duration(field["default"])


def _parts(
    schema: dict[str, Any], type_: type[BaseModel]
) -> Iterator[tuple[type[BaseModel], dict[str, Any]]]:
    """Each model and its part of the schema."""
    yield type_, schema
    models = {model.__name__: model for model in _all_models(Strict)}
    for name, part in schema.get("$defs", {}).items():
        if name in models:
            yield models[name], part


def _all_models(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in base.__subclasses__():
        yield model
        yield from _all_models(model)


def _field_docstrings(model: type[BaseModel]) -> dict[str, str]:
    """The string that stands under each field of a class and of what it inherits from.

    Pydantic can collect them too, but only by reading the source at every
    import; here it is read when a schema is asked for.
    """
    found: dict[str, str] = {}
    for cls in reversed(model.__mro__):
        if not issubclass(cls, Strict):
            continue
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
        statements = body.body if isinstance(body, ast.ClassDef) else []
        for field, below in pairwise(statements):
            if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
                continue
            if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                found[field.target.id.rstrip("_")] = inspect.cleandoc(str(below.value.value))
    return found


if __name__ == "__main__":
    sys.stdout.writelines(f"{file}\n" for file in write(Path("schemas")))
