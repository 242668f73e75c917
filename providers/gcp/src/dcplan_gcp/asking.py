"""Questions to Google Cloud that a refresh of the catalogue asks: nothing is changed by them."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dcplan.state.server import LOOPBACK
from dcplan_gcp.refusals import message, short
from dcplan_gcp.session import session_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from requests import Session

COMPUTE, BILLING = "https://compute.googleapis.com", "https://cloudbilling.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"

TIMEOUTS_S = (10.0, 60.0)
READS = 4
"""Attempts of a question."""


class UnheardError(Exception):
    """A question was refused, or nobody answered; its text says which and why."""


@dataclass(slots=True, kw_only=True)
class Asking:
    """One refresh: where to ask, and as whom."""

    project: str
    endpoint: str | None

    def pages(self, root: str, path: str, **query: str) -> Iterator[dict[str, Any]]:
        """All pages of an answer; ``UnheardError``."""
        where = self._where(root)
        with self._session(where) as session:
            while True:
                page = self._asked(session, f"{where.rstrip('/')}/{path}", query)
                yield page
                if not page.get("nextPageToken"):
                    return
                query["pageToken"] = page["nextPageToken"]

    def answer(self, root: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a question that has a body; ``UnheardError``."""
        where = self._where(root)
        with self._session(where) as session:
            return self._asked(session, f"{where.rstrip('/')}/{path}", {}, body)

    def _where(self, root: str) -> str:
        """The server to ask: a private endpoint is Compute Engine's, one on this machine stands for all."""
        if self.endpoint is None:
            return root
        here = urlsplit(self.endpoint).hostname in LOOPBACK
        return self.endpoint if here or root == COMPUTE else root

    @staticmethod
    def _session(where: str) -> Session:
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 - slow, and only a refresh asks

        try:
            return session_for(where, SCOPE, ours=True)
        except GoogleAuthError as problem:
            raise UnheardError(
                f"there are no usable Google credentials: {str(problem).rstrip('.')}. Run `gcloud auth "
                "application-default login`, or name a file in GOOGLE_APPLICATION_CREDENTIALS"
            ) from None

    @staticmethod
    def _asked(
        session: Session, url: str, query: Mapping[str, str], body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 - as above
        from requests import RequestException  # noqa: PLC0415 - as above

        said = ""
        for _attempt in range(READS):
            try:
                answer = session.request(
                    "GET" if body is None else "POST",
                    url,
                    params=dict(query),
                    json=body,
                    timeout=TIMEOUTS_S,
                    allow_redirects=False,
                )
            except (RequestException, GoogleAuthError) as problem:
                said = short(problem)
                continue
            if answer.status_code == HTTPStatus.OK:
                try:
                    return dict(answer.json())
                except ValueError:
                    said = "an answer that is no JSON"
                    continue
            said = f"{answer.status_code}: {message(answer)}"
            busy = answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
            if not busy and answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
                break
        raise UnheardError(said)
