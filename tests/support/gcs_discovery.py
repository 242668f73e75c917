"""Google's own descriptions of its APIs, Cloud Storage and Cloud KMS, as judges of requests and answers.

The documents ship with google-api-python-client; nothing of it is written down here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote


class Misused(Exception):  # noqa: N818 - a state of things
    """A request or an answer that the document does not allow; ``str()`` says where."""


TYPES: Mapping[str | None, type] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": float,
}
"""How the document's types are read."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method of the API, as the document has it."""

    id: str
    verb: str
    route: re.Pattern[str]
    about: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Api:
    """The whole document."""

    about: Mapping[str, Any]
    methods: tuple[Method, ...]

    def match(self, verb: str, path: str) -> tuple[Method, dict[str, str]]:
        """The method that a request names, and what stands in its path."""
        for method in self.methods:
            found = method.route.fullmatch(path)
            if method.verb == verb and found:
                return method, {name: unquote(value) for name, value in found.groupdict().items()}
        raise Misused(f"no method {verb} {path}")

    def check_query(self, method: Method, query: Mapping[str, str]) -> None:
        """Only parameters of the method or of all methods, each of its type."""
        known = {**self.about["parameters"], **method.about.get("parameters", {})}
        for name, value in query.items():
            if name not in known or known[name].get("location") == "path":
                raise Misused(f"{method.id} has no parameter {name}")
            self._check_text(known[name], value, name)
        for name, about in known.items():
            if about.get("required") and about.get("location") == "query" and name not in query:
                raise Misused(f"{method.id} needs {name}")

    def check_body(self, method: Method, part: str, body: Any) -> None:
        """``part`` is ``request`` or ``response``: the body has its schema, and no unknown names."""
        schema = method.about.get(part)
        if schema is None:
            raise Misused(f"{method.id} has no {part}")
        self._check(schema, body, method.id)

    def _check(self, schema: Mapping[str, Any], value: Any, where: str) -> None:
        schema = self.about["schemas"][schema["$ref"]] if "$ref" in schema else schema
        kind = schema.get("type")
        if not isinstance(value, TYPES[kind]) or (kind == "integer" and isinstance(value, bool)):
            raise Misused(f"{where} is no {kind}: {value!r}")
        if kind == "object":
            for name, inner in value.items():
                about = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
                if about is None:
                    raise Misused(f"{where} has no {name}")
                self._check(about, inner, f"{where}.{name}")
        elif kind == "array":
            for inner in value:
                self._check(schema["items"], inner, f"{where}[]")
        elif kind == "string":
            self._check_text(schema, value, where)

    @staticmethod
    def _check_text(schema: Mapping[str, Any], text: str, where: str) -> None:
        whole = schema.get("format") in ("int64", "uint64", "int32", "uint32")
        if whole and not re.fullmatch(r"-?[0-9]+", text):
            raise Misused(f"{where} is no number: {text}")
        if schema.get("type") == "boolean" and text not in ("true", "false"):
            raise Misused(f"{where} is neither true nor false: {text}")
        if "enum" in schema and text not in schema["enum"]:
            raise Misused(f"{where} is none of {schema['enum']}: {text}")


def storage_api() -> Api:
    """That of Cloud Storage, v1."""
    return described("storage.v1")


@cache
def described(name: str) -> Api:
    """A document of the installed google-api-python-client."""
    import googleapiclient  # noqa: PLC0415 - only tests of this server need it

    folder = Path(googleapiclient.__file__).parent / "discovery_cache" / "documents"
    about = json.loads((folder / f"{name}.json").read_text())
    return Api(about, tuple(_methods(about, about)))


def _methods(part: Mapping[str, Any], about: Mapping[str, Any]) -> Iterator[Method]:
    for method in part.get("methods", {}).values():
        paths = ["/" + about["servicePath"] + method["path"]]
        simple = method.get("mediaUpload", {}).get("protocols", {}).get("simple")
        if simple:
            paths.append(simple["path"])
        for path in paths:
            route = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)
            route = re.sub(r"\{\+(\w+)\}", r"(?P<\1>.+)", route)  # "+": with slashes, RFC 6570
            yield Method(method["id"], method["httpMethod"], re.compile(route), method)
    for inner in part.get("resources", {}).values():
        yield from _methods(inner, about)
