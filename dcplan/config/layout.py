"""Lines of a YAML text, each indented and spaced as it should be."""

from __future__ import annotations

import re
from bisect import bisect
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

STEP = 2
"""Spaces of one level."""
_GAP = 2
"""Spaces before a comment behind a value, at least."""
_FLOW_START = (yaml.FlowMappingStartToken, yaml.FlowSequenceStartToken)
_FLOW_END = (yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)
_BLOCK_START = (yaml.BlockMappingStartToken, yaml.BlockSequenceStartToken)
_WHOLE_LINE = (yaml.DocumentStartToken, yaml.DocumentEndToken, yaml.DirectiveToken)
_SPACE_AFTER = (yaml.BlockEntryToken, yaml.ValueToken, yaml.KeyToken, yaml.AnchorToken, yaml.TagToken)
_BARE_COMMENT = re.compile(r"#(?=[^\s#!])")


class Kind(Enum):
    """What stands in a line."""

    CODE = auto()
    COMMENT = auto()
    BLANK = auto()
    INSIDE = auto()
    """The second or a later line of something that began in an earlier one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line in canonical layout."""

    kind: Kind
    text: str
    key: str | None = None
    """The top-level key that begins here."""


@dataclass(slots=True)
class _Block:
    """A mapping or list in block style that is open."""

    old: int
    """Column in the text."""
    new: int
    """Column in the canonical text."""
    mapping: bool
    indentless: bool = False
    """A list whose items stand in the column of its key."""


@dataclass(slots=True)
class _Plan:
    """What the tokens say of one line of the text."""

    indent: int
    blocks: tuple[_Block, ...] = ()
    """Open once the line is over."""
    tokens: list[Any] = field(default_factory=list)
    key: str | None = None


@dataclass(frozen=True, slots=True)
class _Span:
    """A text or a flow collection of several lines."""

    first: int
    last: int
    """Both lines belong to it."""
    column: int
    """Where it begins in its first line."""
    kind: type
    """``str``: a quoted or plain text; ``bytes``: one after ``|`` or ``>``; ``list``: a collection."""


