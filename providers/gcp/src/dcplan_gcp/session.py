"""Sessions for Google's APIs: they say who asks where a server is Google's, and say nothing to others."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dcplan.state.server import LOOPBACK

if TYPE_CHECKING:
    from requests import Session

CONNECTIONS = 64
"""Connections kept for the threads that share one session."""


def session_for(root: str, scope: str, *, ours: bool = False) -> Session:
    """A session for the server at ``root``; finds the credentials now, where it needs any.

    ``ours``: a server of any name is Google's (a private endpoint), unless it is on this machine.
    """
    import google.auth  # noqa: PLC0415 - slow, and only Google's services need it
    from google.auth.transport.requests import AuthorizedSession  # noqa: PLC0415 - as above
    from requests import Session  # noqa: PLC0415 - as above
    from requests.adapters import HTTPAdapter  # noqa: PLC0415 - as above

    session: Session
    host = urlsplit(root).hostname or ""
    if host.endswith(".googleapis.com") or (ours and host not in LOOPBACK):
        credentials, _project = google.auth.default(scopes=[scope])
        session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]  # Google's own gap
    else:
        session = Session()
    session.headers["User-Agent"] = "dcplan"
    session.mount("https://", HTTPAdapter(pool_maxsize=CONNECTIONS, max_retries=0))
    session.mount("http://", HTTPAdapter(pool_maxsize=CONNECTIONS, max_retries=0))
    return session
