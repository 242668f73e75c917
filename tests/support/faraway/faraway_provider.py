"""The provider ``faraway``: a cloud in another process, reached over HTTP; see ``cloud_server``.

Its folder on ``sys.path`` is all that installs it.
"""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from dcplan.diag import Result
from dcplan.provider.errors import (
    AlreadyGone,
    Ambiguous,
    Cancelled,
    CapacityUnavailable,
    Conflict,
    Denied,
    Invalid,
    NotReady,
    Throttled,
)
from dcplan.provider.local import LocalProvider, LocalWorld, load_inventory
from dcplan.provider.local.kinds import KINDS as LOCAL_KINDS
from dcplan.provider.lowering import lower
from dcplan.provider.protocol import API_VERSION
from dcplan.provider.types import (
    Ack,
    Found,
    Idempotency,
    OfferingQuery,
    Placement,
    ProviderInfo,
    Refreshed,
    Request,
)
from dcplan.resources import Action, Address

if TYPE_CHECKING:
    from dcplan.catalog.site import ZoneSite
    from dcplan.catalog.types import Machine, Offering
    from dcplan.provider.protocol import Provider
    from dcplan.resources import JsonValue, Resource

NAME = "faraway"
WINDOW_S = 0.4
"""How long a new object may stay invisible; the server's weather must keep to it."""
PAGE = 1000
"""Objects of one list call."""
_POLL_S = 0.02
_CALL_S = 30.0

_HOW = {
    "machine": Idempotency.TOKEN,
    "job": Idempotency.TOKEN,
    "replica": Idempotency.TAG,
    "endpoint": Idempotency.NAME,
}
KINDS = {
    name: replace(
        kind,
        idempotency=_HOW[name],
        token_ttl_s=3600.0 if _HOW[name] is Idempotency.TOKEN else 0.0,
        consistency_window_s=WINDOW_S,
    )
    for name, kind in LOCAL_KINDS.items()
}
_REFUSALS = {
    "no-capacity": CapacityUnavailable,
    "conflict": Conflict,
    "permission-denied": Denied,
    "request-refused": Invalid,
    "object-gone": AlreadyGone,
}


def provider(settings: Mapping[str, object], root: Path) -> Result[Provider]:
    """The cloud at ``endpoint``, with the machines and prices of the inventory file ``datacenter``."""
    read = load_inventory(root / str(settings["datacenter"]))
    if read.value is None:
        return Result(None, read.diagnostics)
    # Only its papers are used: no such file is ever made.
    papers = LocalProvider(read.value, LocalWorld(root / "no-such-world"))
    return Result(Faraway(str(settings["endpoint"]), papers), read.diagnostics)


