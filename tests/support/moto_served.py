"""Serve moto behind layers of ours on a free port of this machine."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def moto() -> App:
    """All of its services, none of which is there yet; takes seconds, and reads the environment."""
    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415 - slow
        DomainDispatcherApplication,
        create_backend_app,
    )

    app: App = DomainDispatcherApplication(create_backend_app)
    return app


def started(app: App) -> int:
    """The port of a server that keeps connections, keeps quiet, and ends with this process."""
    from moto.moto_server.werkzeug_app import MotoRequestHandler  # noqa: PLC0415 - slow
    from werkzeug.serving import make_server  # noqa: PLC0415 - as above

    class Handler(MotoRequestHandler):
        """Each answer goes out at once."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log(self, *_args: object) -> None: ...

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return int(server.server_port)


def serve(app: App) -> None:
    """Print the port, and serve until standard input ends."""
    print(started(app), flush=True)  # noqa: T201 - its way to tell who started it
    sys.stdin.read()
