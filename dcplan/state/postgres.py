"""PostgreSQL as a server of remote state: one table, and each write one guarded statement.

A version is the next value of a sequence, which no other content of any name ever has.  Each statement
commits by itself, so that a pooler between may hand each one to another connection.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from dcplan.config import validate_settings
from dcplan.config.backend_secrets import secret_in_url
from dcplan.config.strict import Strict
from dcplan.diag import ConfigPath, Result, error
from dcplan.diag.passwords import holds_password
from dcplan.state.blobs import Blob, BlobConflict, BlobRefused, Blobs
from dcplan.state.postgres_layout import LAYOUT, STATEMENTS, create
from dcplan.state.postgres_refusals import judged, judged_connecting
from dcplan.state.postgres_wire import bounded, is_alive
from dcplan.state.server import check_name, given

if TYPE_CHECKING:
    from psycopg import Connection

CONNECT_TIMEOUT_S = 5
"""How long to wait for a connection; with the next one a write ends well before a lease does."""

STATEMENT_TIMEOUT_S = 10.0
"""How long the server may work on a statement; the wire is cut a little later."""

SCHEMA = r"[a-z_][a-z0-9_]{0,62}"
SCHEMA_RULE = (
    "A schema's name has up to 63 lower-case letters, digits and underscores, and begins with no digit."
)

PATH: ConfigPath = ("backend", "postgres")


class PostgresSettings(Strict):
    """What may stand under ``backend: postgres:``."""

    url: str
    """Where the database is, as libpq reads it; without a password."""
    schema_: Annotated[str, Field(alias="schema")] = "dcplan"
    """The schema that holds the tables; made when it is missing."""


def backend(settings: Mapping[str, object]) -> Result[Blobs]:
    """The table with these settings; opens no connection.

    Diagnostics: settings that are none of PostgreSQL, an address with a password, psycopg that is missing.
    """
    read = validate_settings(given(settings), PostgresSettings, PATH)
    if not read.ok:
        return Result(None, read.diagnostics)
    wanted = read.unwrap()
    parts = _parts(wanted.url)
    told = (*parts.diagnostics, *check_name(wanted.schema_, SCHEMA, SCHEMA_RULE, (*PATH, "schema")))
    if parts.value is None or told:
        return Result(None, told)
    return Result(PostgresBlobs(settings=wanted, parts=parts.value))


def _parts(url: str) -> Result[Mapping[str, Any]]:
    """The address as libpq reads it; one with a password is refused."""
    try:
        import psycopg  # noqa: PLC0415 - an extra, and only this backend needs it
        from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415 - as above
    except ImportError as problem:
        detail = (
            f"State in PostgreSQL needs psycopg ({problem}). Install it where dcplan is: "
            "python -m pip install 'dcplan[postgres]'"
        )
        return Result(
            None, (error("backend-package", "A package is missing", detail, path=PATH, on_key=True),)
        )
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # What libpq says about it can hold a password.
        detail = (
            "An address is written as postgresql://user@db.example.com:5432/database?sslmode=verify-full."
        )
        wrong = error("backend-url", "The address cannot be read", detail, path=(*PATH, "url"))
        return Result(None, (wrong,))
    if parts.keys() & {"password", "sslpassword"} or holds_password(url):
        return Result(None, (secret_in_url((*PATH, "url")),))
    return Result(parts)


@dataclass(slots=True, kw_only=True)
class PostgresBlobs:
    """Rows of one table.  Errors: those of ``Blobs``."""

    settings: PostgresSettings
    parts: Mapping[str, Any]
    """The address in parts, as libpq reads it."""
    _idle: list[Connection[Any]] = field(default_factory=list, init=False)
    _taking: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def where(self) -> str:
        """The database and the schema."""
        parts = self.parts
        if "host" not in parts and "service" in parts:
            return f"postgresql://service={parts['service']}, schema {self.settings.schema_}"
        user = f"{parts['user']}@" if parts.get("user") else ""
        port = f":{parts['port']}" if parts.get("port") else ""
        at = f"{user}{parts.get('host', '')}{port}/{parts.get('dbname', '')}"
        return f"postgresql://{at}, schema {self.settings.schema_}"

    def get(self, name: str) -> Blob | None:
        """One row; the primary server has what was written last."""
        rows = self._ask("get", (name,), missing=[])
        return Blob(body=bytes(rows[0][0]), version=rows[0][1]) if rows else None

    def put(self, name: str, body: bytes, *, expected: str | None) -> str:
        """One guarded statement, never repeated."""
        statement = "create" if expected is None else "replace"
        values = (name, body) if expected is None else (body, name, expected)
        rows = self._ask(statement, values, missing=None)
        if rows is None:  # The table is not there, so the statement had no effect.
            self._create()
            rows = self._ask(statement, values, missing=[])
        if not rows:
            raise BlobConflict(f"{name} in {self.where} is not what was expected.")
        return str(rows[0][0])

    def delete(self, name: str) -> None:
        """One statement, never repeated."""
        self._ask("delete", (name,), missing=[])

    def names(self, prefix: str) -> Sequence[str]:
        """All of them in one answer."""
        return [row[0] for row in self._ask("names", (prefix, prefix), missing=[]) or ()]

    def close(self) -> None:
        """Let go of connections; a later call opens new ones."""
        with self._taking:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _ask(
        self, statement: str, values: tuple[object, ...], *, missing: list[tuple[Any, ...]] | None
    ) -> list[tuple[Any, ...]] | None:
        """The rows of a statement; ``missing`` where the table is not there yet."""
        from psycopg import errors, sql  # noqa: PLC0415 - an extra, and only this backend needs it

        query = sql.SQL(STATEMENTS[statement]).format(schema=sql.Identifier(self.settings.schema_))
        try:
            with self._connection() as connection, connection.cursor(binary=True) as cursor:
                return list(cursor.execute(query, values).fetchall())
        except (errors.UndefinedTable, errors.InvalidSchemaName):
            return missing
        except errors.Error as problem:
            raise judged(problem, self.where) from problem

    def _create(self) -> None:
        from psycopg import Error  # noqa: PLC0415 - as in _ask

        try:
            with self._connection() as connection:
                create(connection, self.settings.schema_)
        except Error as problem:
            raise judged(problem, self.where) from problem

    @contextmanager
    def _connection(self) -> Iterator[Connection[Any]]:
        """A connection for one caller, within its time; thrown away where anything goes wrong."""
        connection = self._taken()
        try:
            with bounded(connection, STATEMENT_TIMEOUT_S + 1):
                yield connection
        except BaseException:
            connection.close()
            raise
        with self._taking:
            self._idle.append(connection)

    def _taken(self) -> Connection[Any]:
        """One that is idle and still has its server, else a new one."""
        while True:
            with self._taking:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return self._connected()
            if is_alive(connection):
                return connection
            connection.close()

    def _connected(self) -> Connection[Any]:
        import psycopg  # noqa: PLC0415 - as in _ask

        ours = {
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "dcplan",
            "target_session_attrs": "read-write",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 2,
        }
        try:
            connection: Connection[Any] = psycopg.connect(
                **{**ours, **self.parts}, autocommit=True, prepare_threshold=None
            )
        except psycopg.Error as problem:
            raise judged_connecting(problem, self.where) from problem
        try:
            with bounded(connection, STATEMENT_TIMEOUT_S + 1):
                self._prepare(connection)
        except psycopg.Error as problem:
            connection.close()
            raise judged(problem, self.where) from problem
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: Connection[Any]) -> None:
        """Limits and guarantees of the session, and whether the tables are ones that we understand."""
        from psycopg import errors, sql  # noqa: PLC0415 - as in _ask

        connection.execute(STATEMENTS["session"], (str(round(STATEMENT_TIMEOUT_S * 1000)),))
        asked = sql.SQL(STATEMENTS["layout"]).format(schema=sql.Identifier(self.settings.schema_))
        try:
            row = connection.execute(asked).fetchone()
        except (errors.UndefinedTable, errors.InvalidSchemaName):
            return
        if row is not None and row[0] != LAYOUT:
            raise BlobRefused(
                f"{self.where} has tables of layout {row[0]}, and this dcplan knows layout {LAYOUT}. "
                "Use the dcplan that made them, or a newer one."
            )
