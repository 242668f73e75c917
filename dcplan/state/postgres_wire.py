"""Connections to PostgreSQL that may hang: a time for each use, and a look before the next."""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg import Connection


@contextmanager
def bounded(connection: Connection[Any], limit_s: float) -> Iterator[None]:
    """Cut the wire when the body takes longer, so that who waits for the server gets an error.

    The server ends long statements itself; this is for one that was stopped, or lost behind a dead network.
    """
    over, held = False, threading.Lock()

    def cut() -> None:
        with held, suppress(Exception):
            if not over:
                with socket.socket(fileno=os.dup(connection.fileno())) as wire:
                    wire.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(limit_s, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        with held:
            over = True


def is_alive(connection: Connection[Any]) -> bool:
    """Whether an idle connection still has its server: one that says something unasked says goodbye."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    return not poll.poll(0)
