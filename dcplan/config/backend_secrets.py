"""Secrets that would be written to files: refused where the document says where the state is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dcplan.diag import ConfigPath, Diagnostic, error
from dcplan.diag.passwords import holds_password

if TYPE_CHECKING:
    from dcplan.config.check import Names
    from dcplan.config.document import Document

_ADDRESSES = ("url", "endpoint")
"""Settings that hold an address."""


def backend_holds_no_secret(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """No address of the backend holds a password, wherever it came from."""
    if document.backend is not None:
        for kind in document.backend.named():
            yield from secrets_in(kind, vars(getattr(document.backend, kind)))


def secrets_in(kind: str, settings: Mapping[str, object]) -> Iterator[Diagnostic]:
    """An error, at its path, for each setting that holds a secret; the secret itself is not told."""
    for key in _ADDRESSES:
        address = settings.get(key)
        if isinstance(address, str) and _secret(key, address):
            path: ConfigPath = ("backend", kind, key)
            yield secret_in_url(path) if key == "url" else secret_in_endpoint(path)


def secret_in_url(path: ConfigPath) -> Diagnostic:
    """An address of PostgreSQL holds a password."""
    detail = (
        "The address holds a password, which would be written to files. Leave it out and give it in "
        "PGPASSWORD, in a file that PGPASSFILE names, or in a service that PGSERVICEFILE tells of. Change "
        "it as well if others could read it here."
    )
    return error("backend-secret", "A secret stands in the settings", detail, path=path)


def secret_in_endpoint(path: ConfigPath) -> Diagnostic:
    """An endpoint says who asks."""
    detail = (
        "The endpoint holds a user or a password, which would be written to files. Leave it out and give "
        "credentials where the server's own tools look for them: the environment or a profile."
    )
    return error("backend-secret", "A secret stands in the settings", detail, path=path)


def _secret(key: str, address: str) -> bool:
    if holds_password(address):
        return True
    try:
        return key == "endpoint" and urlsplit(address).username is not None
    except ValueError:
        return False  # No address at all; the backend says so.
