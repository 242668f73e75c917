"""Cloud Storage as a server of state, over real connections to one judged by Google's own description."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

import dcplan_gcp.blobs
from blobs_contract import BlobsContract, Opened, closing, read
from dcplan.state.blobs import BlobRefused, Blobs, BlobUncertain
from dcplan_gcp.blobs import backend
from fault_proxy import fault_proxy
from gcs_server import Fault, World, gcs_server
from log_contract import Connect, LogContract
from sealed_contract import SealedContract
from uncertain_contract import PATIENCE_S, Line, UncertainContract

Server = tuple[str, World]


@pytest.fixture
def server() -> Iterator[Server]:
    """A server with one bucket; all that was said to it and that it said fits the description."""
    with gcs_server() as (address, world):
        world.buckets["states"] = {}
        yield address, world
        assert world.misused == []


def client(address: str, bucket: str = "states") -> Blobs:
    """A client of one bucket."""
    return backend({"bucket": bucket, "prefix": "team/one", "endpoint": address}).unwrap()


class TestGcs(BlobsContract):
    """The suite on it."""

    @pytest.fixture
    def opened(self, server: Server) -> Iterator[Opened]:
        """Another client of the same bucket."""
        self.world = server[1]
        yield from closing(lambda: client(server[0]))

    def fill(self, blobs: Blobs, names: Sequence[str]) -> None:
        """Straight into the server."""
        for name in names:
            self.world.insert("states", {"name": f"team/one/{name}"}, {}, b"1")


class TestLogOnGcs(LogContract):
    """A whole state on it."""

    @pytest.fixture
    def connect(self, server: Server) -> Iterator[Connect]:
        """Another client of the same bucket."""
        yield from closing(lambda: client(server[0]))


class TestSealedOnGcs(SealedContract):
    """A sealed one."""

    @pytest.fixture
    def connect(self, server: Server) -> Iterator[Connect]:
        """Another client of the same bucket."""
        yield from closing(lambda: client(server[0]))


class TestUncertainGcs(UncertainContract):
    """The suite over a wire that fails."""

    @pytest.fixture
    def line(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
        """A client that waits only shortly, and one without a proxy."""
        monkeypatch.setattr(dcplan_gcp.blobs, "TIMEOUTS_S", (PATIENCE_S, PATIENCE_S))
        with fault_proxy(int(server[0].rpartition(":")[2])) as proxy:
            far, near = client(f"http://127.0.0.1:{proxy.port}"), client(server[0])
            yield Line(proxy, far, near)
            far.close()
            near.close()


@pytest.fixture
def blobs(server: Server) -> Iterator[Blobs]:
    """One client."""
    opened = client(server[0])
    yield opened
    opened.close()


@pytest.mark.parametrize("status", [0, 408, 409, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("after", [False, True])
def test_a_failing_server_may_have_acted(server: Server, blobs: Blobs, status: int, after: bool) -> None:
    """Whatever it answers, the write is uncertain and was sent once; what is there is one of the two."""
    version = blobs.put("a", b"one", expected=None)
    server[1].faults.append(Fault(verb="POST", after=after, status=status))
    server[1].seen.clear()

    with pytest.raises(BlobUncertain):
        blobs.put("a", b"two", expected=version)

    assert server[1].seen == ["POST storage.objects.insert"] * after
    assert read(blobs, "a")[0] == (b"two" if after else b"one")


def test_a_read_is_asked_again(server: Server, blobs: Blobs) -> None:
    """Two failures in a row are not told to anybody, three are."""
    blobs.put("a", b"one", expected=None)
    server[1].faults += [Fault(verb="GET", status=503)] * 2

    assert read(blobs, "a")[0] == b"one"

    server[1].faults += [Fault(verb="GET", status=503)] * 3
    with pytest.raises(BlobUncertain, match="503"):
        blobs.names("")


def test_a_late_answer_is_an_answer(server: Server, blobs: Blobs) -> None:
    """Latency below the limit changes nothing."""
    server[1].faults.append(Fault(verb="POST", latency_s=0.2, answers=True))

    version = blobs.put("a", b"one", expected=None)

    assert read(blobs, "a") == (b"one", version)


def test_nothing_that_is_kept_may_be_cached(server: Server, blobs: Blobs) -> None:
    """Objects say so themselves: in a public bucket a cached one would be an older state."""
    blobs.put("a", b"one", expected=None)

    assert server[1].buckets["states"]["team/one/a"][2]["cacheControl"] == "no-store"


def test_a_missing_bucket_is_refused_with_a_way_out(server: Server) -> None:
    """Reading, too: "nothing there" would be taken for an empty state."""
    missing = client(server[0], "elsewhere")

    for call in (lambda: missing.get("a"), lambda: missing.names(""), lambda: missing.delete("a")):
        with pytest.raises(BlobRefused, match="no such bucket"):
            call()
    with pytest.raises(BlobRefused, match="gs://elsewhere/team/one cannot be used"):
        missing.put("a", b"", expected=None)
    missing.close()


def test_a_forbidden_bucket_names_the_permission(server: Server) -> None:
    """The one that the call needs."""
    server[1].forbidden.add("secret")
    forbidden = client(server[0], "secret")

    with pytest.raises(BlobRefused, match=r"permission storage\.objects\.get is missing"):
        forbidden.get("a")
    with pytest.raises(BlobRefused, match=r"objects\.create and storage\.objects\.delete is missing"):
        forbidden.put("a", b"", expected=None)
    forbidden.close()


def test_without_credentials_google_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Google's own servers need them; what is missing is told with a way out."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    opened = backend({"bucket": "states"}).unwrap()

    with pytest.raises(BlobRefused, match="gcloud auth application-default login"):
        opened.get("a")


@pytest.mark.parametrize(
    ("settings", "code", "path"),
    [
        ({}, "missing-key", ("backend", "gcs", "bucket")),
        ({"bucket": "gs://x"}, "backend-name", ("backend", "gcs", "bucket")),
        ({"bucket": "states", "region": "x"}, "unknown-key", ("backend", "gcs", "region")),
        ({"bucket": "states", "endpoint": "ftp://x"}, "backend-endpoint", ("backend", "gcs", "endpoint")),
        ({"bucket": "states", "endpoint": "http://u:p@x"}, "backend-secret", ("backend", "gcs", "endpoint")),
    ],
)
def test_bad_settings_are_told_with_their_place(
    settings: dict[str, object], code: str, path: tuple[str, ...]
) -> None:
    """Nothing is opened, and no secret is repeated."""
    result = backend(settings)

    assert result.value is None
    assert [(d.code, d.path) for d in result.diagnostics] == [(code, path)]
    assert "u:p" not in str(result.diagnostics)


def test_a_clear_wire_is_warned_of() -> None:
    """Except to this machine."""
    assert backend({"bucket": "states", "endpoint": "http://localhost:1"}).diagnostics == ()
    warned = backend({"bucket": "states", "endpoint": "http://storage.example.com"})

    assert warned.ok
    assert [d.code for d in warned.diagnostics] == ["backend-plain"]
