"""Serve Google Cloud (Compute Engine, TPUs, buckets, prices) on a free port, judged by its own description.

Prints the address, and ends when the input ends.  With ``--variables`` it prints what to export instead, and
serves until it is interrupted.  Faults and settings come by ``/_control``:

    POST /_control/faults    a list of faults, see ``world.Fault``      DELETE  none any more
    POST /_control/weather   how long things take, see ``world.Weather``
    POST /_control/reset     an empty cloud
    POST /_control/clusters  clusters of Kubernetes, as if somebody had made them: ``location`` and ``name``
    POST /_control/objects   objects in buckets, as if somebody had written them: ``bucket`` and ``name``
    GET  /_control           what was asked, what broke the description, what is there
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import threading
import time
from dataclasses import asdict, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))  # for ``gcs_discovery``

from clouds.gcp.billing import Billing
from clouds.gcp.buckets import Storage
from clouds.gcp.compute import Compute
from clouds.gcp.container import Container
from clouds.gcp.judge import Judge, Method
from clouds.gcp.price_list import sold
from clouds.gcp.tpu import Tpu
from clouds.gcp.world import Fault, LostError, RefusedError, World
from gcs_discovery import Misused

TOLD = re.compile(r"^/v1/services/|/advice/|/aggregated/acceleratorTypes$|/projects/[^/]+(/regions)?$")
"""Paths of what Google says of itself."""


class Cloud:
    """The APIs behind one address."""

    def __init__(self) -> None:
        self.world = World()
        self.judge = Judge("compute.v1", "tpu.v2", "storage.v1", "container.v1")
        self._storage = Storage(self.world, self.judge)
        self._container = Container(self.world, self.judge)
        self._told = Billing()
        """Prices, quotas and advice, made up when somebody asks."""
        self._apis: dict[str, Any] = {
            "compute": Compute(self.world, self.judge),
            "tpu": Tpu(self.world, self.judge),
            "storage": self._storage,
            "container": self._container,
        }

    def answer(self, verb: str, url: str, body: Any, root: str) -> tuple[int, Any]:
        """Status and body of the answer; raises ``LostError`` when there is to be none."""
        parts = urlsplit(url)
        if parts.path.startswith("/_control"):
            return 200, self._control(verb, parts.path, body)
        time.sleep(self.world.weather.latency_s)
        try:
            return 200, self._served(verb, parts.path, parts.query, body, root)
        except RefusedError as problem:
            return problem.status, problem.body
        except Misused as problem:
            self.world.violations.append(f"{verb} {parts.path}: {problem}")
            return 400, RefusedError(400, "invalid", str(problem), says="INVALID_ARGUMENT").body

    def _served(self, verb: str, path: str, asked: str, body: Any, root: str) -> Any:
        query = dict(parse_qsl(asked, keep_blank_values=True, strict_parsing=bool(asked)))
        if TOLD.search(path):
            return self._said(verb, path, asked, body)
        method, _ = self.judge.match(verb, path)
        self.world.seen.append(f"{method.id} {path}")
        struck = self.world.struck(method.id, path, ("http", "before", "after", "slow", "alter"))
        for fault in struck:
            time.sleep(fault.seconds)
            if fault.mode == "before":
                raise LostError
            if fault.mode == "http":
                raise RefusedError(fault.status, fault.reason, fault.message)
        self.judge.check_query(method, query)
        self.judge.check_body(method, body)
        told = self._apis[method.api].serve(method, path, query, body, root)
        self._check_answer(method, told)
        if any(fault.mode == "after" for fault in struck):
            raise LostError
        for fault in struck:
            if fault.mode == "alter":
                told = json.loads(json.dumps(told).replace(fault.old, fault.new))
        return told

    def _said(self, verb: str, path: str, asked: str, body: Any) -> Any:
        """What Google says of itself, to ``dcplan catalog refresh``."""
        if not self._told.book:
            self._told.book = sold()
        before = len(self._told.asked)
        status, told = self._told.answer(verb, f"{path}?{asked}", body)
        self.world.seen += [f"{method} {path}" for method in self._told.asked[before:]]
        if status != HTTPStatus.OK:
            raise Misused(told["error"]["message"])
        return told

    def _check_answer(self, method: Method, told: Any) -> None:
        if told is None and "response" not in method.about:
            return
        try:
            self.judge.check_answer(method, told)
        except Misused as problem:
            self.world.violations.append(f"answer of {method.id}: {problem}")

    def _control(self, verb: str, path: str, body: Any) -> Any:
        world = self.world
        with world.lock:
            if path.endswith("/reset"):
                world.reset()
            elif path.endswith("/faults"):
                world.faults = [] if verb == "DELETE" else [*world.faults, *(Fault(**one) for one in body)]
            elif path.endswith("/weather"):
                world.weather = replace(world.weather, **body)
            elif path.endswith("/clusters"):
                for one in body:
                    self._container.put(**one)
            elif path.endswith("/objects"):
                for one in body:
                    self._storage.put(one["bucket"], one["name"])
            world.sweep()
            return {
                "seen": world.seen,
                "violations": world.violations,
                "weather": asdict(world.weather),
                "things": {key.path: thing.body for key, thing in world.things.items()},
                "buckets": {name: bucket.body for name, bucket in world.buckets.items()},
            }


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    cloud: Cloud

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""

    def do_GET(self) -> None:
        """Any request."""
        length = int(self.headers.get("Content-Length", 0))
        raw = self.rfile.read(length)
        if len(raw) < length:
            self.close_connection = True  # Who asked is gone: only half of it came.
            return
        root = f"http://{self.headers['Host']}"
        try:
            status, told = self.cloud.answer(self.command, self.path, json.loads(raw) if raw else None, root)
        except LostError:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        content = b"" if told is None else json.dumps(told).encode()
        self.send_response(204 if told is None else status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the names of the base


class Server(ThreadingHTTPServer):
    """Takes many connections at once."""

    request_queue_size = 256
    daemon_threads = True


def main() -> None:
    """Serve on a free port of this machine."""
    handler = type("OfThisCloud", (Handler,), {"cloud": Cloud()})
    server = Server(("127.0.0.1", int(os.environ.get("PORT", "0"))), handler)
    address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    if "--variables" in sys.argv:
        print("export GOOGLE_CLOUD_PROJECT=example")  # noqa: T201 - for people
        print(f"export DCPLAN_GCP_ENDPOINT={address}", flush=True)  # noqa: T201 - as above
        threading.Event().wait()
    print(address, flush=True)  # noqa: T201 - its way to tell who started it
    sys.stdin.read()


if __name__ == "__main__":
    main()