def laid_out(text: str) -> list[Line]:
    """Each line of ``text``, which must be sound YAML and end with a line break."""
    lines = text.split("\n")[:-1]
    tokens = list(yaml.scan(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    return _Writer(lines, _Planner().run(tokens), list(_spans(tokens, lines))).run()


class _Planner:
    """Follows the tokens, and notes of each line how far it is to be indented."""

    def __init__(self) -> None:
        self.plans: dict[int, _Plan] = {}
        self.blocks: list[_Block] = []
        self.flows = 0
        self._key_line: int | None = None

    def run(self, tokens: Sequence[Any]) -> dict[int, _Plan]:
        """The plan of every line in which a token begins, by its number."""
        for token in tokens:
            if isinstance(token, yaml.BlockEndToken):
                if self.blocks.pop().indentless:
                    self.blocks.pop()
            elif not isinstance(token, yaml.StreamStartToken | yaml.StreamEndToken):
                self._take(token)
        return self.plans

    def _take(self, token: Any) -> None:
        if self.flows == 0:
            self._structure(token)
        number = token.start_mark.line
        plan = self.plans.setdefault(number, _Plan(self._column(token)))
        if token.end_mark.index > token.start_mark.index:
            plan.tokens.append(token)
        if self._key_line == number and isinstance(token, yaml.ScalarToken):
            plan.key, self._key_line = token.value, None
        self.flows += isinstance(token, _FLOW_START) - isinstance(token, _FLOW_END)
        plan.blocks = tuple(replace(block) for block in self.blocks)

    def _structure(self, token: Any) -> None:
        """Open and close blocks as this token says."""
        column = token.start_mark.column
        top = self.blocks[-1] if self.blocks else None
        deeper = 0 if top is None else top.new + STEP
        if isinstance(token, _BLOCK_START):
            self.blocks.append(_Block(column, deeper, isinstance(token, yaml.BlockMappingStartToken)))
        elif isinstance(token, yaml.KeyToken):
            if top is not None and top.indentless:
                self.blocks.pop()
            if len(self.blocks) == 1:
                self._key_line = token.start_mark.line
        elif isinstance(token, yaml.BlockEntryToken) and top is not None and top.mapping:
            self.blocks.append(_Block(column, deeper, mapping=False, indentless=True))

    def _column(self, token: Any) -> int:
        """Where a line that begins with this token is to begin."""
        if not self.blocks or isinstance(token, _WHOLE_LINE):
            return 0
        top = self.blocks[-1].new
        own = (yaml.KeyToken, yaml.BlockEntryToken, *_BLOCK_START)
        return top if isinstance(token, own) else top + STEP


def _spans(tokens: Sequence[Any], lines: Sequence[str]) -> Iterator[_Span]:
    """Everything of several lines; of nested collections only the outer one, texts in it as well."""
    flows = 0
    start: Any = None
    for token in tokens:
        first, last = token.start_mark, token.end_mark
        if isinstance(token, _FLOW_START):
            start = first if flows == 0 else start
            flows += 1
        elif isinstance(token, _FLOW_END):
            flows -= 1
            if flows == 0 and start.line < last.line:
                yield _Span(start.line, last.line, start.column, list)
        elif isinstance(token, yaml.ScalarToken) and first.line < last.line:
            block = token.style in {"|", ">"}
            end = _end_of_block(first, last, lines) if block else last.line
            yield _Span(first.line, end, first.column, bytes if block else str)


def _end_of_block(first: Any, last: Any, lines: Sequence[str]) -> int:
    """The last line of a ``|`` or ``>`` text; empty ones at its end count only where ``+`` keeps them."""
    end = int(last.line)
    if end >= len(lines) or not lines[end][: last.column].strip():
        end -= 1
    header = lines[first.line][first.column :].partition("#")[0]
    body = [line for line in lines[first.line + 1 : end + 1] if line.strip()]
    # What is deeper than the text's indentation belongs to it, though it be spaces; a digit tells that depth.
    depth = _indent(body[0]) if body and not any(c.isdecimal() for c in header) else 0
    while "+" not in header and end > first.line and not lines[end].strip() and len(lines[end]) <= depth:
        end -= 1
    return end


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


class _Writer:
    """Writes each line anew."""

    def __init__(self, lines: Sequence[str], plans: Mapping[int, _Plan], spans: Sequence[_Span]) -> None:
        self.lines = lines
        self.plans = plans
        self.numbers = sorted(plans)
        outer = sorted(spans, key=lambda span: span.kind is list)  # a collection wins over the texts in it
        self.inside = {n: span for span in outer for n in range(span.first + 1, span.last + 1)}
        self.begins = {(span.first, span.column): span for span in spans}
        self.untouched = {n for span in spans if span.kind is str for n in range(span.first, span.last)}
        """Lines whose end is the middle of a text."""
        self.shifts: dict[tuple[int, int], int] = {}

    def run(self) -> list[Line]:
        """All of them."""
        made = []
        for number, line in enumerate(self.lines):
            if number in self.inside:
                made.append(Line(kind=Kind.INSIDE, text=self._shifted(number, line)))
            elif number in self.plans:
                text = self._code(number, line)
                made.append(Line(kind=Kind.CODE, text=text, key=self.plans[number].key))
            elif line.strip():
                made.append(Line(kind=Kind.COMMENT, text=self._comment(number, line)))
            else:
                made.append(Line(kind=Kind.BLANK, text=""))
        return made

    def _shifted(self, number: int, line: str) -> str:
        """A later line of something: it keeps its distance to the first."""
        span = self.inside[number]
        bare = line.lstrip(" ")
        if span.kind is list and not bare.strip():
            return ""
        indent = max(0, _indent(line) + self.shifts.get((span.first, span.column), 0))
        moved = " " * indent + bare
        return moved if span.kind is bytes or number in self.untouched else moved.rstrip()

    def _code(self, number: int, line: str) -> str:
        """A line with tokens: indented, and spaced as far as these begin and end in it."""
        plan = self.plans[number]
        text, before, flows, column = " " * plan.indent, None, 0, 0
        for token in plan.tokens:
            column = token.start_mark.column
            text += _between(before, token, in_flow=flows > 0)
            span = self.begins.get((number, column))
            if span is not None:
                by_line = plan.indent - _indent(line)
                self.shifts[number, column] = by_line if span.kind is bytes else len(text) - column
                rest = line[column:]
                return text + (rest if number in self.untouched else rest.rstrip())
            column = token.end_mark.column
            text += line[token.start_mark.column : column]
            flows += isinstance(token, _FLOW_START) - isinstance(token, _FLOW_END)
            before = token
        comment = line[column:].strip()
        if not comment:
            return text.rstrip()
        at = len(line) - len(line[column:].lstrip())
        return text + " " * max(_GAP, at - len(text)) + _with_space(comment)

    def _comment(self, number: int, line: str) -> str:
        """A line with nothing but a comment: where the next line begins, or the block that it stood in."""
        at = bisect(self.numbers, number)
        column = _indent(line)
        following = self.numbers[at] if at < len(self.numbers) else None
        if following is not None:
            indent = self.plans[following].indent
            if column == _indent(self.lines[following]):
                return self._spelled(indent, line)
        open_blocks = self.plans[self.numbers[at - 1]].blocks if at else ()
        for block in reversed(open_blocks):
            if block.old == column:
                return self._spelled(block.new, line)
        if following is None:
            indent = open_blocks[0].new if open_blocks else 0
        return self._spelled(indent, line)

    @staticmethod
    def _spelled(indent: int, line: str) -> str:
        return " " * indent + _with_space(line.strip())


def _with_space(comment: str) -> str:
    """``# so`` for ``#so``; what is drawn with signs (``##``, ``#!``) stays."""
    return f"# {comment[1:]}" if _BARE_COMMENT.match(comment) else comment


def _between(before: Any, token: Any, *, in_flow: bool) -> str:
    """What stands between two tokens of one line."""
    if before is None:
        return ""
    if isinstance(before, _SPACE_AFTER):
        return " "
    if isinstance(token, yaml.ValueToken):
        return " " if isinstance(before, yaml.AliasToken) else ""
    tight = isinstance(before, _FLOW_START) or isinstance(token, (*_FLOW_END, yaml.FlowEntryToken))
    return "" if in_flow and tight else " "
