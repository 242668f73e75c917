"""Where the state is kept: ``backend`` in the document, with exactly one section."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import Field

from dcplan.config.strict import Strict


class LocalBackend(Strict):
    """A file of this machine."""

    path: str | None = None
    """From the project's folder; default ``.dcplan/state.sqlite``."""


class S3Backend(Strict):
    """A bucket of S3, or of a server that speaks it."""

    bucket: str | None = None
    prefix: str | None = None
    """What the objects' names begin with."""
    region: str | None = None
    endpoint: str | None = None
    """Another server than Amazon's."""
    profile: str | None = None
    """Of AWS's configuration files."""


class GcsBackend(Strict):
    """A bucket of Google Cloud Storage."""

    bucket: str | None = None
    prefix: str | None = None
    """What the objects' names begin with."""
    endpoint: str | None = None
    """Another server than Google's."""


class PostgresBackend(Strict):
    """A table of PostgreSQL."""

    url: str | None = None
    """Without a password: that comes from the environment or a password file."""
    schema_: str | None = Field(default=None, alias="schema")
    """Holds the table; made when it is missing."""


class BackendSpec(Strict):
    """Where the state is kept: exactly one of these.

    What is left out may be given by ``dcplan init -backend-config``.
    """

    local: LocalBackend | None = None
    s3: S3Backend | None = None
    gcs: GcsBackend | None = None
    postgres: PostgresBackend | None = None

    def named(self) -> Iterator[str]:
        """The sections that are there."""
        return (name for name in KINDS if getattr(self, name) is not None)


KINDS = tuple(BackendSpec.model_fields)
"""All backends that may be named."""

_SECTIONS: Mapping[str, type[Strict]] = {
    "local": LocalBackend,
    "s3": S3Backend,
    "gcs": GcsBackend,
    "postgres": PostgresBackend,
}

KEYS = {
    name: tuple(field.alias or key for key, field in section.model_fields.items())
    for name, section in _SECTIONS.items()
}
"""The settings of each."""