class Faraway:
    """Acts and looks over HTTP; describes from an inventory."""

    def __init__(self, endpoint: str, papers: LocalProvider) -> None:
        self._where = urlsplit(endpoint)
        self._papers = papers
        self._mine = threading.local()
        self.info = ProviderInfo(name=NAME, api_version=API_VERSION, kinds=KINDS)

    def machines(self) -> Result[tuple[Machine, ...]]:
        """Those of the inventory."""
        return Result(tuple(replace(m, provider=NAME) for m in self._papers.machines().unwrap()))

    def offerings(self, query: OfferingQuery) -> Result[tuple[Offering, ...]]:
        """Those of the inventory."""
        return Result(tuple(replace(o, provider=NAME) for o in self._papers.offerings(query).unwrap()))

    def site(self) -> Result[tuple[ZoneSite, ...]]:
        """This cloud does not tell."""
        return Result(())

    def resources_for(self, placement: Placement) -> Result[tuple[Resource, ...]]:
        """Machines, and what runs on them."""
        return Result(lower(placement, provider=NAME, machine_kind="machine", kinds=KINDS))

    def begin(self, request: Request) -> Ack:
        """One mutating call."""
        ask = {
            "kind": request.address.kind,
            "name": request.address.name,
            "lineage": request.lineage,
            "token": request.token,
            "attributes": dict(request.attributes),
            "needs": [str(outputs.get("id")) for outputs in request.needs.values()],
            "pid": os.getpid(),
        }
        path = f"/objects/{request.object_id}"
        match request.action:
            case Action.CREATE:
                answer = self._call("POST", "/objects", ask)
            case Action.UPDATE:
                answer = self._call("PATCH", path, ask)
            case _:
                answer = self._call("DELETE", path, ask)
        return Ack(object_id=answer["id"])

    def wait(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> Mapping[str, JsonValue]:
        """Look until it is ready or gone."""
        until_s = time.monotonic() + WINDOW_S
        while True:
            try:
                shown = self._call("GET", f"/objects/{ack.object_id}")
            except AlreadyGone:
                if request.action is Action.DELETE:
                    return {}
                if time.monotonic() > until_s:
                    raise
            else:
                if shown["ready"] and request.action is not Action.DELETE:
                    return dict(shown["outputs"])
            if stop():
                raise Cancelled(f"Stopped waiting for {request.address}.")
            time.sleep(_POLL_S)

    def lookup(self, request: Request) -> tuple[Found, ...]:
        """What a create may have made: by its token, or by owner and name; else the object with the id."""
        if request.action is not Action.CREATE:
            try:
                return (_found(self._call("GET", f"/objects/{request.object_id}")),)
            except AlreadyGone:
                return ()
        if _HOW[request.address.kind] is Idempotency.TOKEN:
            return tuple(_found(one) for one in self._listed(token=request.token))
        listed = self._listed(lineage=request.lineage, kind=request.address.kind, name=request.address.name)
        return tuple(_found(one) for one in listed if not one["deleting"])

    def refresh(self, resources: Sequence[Resource]) -> Refreshed:
        """All objects of these owners, a page at a time, instead of one by one."""
        ids = {r.address: str(r.outputs.get("id")) for r in resources}
        pages = list(self._pages())
        there = {one["id"]: _found(one) for page in pages for one in page if not one["deleting"]}
        return Refreshed(found={a: there.get(i) for a, i in ids.items()}, calls=len(pages))

    def owned(self, lineage: str) -> tuple[Found, ...]:
        """Every object of this owner."""
        return tuple(_found(one) for one in self._listed(lineage=lineage))

    def _page(self, after: str, **wanted: str) -> list[dict[str, Any]]:
        """One page of a list, asked for again when it does not come: looking does no harm."""
        for _ in range(7):
            try:
                page: list[dict[str, Any]] = self._call(
                    "GET", f"/objects?{urlencode({**wanted, 'after': after, 'limit': PAGE})}"
                )
            except (Ambiguous, Throttled):
                time.sleep(_POLL_S)
            else:
                return page
        return list(self._call("GET", f"/objects?{urlencode({**wanted, 'after': after, 'limit': PAGE})}"))

    def _pages(self, **wanted: str) -> Iterator[list[dict[str, Any]]]:
        """All pages of a list, one after the other: where a page begins, the one before tells."""
        after = ""
        while True:
            page = self._page(after, **wanted)
            yield page
            if len(page) < PAGE:
                return
            after = page[-1]["id"]

    def _listed(self, **wanted: str) -> list[dict[str, Any]]:
        return [one for page in self._pages(**wanted) for one in page]

    def _call(self, method: str, path: str, ask: Mapping[str, Any] | None = None) -> Any:
        """One exchange; what is not a clear yes or no is Ambiguous."""
        connection = getattr(self._mine, "connection", None)
        if connection is None:
            host, port = self._where.hostname or "", self._where.port
            self._mine.connection = connection = http.client.HTTPConnection(host, port, timeout=_CALL_S)
        try:
            connection.request(method, path, None if ask is None else json.dumps(ask))
            answer = connection.getresponse()
            status, body = answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as e:
            connection.close()
            raise Ambiguous(f"{method} {path}: {type(e).__name__}.") from e
        return body if status < http.HTTPStatus.BAD_REQUEST else _refuse(status, body)


def _refuse(status: int, body: Mapping[str, Any]) -> None:
    """Raise what an answer that is no yes means."""
    if status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Ambiguous(f"{status}: {body['detail']}")
    if body["code"] == "throttled":
        raise Throttled(body["detail"], retry_after_s=body["retry_after_s"])
    if body["code"] == "not-ready":
        raise NotReady(body["detail"], retry_after_s=body["retry_after_s"])
    raise _REFUSALS[body["code"]](body["detail"])


def _found(shown: Mapping[str, Any]) -> Found:
    """An object as the core knows it."""
    return Found(
        object_id=shown["id"],
        address=Address(NAME, shown["kind"], shown["name"]),
        ready=shown["ready"],
        attributes=shown["attributes"],
        outputs=shown["outputs"],
        token=shown["token"],
        lineage=shown["lineage"],
    )
