"""Each room says at its door what it takes, gives, knows and never does; rooms keep what is theirs."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "dcplan"
ROOMS = sorted(p.parent.name for p in PACKAGE.glob("*/__init__.py"))


def layers() -> set[str]:
    """The rooms on the staircase of pyproject.toml."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contract = settings["tool"]["importlinter"]["contracts"][0]
    rooms = {room.strip() for layer in contract["layers"] for room in layer.split("|")}
    return rooms - {"__main__"}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_it_takes_and_gives(room: str) -> None:
    """The first words of a room are its name, then what it takes, gives, knows and never does."""
    text = ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text())) or ""

    assert text.lower().startswith((f"{room}:", "cli:"))
    for word in ("Takes:", "Gives:", "Knows:", "Never:"):
        assert word in text


def test_every_room_is_told_of_in_the_architecture() -> None:
    """ARCHITECTURE.md names every room of the staircase, and no other."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    missing = sorted(room for room in layers() if f"`{room}`" not in text)

    assert missing == []


FORBIDDEN = {
    "print": {"cli"},
    "eval": set(),
    "exec": set(),
}
"""Calls, and the rooms that may make them."""


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_the_cli_prints_and_nobody_evaluates(path: Path) -> None:
    """``print`` stays in the cli, ``eval`` and ``exec`` nowhere, ``assert`` in the conformance kit."""
    room = path.relative_to(PACKAGE).parts[0]
    tree = ast.parse(path.read_text())
    calls = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    asserts = [n.lineno for n in ast.walk(tree) if isinstance(n, ast.Assert)]

    assert {c for c in calls & FORBIDDEN.keys() if room not in FORBIDDEN[c]} == set()
    assert asserts == [] or path.name.startswith("contract")


CLOCKS = {"cli", "workflow", "apply", "provider", "state"}
"""Rooms that may look at the clock: what decides must give the same answer tomorrow."""


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_what_decides_has_no_clock(path: Path) -> None:
    """No wall clock below the workflow, but for rooms that act."""
    room = path.relative_to(PACKAGE).parts[0]
    text = path.read_text()

    if room not in CLOCKS:
        assert "datetime.now" not in text
        assert "time.time(" not in text
