"""Google's billing catalogue and lists of machine types, judged by Google's own descriptions of these APIs.

A program: prints its port, serves until its standard input ends.  ``POST /-/prices`` sets what it answers, as
JSON: ``machine_types`` (by zone), ``skus`` (by service), ``denied`` (ids of methods), ``silent`` (zones),
``page`` (of either list).  ``GET /-/prices`` tells what was asked, and what broke a description.
"""

from __future__ import annotations

import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))

from gcs_discovery import Method, Misused, described

APIS = {
    "cloudbilling.v1": "cloudbilling.services.skus.list",
    "compute.v1": "compute.machineTypes.aggregatedList",
}
"""Descriptions, and the one method of each that is served."""
NAME_FILTER = re.compile(r'name eq "(.*)"')


class Billing:
    """The two lists; ``answer`` is safe for threads, because nothing but ``/-/prices`` writes."""

    def __init__(self) -> None:
        self.book: dict[str, Any] = {}
        self.asked: list[str] = []
        self.violations: list[str] = []

    def answer(self, verb: str, url: str, body: Any) -> tuple[int, Any]:
        """Status and body."""
        parts = urlsplit(url)
        if parts.path == "/-/prices":
            if verb == "POST":
                self.book, self.asked, self.violations = body, [], []
            return 200, {"asked": self.asked, "violations": self.violations}
        try:
            return self._served(verb, parts.path, dict(parse_qsl(parts.query)))
        except Misused as problem:
            self.violations.append(f"{verb} {url}: {problem}")
            return 400, _error(400, "INVALID_ARGUMENT", str(problem))

    def _served(self, verb: str, path: str, query: dict[str, str]) -> tuple[int, Any]:
        api, method, found = self._match(verb, path)
        self.asked.append(method.id)
        if method.id in self.book.get("denied", ()):
            return 403, _error(403, "PERMISSION_DENIED", f"Permission denied on {method.id}")
        described(api).check_query(method, query)
        told = self._skus(found, query) if api == "cloudbilling.v1" else self._types(query)
        described(api).check_body(method, "response", told)
        return 200, told

    @staticmethod
    def _match(verb: str, path: str) -> tuple[str, Method, dict[str, str]]:
        for api, wanted in APIS.items():
            for method in described(api).methods:
                found = method.route.fullmatch(path)
                if method.id == wanted and method.verb == verb and found:
                    return api, method, found.groupdict()
        raise Misused(f"no method {verb} {path}")

    def _skus(self, found: dict[str, str], query: dict[str, str]) -> Any:
        service = found["parent"].removeprefix("services/")
        skus, token = self._page(self.book.get("skus", {}).get(service, []), query)
        return {"skus": skus, "nextPageToken": token}

    def _types(self, query: dict[str, str]) -> Any:
        wanted = NAME_FILTER.fullmatch(query.get("filter", ""))
        rows = [
            (zone, entry)
            for zone, entries in self.book.get("machine_types", {}).items()
            for entry in entries
            if wanted is None or re.fullmatch(wanted[1], entry["name"])
        ]
        shown, token = self._page(rows, query)
        items: dict[str, Any] = {}
        for zone, entry in shown:
            items.setdefault(f"zones/{zone}", {"machineTypes": []})["machineTypes"].append(entry)
        for zone in self.book.get("silent", ()):
            items[f"zones/{zone}"] = {"warning": {"code": "UNREACHABLE", "message": "Zone does not answer."}}
        answer = {"kind": "compute#machineTypeAggregatedList", "id": "list", "items": items}
        return {**answer, "nextPageToken": token} if token else answer

    def _page(self, rows: list[Any], query: dict[str, str]) -> tuple[list[Any], str]:
        first, size = int(query.get("pageToken") or 0), self.book.get("page", 500)
        return rows[first : first + size], str(first + size) if first + size < len(rows) else ""


def _error(status: int, code: str, message: str) -> Any:
    return {"error": {"code": status, "status": code, "message": message}}


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    billing: Billing

    def do_GET(self) -> None:
        """Ask."""
        size = int(self.headers.get("Content-Length") or 0)
        sent = self.rfile.read(size)
        status, told = self.billing.answer(self.command, self.path, json.loads(sent) if sent else None)
        data = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_GET  # noqa: N815 - the name of the base

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


def main() -> None:
    """Serve on a free port of this machine."""
    handler = type("_Handler", (Handler,), {"billing": Billing()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)  # noqa: T201 - its way to tell who started it
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    main()
