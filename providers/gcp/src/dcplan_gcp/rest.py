"""Compute Engine and Cloud TPU over plain REST: one call a method, and operations until they end.

The official package of the API takes two seconds to import, which every apply would pay.
A call that changes something is sent once; the core decides whether it goes again.
"""

from __future__ import annotations

import re
import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from dcplan.diag.log import log
from dcplan.provider import errors
from dcplan_gcp import answers
from dcplan_gcp.refusals import short
from dcplan_gcp.session import session_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from requests import Response, Session

GOOGLE, GOOGLE_TPU = "https://compute.googleapis.com", "https://tpu.googleapis.com"
GOOGLE_STORAGE = "https://storage.googleapis.com"
TPU_PATH = "/locations/"
"""What stands in paths of Cloud TPU alone."""

SCOPE = "https://www.googleapis.com/auth/cloud-platform"

TIMEOUTS_S = (10.0, 60.0)
"""How long to wait for a connection, and how long the service may be silent."""

READS = 3
"""How often a question is asked; questions change nothing."""

PAGE = 500
"""Objects on one page; more is not allowed."""

FIRST_LOOK_S, LONGEST_PAUSE_S, TICK_S = 0.05, 2.0, 0.2
"""Pauses between looks at an operation grow from the first to the longest; a stop is noticed after a tick."""


class Rest:
    """Calls of one project.  Errors: those of ``dcplan.provider.errors``, nothing else."""

    def __init__(self, project: str, endpoint: str | None = None) -> None:
        """``endpoint`` is the address of another server than Google's."""
        self.project = project
        self.root = (endpoint or GOOGLE).rstrip("/")
        self._tpu = (endpoint or GOOGLE_TPU).rstrip("/")
        self._storage = (endpoint or GOOGLE_STORAGE).rstrip("/")
        self.calls = 0
        self._session: Session | None = None
        self._opening = threading.Lock()

    # Paths are from ``projects`` on, as object ids are.

    def path(self, scope: str, collection: str, name: str = "") -> str:
        """``projects/p/zones/z/instances/n``."""
        return f"projects/{self.project}/{scope}/{collection}" + (f"/{name}" if name else "")

    def get(self, path: str) -> dict[str, Any]:
        """One object; ``AlreadyGone`` when there is none."""
        return self._answer("GET", path, {}, None)

    def ask(self, path: str, **query: str) -> dict[str, Any]:
        """A question with more to it than its path."""
        return self._answer("GET", path, query, None)

    def find(self, path: str) -> dict[str, Any] | None:
        """One object, or None."""
        try:
            return self.get(path)
        except errors.AlreadyGone:
            return None

    def send(
        self, verb: str, path: str, body: Any = None, *, request_id: str | None = None, **query: str
    ) -> dict[str, Any]:
        """One call that changes something; its operation."""
        if request_id is not None:
            query["requestId"] = request_id
        return self._answer(verb, path, query, body)

    def insert(self, path: str, body: Mapping[str, Any], request_id: str) -> dict[str, Any]:
        """A create.  What it names and is not there makes it ``Invalid``, not ``AlreadyGone``."""
        try:
            return self.send("POST", path, body, request_id=request_id)
        except errors.AlreadyGone as missing:
            raise errors.Invalid(missing.detail) from None

    def listed(self, path: str, wanted: str) -> list[dict[str, Any]]:
        """All pages of a list, as far as the filter ``wanted`` goes."""
        return [item for page in self._pages(path, wanted) for item in page.get("items", [])]

    def pages(self, path: str, collection: str) -> list[dict[str, Any]]:
        """All pages of a list of Cloud TPU, which knows no filters; none where the API is not switched on."""
        found, query = [], {"pageSize": str(PAGE)}
        while True:
            try:
                page = self._answer("GET", path, query, None)
            except errors.Denied as refused:
                if any(said in refused.detail for said in answers.SWITCHED_OFF):
                    return []
                raise
            found += page.get(collection, [])
            if not page.get("nextPageToken"):
                return found
            query["pageToken"] = page["nextPageToken"]

    def told(self, path: str, part: str) -> list[dict[str, Any]]:
        """All pages of a question that goes by POST, and changes nothing all the same."""
        found, query = [], {"maxResults": str(PAGE)}
        while True:
            page = self._answer("POST", path, query, None, changes=False)
            found += page.get(part, [])
            if not page.get("nextPageToken"):
                return found
            query["pageToken"] = page["nextPageToken"]

    def everywhere(self, collection: str, wanted: str) -> list[dict[str, Any]]:
        """All pages of an aggregated list: every zone or region.  ``NotReady`` where one does not answer."""
        found = []
        for page in self._pages(f"projects/{self.project}/aggregated/{collection}", wanted):
            for scope, held in page.get("items", {}).items():
                if held.get("warning", {}).get("code") == "UNREACHABLE":
                    raise errors.NotReady(f"Google Cloud cannot reach {scope} now.")
                found += held.get(collection, [])
        return found

    def _pages(self, path: str, wanted: str) -> Iterator[dict[str, Any]]:
        query = {"maxResults": str(PAGE), **({"filter": wanted} if wanted else {})}
        while True:
            page = self._answer("GET", path, query, None)
            yield page
            if not page.get("nextPageToken"):
                return
            query["pageToken"] = page["nextPageToken"]

    # Operations

    def settled(
        self, operation: Mapping[str, Any], what: str, *, within_s: float | None, stop: Callable[[], bool]
    ) -> bool:
        """Whether an operation is done; False when that is not known ``within_s``.  None waits for its end.

        Raises the error it ended with, or ``Cancelled`` once ``stop()``.
        """
        until_s = float("inf") if within_s is None else time.monotonic() + within_s
        pause_s = FIRST_LOOK_S
        while operation.get("status") != "DONE":
            if time.monotonic() >= until_s:
                return False
            pause(pause_s, stop)
            pause_s = min(pause_s * 1.6, LONGEST_PAUSE_S)
            try:
                operation = self.get(relative(operation["selfLink"]))
            except errors.ProviderError:
                if within_s is None:
                    raise
                return False  # What was begun goes on, whether anybody can see it or not.
        problem = answers.failure(operation, what)
        if problem is not None:
            raise problem
        return True

    # One call

    def _answer(
        self, verb: str, path: str, query: Mapping[str, str], body: Any, *, changes: bool | None = None
    ) -> dict[str, Any]:
        if not path.startswith("projects/") and not of_storage(path):
            raise errors.AlreadyGone(f"Nothing on Google Cloud is called {path}.")
        changes = verb != "GET" if changes is None else changes
        what = f"{verb} {path}"
        problem: errors.ProviderError = errors.NotReady(f"{what} was not asked.")
        for attempt in range(1 if changes else READS):
            if attempt:
                time.sleep(0.2 * 2**attempt)
            try:
                answer = self._sent(verb, path, query, body, changes=changes)
                if answer.status_code < HTTPStatus.MULTIPLE_CHOICES:
                    return dict(answer.json()) if answer.content else {}
                problem = answers.refusal(answer.status_code, _json(answer), what, changes=changes)
            except ValueError:
                problem = errors.Ambiguous(f"The answer of Google Cloud to {what} is no JSON.")
            except errors.TransientError as unheard:
                problem = unheard
            if isinstance(problem, errors.DefiniteError):
                break
        raise problem

    def _sent(self, verb: str, path: str, query: Mapping[str, str], body: Any, *, changes: bool) -> Response:
        from google.auth import exceptions as of  # noqa: PLC0415 - slow, and only a call needs it
        from requests import ConnectTimeout, RequestException  # noqa: PLC0415 - as above
        from urllib3.exceptions import NewConnectionError  # noqa: PLC0415 - as above

        url = self._url(path)
        try:
            session = self._opened()
            self.calls += 1
            began_s = time.monotonic()
            answer = session.request(
                verb, url, params=dict(query), json=body, timeout=TIMEOUTS_S, allow_redirects=False
            )
        except (of.DefaultCredentialsError, of.RefreshError, of.MalformedError) as problem:
            raise errors.Denied(answers.without_credentials(problem)) from None
        except (RequestException, of.GoogleAuthError) as problem:
            said = f"No answer came to {verb} {path}: {short(problem)}."
            unsent = isinstance(problem, (ConnectTimeout, of.GoogleAuthError)) or _within(
                problem, NewConnectionError
            )
            if unsent or not changes:
                raise errors.NotReady(said) from None
            raise errors.Ambiguous(said) from None
        log(
            "debug" if changes else "trace",
            "gcp",
            f"{verb} {path}",
            request_id=query.get("requestId"),
            status=answer.status_code,
            duration_s=time.monotonic() - began_s,
        )
        return answer

    def _url(self, path: str) -> str:
        if of_storage(path):
            return f"{self._storage}/storage/v1/{path}"
        return f"{self._tpu}/v2/{path}" if TPU_PATH in path else f"{self.root}/compute/v1/{path}"

    def _opened(self) -> Session:
        with self._opening:
            if self._session is None:
                self._session = session_for(self.root, SCOPE, ours=True)
            return self._session


