"""moto's S3 over real connections: a program that prints its port and serves until its input ends.

moto compares and writes in two steps, and its server runs requests at the same time; S3 does both at once.
So requests go through one lock here, without which two conditional writes could both win.  Requests for the
bucket ``deaf`` lose their conditions: a server that ignores them, as some do.  A POST to ``/-/fill`` makes
many small objects at once.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from typing import Any

from moto_served import App, moto, serve

CONDITIONS = ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH")
ACCOUNT = "123456789012"

Environ = dict[str, Any]


def one_at_a_time(app: App) -> App:
    """The same server, atomic, and without ears for conditions in one bucket."""
    lock = threading.Lock()

    def served(environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/deaf/"):
            for name in CONDITIONS:
                environ.pop(name, None)
        if environ["PATH_INFO"] == "/-/fill":
            fill(**json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))))
            start("204 No Content", [])
            return [b""]
        with lock:
            return list(app(environ, start))

    return served


def fill(bucket: str, names: list[str]) -> None:
    """Put an object of one byte under each of the names."""
    from moto.s3.models import s3_backends  # noqa: PLC0415 - it takes seconds

    for name in names:
        s3_backends[ACCOUNT]["aws"].put_object(bucket, name, b"1")


if __name__ == "__main__":
    serve(one_at_a_time(moto()))
