"""Numbers can be traced: each formula names its equation and its source, each constant what it rests on."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from dcplan.catalog.efficiency import load_efficiencies

ROOM = Path(__file__).parents[2] / "dcplan" / "perf"
MODULES = sorted(ROOM.glob("*.py"))
Functions: TypeAlias = Iterator[tuple[ast.FunctionDef, bool]]

NUMBERS = re.compile(r"\b(Num|Parts|MemoryOf|Array|float)\b")
"""Return annotations of what is a time, a rate, a size or a count."""

SPAN = re.compile(r"``([^`]+)``")
"""What stands in double backticks."""

EQUATION = re.compile(r"[-+*/^=<>]|\bx\b|\w\(")
"""What makes an expression of it: an operator, or a function of something."""

WORK = re.compile(r"arXiv\s+\d{4}\.\d{4,5}|doi\s+10\.\d{4}|\b(19|20)\d\d\b")
"""A published work: its number, or at least its year."""

FOLLOWS = re.compile(r"follows from ((?:``\w+``(?:,| and|, and)?\s*)+)")

OWN = ("definition", "own form", "exact for")
"""What a formula may rest on where it is nobody's: its terms' meaning, or a fit that is told of."""

SETTLED = ("definition", "numerical guard")
"""What a constant may be where it is nobody's."""

EMPIRICAL = re.compile(r"\b(assumed|calibrated|fitted|measured|seen|guess\w*)\b")

GUARD = 0.01
"""Numbers below this one only keep a formula out of trouble: they divide by no zero."""

PLAIN = {
    "numbers": "arithmetic on one number or many: no formula of its own",
    "types": "one layout's memory as bytes, added up",
}
"""Modules without formulas, with the reason."""

SELECTORS = {
    "peak_flops": "selects one of the catalogue's facts, which names its datasheet",
}
"""Functions that select a number and compute none, with what they select."""

INLINE = {
    ("queueing", 0.95): "a quantile by its name, p95",
    ("queueing", 0.99): "a quantile by its name, p99",
}
"""Numbers inside of functions that are neither whole nor a half, with what they are."""


def spoken(text: str) -> str:
    """A docstring with line breaks taken out."""
    return re.sub(r"\s+", " ", text)


def formulas(tree: ast.Module) -> Functions:
    """Public functions and methods that give numbers, and whether they are properties."""
    for node in tree.body:
        owned = node.body if isinstance(node, ast.ClassDef) else [node]
        for function in owned:
            if not isinstance(function, ast.FunctionDef) or function.name.startswith("_"):
                continue
            if function.returns is None or not NUMBERS.search(ast.unparse(function.returns)):
                continue
            marks = {ast.unparse(mark) for mark in function.decorator_list}
            yield function, "property" in marks


def names() -> frozenset[str]:
    """All functions of the room."""
    trees = (ast.parse(path.read_text()) for path in MODULES)
    return frozenset(n.name for tree in trees for n in ast.walk(tree) if isinstance(n, ast.FunctionDef))


def source_fault(text: str, known: frozenset[str]) -> str:
    """What is wrong with the source that a docstring names; empty where nothing is."""
    _, found, source = text.partition("Source: ")
    if not found:
        return 'names no source: end with "Source: ..."'
    lost = [name for part in FOLLOWS.findall(source) for name in re.findall(r"``(\w+)``", part)]
    lost = [name for name in lost if name not in known]
    if lost:
        return f"follows from {', '.join(lost)}, which dcplan/perf does not have"
    if WORK.search(source) or FOLLOWS.search(source) or any(word in source for word in OWN):
        return ""
    return "has a source without arXiv, doi or year that is no definition either"


def faults(text: str, known: frozenset[str]) -> list[str]:
    """Formulas of a module that lack an equation or a source.

    Properties name their equation; they are definitions by what they are.
    """
    told = []
    for function, is_property in formulas(ast.parse(text)):
        if function.name in SELECTORS:
            continue
        doc = spoken(ast.get_docstring(function) or "")
        if not any(EQUATION.search(span) for span in SPAN.findall(doc)):
            told.append(f"{function.name} names no equation: write it in ``double backticks``")
        fault = "" if is_property else source_fault(doc, known)
        if fault:
            told.append(f"{function.name} {fault}")
    return told


def is_number(node: ast.expr | None) -> bool:
    """Whether an expression is made of numbers only."""
    if isinstance(node, ast.Tuple):
        return all(is_number(part) for part in node.elts)
    if isinstance(node, ast.BinOp):
        return is_number(node.left) and is_number(node.right)
    if isinstance(node, ast.UnaryOp):
        return is_number(node.operand)
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def constant_faults(text: str) -> list[str]:
    """Numbers at the head of a module that rest on nothing, or that are data."""
    body, told = ast.parse(text).body, []
    for node, after in zip(body, [*body[1:], None], strict=True):
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not is_number(node.value):
            continue
        name = ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)
        value = after.value if isinstance(after, ast.Expr) else None
        doc = spoken(str(value.value)) if isinstance(value, ast.Constant) else ""
        if EMPIRICAL.search(doc):
            told.append(f"{name} says that it is {EMPIRICAL.findall(doc)[0]}: that is data, not code")
        elif not WORK.search(doc) and not any(word in doc.lower() for word in SETTLED):
            told.append(f"{name} names no source")
    return told


