"""What Google Cloud tells of itself, judged by its own descriptions: prices, machine types, quotas, advice.

A program: prints its port, serves until its standard input ends.  ``POST /-/prices`` sets what it answers, as
JSON: ``machine_types`` (by zone), ``skus`` (by service), ``quotas`` (by region; of the project under an empty
name), ``accelerators`` (names, by zone), ``odds`` and ``history`` (answers, by ``region/machine type``),
``denied`` (ids of methods), ``silent`` (zones), ``page`` (of either list).  ``GET /-/prices`` tells what was
asked, and what broke a description.
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
    "cloudbilling.v1": ("cloudbilling.services.skus.list",),
    "compute.v1": (
        "compute.machineTypes.aggregatedList",
        "compute.acceleratorTypes.aggregatedList",
        "compute.regions.list",
        "compute.projects.get",
        "compute.advice.capacity",
        "compute.advice.capacityHistory",
    ),
}
"""Descriptions, and the methods of each that are served."""
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
            return self._served(verb, parts.path, dict(parse_qsl(parts.query)), body)
        except Misused as problem:
            self.violations.append(f"{verb} {url}: {problem}")
            return 400, _error(400, "INVALID_ARGUMENT", str(problem))

    def _served(self, verb: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        api, method, found = self._match(verb, path)
        self.asked.append(method.id)
        if method.id in self.book.get("denied", ()):
            return 403, _error(403, "PERMISSION_DENIED", f"Permission denied on {method.id}")
        described(api).check_query(method, query)
        if body is not None:
            described(api).check_body(method, "request", body)
        told = self._told(method.id, found, query, body)
        described(api).check_body(method, "response", told)
        return 200, told

    @staticmethod
    def _match(verb: str, path: str) -> tuple[str, Method, dict[str, str]]:
        for api, wanted in APIS.items():
            for method in described(api).methods:
                found = method.route.fullmatch(path)
                if method.id in wanted and method.verb == verb and found:
                    return api, method, found.groupdict()
        raise Misused(f"no method {verb} {path}")

    def _told(self, method: str, found: dict[str, str], query: dict[str, str], body: Any) -> Any:
        answers = {
            "cloudbilling.services.skus.list": lambda: self._skus(found, query),
            "compute.machineTypes.aggregatedList": lambda: self._types(query),
            "compute.acceleratorTypes.aggregatedList": self._chips,
            "compute.regions.list": self._regions,
            "compute.projects.get": lambda: {"name": found["project"], "quotas": self._quotas().get("", [])},
            "compute.advice.capacity": lambda: self._odds(found["region"], body),
            "compute.advice.capacityHistory": lambda: self._history(found["region"], body),
        }
        return answers[method]()

    def _chips(self) -> Any:
        items = {
            f"zones/{zone}": {"acceleratorTypes": [{"name": name} for name in names]}
            for zone, names in self.book.get("accelerators", {}).items()
        }
        return {"id": "list", "items": items}

    def _quotas(self) -> dict[str, Any]:
        return dict(self.book.get("quotas", {}))

    def _regions(self) -> Any:
        named = [{"name": name, "quotas": rows} for name, rows in self._quotas().items() if name]
        return {"id": "list", "items": named}

    def _odds(self, region: str, body: Any) -> Any:
        (one,) = body["instanceFlexibilityPolicy"]["instanceSelections"].values()
        return self._of("odds", f"{region}/{one['machineTypes'][0]}")

    def _of(self, key: str, name: str) -> Any:
        """What the book has under a name, or for everything (``*``)."""
        held = self.book.get(key, {})
        return held.get(name, held.get("*", {}))

    def _history(self, region: str, body: Any) -> Any:
        machine = body["instanceProperties"]["machineType"]
        return self._of("history", f"{region}/{machine}")

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
