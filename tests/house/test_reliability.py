"""docs/reliability.md names a test for each promise, and each of these tests exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text()
NAMED = sorted(set(re.findall(r"`((?:providers/\w+/)?tests/[\w/]+\.py)::(\w+)`", PAGE)))


def promises() -> list[str]:
    """The rows of the first table, without its head."""
    table = PAGE.split("## Promises")[1].split("##")[0]
    return [line for line in table.splitlines() if line.startswith("|")][2:]


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_named_test_exists(file: str, name: str) -> None:
    """A function of that name, or a class that pytest collects, stands at the head of the file."""
    tree = ast.parse((ROOT / file).read_text())
    heads = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    heads |= {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    assert name in heads


@pytest.mark.parametrize("row", promises())
def test_each_promise_names_a_test(row: str) -> None:
    """No promise stands there by itself."""
    assert re.search(r"`tests/[\w/]+\.py::\w+`", row)


def test_the_page_has_promises() -> None:
    """The table is found, and what it names."""
    assert len(promises()) > 15
    assert len(NAMED) > 20
