"""S3 as a server of state, over real connections to moto's server, and to one that says what it is told."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import dcplan_aws.blobs
from blobs_contract import BlobsContract, Opened, closing, read
from dcplan.state.blobs import BlobConflict, BlobRefused, Blobs, BlobUncertain
from dcplan.state.probing import probe
from dcplan_aws.blobs import S3Blobs, backend
from fault_proxy import fault_proxy
from log_contract import Connect, LogContract
from programs import served
from s3_clients import BUCKET, bucket_made, call, client, nobody
from scripted_http import Script, scripted_http
from sealed_contract import SealedContract
from uncertain_contract import PATIENCE_S, Line, UncertainContract

PREFIXES = itertools.count()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of nobody."""
    nobody(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server of moto's with one bucket, for all tests of this file."""
    with served("serve_moto.py") as port:
        bucket_made(port)
        yield port


@pytest.fixture
def prefix() -> str:
    """Each test's own folder."""
    return f"test/{next(PREFIXES)}"


class TestMoto(BlobsContract):
    """The suite on it."""

    many = 2500  # Three pages; moto sorts all of them for each.

    @pytest.fixture
    def opened(self, port: int, prefix: str) -> Iterator[Opened]:
        """Another client of the same folder."""
        self.port, self.prefix = port, prefix
        yield from closing(lambda: client(port, prefix))

    def fill(self, blobs: Blobs, names: Sequence[str]) -> None:
        """All at once."""
        told = {"bucket": BUCKET, "names": [f"{self.prefix}/{name}" for name in names]}
        call(self.port, "POST", "/-/fill", json.dumps(told).encode())


class TestLogOnMoto(LogContract):
    """A whole state on it, but for tests that write hundreds of blobs: they ask nothing else of a server."""

    test_a_sleeper_is_fenced_by_the_log_and_not_by_its_clock = None
    test_a_long_log_is_folded_on_the_way_and_read_whole = None
    test_two_writers_in_turns_lose_nothing = None

    @pytest.fixture
    def connect(self, port: int, prefix: str) -> Iterator[Connect]:
        """One client for all: making one takes longer than a test."""
        shared = client(port, prefix)
        yield lambda: shared
        shared.close()


class TestSealedOnMoto(SealedContract):
    """A sealed one."""

    @pytest.fixture
    def connect(self, port: int, prefix: str) -> Iterator[Connect]:
        """Another client of the same folder."""
        yield from closing(lambda: client(port, prefix))


class TestVersionedMoto:
    """What could differ in a bucket that keeps versions, where a delete only hides."""

    @pytest.fixture
    def opened(self, port: int, prefix: str) -> Iterator[Opened]:
        """Another client of the same folder, in a bucket of its own kind."""
        bucket_made(port, "versioned")
        on = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        call(port, "PUT", "/versioned?versioning", on)
        yield from closing(lambda: client(port, prefix, "versioned"))

    blobs = BlobsContract.blobs
    test_delete = BlobsContract.test_a_delete_of_what_is_there_succeeds
    test_delete_of_nothing = BlobsContract.test_a_delete_of_nothing_is_fine
    test_stale_replace = BlobsContract.test_a_replace_of_what_was_there_conflicts
    test_replace_of_nothing = BlobsContract.test_a_replace_of_nothing_conflicts


class TestUncertainMoto(UncertainContract):
    """The suite over a wire that fails."""

    @pytest.fixture
    def line(self, port: int, prefix: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
        """A client that waits only shortly, and one without a proxy."""
        monkeypatch.setattr(dcplan_aws.blobs, "CONNECT_TIMEOUT_S", PATIENCE_S)
        monkeypatch.setattr(dcplan_aws.blobs, "ANSWER_TIMEOUT_S", PATIENCE_S)
        with fault_proxy(port) as proxy:
            far, near = client(proxy.port, prefix), client(port, prefix)
            yield Line(proxy, far, near)
            far.close()
            near.close()


def test_a_server_without_ears_for_conditions_is_refused(port: int, prefix: str) -> None:
    """Trying both conditions tells it from one that has them, and leaves nothing behind."""
    bucket_made(port, "deaf")
    deaf, hearing = client(port, bucket="deaf"), client(port, prefix)

    refused = probe(deaf, ("backend", "s3"))

    assert probe(hearing, ("backend", "s3")) == ()
    assert len(refused) == 1
    for kind in ("create", "replace"):
        assert f"conditional {kind}" in refused[0].detail
    for each in (deaf, hearing):
        assert list(each.names("")) == []
        each.close()


@pytest.fixture
def script() -> Iterator[Script]:
    """A server that says what it is told."""
    with scripted_http() as server:
        yield server


@pytest.fixture
def scripted(script: Script) -> Iterator[Blobs]:
    """A client of it."""
    opened = client(script.port)
    yield opened
    opened.close()


def answers(script: Script, status: int, code: str) -> None:
    """An error as S3 writes it."""
    script.status = status
    script.body = f"<Error><Code>{code}</Code><Message>Because.</Message></Error>".encode()


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (409, "ConditionalRequestConflict"),
        (409, "OperationAborted"),
        (400, "RequestTimeout"),
        (429, "TooManyRequests"),
        (500, "InternalError"),
        (502, "BadGateway"),
        (503, "SlowDown"),
        (503, "ServiceUnavailable"),
    ],
)
def test_a_server_that_is_busy_or_broken_is_uncertain(
    script: Script, scripted: Blobs, status: int, code: str
) -> None:
    """A 409 is no 412: another request was under way, and what is there is unknown.  Nothing is repeated."""
    answers(script, status, code)

    with pytest.raises(BlobUncertain, match=code):
        scripted.put("a", b"one", expected=None)
    with pytest.raises(BlobUncertain, match=code):
        scripted.delete("a")

    assert script.asked == ["PUT", "DELETE"]