def inline_faults(module: str, text: str) -> list[str]:
    """Numbers inside of functions that are neither whole, nor a half, nor a guard, nor told of above."""
    tree = ast.parse(text)
    heads = {part for node in tree.body if not isinstance(node, ast.FunctionDef) for part in ast.walk(node)}
    bare = (
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, float) and node not in heads
    )
    return [
        f"line {line} has {value} in it"
        for line, value in bare
        if (2 * value) % 1 and value >= GUARD and (module, value) not in INLINE
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_every_formula_names_its_equation_and_its_source(path: Path) -> None:
    """A public function of perf that gives numbers says by which equation, and from where.

    If you are here because this test failed: write the equation into the docstring, in double backticks
    and in the symbols of the arguments, and end with one of

        Source: Author et al. YEAR (arXiv NUMBER) section N.        a paper, a book, a vendor's page
        Source: definition.                                         true by the meaning of its terms
        Source: follows from ``this`` and ``that``.                 composed of other functions
        Source: own form, fitted (docs/accuracy.md).                ours; say what it was fitted to

    A function that only selects a number goes into SELECTORS, with the reason.
    """
    told = [] if path.stem in PLAIN else faults(path.read_text(), names())

    assert told == []


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_constants_are_data_unless_they_are_part_of_an_equation(path: Path) -> None:
    """A number at the head of a module of perf names a work, or is a definition or a numerical guard.

    If you are here because this test failed: a number that somebody assumed, measured or fitted belongs to
    dcplan/catalog/data/efficiency.yaml as a row with basis and source, and reaches the formula as a field
    of Device, Wires, Framework or Engine.  A number that is part of an equation stays, with a docstring
    below it that cites the work or says "Definition: ..." and what is counted; one that only keeps a
    formula finite says "Numerical guard: ..." and against what.
    """
    assert constant_faults(path.read_text()) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_no_constant_hides_in_a_formula(path: Path) -> None:
    """Functions of perf hold whole numbers, halves and guards; others have a name or are figures.

    If you are here because this test failed: see the test above for where the number belongs; a number
    that is neither (a quantile by its name) goes into INLINE, with what it is.
    """
    assert inline_faults(path.stem, path.read_text()) == []


FIGURES = sorted({name.partition("/")[0] for row in load_efficiencies().rows.values() for name in row})


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_is_told_of(figure: str) -> None:
    """docs/model.md says which formula reads each figure of the table, and the table's head what it is.

    If you are here because this test failed: a figure was added or renamed; tell of it in both places.
    """
    table = ROOM.parent / "catalog" / "data" / "efficiency.yaml"
    head = [line for line in table.read_text().splitlines() if line.startswith("#")]

    told = re.findall(r"`([^`]+)`", (ROOM.parents[1] / "docs" / "model.md").read_text())

    assert figure in re.findall(r"\w+", " ".join(told))
    assert figure in re.findall(r"\w+", " ".join(head))


@pytest.mark.parametrize(
    ("doc", "fault"),
    [
        ("Bytes.", "f names no equation: write it in ``double backticks``"),
        ("Bytes: ``a x b``.", 'f names no source: end with "Source: ..."'),
        ("Bytes: ``a x b``.  Source: somewhere.", "f has a source without arXiv, doi or year"),
        ("Bytes: ``a x b``.  Source: follows from ``gone``.", "f follows from gone, which dcplan/perf"),
    ],
)
def test_a_formula_without_either_is_noticed(doc: str, fault: str) -> None:
    """Each of the two can be missing, or lead nowhere."""
    told = faults(f'def f(a: Num, b: Num) -> Num:\n    """{doc}"""\n', frozenset({"f"}))

    assert told
    assert told[0].startswith(fault)


@pytest.mark.parametrize(
    "source", ["follows from ``f``, ``f``", "definition", "Pope et al. 2022 (arXiv 2211.05102)"]
)
def test_a_formula_with_both_passes(source: str) -> None:
    """A line break inside of the equation does no harm."""
    doc = f'"""Bytes.\n\n    ``a x\n    2``.  Source: {source}.\n    """'
    text = f"def f(a: Num) -> tuple[Num, Num]:\n    {doc}\n"

    assert faults(text, frozenset({"f"})) == []


@pytest.mark.parametrize(
    ("text", "noticed"),
    [
        ("KEPT = 0.9\n", True),
        ('KEPT = 0.9\n"""Of the best rate."""\n', True),
        ('KEPT, LOST = 0.9, 2**-4\n"""Definition: of what is seen (assumed)."""\n', True),
        ('MASTER = 12.0\n"""Rajbhandari et al. 2020 (arXiv 1910.02054) section 3.1."""\n', False),
        ('ROUNDS = 3\n"""Numerical guard: rounds until it settles."""\n', False),
        ('NAMES = ("a", "b")\n', False),
    ],
)
def test_a_bare_constant_is_noticed(text: str, noticed: bool) -> None:
    """It has no docstring, or one without source, or one that says that it is data."""
    assert bool(constant_faults(text)) is noticed


@pytest.mark.parametrize(
    ("value", "noticed"), [("0.7", True), ("2.5", False), ("12", False), ("1e-9", False)]
)
def test_a_constant_inside_of_a_function_is_noticed(value: str, noticed: bool) -> None:
    """Whole numbers, halves and guards are left alone."""
    assert bool(inline_faults("any", f"def f(a):\n    return {value} * a\n")) is noticed
