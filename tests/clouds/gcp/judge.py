"""Any of Google's APIs as a judge of requests and answers: routes, parameters, bodies.

The documents are those of google-api-python-client, as ``gcs_discovery`` finds them.  Routes are the flat
ones, because those of newer APIs are all alike otherwise (``v2/{+name}``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from gcs_discovery import Misused, described

NAMED = re.compile(r"\{\+?(\w+)\}")

KINDS: Mapping[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}

ENUMS_AS_NUMBERS = frozenset({"tpu", "container"})
"""Clients of these may send ``$alt=json;enum-encoding=int``."""

SYSTEM_ALT = "$alt"
"""With this parameter, which no description names (Google's APIs, "System parameters")."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method of one API."""

    api: str
    id: str
    verb: str
    route: re.Pattern[str]
    literal: int
    """Characters of its path that are not named: of two that fit, the longer one is meant."""
    about: Mapping[str, Any]

    @property
    def resource(self) -> str:
        """``instances`` of ``compute.instances.insert``."""
        return self.id.split(".")[-2]

    @property
    def name(self) -> str:
        """``insert`` of ``compute.instances.insert``."""
        return self.id.split(".")[-1]


class Judge:
    """Several APIs behind one address."""

    def __init__(self, *documents: str) -> None:
        """``documents`` are names such as ``compute.v1``."""
        self._about = {name.split(".")[0]: described(name).about for name in documents}
        self._methods: dict[str, list[Method]] = {}
        for api, about in self._about.items():
            for method in _methods(api, about, about):
                self._methods.setdefault(method.verb, []).append(method)
        for methods in self._methods.values():
            methods.sort(key=lambda m: -m.literal)

    def match(self, verb: str, path: str) -> tuple[Method, dict[str, str]]:
        """The method that a request names, and what stands in its path."""
        for method in self._methods.get(verb, ()):
            found = method.route.fullmatch(path)
            if found:
                named = {name: unquote(value) for name, value in found.groupdict().items()}
                for name, value in named.items():
                    pattern = method.about.get("parameters", {}).get(name, {}).get("pattern")
                    if pattern and not re.fullmatch(pattern, value):
                        raise Misused(f"Invalid value for field '{name}': '{value}'")
                return method, named
        raise Misused(f"no method {verb} {path}")

    def check_query(self, method: Method, query: Mapping[str, str]) -> None:
        """Only parameters that there are, each of its type, and all that must be there."""
        own = method.about.get("parameters", {})
        known = {**self._about[method.api]["parameters"], **own}
        for name, value in query.items():
            if name == SYSTEM_ALT and method.api in ENUMS_AS_NUMBERS:
                continue
            if name not in known or known[name].get("location") == "path":
                raise Misused(f'Unknown name "{name}": Cannot bind query parameter of {method.id}')
            self._check_text(known[name], value, name, asked=True)
        for name, about in own.items():
            if about.get("required") and about.get("location") == "query" and name not in query:
                raise Misused(f"Required parameter: {name}")

    def check_body(self, method: Method, body: Any) -> None:
        """What is asked: its schema's names and types, nothing that only the server says."""
        schema = method.about.get("request")
        if schema is None:
            if body not in (None, {}):
                raise Misused(f"{method.id} takes no body")
            return
        if body is None:
            raise Misused(f"{method.id} needs a body")
        self._check(method, schema, body, "resource", asked=True)

    def check_answer(self, method: Method, body: Any) -> None:
        """What is answered."""
        self._check(method, method.about["response"], body, method.id, asked=False)

    def properties(self, method: Method, part: str) -> Mapping[str, Any]:
        """The names that the body of a request or a response may have."""
        schema = method.about.get(part, {}).get("$ref")
        found: Mapping[str, Any] = self._about[method.api]["schemas"].get(schema, {}).get("properties", {})
        return found

    def schema(self, api: str, name: str) -> Mapping[str, Any]:
        """The names that a schema has."""
        found: Mapping[str, Any] = self._about[api]["schemas"][name]["properties"]
        return found

    def _check(
        self, method: Method, schema: Mapping[str, Any], value: Any, where: str, *, asked: bool
    ) -> None:
        if "$ref" in schema:
            schema = self._about[method.api]["schemas"][schema["$ref"]]
        kind = schema.get("type", "any")
        if kind == "any":
            return
        if (
            kind == "string"
            and isinstance(value, int)
            and "enum" in schema
            and method.api in ENUMS_AS_NUMBERS
        ):
            return
        if not isinstance(value, KINDS[kind]) or (kind in ("integer", "number") and isinstance(value, bool)):
            raise Misused(f"Invalid value at '{where}' (no {kind}): {value!r}")
        if kind == "object":
            self._check_object(method, schema, value, where, asked=asked)
        elif kind == "array":
            for inner in value:
                self._check(method, schema["items"], inner, f"{where}[]", asked=asked)
        elif kind == "string":
            self._check_text(schema, value, where, asked=asked)

    def _check_object(
        self, method: Method, schema: Mapping[str, Any], value: Any, where: str, *, asked: bool
    ) -> None:
        properties = schema.get("properties", {})
        for name, inner in value.items():
            about = properties.get(name) or schema.get("additionalProperties")
            if about is None:
                raise Misused(f"Unknown name \"{name}\" at '{where}': Cannot find field.")
            if asked and about.get("readOnly"):
                raise Misused(f"'{where}.{name}' is for the server alone to say")
            self._check(method, about, inner, f"{where}.{name}", asked=asked)
        for name, about in properties.items():
            must = method.id in about.get("annotations", {}).get("required", ())
            if asked and must and name not in value:
                raise Misused(f"Required field '{where}.{name}' not specified")

    @staticmethod
    def _check_text(schema: Mapping[str, Any], text: str, where: str, *, asked: bool) -> None:
        whole = schema.get("format") in ("int64", "uint64", "int32", "uint32")
        if whole and not re.fullmatch(r"-?[0-9]+", text):
            raise Misused(f"Invalid value at '{where}' (no number): {text}")
        if schema.get("type") == "boolean" and text not in ("true", "false"):
            raise Misused(f"Invalid value at '{where}' (neither true nor false): {text}")
        if "enum" in schema and text not in schema["enum"]:
            raise Misused(f"Invalid value for field '{where}': '{text}', none of {schema['enum']}")
        if asked and "pattern" in schema and not re.fullmatch(schema["pattern"], text):
            raise Misused(f"Invalid value for field '{where}': '{text}', no match of {schema['pattern']}")


def _methods(api: str, part: Mapping[str, Any], about: Mapping[str, Any]) -> Iterator[Method]:
    for method in part.get("methods", {}).values():
        path = "/" + about["servicePath"] + (method.get("flatPath") or method["path"])
        route = re.compile(NAMED.sub(r"(?P<\1>[^/:]+)", path))
        yield Method(api, method["id"], method["httpMethod"], route, len(NAMED.sub("", path)), method)
    for inner in part.get("resources", {}).values():
        yield from _methods(api, inner, about)
