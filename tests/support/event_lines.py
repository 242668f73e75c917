"""Lines of ``apply -json``, each held against the schema ``event.v1``."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema

from dcplan import schema

COMMON = frozenset({"@level", "@message", "@module", "@timestamp", "type"})


def lines_of(text: str) -> list[dict[str, Any]]:
    """Every line as one JSON object."""
    return [json.loads(line) for line in text.splitlines()]


def check(lines: list[dict[str, Any]]) -> None:
    """Each line is valid, and has no key that the schema does not tell of."""
    kinds = known()
    for line in lines:
        assert line["type"] in kinds, line["type"]
        validator, keys = kinds[line["type"]]
        validator.validate(line)
        assert set(line) <= keys, (line["type"], set(line) - keys)
        assert set(line) >= COMMON, line["type"]


@cache
def known() -> dict[str, tuple[jsonschema.Draft202012Validator, set[str]]]:
    """Every type of line: what validates it, and the keys that it may have."""
    text = json.loads(schema.text("event.v1"))
    parts = {name: part.get("properties", {}) for name, part in text["$defs"].items()}
    return {
        of["type"]["const"]: (
            jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": text["$defs"]}),
            set(of),
        )
        for name, of in parts.items()
        if "const" in of.get("type", {})
    }
