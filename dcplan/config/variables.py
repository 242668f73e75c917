"""``${var.x}``, ``${env.X}`` and ``${workspace}``: values from outside, put into the document's data.

Precedence, low to high: the variable's default, ``DCPLAN_VAR_X``, ``dcplan.vars.yaml``,
``*.auto.vars.yaml`` by name, then ``--var`` and ``--var-file`` in the order in which they were given.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dcplan import units
from dcplan.config.hidden_variables import HOMES, broken_rules, check_hidden, is_hidden, misplaced
from dcplan.diag import ConfigPath, Diagnostic, Diagnostics, SourceRange, did_you_mean, error
from dcplan.diag.hidden import hide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dcplan.config.reader import Content

ENV_PREFIX = "DCPLAN_VAR_"
REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
"""An escape, a reference with its inside, or a reference that is never closed."""

_VARIABLE = re.compile(r"\s*var\.([A-Za-z0-9_-]+)\s*")
_ENVIRONMENT = re.compile(r"\s*env\.([A-Za-z_][A-Za-z0-9_]*)\s*")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"[-+]?[0-9]{1,40}")


@dataclass(frozen=True)
class Outside:
    """Everything that can set a variable from outside the document."""

    variables: Mapping[str, str] = field(default_factory=dict)
    """From ``--var``."""
    files: Sequence[Content] = ()
    """From ``--var-file``, in order."""
    env: Mapping[str, str] = field(default_factory=dict)
    workspace: str = "default"
    """What ``${workspace}`` stands for."""
    later: Mapping[str, int] = field(default_factory=dict)
    """Of a name from ``--var``, how many of the files were given before it; the others win over it."""

    def given(self, name: str) -> tuple[Any, str, SourceRange | None] | None:
        """The value that something outside gives to a variable, where it comes from, and its place."""
        files = list(self.files)
        before = self.later.get(name, len(files)) if name in self.variables else 0
        for content in reversed(files[before:]):
            if name in content.data:
                return content.data[name], "the variable file", content.source.values[(name,)]
        if name in self.variables:
            return self.variables[name], "-var", None
        if env_name(name) in self.env:
            return self.env[env_name(name)], env_name(name), None
        return None


@dataclass(frozen=True)
class Resolved:
    """The data without references."""

    data: dict[str, Any]
    bad: frozenset[ConfigPath]
    """Paths whose value is missing, and already complained about."""
    secrets: Mapping[ConfigPath, frozenset[str]]
    """Texts from the environment, by the path of the value that holds them; they must not be shown."""
    templates: Mapping[ConfigPath, str]
    """The same values with ``${env.NAME}``, or ``${var.name}`` of a hidden variable, in place of those texts,
    as they may stand in a file."""
    diagnostics: Diagnostics


class _UnfitError(ValueError):
    """A given value does not fit the variable's type; the text completes "It is not ..."."""


def _as_text(given: Any) -> str:
    if not isinstance(given, str):
        raise _UnfitError("text: put it in quotes")
    return given


def _as_number(given: Any) -> float:
    if isinstance(given, int | float) and not isinstance(given, bool):
        return given
    if isinstance(given, str) and _NUMBER.fullmatch(given.strip()):
        return float(given)
    raise _UnfitError("a number")


def _as_integer(given: Any) -> int:
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    if isinstance(given, str) and _INTEGER.fullmatch(given.strip()):
        return int(given)
    raise _UnfitError("a whole number")


def _as_boolean(given: Any) -> bool:
    if isinstance(given, bool):
        return given
    if isinstance(given, str) and given.strip().lower() in ("true", "false"):
        return given.strip().lower() == "true"
    raise _UnfitError("true or false")


def _quantity(*parsers: Callable[[str | float], float]) -> Callable[[Any], Any]:
    """A check that one of the parsers can read the value, which then stays as it was written."""

    def check(given: Any) -> Any:
        said = ""
        for parse in parsers:
            try:
                parse(given)
            except units.UnitError as problem:
                said = said or str(problem)
            else:
                return given
        raise _UnfitError(said)

    return check


_CONVERT: dict[str, Callable[[Any], Any]] = {
    "string": _as_text,
    "number": _as_number,
    "integer": _as_integer,
    "boolean": _as_boolean,
    "duration": _quantity(units.parse_duration_s),
    "bytes": _quantity(units.parse_bytes, units.parse_bytes_per_s),
    "rate": _quantity(units.parse_rate_per_s),
    "money": _quantity(units.parse_usd, units.parse_usd_per_h),
}


def env_name(variable: str) -> str:
    """The environment variable that sets ``variable``: ``my-region`` -> ``DCPLAN_VAR_MY_REGION``."""
    return ENV_PREFIX + variable.upper().replace("-", "_")


