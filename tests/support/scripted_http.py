"""A server that answers what it was told to, whatever it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from loopback import Handler, on_loopback


@dataclass(slots=True)
class Script:
    """The one answer, and the verbs of what was asked."""

    port: int
    status: int = 200
    body: bytes = b""
    asked: list[str] = field(default_factory=list)


@contextmanager
def scripted_http() -> Iterator[Script]:
    """A server on a free port of this machine."""

    class Scripted(Handler):
        def serve(self) -> None:
            self.body()
            script.asked.append(self.command)
            self.reply(script.status, script.body)

    with on_loopback(Scripted) as port:
        script = Script(port)
        yield script
