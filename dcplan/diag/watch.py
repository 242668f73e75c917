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

    def other(_self: object, name: str) -> Any:
        return getattr(thing, name)

    inside: dict[str, Any] = {"__getattr__": other, "__class__": property(lambda _: type(thing))}
    for name, told in methods.items():
        if hasattr(thing, name):
            inside[name] = _logged(getattr(thing, name), name, room, told, about)
    return cast("T", type("Watched", (), inside)())


def _logged(
    call: Callable[..., Any], name: str, room: str, told: Watched, about: Mapping[str, object]
) -> Callable[..., Any]:
    def logged(_self: object, *arguments: Any, **named: Any) -> Any:
        asked = {**about, **told.asks(*arguments, **named)}
        log("trace", room, f"{name} begins", **asked)
        began_s = time.monotonic()
        try:
            answer = call(*arguments, **named)
        except BaseException as problem:
            outcome = getattr(problem, "code", None) or type(problem).__name__
            took_s = time.monotonic() - began_s
            log("warn", room, name, **asked, duration_s=took_s, outcome=outcome, why=str(problem))
            raise
        took_s = time.monotonic() - began_s
        if logs(told.level):
            ended = {"duration_s": took_s, "outcome": "ok", **told.gives(answer)}
            log(told.level, room, name, **{**asked, **ended})
        return answer

    return logged