def of_storage(path: str) -> bool:
    """Whether a path is one of Cloud Storage: ``b``, ``b/BUCKET``, ``b/BUCKET/o``."""
    return path == "b" or path.startswith("b/")


def relative(link: str) -> str:
    """A link or a path, from ``projects`` on."""
    return link[link.index("projects/") :] if "projects/" in link else link


def last(link: str) -> str:
    """The last name in a link."""
    return link.rpartition("/")[2]


def scope_of(path: str) -> str:
    """``zones/us-central1-a`` of a path, or ``regions/...``, or ``global``."""
    found = re.search(r"projects/[^/]+/(global|(?:zones|regions|locations)/[^/]+)/", path)
    return found[1].replace("locations/", "zones/") if found else ""


def pause(seconds: float, stop: Callable[[], bool]) -> None:
    """Sleep; raises ``Cancelled`` once ``stop()``."""
    until_s = time.monotonic() + seconds
    while True:
        if stop():
            raise errors.Cancelled("Stopped waiting for Google Cloud.")
        left_s = until_s - time.monotonic()
        if left_s <= 0:
            return
        time.sleep(min(left_s, TICK_S))


def _within(problem: BaseException, kind: type[BaseException]) -> bool:
    """Whether an error holds one of this kind."""
    inner: object = problem
    while isinstance(inner, BaseException):
        if isinstance(inner, kind):
            return True
        inner = getattr(inner, "reason", None) or next(iter(inner.args), None)
    return False


def _json(answer: Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return {"error": {"message": " ".join(answer.text.split())[:300]}}
