"""Provider settings in files: what came from the environment goes in by name, not by value.

A saved plan must open the same providers as the document did, without the
document, and must never hold a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dcplan.config.variables import REFERENCE
from dcplan.diag import ConfigPath, Diagnostic, Result, error

_PREFIX = "env."


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


def filled(
    settings: Mapping[str, Mapping[str, object]], env: Mapping[str, str]
) -> Result[dict[str, dict[str, object]]]:
    """Portable settings with the values of this environment; an error for each that is not set."""
    missing: set[str] = set()

    def fill(value: Any) -> Any:
        if isinstance(value, str):
            return REFERENCE.sub(look_up, value)
        if isinstance(value, Mapping):
            return {key: fill(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [fill(item) for item in value]
        return value

    def look_up(match: Any) -> str:
        if match[0] == "$${":
            return "${"
        name = str(match[1] or "").strip().removeprefix(_PREFIX)
        if name not in env:
            missing.add(name)
        return env.get(name, "")

    values = {name: fill(items) for name, items in settings.items()}
    if missing:
        return Result(None, tuple(_unset(name) for name in sorted(missing)))
    return Result(values)


def _unset(name: str) -> Diagnostic:
    return error(
        "unset-environment",
        "A reference leads nowhere",
        f"The plan was made with the environment variable {name}, which is not set here. "
        "Set it and apply again.",
    )
