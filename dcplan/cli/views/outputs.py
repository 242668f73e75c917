"""How outputs look."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.plan.outputs import Told
    from dcplan.workflow.outputs import Outputs

HIDDEN = "(sensitive; shown with -show-sensitive)"
UNKNOWN = "known after apply"
SHOWN = 12
"""Machines that are listed for people; all stand in the JSON."""


def as_text(found: Outputs, *, reveal: bool = False) -> str:
    """All of them for people; ``reveal``: what is sensitive as well."""
    parts = [
        block("Endpoints", found.endpoints),
        block("Machines", dict(list(found.machines.items())[:SHOWN]), more=len(found.machines) - SHOWN),
        block("Outputs", found.named, reveal=reveal),
    ]
    return "\n\n".join(part for part in parts if part) or "Nothing to tell: nothing has been applied yet."


def block(title: str, told: Mapping[str, Told], more: int = 0, *, reveal: bool = False) -> str:
    """A title and a line each; empty without any."""
    if not told:
        return ""
    column = max(len(name) for name in told) + 2
    lines = [click.style(title, bold=True)]
    for name, one in told.items():
        about = f"  {one.description}" if one.description else ""
        lines.append(f"  {name:<{column}}{value_text(one, reveal=reveal)}{about}")
    if more > 0:
        lines.append(f"  ... and {more:,} more, with -json")
    return "\n".join(lines)


def value_text(one: Told, *, reveal: bool = False) -> str:
    """One value, hidden where it is sensitive, unless ``reveal``."""
    if not one.known:
        return UNKNOWN
    if one.sensitive and not reveal:
        return HIDDEN
    return one.value if isinstance(one.value, str) else json.dumps(one.value)


def as_data(found: Outputs) -> dict[str, object]:
    """All of them for programs, what is sensitive as well."""
    return {
        "endpoints": {name: _data(one) for name, one in found.endpoints.items()},
        "machines": {name: _data(one) for name, one in found.machines.items()},
        "outputs": {name: _data(one) for name, one in found.named.items()},
    }


def one_data(name: str, one: Told) -> dict[str, object]:
    """One of them for programs."""
    return {"name": name, **_data(one)}


def _data(one: Told) -> dict[str, object]:
    return {"value": one.value, "known": one.known, "sensitive": one.sensitive, "reference": one.reference}
