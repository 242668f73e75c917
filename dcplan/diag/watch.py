"""Stand-ins whose calls are logged: for a provider, a store, a server."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from dcplan.diag.log import log, logs

T = TypeVar("T")

Fields = Mapping[str, object]


def _nothing(*_: Any, **__: Any) -> Fields:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What is told of the calls of one method."""

    level: str = "debug"
    asks: Callable[..., Fields] = _nothing
    """Of its arguments."""
    gives: Callable[[Any], Fields] = _nothing
    """Of its answer."""


def watched(thing: T, room: str, methods: Mapping[str, Watched], **about: object) -> T:
    """``thing``; while a log is written, a stand-in for it that logs calls of these methods from outside.

    A line when the call has ended, with ``duration_s`` and ``outcome``, and with ``trace`` one as it begins:
    so it is seen what does not answer.  A call that raises is told as a warning.
    """
    if not logs():
        return thing

    inside = {name: _logged(name, room, told) for name, told in methods.items() if hasattr(thing, name)}
    # The thing hangs on the instance, not on the class: a class is a cycle, and would keep it for a while.
    return cast("T", type("Watched", (_StandIn,), inside)(thing, about))


class _StandIn:
    """Is in all but its watched calls the thing itself."""

    def __init__(self, thing: object, about: Fields) -> None:
        self._thing = thing
        self._about = about

    def __getattr__(self, name: str) -> Any:
        return getattr(self._thing, name)

    @property  # type: ignore[misc]  # object has it writable; isinstance() is to answer as for the thing
    def __class__(self) -> type:
        return type(self._thing)


def _said(tell: Callable[..., Fields], *arguments: Any, **named: Any) -> Fields:
    """What is told of arguments or an answer; nothing of those that are not as they should be."""
    try:
        return tell(*arguments, **named)
    except Exception:  # noqa: BLE001 - whoever asked finds out what is wrong; a log changes nothing
        return {}


def _logged(name: str, room: str, told: Watched) -> Callable[..., Any]:
    def logged(self: _StandIn, *arguments: Any, **named: Any) -> Any:
        asked = {**self._about, **_said(told.asks, *arguments, **named)}
        log("trace", room, f"{name} begins", **asked)
        began_s = time.monotonic()
        try:
            answer = getattr(self._thing, name)(*arguments, **named)
        except BaseException as problem:
            outcome = getattr(problem, "code", None) or type(problem).__name__
            took_s = time.monotonic() - began_s
            log("warn", room, name, **asked, duration_s=took_s, outcome=outcome, why=str(problem))
            raise
        took_s = time.monotonic() - began_s
        if logs(told.level):
            ended = {"duration_s": took_s, "outcome": "ok", **_said(told.gives, answer)}
            log(told.level, room, name, **{**asked, **ended})
        return answer

    return logged