def resolve(data: dict[str, Any], outside: Outside) -> Resolved:
    """Replace every reference in ``data``; all problems at once."""
    resolver = _Resolver(data, outside)
    resolver.settle()
    hide(resolver.hidden.values())
    resolver.complain_of_undeclared()
    resolved = {
        key: value if key == "variables" else resolver.walk(value, (key,)) for key, value in data.items()
    }
    resolver.forbid_references_in_defaults()
    return Resolved(
        resolved, frozenset(resolver.bad), resolver.secrets, resolver.templates, tuple(resolver.diagnostics)
    )


@dataclass(frozen=True, slots=True)
class _Given:
    """A value for a variable and where it comes from."""

    value: Any
    source: str
    secret: bool = False
    path: ConfigPath | None = None
    range: SourceRange | None = None


class _Resolver:
    """Settles the variables once, then walks the data."""

    def __init__(self, data: Mapping[str, Any], outside: Outside) -> None:
        declared = data.get("variables")
        self.declared: dict[str, Any] = declared if isinstance(declared, dict) else {}
        self.outside = outside
        self.values: dict[str, Any] = {}
        self.bad: set[ConfigPath] = set()
        self.secrets: dict[ConfigPath, frozenset[str]] = {}
        self.templates: dict[ConfigPath, str] = {}
        self.hidden: dict[str, str] = {}
        """Of variables that are sensitive or ephemeral."""
        self._secret_variables: dict[str, str] = {}
        self._touched: set[str] = set()
        self.diagnostics: list[Diagnostic] = []

    def settle(self) -> None:
        """Find each declared variable's value; one that has none is left out of ``values``."""
        for name, spec in self.declared.items():
            type_ = spec.get("type", "string") if isinstance(spec, dict) else None
            if not isinstance(type_, str) or type_ not in _CONVERT:
                continue  # the document's own check says what is wrong with the declaration
            if is_hidden(spec):
                self.diagnostics += check_hidden(name, spec)
            given = self._given(name, spec)
            if given is None:
                detail = (
                    f'The variable "{name}" has neither a default nor a value. '
                    f"Give it one with -var {name}=..., in a -var-file or as {env_name(name)}."
                )
                self._say("unset-variable", "A variable has no value", detail, ("variables", name))
                continue
            if given.secret:
                self._secret_variables[name] = str(given.value)
            if is_hidden(spec):
                self.hidden[name] = str(given.value)
                hide([str(given.value)])
            self._convert(name, type_, given)
            if name in self.values:
                self.diagnostics += broken_rules(
                    name,
                    spec,
                    self.values[name],
                    source=given.source,
                    shown=not given.secret,
                    where=given.range,
                )

    def _given(self, name: str, spec: Mapping[str, Any]) -> _Given | None:
        """The value with the highest precedence."""
        given = self.outside.given(name)
        if given is not None:
            value, source, where = given
            hidden = is_hidden(spec)
            secret = hidden or source == env_name(name)
            path = ("variables", name) if where is None or hidden else None
            # Of a hidden value the place is not told either: messages show the line that they are about.
            return _Given(value, source, secret=secret, path=path, range=None if hidden else where)
        if spec.get("default") is None:
            return None
        return _Given(spec["default"], "the default", path=("variables", name, "default"))

    def _convert(self, name: str, type_: str, given: _Given) -> None:
        try:
            self.values[name] = _CONVERT[type_](given.value)
        except _UnfitError as problem:
            words = str(problem)
            said = words if words.endswith(".") else f"It is not {words}."
            if given.secret:
                said = "Its value is not shown."
            detail = f'{given.source} does not fit the variable "{name}" of type {type_}. {said}'
            self.diagnostics.append(
                error(
                    "wrong-variable-value",
                    "A value does not fit its variable",
                    detail[0].upper() + detail[1:],
                    path=given.path,
                    range=given.range,
                )
            )

    def complain_of_undeclared(self) -> None:
        """Values for variables that nobody declared; the environment may hold what it likes."""
        for name in self.outside.variables:
            if name not in self.declared:
                self._undeclared(name, f"-var {name}", ("variables",), None)
        for content in self.outside.files:
            for name in content.data:
                if name not in self.declared:
                    self._undeclared(name, f'"{name}"', None, content.source.keys[(name,)])

    def _undeclared(self, name: str, who: str, path: ConfigPath | None, where: SourceRange | None) -> None:
        way_out = did_you_mean(name, self.declared) or f'Declare it under "variables:", as "{name}: {{}}".'
        detail = f"{who} sets a variable that the document does not declare. {way_out}"
        self.diagnostics.append(
            error("undeclared-variable", "A variable is not declared", detail, path=path, range=where)
        )

    def forbid_references_in_defaults(self) -> None:
        """A default is a plain value: the order of looking things up stays obvious."""
        for name, spec in self.declared.items():
            default = spec.get("default") if isinstance(spec, dict) else None
            if isinstance(default, str) and REFERENCE.search(default):
                self._say(
                    "reference-in-default",
                    "A default refers to something else",
                    f"Defaults are plain values. Leave the default out and set {env_name(name)} instead.",
                    ("variables", name, "default"),
                    on_key=False,
                )

    def walk(self, value: Any, path: ConfigPath) -> Any:
        """``value`` with its references replaced; what holds none is returned as it is."""
        if isinstance(value, str):
            return self._text(value, path) if "${" in value else value
        if isinstance(value, dict):
            for key in value:
                if "${" in key:
                    detail = "References are replaced in values only. Write the key out."
                    self._say("reference-in-key", "A key holds a reference", detail, (*path, key))
            return self._walked_items(value, value.items(), path)
        if isinstance(value, list):
            walked = self._walked_items(value, enumerate(value), path)
            return list(walked.values()) if walked is not value else value
        return value

    def _walked_items(self, before: Any, items: Iterable[tuple[str | int, Any]], path: ConfigPath) -> Any:
        pairs = [(key, item, self.walk(item, (*path, key))) for key, item in items]
        if all(old is new for _, old, new in pairs):
            return before
        return {key: new for key, _, new in pairs}

    def _text(self, text: str, path: ConfigPath) -> Any:
        """A text with references: one alone keeps its type, among others it becomes text."""
        self._touched = set()
        whole = REFERENCE.fullmatch(text)
        if whole is not None and text != "$${":
            result = self._look_up(whole, path)
        else:
            result = REFERENCE.sub(lambda match: self._spelled(match, path), text)
        if self._touched:
            self.secrets[path] = frozenset({*self._touched, str(result)})
            if isinstance(result, str):  # numbers and durations are no secrets, and would lose their type
                self.templates[path] = REFERENCE.sub(lambda match: self._kept(match, path), text)
        return result

    def _kept(self, match: re.Match[str], path: ConfigPath) -> str:
        """A reference as it may stand in a file: what comes from the environment stays a reference to it."""
        inside = match[1] or ""
        variable = _VARIABLE.fullmatch(inside)
        if variable and variable[1] in self.hidden:
            return f"${{var.{variable[1]}}}"
        if variable and variable[1] in self._secret_variables:
            return f"${{env.{env_name(variable[1])}}}"
        if match[0] == "$${" or _ENVIRONMENT.fullmatch(inside):
            return match[0]
        return self._spelled(match, path)

    def _spelled(self, match: re.Match[str], path: ConfigPath) -> str:
        """A reference inside a longer text, spelled as YAML spells its value."""
        if match[0] == "$${":
            return "${"
        value = self._look_up(match, path)
        if isinstance(value, bool):
            return "true" if value else "false"
        return "" if value is None else str(value)

    def _look_up(self, match: re.Match[str], path: ConfigPath) -> Any:
        """The value a reference stands for; None, and ``path`` is bad, when there is none."""
        inside = match[1]
        if inside is None:
            self._bad(path, 'The reference is not closed with "}". Write $${ for a plain ${.')
            return None
        if variable := _VARIABLE.fullmatch(inside):
            return self._variable(variable[1], path)
        if environment := _ENVIRONMENT.fullmatch(inside):
            return self._environment(environment[1], path)
        if inside.strip() == "workspace":
            return self.outside.workspace
        detail = (
            f"${{{inside}}} is none of ${{var.name}}, ${{env.NAME}} and ${{workspace}}. "
            "Write $${ for a plain ${."
        )
        self._bad(path, detail)
        return None

    def _variable(self, name: str, path: ConfigPath) -> Any:
        if name in self.hidden and path[0] not in HOMES:
            self.bad.add(path)
            self.diagnostics.append(misplaced(name, path))
        if name in self._secret_variables:
            self._touched.add(self._secret_variables[name])
        if name in self.values:
            return self.values[name]
        self.bad.add(path)
        if name not in self.declared:
            way_out = did_you_mean(name, self.declared) or 'Declare it under "variables:".'
            detail = f'The document declares no variable "{name}". {way_out}'
            self._say("unknown-variable", "A reference leads nowhere", detail, path, on_key=False)
        return None

    def _environment(self, name: str, path: ConfigPath) -> Any:
        if name in self.outside.env:
            self._touched.add(self.outside.env[name])
            return self.outside.env[name]
        self.bad.add(path)
        detail = f"The environment variable {name} is not set. Set it, or use a variable with a default."
        self._say("unset-environment", "A reference leads nowhere", detail, path, on_key=False)
        return None

    def _bad(self, path: ConfigPath, detail: str) -> None:
        self.bad.add(path)
        self._say("bad-reference", "A reference cannot be read", detail, path, on_key=False)

    def _say(self, code: str, summary: str, detail: str, path: ConfigPath, *, on_key: bool = True) -> None:
        self.diagnostics.append(error(code, summary, detail, path=path, on_key=on_key))
