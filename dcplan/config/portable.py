"""Provider settings in files: what came from the environment goes in by name, not by value.

A saved plan must open the same providers as the document did, without the
document, and must never hold a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dcplan.config.variables import REFERENCE, Outside, env_name
from dcplan.diag import ConfigPath, Diagnostic, Result, error
from dcplan.diag.hidden import hide

_PREFIX = "env."
_VARIABLE = "var."


def portable(
    settings: Mapping[str, Mapping[str, object]], templates: Mapping[ConfigPath, str]
) -> dict[str, dict[str, object]]:
    """``settings`` of each provider with ``${env.NAME}`` wherever a value came from the environment."""

    def kept(value: Any, path: ConfigPath) -> Any:
        if path in templates:
            return templates[path]
        if isinstance(value, str):
            # A plain ``${`` would be read as a reference when the file is.
            return value.replace("${", "$${")
        if isinstance(value, Mapping):
            return {key: kept(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [kept(item, (*path, i)) for i, item in enumerate(value)]
        return value

    return {name: kept(values, ("providers", name)) for name, values in settings.items()}


def hidden_names(settings: Mapping[str, Mapping[str, object]]) -> tuple[str, ...]:
    """The hidden variables that portable settings refer to."""
    names: set[str] = set()

    def look(value: Any) -> None:
        if isinstance(value, str):
            inside = (str(match[1] or "").strip() for match in REFERENCE.finditer(value))
            names.update(name.removeprefix(_VARIABLE) for name in inside if name.startswith(_VARIABLE))
        elif isinstance(value, Mapping):
            for item in value.values():
                look(item)
        elif isinstance(value, list | tuple):
            for item in value:
                look(item)

    look(settings)
    return tuple(sorted(names))


def filled(
    settings: Mapping[str, Mapping[str, object]], env: Mapping[str, str], outside: Outside | None = None
) -> Result[dict[str, dict[str, object]]]:
    """Portable settings with the values of this environment; an error for each that is not set.

    ``outside`` gives the values of hidden variables; from now on these are shown nowhere.
    """
    filler = _Filler(env, outside or Outside(env=env))
    values = {name: filler.fill(items) for name, items in settings.items()}
    if filler.missing:
        return Result(None, tuple(_unset(name) for name in sorted(filler.missing)))
    return Result(values)


class _Filler:
    """Puts values where references stand, and notes what is missing."""

    def __init__(self, env: Mapping[str, str], outside: Outside) -> None:
        self.env = env
        self.outside = outside
        self.missing: set[str] = set()

    def fill(self, value: Any) -> Any:
        """``value`` without references."""
        if isinstance(value, str):
            return REFERENCE.sub(self._look_up, value)
        if isinstance(value, Mapping):
            return {key: self.fill(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.fill(item) for item in value]
        return value

    def _look_up(self, match: Any) -> str:
        if match[0] == "$${":
            return "${"
        name = str(match[1] or "").strip()
        if name.startswith(_VARIABLE):
            found = self.outside.given(name.removeprefix(_VARIABLE))
            value = None if found is None else str(found[0])
            hide([value or ""])
        else:
            name = name.removeprefix(_PREFIX)
            value = self.env.get(name)
        if value is None:
            self.missing.add(name)
        return value or ""


def _unset(name: str) -> Diagnostic:
    if name.startswith(_VARIABLE):
        variable = name.removeprefix(_VARIABLE)
        return error(
            "hidden-not-given",
            "A hidden variable must be given again",
            f'The plan was made with the variable "{variable}", whose value is kept nowhere. Give it '
            f"again with -var {variable}=..., in a -var-file or as {env_name(variable)}.",
        )
    return error(
        "unset-environment",
        "A reference leads nowhere",
        f"The plan was made with the environment variable {name}, which is not set here. "
        "Set it and apply again.",
    )
