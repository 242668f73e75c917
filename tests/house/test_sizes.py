"""A file fits one screenful of ideas, a function one thought."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILE_LINES = 400
FUNCTION_LINES = 60
FOLDERS = ("dcplan", "providers", "tests", "benchmarks", "examples")


def sources() -> Iterator[Path]:
    """All Python files of the project."""
    for folder in FOLDERS:
        yield from sorted(p for p in (ROOT / folder).rglob("*.py") if "build" not in p.parts)


def long_functions(text: str, limit: int) -> list[tuple[str, int]]:
    """Functions with more lines than ``limit``, with how many they have."""
    return [
        (node.name, node.end_lineno - node.lineno + 1)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > limit
    ]


@pytest.mark.parametrize("path", list(sources()), ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_stay_small(path: Path) -> None:
    """No file is over 400 lines, no function over 60.

    If you are here because this test failed: split by noun or by stage, not in
    the middle of a thought.  The rooms' other files show how.
    """
    text = path.read_text()

    assert text.count("\n") <= FILE_LINES
    assert long_functions(text, FUNCTION_LINES) == []


def test_a_long_function_is_noticed() -> None:
    """The ruler itself measures."""
    text = "def f():\n" + "    x = 1\n" * FUNCTION_LINES

    assert long_functions(text, FUNCTION_LINES) == [("f", FUNCTION_LINES + 1)]