def test_a_read_is_asked_again(script: Script, scripted: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """As often as is set, and not for ever."""
    monkeypatch.setattr(dcplan_aws.blobs, "READ_ATTEMPTS", 2)
    answers(script, 503, "SlowDown")

    with pytest.raises(BlobUncertain):
        scripted.get("a")

    assert script.asked == ["GET"] * 2


@pytest.mark.parametrize(
    ("status", "code", "way_out"),
    [
        (403, "AccessDenied", r"the permission s3:PutObject is missing"),
        (403, "InvalidAccessKeyId", r"does not accept the AWS credentials .* Renew them"),
        (403, "SignatureDoesNotMatch", r"does not accept the AWS credentials"),
        (400, "ExpiredToken", r"does not accept the AWS credentials"),
        (403, "RequestTimeTooSkewed", r"Set the clock"),
        (301, "PermanentRedirect", r"Set `region`"),
        (400, "AuthorizationHeaderMalformed", r"Set `region`"),
        (501, "NotImplemented", r"Use a server that has them"),
        (404, "NoSuchBucket", r"no such bucket. Create it"),
        (400, "InvalidRequest", r"Mend the settings"),
    ],
)
def test_a_refusal_is_told_with_a_way_out(
    script: Script, scripted: Blobs, status: int, code: str, way_out: str
) -> None:
    """What will be refused again is not tried again."""
    answers(script, status, code)

    with pytest.raises(BlobRefused, match=way_out) as refused:
        scripted.put("a", b"one", expected=None)

    assert str(refused.value).startswith(f"s3://{BUCKET} ")


def test_an_object_that_is_gone_is_a_conflict(script: Script, scripted: Blobs) -> None:
    """S3 answers 404 to a replace of nothing."""
    answers(script, 404, "NoSuchKey")

    with pytest.raises(BlobConflict):
        scripted.put("a", b"one", expected='"x"')


def test_a_missing_bucket_is_refused(port: int) -> None:
    """Reading, too: "nothing there" would be taken for an empty state."""
    missing = client(port, bucket="elsewhere")

    for ask in (lambda: missing.get("a"), lambda: missing.names(""), lambda: missing.delete("a")):
        with pytest.raises(BlobRefused, match="no such bucket"):
            ask()
    missing.close()


def test_without_credentials_nobody_is_asked(
    script: Script, scripted: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing is told with a way out."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(BlobRefused, match=r"no usable AWS credentials.*aws sso login"):
        client(script.port).get("a")

    assert script.asked == []


def test_a_profile_is_used(port: int, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its region and its credentials; one that is not there is told with its place."""
    (tmp_path / "config").write_text("[profile work]\nregion = eu-west-1\n")
    (tmp_path / "credentials").write_text("[work]\naws_access_key_id = a\naws_secret_access_key = b\n")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    settings = {"bucket": BUCKET, "prefix": prefix, "endpoint": f"http://127.0.0.1:{port}"}
    opened = backend({**settings, "profile": "work"}).unwrap()
    assert isinstance(opened, S3Blobs)

    version = opened.put("a", b"one", expected=None)

    assert opened.session.get_config_variable("region") == "eu-west-1"
    assert read(opened, "a") == (b"one", version)
    opened.close()
    wrong = backend({**settings, "profile": "play"})
    assert wrong.value is None
    assert [d.path for d in wrong.diagnostics] == [("backend", "s3", "profile")]


@pytest.mark.parametrize(
    ("settings", "code", "key"),
    [
        ({}, "missing-key", "bucket"),
        ({"bucket": "s3://x"}, "backend-name", "bucket"),
        ({"bucket": "states", "regoin": "x"}, "unknown-key", "regoin"),
        ({"bucket": "states", "endpoint": "storage.example.com"}, "backend-endpoint", "endpoint"),
        ({"bucket": "states", "endpoint": "http://u:hunter2@x"}, "backend-secret", "endpoint"),
    ],
)
def test_bad_settings_are_told_with_their_place(settings: dict[str, object], code: str, key: str) -> None:
    """Nothing is opened, and no secret is repeated."""
    result = backend(settings)

    assert result.value is None
    assert [(d.code, d.path) for d in result.diagnostics] == [(code, ("backend", "s3", key))]
    assert "hunter2" not in str(result.diagnostics)
