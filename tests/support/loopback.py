"""HTTP servers on this machine that live as long as a ``with``."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType

NOTHING: Mapping[str, str] = MappingProxyType({})


class Handler(BaseHTTPRequestHandler):
    """One connection, kept open; a subclass answers with ``serve``, whatever the verb."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # An answer goes out whole.
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""

    def do_GET(self) -> None:
        """As all verbs."""
        self.serve()

    do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - the names of the base

    def serve(self) -> None:
        """Take one request, and ``reply`` to it."""
        raise NotImplementedError

    def body(self) -> bytes:
        """What was sent."""
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def reply(self, status: int, body: bytes, headers: Mapping[str, str] = NOTHING) -> None:
        """Answer; 204 has no body."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def on_loopback(handler: type[Handler]) -> Iterator[int]:
    """The port of a server whose connections are such handlers, each in a thread."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
