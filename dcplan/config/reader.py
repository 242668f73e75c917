"""YAML text -> plain data and the place of every piece of it, in one pass.

The parser's events are read one by one, without recursion, so that deep
nesting and alias bombs meet a limit and not the interpreter's stack.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from dcplan.config.scalars import Ambiguous, Scalar, plain_scalar
from dcplan.config.source_map import Ranges, SourceMap, Spot, source_range
from dcplan.config.syntax import read_text, syntax_error
from dcplan.diag import ConfigPath, Diagnostic, Result, did_you_mean, error
from dcplan.diag.types import Related

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MAX_DEPTH = 100
MAX_REPEATED = 100_000
"""Values that aliases may repeat in one file; "billion laughs" stops here."""

_MERGE = "<<"
_TAG = "tag:yaml.org,2002:"
_COLLECTION_TAGS = (None, "!", f"{_TAG}map", f"{_TAG}seq")
_SCALAR_TAGS: dict[str, tuple[type, ...]] = {
    f"{_TAG}int": (int,),
    f"{_TAG}float": (float, int),
    f"{_TAG}bool": (bool,),
    f"{_TAG}null": (type(None),),
}


@dataclass(frozen=True)
class Content:
    """One file, read: its data, the places in it, and the paths already complained about."""

    data: dict[str, Any]
    source: SourceMap
    bad: frozenset[ConfigPath] = frozenset()
    text: str = ""


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not come yet."""

    value: dict[str, Any] | list[Any]
    path: ConfigPath
    anchor: str | None
    as_key: bool = False
    """It stands where a key belongs, which is an error; its end yields a dummy key."""
    key: str | None = None
    key_spot: Spot = (0, 0, 0, 0)
    merging: bool = False
    """The key is ``<<``."""
    merged: list[dict[str, Any]] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    """Names under which second values of one key are kept until the end, to be dropped."""
    size: int = 1
    height: int = 1


@dataclass(frozen=True, slots=True)
class _Anchored:
    """A finished value that aliases may repeat."""

    value: Any
    size: int
    height: int


class _Stop(Exception):  # noqa: N818 - not an error but the end of reading
    """Reading cannot sensibly go on; the diagnostic is already noted."""


def read_file(path: Path, shown: str) -> Result[Content]:
    """One YAML file with a mapping at its top; ``shown`` is the file's name in messages."""
    text = read_text(path, shown)
    if text.value is None:
        return Result(None, text.diagnostics)
    content = read(text.value, shown)
    return Result(content.value, (*text.diagnostics, *content.diagnostics))


def read(text: str, shown: str) -> Result[Content]:
    """Data and places of a YAML text; no value when the text has no mapping to offer."""
    builder = _Builder(text, shown)
    builder.run()
    source = SourceMap(values=Ranges((shown, builder.values)), keys=Ranges((shown, builder.keys)))
    if builder.broken:
        return Result(None, tuple(builder.said))
    if not isinstance(builder.root, dict):
        builder.complain_of_top()
        return Result(None, tuple(builder.said))
    builder.values[()] = (0, 0, 0, 0)
    return Result(Content(builder.root, source, frozenset(builder.bad), text), tuple(builder.said))


