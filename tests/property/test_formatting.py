"""Formatting: the same meaning, the same comments, and nothing left to do the second time."""

from __future__ import annotations

import json
import re

import yaml
from hypothesis import given
from hypothesis import strategies as st

from dcplan.config.canonical import canonical
from dcplan.config.reader import read

NAMES = st.sampled_from(["project", "workloads", "providers", "objective", "chat", "a", "b-c", "x_1", "'q'"])
SCALARS = st.sampled_from(
    [
        "1",
        "text",
        "80GiB",
        '"${var.x}"',
        "'it''s'",
        "true",
        "null",
        "",
        "2.50",
        '"a # b"',
        "two  words",
        "[1,2 , 3]",
        "{a: 1,b: [x , y]}",
        "{}",
        "[ ]",
        '{ "k":1 }',
        "{a: }",
        "!!str 5",
        "&anchor 7",
    ]
)
COMMENTS = st.sampled_from(["", "", "", "  # why", " #tight", "      # far"])


@st.composite
def values(draw: st.DrawFn, indent: int, depth: int) -> list[str]:
    """Lines of a value: the first stands behind its key or dash, the others below."""
    kind = draw(st.sampled_from(["scalar", "scalar", "map", "list", "folded", "flow", "quoted"]))
    step = draw(st.integers(1, 5))
    comment = draw(COMMENTS)
    if depth == 0 or kind == "scalar":
        return [" " * draw(st.integers(1, 3)) + draw(SCALARS) + comment]
    pad = " " * (indent + step)
    if kind == "map":
        return [comment, *draw(mappings(indent + step, depth - 1))]
    if kind == "list":
        return [comment, *draw(lists(indent + draw(st.integers(0, 3)), depth - 1))]
    if kind == "folded":
        header = draw(st.sampled_from(["|", ">", "|-", ">+", "|+"]))
        body = draw(st.lists(st.sampled_from(["one  ", "  deeper", "", "# no comment"]), max_size=3))
        return [f" {header}{comment}", f"{pad}first", *(f"{pad}{line}" if line else "" for line in body)]
    if kind == "flow":
        return [" {a: 1,   # inside", f"{pad}  b: [1,  ", "", f"{pad}2], # more", f"{pad}}}{comment}"]
    return [' "starts', f"{pad}  goes on   ", "", f'{pad}ends"{comment}']


@st.composite
def between(draw: st.DrawFn, indent: int) -> list[str]:
    """What may stand between two entries: nothing, empty lines, comments."""
    column = draw(st.sampled_from([0, indent, indent + 3]))
    return draw(
        st.sampled_from([[], [], [""], ["", "   ", ""], [" " * column + "#note"], ["", "# note", ""]])
    )


@st.composite
def mappings(draw: st.DrawFn, indent: int, depth: int) -> list[str]:
    """Lines of a mapping at a column."""
    lines: list[str] = []
    for name in draw(st.lists(NAMES, min_size=1, max_size=4, unique=True)):
        lines += draw(between(indent))
        first, *rest = draw(values(indent, depth))
        lines += [f"{' ' * indent}{name}{draw(st.sampled_from(['', ' ']))}:{first}", *rest]
    return lines


@st.composite
def lists(draw: st.DrawFn, indent: int, depth: int) -> list[str]:
    """Lines of a list at a column."""
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        lines += draw(between(indent))
        if draw(st.booleans()):
            gap = draw(st.integers(1, 3))
            inner = draw(mappings(indent + 1 + gap, depth))
            while not inner[0].strip() or inner[0].strip().startswith("#"):
                inner = inner[1:]
            lines += [f"{' ' * indent}-{' ' * gap}{inner[0].strip()}", *inner[1:]]
        else:
            first, *rest = draw(values(indent, depth))
            lines += [f"{' ' * indent}-{first}", *rest]
    return lines


def comments(text: str) -> list[str]:
    """Every comment, without the space behind its sign, wherever it stands."""
    ends = [t.end_mark.index for t in yaml.scan(text) if t.end_mark.index > t.start_mark.index]
    starts = [t.start_mark.index for t in yaml.scan(text) if t.end_mark.index > t.start_mark.index]
    gaps = zip([0, *ends], [*starts, len(text)], strict=True)
    return sorted(c[1:].strip() for a, b in gaps for c in re.findall(r"#.*", text[a:b]))


@given(mappings(0, 3), st.booleans(), st.booleans())
def test_formatted_text_means_the_same_and_stays(lines: list[str], crlf: bool, newline: bool) -> None:
    """Data and comments are those of the original, and formatting the result changes nothing."""
    text = "\n".join(lines) + ("\n" if newline else "")
    before = read(text, "x")
    if before.value is None or before.diagnostics:
        return
    written = text.replace("\n", "\r\n") if crlf else text
    done = canonical(written, "x").value

    assert done is not None
    assert json.dumps(read(done, "x").unwrap().data, sort_keys=True) == json.dumps(
        before.value.data, sort_keys=True
    )
    assert canonical(done, "x").value == done
    assert comments(done) == comments(text)
    assert "\r" not in done
