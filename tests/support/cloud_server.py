"""The cloud of ``cloud_world`` as a process of its own: HTTP on the loopback, and all that goes wrong there.

A script: prints its port, serves until its standard input ends.  Objects are under ``/objects``;
``/admin`` is for tests: ``weather`` sets what goes wrong, ``kill`` lets a caller die at a call,
``books`` shows everything.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cloud_world import CloudWorld, RefusedError

CALM: dict[str, float] = {
    "latency_s": 0.0,
    "each_call_s": 0.0,
    "ready_after_s": 0.0,
    "delete_takes_s": 0.0,
    "seen_after_s": 0.0,
    "throttled": 0.0,
    "lost_before": 0.0,
    "lost_after": 0.0,
    "error_before": 0.0,
    "error_after": 0.0,
    "stock_out": 0.0,
    "hang_s": 0.0,
    "most_in_a_row": 0.0,
}
"""``latency_s`` and what takes, or is seen, after some seconds: the most that is drawn; ``each_call_s``,
``hang_s``, ``ready_after_s``: exactly that.  ``most_in_a_row``: so many mutating calls about one object are
lost before the deed one after the other, no more; 0 is any number.  The others are shares of calls."""


class LostError(Exception):
    """The connection ends without an answer."""


@dataclass(slots=True)
class Trap:
    """Kills the caller at its n-th mutating call, before it is done or after."""

    left: int
    after: bool


@dataclass(slots=True)
class Cloud:
    """What all connections share."""

    world: CloudWorld
    weather: dict[str, float] = field(default_factory=lambda: dict(CALM))
    trap: Trap | None = None
    killed: int = 0
    calls: int = 0
    lost: Counter[tuple[str, ...]] = field(default_factory=Counter)
    """Mutating calls lost before the deed, one after the other, of each object."""
    chance: random.Random = field(default_factory=random.Random)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def strikes(self, what: str) -> bool:
        """Whether this goes wrong this time."""
        with self.lock:
            return self.chance.random() < self.weather[what]

    def drawn_s(self, what: str) -> float:
        """Some seconds, up to what the weather says."""
        with self.lock:
            return self.chance.uniform(0.0, self.weather[what])

    def sprung(self, pid: int, *, after: bool) -> None:
        """Kill the caller if this is the call that a test waits for."""
        with self.lock:
            trap = self.trap
            if trap is None:
                return
            if not after:
                trap.left -= 1
            if trap.left > 0 or trap.after != after:
                return
            self.trap = None
        # The caller named itself, is a child of the same test, and waits for this answer.
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.killed += 1


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    cloud: Cloud

    def do_GET(self) -> None:
        """Read one object, or list some."""
        self._serve(mutating=False)

    def do_POST(self) -> None:
        """Create."""
        self._serve(mutating=True)

    def do_PATCH(self) -> None:
        """Update."""
        self._serve(mutating=True)

    def do_DELETE(self) -> None:
        """Delete."""
        self._serve(mutating=True)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's signature
        """The books say more."""

    def _serve(self, *, mutating: bool) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        sent = self.rfile.read(length)
        if len(sent) < length:  # Its sender was killed in the middle of it.
            self.close_connection = True
            return
        ask = json.loads(sent) if sent else {}
        url = urlsplit(self.path)
        parts = url.path.strip("/").split("/")
        try:
            if parts[0] == "admin":
                status, body = 200, self._admin(parts[1], ask)
            else:
                status, body = self._weathered(parts, dict(parse_qsl(url.query)), ask, mutating=mutating)
        except RefusedError as no:
            status, body = no.status, no.body
        except LostError:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        data = json.dumps(body).encode()
        with contextlib.suppress(OSError):  # A caller that was killed reads no answer.
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    def _weathered(
        self, parts: list[str], query: dict[str, str], ask: dict[str, Any], *, mutating: bool
    ) -> tuple[int, Any]:
        """One call to the cloud, through whatever goes wrong today."""
        cloud = self.cloud
        with cloud.lock:
            cloud.calls += 1
        if mutating:
            cloud.sprung(ask["pid"], after=False)
        time.sleep(cloud.weather["each_call_s"] + cloud.drawn_s("latency_s"))
        if cloud.strikes("throttled"):
            raise RefusedError(429, "throttled", "Too many calls.", retry_after_s=0.02)
        if self._is_lost(parts, ask) if mutating else cloud.strikes("lost_before"):
            raise LostError
        if cloud.strikes("error_before"):
            raise RefusedError(500, "internal", "Something is wrong in the cloud.")
        if mutating and cloud.weather["hang_s"]:
            time.sleep(cloud.weather["hang_s"])
        status, body = self._act(parts, ask) if mutating else self._look(parts, query)
        if mutating:
            cloud.sprung(ask["pid"], after=True)
        if cloud.strikes("lost_after"):
            raise LostError
        if cloud.strikes("error_after"):
            raise RefusedError(500, "internal", "Something is wrong in the cloud.")
        return status, body

    def _is_lost(self, parts: list[str], ask: dict[str, Any]) -> bool:
        """Whether this mutating call never arrives."""
        cloud = self.cloud
        about = (self.command, *parts, str(ask.get("address")))
        most = int(cloud.weather["most_in_a_row"])
        lost = cloud.strikes("lost_before")
        with cloud.lock:
            lost = lost and not (most and cloud.lost[about] >= most)
            cloud.lost[about] = cloud.lost[about] + 1 if lost else 0
        return lost

    def _act(self, parts: list[str], ask: dict[str, Any]) -> tuple[int, Any]:
        cloud, world = self.cloud, self.cloud.world
        if self.command == "POST":
            if ask["kind"] == "machine" and cloud.strikes("stock_out"):
                raise RefusedError(409, "no-capacity", "No machine is free just now.")
            made = world.create(
                ask, ready_in_s=cloud.weather["ready_after_s"], seen_in_s=cloud.drawn_s("seen_after_s")
            )
            return 201, {"id": made}
        if self.command == "PATCH":
            return 200, {"id": world.update(parts[1], ask)}
        return 202, {"id": world.delete(parts[1], ask, gone_in_s=cloud.drawn_s("delete_takes_s"))}

    def _look(self, parts: list[str], query: dict[str, str]) -> tuple[int, Any]:
        world = self.cloud.world
        if len(parts) > 1:
            found = world.read(parts[1])
            if found is None:
                raise RefusedError(404, "object-gone", f"{parts[1]} does not exist.")
            return 200, found
        after, limit = query.pop("after", ""), int(query.pop("limit", "1000"))
        return 200, world.listed(query, after=after, limit=limit)

    def _admin(self, what: str, ask: dict[str, Any]) -> Any:
        cloud = self.cloud
        if what == "weather":
            cloud.weather = {**CALM, **{k: v for k, v in ask.items() if k in CALM}}
            if "seed" in ask:
                cloud.chance.seed(ask["seed"])
        elif what == "kill":
            cloud.trap = Trap(ask["at_call"], ask["after"]) if ask else None
        elif what == "ready":
            cloud.world.all_ready()
        return {**cloud.world.books(), "killed": cloud.killed, "requests": cloud.calls}


class Server(ThreadingHTTPServer):
    """Threads that do not outlive it."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers that were killed in mid-sentence are what this is for."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def main() -> None:
    """Serve until standard input ends, which it does when the test that started this does."""
    handler = type("_Handler", (Handler,), {"cloud": Cloud(CloudWorld(capacity=json.loads(sys.argv[1])))})
    with Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdout.write(f"{server.server_address[1]}\n")
        sys.stdout.flush()
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    main()