class _Builder:
    """Takes events one by one; holds the data, the places and what there is to say."""

    def __init__(self, text: str, shown: str) -> None:
        self.text = text
        self.shown = shown
        self.root: Any = None
        self.broken = False
        self.values: dict[ConfigPath, Spot] = {}
        self.keys: dict[ConfigPath, Spot] = {}
        self.bad: set[ConfigPath] = set()
        self.said: list[Diagnostic] = []
        self._stack: list[_Open] = []
        self._anchors: dict[str, _Anchored] = {}
        self._plain: dict[str, Scalar | Ambiguous] = {}
        self._repeated = 0
        self._documents = 0

    def run(self) -> None:
        """Read all events; the parser's complaints become diagnostics."""
        handlers: dict[type, Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._start,
            yaml.SequenceStartEvent: self._start,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
        }
        # libyaml reads about ten times as fast as Python does.
        parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(self.text)
        try:
            while (event := parser.get_event()) is not None:
                handler = handlers.get(event.__class__)
                if handler is not None:
                    handler(event)
        except yaml.MarkedYAMLError as problem:
            mark = problem.problem_mark or problem.context_mark
            if problem.context_mark and "quoted scalar" in (problem.context or ""):
                mark = problem.context_mark  # where the quote was opened, not where the file ends
            line, column = (mark.line, mark.column) if mark else (0, 0)
            self.broken = True
            self.said.append(syntax_error(self.shown, self.text, line, column, problem.problem or ""))
        except yaml.YAMLError:  # a character outside YAML; files are searched for these before
            self.broken = True
            self.said.append(syntax_error(self.shown, self.text, 0, 0, "a character is not allowed"))
        except _Stop:
            self.broken = True
        finally:
            parser.dispose()

    def complain_of_top(self) -> None:
        """The file holds nothing, or no mapping."""
        if self.root is None:
            detail = f'{self.shown} holds nothing. It should hold "key: value" lines.'
            self._say((0, 0, 0, 0), "empty-file", "The file is empty", detail)
        elif not self.said:
            what = "a list" if isinstance(self.root, list) else "a single value"
            detail = f'The top of {self.shown} is {what}. It should be a mapping: "key: value" lines.'
            spot = self.values.get((), (0, 0, 0, 0))
            self._say(spot, "not-a-mapping", "The top of the file is not a mapping", detail)

    def _document(self, event: yaml.DocumentStartEvent) -> None:
        """Only one document a file."""
        self._documents += 1
        if self._documents > 1:
            detail = 'Only one document may stand in a file. Move what follows "---" to a file of its own.'
            self._say(_spot(event), "several-documents", "The file holds several documents", detail)
            raise _Stop

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        """A text, number, truth value or nothing: a key or a value."""
        value: Any = event.value
        if event.tag is not None:
            value = self._tagged(event)
        elif event.implicit[0]:
            value = self._plain.get(event.value, self)
            if value is self:
                value = self._plain[event.value] = plain_scalar(event.value)
        if event.anchor is not None:
            plain = event.value if value.__class__ is Ambiguous else value
            self._anchors[event.anchor] = _Anchored(plain, 1, 0)
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.key is None and frame.value.__class__ is dict:
            self._key(frame, value, event)
            return
        spot = _spot(event)
        if frame is not None and frame.key is not None and event.value == "":
            spot = frame.key_spot  # nothing stands there; point at who lacks it
        if value.__class__ is Ambiguous:
            self.bad.add(self._path(frame))
            detail = f"{value.why} {value.way_out}"
            self._say(spot, "ambiguous-value", "YAML versions read this differently", detail)
            value = event.value
        self._put(frame, value, spot)

    def _tagged(self, event: yaml.ScalarEvent) -> Any:
        """The value of a scalar with an explicit tag such as ``!!str``."""
        tag = str(event.tag)
        if tag in ("!", f"{_TAG}str"):
            return event.value
        value = plain_scalar(event.value)
        if value.__class__ in _SCALAR_TAGS.get(tag, ()):
            return value
        self._unsupported_tag(event)
        return event.value

    def _unsupported_tag(self, event: Any) -> None:
        tag = str(event.tag).replace(_TAG, "!!")
        detail = f"The tag {tag} means nothing here, or does not fit its value. Leave it out."
        self._say(_spot(event), "unsupported-tag", "A YAML tag is not supported", detail)

    def _key(self, frame: _Open, value: Any, event: Any) -> None:
        """Note the key that the next value belongs to."""
        spot = _spot(event)
        text = getattr(event, "value", None)
        if text == _MERGE and getattr(event, "implicit", (False,))[0]:
            frame.key, frame.merging, frame.key_spot = _MERGE, True, spot
            return
        if value.__class__ is Ambiguous:
            detail = f'{value.why} Put the key in quotes: "{text}".'
            self._say(spot, "ambiguous-value", "YAML versions read this differently", detail)
            value = text
            self.bad.add((*frame.path, value))
        elif value.__class__ is not str:
            detail = "Keys must be text. "
            detail += f'Put it in quotes: "{text}".' if text else "Write a word before the colon."
            self._say(spot, "non-string-key", "A key is not text", detail)
            value = text if isinstance(text, str) else "?"
        path = (*frame.path, value)
        if value in frame.value:
            first = Related(note="It stands here first.", range=source_range(self.shown, self.keys[path]))
            detail = f'"{value}" is already there. Keep one of the two.'
            self._say(spot, "duplicate-key", "A key is there twice", detail, (first,))
            # The first one counts; the second is read under a name that nobody writes, and dropped.
            value = f"{value}\0{len(frame.twice)}"
            path = (*frame.path, value)
            frame.twice.append(value)
        frame.key, frame.merging, frame.key_spot = value, False, spot
        self.keys[path] = spot

    def _start(self, event: Any) -> None:
        """A mapping or list begins."""
        frame = self._stack[-1] if self._stack else None
        as_key = frame is not None and frame.key is None and isinstance(frame.value, dict)
        path = (*frame.path, "?") if frame is not None and as_key else self._path(frame)
        if event.tag not in _COLLECTION_TAGS:
            self._unsupported_tag(event)
        spot = _spot(event)
        if as_key:
            detail = "A mapping or list cannot be a key here. Write a word."
            self._say(spot, "non-string-key", "A key is not text", detail)
        elif frame is not None and frame.key is not None and not event.flow_style:
            spot = frame.key_spot  # a block stands where its key does
        self.values[path] = spot
        value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._stack.append(_Open(value, path, event.anchor, as_key))
        self._check_depth(len(self._stack), event)

    def _check_depth(self, depth: int, event: Any) -> None:
        if depth > MAX_DEPTH:
            detail = f"Mappings and lists may stand at most {MAX_DEPTH} deep in each other."
            self._say(_spot(event), "too-deep", "The nesting is too deep", detail)
            raise _Stop

    def _end(self, _event: Any) -> None:
        """The innermost mapping or list is complete."""
        done = self._stack.pop()
        if isinstance(done.value, dict):
            for shadow in done.twice:
                done.value.pop(shadow, None)
            for more in done.merged:
                for key, value in more.items():
                    done.value.setdefault(key, value)
        if done.anchor is not None:
            self._anchors[done.anchor] = _Anchored(done.value, done.size, done.height)
        frame = self._stack[-1] if self._stack else None
        if frame is not None:
            frame.size += done.size
            frame.height = max(frame.height, done.height + 1)
            if done.as_key:
                frame.key, frame.merging, frame.key_spot = "?", False, self.values[done.path]
                return
        self._put(frame, done.value, None)

    def _alias(self, event: Any) -> None:
        """``*name`` repeats what stands at ``&name``."""
        anchored = self._anchors.get(event.anchor)
        frame = self._stack[-1] if self._stack else None
        if anchored is None:
            self._unknown_alias(event)
            anchored = _Anchored(None, 1, 0)
            self.bad.add(self._path(frame))
        self._repeated += anchored.size
        if self._repeated > MAX_REPEATED:
            detail = f"Aliases may repeat at most {MAX_REPEATED:,} values in a file. Write the values out."
            self._say(_spot(event), "too-many-aliases", "Aliases repeat too much", detail)
            raise _Stop
        self._check_depth(len(self._stack) + anchored.height, event)
        if frame is not None and frame.key is None and isinstance(frame.value, dict):
            self._key(frame, anchored.value, event)
            return
        if frame is not None:
            frame.size += anchored.size
            frame.height = max(frame.height, anchored.height + 1)
        self._put(frame, anchored.value, _spot(event))

    def _unknown_alias(self, event: Any) -> None:
        if any(frame.anchor == event.anchor for frame in self._stack):
            detail = f"*{event.anchor} stands inside &{event.anchor} itself, which would never end."
            self._say(_spot(event), "endless-alias", "An alias repeats what it is part of", detail)
            return
        hint = did_you_mean(event.anchor, self._anchors)
        detail = f"There is no &{event.anchor} before this *{event.anchor}. {hint}".rstrip()
        self._say(_spot(event), "unknown-alias", "An alias has no anchor", detail)

    def _path(self, frame: _Open | None) -> ConfigPath:
        """The path of the value that comes next."""
        if frame is None:
            return ()
        if isinstance(frame.value, list):
            return (*frame.path, len(frame.value))
        return (*frame.path, frame.key or "?")

    def _put(self, frame: _Open | None, value: Any, spot: Spot | None) -> None:
        """Give a complete value to its list or key; ``spot`` None: already noted."""
        if frame is None:
            if spot is not None:
                self.values[()] = spot
            self.root = value
        elif frame.value.__class__ is list:
            if spot is not None:
                self.values[(*frame.path, len(frame.value))] = spot
            frame.value.append(value)
        else:
            if frame.merging:
                self._merge(frame, value)
            else:
                if spot is not None:
                    self.values[(*frame.path, frame.key or "")] = spot
                frame.value[frame.key] = value  # type: ignore[call-overload,index]
            frame.key = None

    def _merge(self, frame: _Open, value: Any) -> None:
        """``<<: *base``: keys to take over unless the mapping has its own."""
        several = value if isinstance(value, list) else [value]
        if all(isinstance(one, dict) for one in several):
            frame.merged.extend(several)
            return
        detail = 'What follows "<<:" must be a mapping, or a list of mappings, to take over.'
        self._say(frame.key_spot, "bad-merge", "A merge key has no mapping", detail)

    def _say(
        self, spot: Spot, code: str, summary: str, detail: str, related: tuple[Related, ...] = ()
    ) -> None:
        where = source_range(self.shown, spot)
        self.said.append(error(code, summary, detail, range=where, related=related))


def _spot(event: Any) -> Spot:
    start, end = event.start_mark, event.end_mark
    return (start.line, start.column, end.line, end.column)
