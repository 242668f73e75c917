"""What the servers of remote state have in common: how their settings are read and checked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from dcplan.config.backend_secrets import secret_in_endpoint
from dcplan.diag import ConfigPath, Diagnostic, error, warning

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Hosts that no other machine can listen to."""


def given(settings: Mapping[str, object]) -> dict[str, object]:
    """The settings that were given: a key that holds None was left out."""
    return {key: value for key, value in settings.items() if value is not None}


def folder(prefix: str) -> str:
    """What every name begins with: empty, or a prefix that ends with one ``/``."""
    bare = prefix.strip("/")
    return f"{bare}/" if bare else ""


def check_name(name: str, rule: str, said: str, path: ConfigPath) -> Iterator[Diagnostic]:
    """What is wrong with a name for the server; ``rule`` is a pattern, ``said`` the same in words."""
    if not re.fullmatch(rule, name):
        yield error("backend-name", "The server knows no such names", said, path=path)


def check_endpoint(endpoint: str | None, path: ConfigPath) -> Iterator[Diagnostic]:
    """What is wrong with the address of a server, or unsafe; ``path`` is its place in the document."""
    if endpoint is None:
        return
    try:
        parts = urlsplit(endpoint)
        host, _port = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        detail = "An endpoint is the address of a server, such as https://storage.example.com:9000."
        yield error("backend-endpoint", "The endpoint is no address", detail, path=path)
    elif parts.username is not None or parts.password is not None:
        yield secret_in_endpoint(path)
    elif parts.scheme == "http" and host not in LOOPBACK:
        detail = (
            f"State goes to {host} without encryption, and whoever stands between can change it. "
            "Use https where the server offers it."
        )
        yield warning("backend-plain", "The state travels in clear", detail, path=path)
