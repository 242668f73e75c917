"""Objects that are several of Google Cloud's: parts with fixed names, made where they are missing.

The first part carries the owner's note and is the last to go, so that nothing is left that nobody finds.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dcplan.provider import errors
from dcplan.provider.types import Ack
from dcplan_gcp.naming import Note, request_id
from dcplan_gcp.rest import last, pause, relative

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dcplan.provider.types import Request
    from dcplan_gcp.rest import Rest

AT_ONCE = 8
"""Parts that are made, removed or changed at the same time."""

SOON_S, AT_ONCE_S = 10.0, 1.0
"""How long a begin looks at the operation of a machine, and of anything else: refusals come by then."""

PATIENCE = 6
"""How often a part is tried that is not ready to be made, or still in use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One object of a composite."""

    scope: str
    collection: str
    body: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.body["name"])


def go_on() -> bool:
    """Do not stop."""
    return False


def begin_insert(
    rest: Rest,
    request: Request,
    part: Part,
    note_of: Callable[[Any], Note | None],
    *,
    look_s: float = AT_ONCE_S,
) -> Ack:
    """Insert the one object that a create is known by; again, the same answer.

    ``note_of`` finds the owner's note in an object.  Raises ``Conflict`` when the token was used for another
    object, or another request made the one of this name.
    """
    path = rest.path(part.scope, part.collection, part.name)
    try:
        again = request_id(request.token, part.scope)
        operation = rest.insert(rest.path(part.scope, part.collection), part.body, again)
    except errors.Conflict:
        there = rest.find(path)
        note = note_of(there) if there is not None else None
        if note is None:
            raise
        note.must_be(request)
        return Ack(object_id=path)
    if last(operation["targetLink"]) != part.name:
        msg = f"The token {request.token} was used for another call."
        raise errors.Conflict(msg)
    rest.settled(operation, f"make {part.name}", within_s=look_s, stop=go_on)
    return Ack(object_id=path, operation_id=relative(operation["selfLink"]))


def finish(rest: Rest, ack: Ack, what: str, stop: Callable[[], bool]) -> None:
    """Wait for the operation of an ack, where it has one."""
    if ack.operation_id is not None:
        operation = rest.find(ack.operation_id)
        if operation is not None:  # Google forgets old operations.
            rest.settled(operation, what, within_s=None, stop=stop)


def ensure(rest: Rest, token: str, levels: Iterable[Sequence[Part]], stop: Callable[[], bool]) -> None:
    """Make the parts that are missing; those of one level at the same time."""

    def made(part: Part) -> None:
        if rest.find(rest.path(part.scope, part.collection, part.name)) is None:
            _made(rest, token, part, stop)

    for level in levels:
        each(made, level)


def _made(rest: Rest, token: str, part: Part, stop: Callable[[], bool]) -> None:
    path = rest.path(part.scope, part.collection)
    for attempt in range(PATIENCE):
        try:
            again = request_id(token, f"{part.scope}/{part.collection}/{part.name}/{attempt}")
            operation = rest.insert(path, part.body, again)
            rest.settled(operation, f"make {part.name}", within_s=None, stop=stop)
        except errors.TransientError:
            if attempt == PATIENCE - 1:
                raise
            _rest_a_while(attempt, stop)
        except errors.Conflict:
            if rest.find(f"{path}/{part.name}") is None:
                raise
            return
        else:
            return


def remove(rest: Rest, token: str, levels: Iterable[Sequence[str]], stop: Callable[[], bool]) -> None:
    """Remove the objects at these paths, where they are there; those of one level at the same time."""

    def gone(path: str) -> None:
        for attempt in range(PATIENCE):
            try:
                operation = rest.send("DELETE", path, request_id=request_id(token, f"{path}/{attempt}"))
                rest.settled(operation, f"delete {last(path)}", within_s=None, stop=stop)
            except errors.AlreadyGone:
                return
            except (errors.Conflict, errors.TransientError):
                if attempt == PATIENCE - 1:
                    raise
                _rest_a_while(attempt, stop)
            else:
                return

    for level in levels:
        each(gone, level)


def each(act: Callable[[Any], None], level: Sequence[Any]) -> None:
    """Do it to all; the first problem is raised once all have ended."""
    if not level:
        return
    with ThreadPoolExecutor(min(AT_ONCE, len(level))) as pool:
        for future in [pool.submit(act, one) for one in level]:
            future.result()


def _rest_a_while(attempt: int, stop: Callable[[], bool]) -> None:
    pause(0.2 * 2**attempt, stop)
