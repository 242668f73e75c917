"""A wire that fails: a proxy on this machine that loses requests and answers, and delays them.

It knows nothing of what is spoken, but one thing: HTTP's "100 Continue" is no answer yet.
"""

from __future__ import annotations

import re
import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto

VERBS = (b"GET", b"PUT", b"POST", b"DELETE", b"HEAD")
CONTINUE = re.compile(rb"(HTTP/1\.1 100 [^\r]*\r\n\r\n)+")
TICK_S = 0.02


class Wire(Enum):
    """What the wire does with what is sent over it."""

    WHOLE = auto()
    LOSES_REQUESTS = auto()
    """The server never hears of it: the connection is reset."""
    LOSES_ANSWERS = auto()
    """The server has acted; the connection is reset before its answer is through."""
    HOLDS_ANSWERS = auto()
    """The server has acted; its answer waits until the wire is whole again."""
    CUT = auto()
    """No connection is taken, and those that are there break."""


@dataclass(slots=True)
class FaultProxy:
    """Where it listens, what it does, and what it has seen."""

    port: int
    server_port: int
    wire: Wire = Wire.WHOLE
    times: int = 0
    """How many faults are left before the wire is whole again; 0 for all that come."""
    seen: list[str] = field(default_factory=list)
    """The verbs of HTTP's requests, lost ones too."""
    over: threading.Event = field(default_factory=threading.Event)

    def fail(self, wire: Wire, *, times: int = 0) -> None:
        """From now on, so often."""
        self.wire, self.times = wire, times

    def mend(self) -> None:
        """The wire is whole again."""
        self.fail(Wire.WHOLE)

    def serve(self, listener: socket.socket) -> None:
        """Take connections until the listener is closed."""
        threads = []
        while not self.over.is_set():
            with suppress(TimeoutError):
                client, _ = listener.accept()
                client.settimeout(None)
                thread = threading.Thread(target=self._connection, args=(client,))
                thread.start()
                threads.append(thread)
        for thread in threads:
            thread.join()

    def _connection(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            if self.wire is Wire.CUT:
                self._fire(client)
                return
            with socket.create_connection(("127.0.0.1", self.server_port)) as server:
                for side in (client, server):
                    side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                back = threading.Thread(target=self._pump, args=(server, client, False))
                back.start()
                self._pump(client, server, True)
                back.join()

    def _pump(self, source: socket.socket, sink: socket.socket, asks: bool) -> None:
        """Carry what comes until one side ends; what goes to the server ``asks``."""
        with suppress(OSError):
            while not self.over.is_set():
                if not select.select([source], [], [], TICK_S)[0]:
                    if self.wire is Wire.CUT:
                        break
                    continue
                chunk = source.recv(1 << 16)
                if not chunk:
                    break
                if not (self._asked(chunk) if asks else self._answered(chunk)):
                    self._fire(source)
                    self._fire(sink)
                    return
                sink.sendall(chunk)
        for side in (source, sink):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)

    def _asked(self, chunk: bytes) -> bool:
        """Whether a request goes through."""
        verb = chunk.split(b" ", 1)[0]
        if verb in VERBS:
            self.seen.append(verb.decode())
        if self.wire not in (Wire.LOSES_REQUESTS, Wire.CUT):
            return True
        self._used()
        return False

    def _answered(self, chunk: bytes) -> bool:
        """Whether an answer goes through."""
        if CONTINUE.fullmatch(chunk):
            return True
        while self.wire is Wire.HOLDS_ANSWERS and not self.over.wait(TICK_S):
            pass
        if self.wire not in (Wire.LOSES_ANSWERS, Wire.CUT):
            return True
        self._used()
        return False

    def _used(self) -> None:
        if self.times:
            self.times -= 1
            if not self.times:
                self.wire = Wire.WHOLE

    @staticmethod
    def _fire(side: socket.socket) -> None:
        """Reset a connection: the other side learns at once that it is gone."""
        with suppress(OSError):
            side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            side.shutdown(socket.SHUT_RDWR)


@contextmanager
def fault_proxy(server_port: int) -> Iterator[FaultProxy]:
    """A proxy in front of a server of this machine, on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TICK_S)
        proxy = FaultProxy(listener.getsockname()[1], server_port)
        thread = threading.Thread(target=proxy.serve, args=(listener,))
        thread.start()
        try:
            yield proxy
        finally:
            proxy.over.set()
            thread.join()
