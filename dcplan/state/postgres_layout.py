"""The tables that keep state in PostgreSQL, and every statement that is sent."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from psycopg import Connection

LAYOUT = 1
"""The version of the tables; another one is refused."""

STATEMENTS: Final = {
    # A role or a database may have these otherwise; an answer must mean that the write is on disk.
    "session": (
        "SELECT set_config('statement_timeout', %s, false),"
        " set_config('default_transaction_isolation', 'read committed', false),"
        " set_config('synchronous_commit', CASE current_setting('synchronous_commit')"
        " WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)"
    ),
    "layout": "SELECT version FROM {schema}.layout",
    "get": "SELECT body, version::text FROM {schema}.blobs WHERE name = %s",
    "names": "SELECT name FROM {schema}.blobs WHERE name >= %s AND starts_with(name, %s) ORDER BY name",
    "create": (
        "INSERT INTO {schema}.blobs (name, body, version) VALUES (%s, %s, nextval('{schema}.versions'))"
        " ON CONFLICT (name) DO NOTHING RETURNING version::text"
    ),
    "replace": (
        "UPDATE {schema}.blobs SET body = %s, version = nextval('{schema}.versions')"
        " WHERE name = %s AND version::text = %s RETURNING version::text"
    ),
    "made": ("INSERT INTO {schema}.layout SELECT %s::integer WHERE NOT EXISTS (SELECT FROM {schema}.layout)"),
    "delete": "DELETE FROM {schema}.blobs WHERE name = %s RETURNING 1",
}
"""By what they do; ``{schema}`` is the schema's quoted name."""

_TABLES = (
    "CREATE TABLE IF NOT EXISTS {schema}.layout (version integer PRIMARY KEY)",
    "CREATE SEQUENCE IF NOT EXISTS {schema}.versions AS bigint",
    # "C": names are ordered by their bytes, as the other servers of state do.
    """CREATE TABLE IF NOT EXISTS {schema}.blobs
        (name text COLLATE "C" PRIMARY KEY, body bytea NOT NULL, version bigint NOT NULL)""",
)


def create(connection: Connection[Any], schema: str) -> None:
    """Make what is missing, in one transaction; who comes at the same time waits and finds it made.

    The schema is only made where it is missing, so that whoever may not make schemas can be given one.
    """
    from psycopg import sql  # noqa: PLC0415 - an extra, and only this backend needs it

    quoted = sql.Identifier(schema)
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (zlib.crc32(f"dcplan {schema}".encode()),))
        found = connection.execute("SELECT to_regnamespace(%s)", (f'"{schema}"',)).fetchone()
        if found is None or found[0] is None:
            connection.execute(sql.SQL("CREATE SCHEMA {schema}").format(schema=quoted))
        for statement in _TABLES:
            connection.execute(sql.SQL(statement).format(schema=quoted))
        connection.execute(sql.SQL(STATEMENTS["made"]).format(schema=quoted), (LAYOUT,))
