"""Saved plans and states whose keys come from a KMS, over real connections."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import pytest

from blobs_for_tests import MemoryBlobs
from dcplan.plan import key_services, sealed
from dcplan.plan.key_services import KeyRefused, open_keys
from dcplan.plan.sealed import Sealer, Unsealable, is_sealed
from dcplan.state.log import LogStore, Manner, open_log
from dcplan.workflow import sealing
from dcplan.workflow.sealing import StateSeal
from dcplan_gcp.checksums import crc32c
from gcp_kms_server import RING, World, gcp_kms_server
from programs import served
from s3_clients import nobody
from scripted_http import scripted_http
from store_contract import INFO, FakeClock, resource

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Small

WORD = {"DCPLAN_PASSPHRASE": "a passphrase that is long"}
PATH = ("encryption", "x")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kms:
    """A server with keys, and what a document says of them."""

    kind: str
    settings: Callable[[], Mapping[str, str]]
    """Of a new key."""

    def text(self, settings: Mapping[str, str]) -> str:
        """A part of ``encryption``."""
        return f"{self.kind}: {json.dumps(dict(settings))}"


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Both packages announce their keys; nobody's credentials are found; passphrases are quick."""
    points = [EntryPoint(f"{c}_kms", f"dcplan_{c}.keys:keys", key_services.GROUP) for c in ("aws", "gcp")]
    monkeypatch.setattr(key_services, "installed", lambda: tuple(points))
    nobody(monkeypatch, tmp_path)
    monkeypatch.setattr(sealed, "ROUNDS", 1000)
    monkeypatch.setattr(sealing, "Sealer", partial(Sealer, rounds=1000))


@pytest.fixture(scope="module")
def moto() -> Iterator[int]:
    """The port of moto's server."""
    with served("serve_moto.py") as port:
        yield port


@pytest.fixture
def google() -> Iterator[tuple[str, World]]:
    """A server of Cloud KMS that was used as the API's description says."""
    with gcp_kms_server() as (address, world):
        yield address, world
        assert world.misused == []


@pytest.fixture(params=["aws_kms", "gcp_kms"])
def kms(request: pytest.FixtureRequest, moto: int, google: tuple[str, World]) -> Kms:
    """A server of either kind."""
    address, world = google
    if request.param == "gcp_kms":

        def of_google() -> Mapping[str, str]:
            return {"key": world.made(f"k{len(world.keys)}"), "endpoint": address}

        return Kms(kind="gcp_kms", settings=of_google)
    endpoint = f"http://127.0.0.1:{moto}"

    def of_aws() -> Mapping[str, str]:
        from botocore.session import Session  # noqa: PLC0415 - slow

        client = Session().create_client("kms", region_name="us-east-1", endpoint_url=endpoint)
        return {"key_id": client.create_key()["KeyMetadata"]["Arn"], "endpoint": endpoint}

    return Kms(kind="aws_kms", settings=of_aws)


def encrypted(small: Small, text: str) -> None:
    """Give the document a section ``encryption``."""
    path = small.folder / "dcplan.yaml"
    path.write_text(f"{path.read_text().partition('encryption:')[0].rstrip()}\nencryption: {{{text}}}\n")


def service(kind: str, settings: Mapping[str, Any]) -> key_services.KeyService:
    """One key."""
    return open_keys(kind, settings, PATH).unwrap()


def test_a_plan_is_applied_with_the_key_that_the_service_keeps(small: Small, kms: Kms) -> None:
    """It holds no word of the plan and no key, opens with its own key, and not with another."""
    ours, other = kms.settings(), kms.settings()
    encrypted(small, kms.text(ours))
    planned = small.run("plan", "-out", "p")
    content = (small.folder / "p").read_bytes()
    encrypted(small, kms.text(other))
    wrong = small.run("apply", "p")
    encrypted(small, kms.text(ours))
    done = small.run("apply", "p")

    assert planned.exit_code == 0, planned.output
    assert is_sealed(content)
    assert b"chat" not in content
    assert json.loads(content.partition(b"\n")[0])["by"] == kms.kind
    assert wrong.exit_code == 1
    assert "error: The plan cannot be decrypted" in wrong.stderr
    assert done.exit_code == 0, done.output


def test_keys_roll_over_from_a_passphrase_and_back(small: Small, kms: Kms) -> None:
    """The fallback may be of another kind; without it the old file is refused, and says what opens it."""
    at = kms.text(kms.settings())
    encrypted(small, "passphrase: {}")
    small.run("plan", "-out", "old", env=WORD)
    encrypted(small, at)
    refused = small.run("show", "old", env=WORD)
    encrypted(small, f"{at}, fallback: {{passphrase: {{}}}}")
    rolled = small.run("show", "old", env=WORD)
    small.run("plan", "-out", "new", env=WORD)
    encrypted(small, f"passphrase: {{}}, fallback: {{{at}}}")
    back = small.run("show", "new", env=WORD)
    encrypted(small, "passphrase: {}")
    lost = small.run("show", "new", env=WORD)

    assert [r.exit_code for r in (refused, rolled, back, lost)] == [1, 0, 0, 1]
    assert "A passphrase opens it" in " ".join(refused.stderr.split())
    assert f"the document names no key of {kms.kind}" in " ".join(lost.stderr.split())


def test_a_run_asks_once_for_all_that_it_writes_and_reads(google: tuple[str, World]) -> None:
    """A remote state of many blobs takes one encrypt to write, and one decrypt to read in another run."""
    address, world = google
    settings = {"key": world.made("k"), "endpoint": address}
    server = MemoryBlobs()

    def manner() -> Manner:
        sealer = Sealer(service=service("gcp_kms", settings))
        return Manner(times=FakeClock().times(), beat=False, seal=StateSeal(sealer))

    store = open_log(server, create=True, manner=manner()).unwrap()
    with store.lock(INFO).unwrap():
        for number in range(5):
            one = resource(f"local.replica.chat-{number}")
            store.record({one.address: one})
    store.close()
    wrote = [method.rpartition(".")[2] for method in world.seen]
    read = open_log(server, create=False, manner=manner()).unwrap().read()

    assert len(read.resources) == 5
    assert wrote == ["encrypt"]
    assert [method.rpartition(".")[2] for method in world.seen] == ["encrypt", "decrypt"]


def test_a_state_without_its_key_is_not_begun(google: tuple[str, World]) -> None:
    """A service that refuses is told as it says, and the server holds nothing."""
    address, world = google
    world.forbidden.add("encrypt")
    sealer = Sealer(service=service("gcp_kms", {"key": world.made("k"), "endpoint": address}))
    server = MemoryBlobs()
    how = Manner(times=FakeClock().times(), beat=False, seal=StateSeal(sealer))
    opened = open_log(server, create=True, manner=how)

    assert "cloudkms.cryptoKeyVersions.useToEncrypt is missing" in opened.diagnostics[0].detail
    assert list(server.names("")) == []


def test_a_change_is_not_begun_once_the_key_is_taken_away(small: Small, google: tuple[str, World]) -> None:
    """Neither a lock of a remote state nor a backup is written; both say which permission is missing."""
    address, world = google
    settings = {"key": world.made("k"), "endpoint": address}
    server = MemoryBlobs()

    def opened() -> LogStore:
        sealer = Sealer(service=service("gcp_kms", settings))
        how = Manner(times=FakeClock().times(), beat=False, seal=StateSeal(sealer))
        return open_log(server, create=True, manner=how).unwrap()

    opened().close()
    small.run("apply", "-auto-approve")
    before = small.known()
    encrypted(small, f"gcp_kms: {json.dumps(settings)}")
    world.forbidden.add("encrypt")
    refused = small.run("state", "rm", "local.replica.chat-0", "-auto-approve")
    locked = opened().lock(INFO)

    assert before
    assert refused.exit_code == 1
    assert "useToEncrypt is missing" in " ".join(refused.stderr.split())
    assert "useToEncrypt is missing" in locked.diagnostics[0].detail
    assert small.known() == before
    assert not list((small.folder / ".dcplan").glob("backups/*"))


def test_googles_refusals_say_what_to_do(google: tuple[str, World]) -> None:
    """No permission, no key, a disabled key, a garbled answer; one that is dropped is asked for again."""
    address, world = google
    key = world.made("k")
    ours = service("gcp_kms", {"key": key, "endpoint": address})
    wrapped = ours.fresh().wrapped

    def told(call: Callable[[], object]) -> str:
        with pytest.raises(KeyRefused) as caught:
            call()
        return str(caught.value)

    world.drops = 2
    assert len(ours.unwrap(wrapped)) == 32
    world.drops = 3
    assert "cannot be reached" in told(ours.fresh)
    world.forbidden = {"decrypt"}
    assert "cloudkms.cryptoKeyVersions.useToDecrypt is missing" in told(lambda: ours.unwrap(wrapped))
    world.forbidden = set()
    assert "did not wrap it" in told(lambda: ours.unwrap(wrapped[:-1] + b"?"))
    world.garbles = True
    assert "changed on its way" in told(ours.fresh)
    world.disabled.add(key)
    assert "disabled or destroyed" in told(ours.fresh)
    gone = service("gcp_kms", {"key": f"{RING}/gone", "endpoint": address})
    assert "is not there" in told(gone.fresh)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("AccessDeniedException", "the permission kms:GenerateDataKey is missing"),
        ("DisabledException", "is disabled or is to be deleted"),
        ("KMSInvalidStateException", "is disabled or is to be deleted"),
        ("NotFoundException", "is not there"),
        ("ExpiredTokenException", "does not accept the credentials"),
        ("ValidationException", "is refused"),
    ],
)
def test_amazons_refusals_say_what_to_do_and_nothing_is_written(small: Small, code: str, said: str) -> None:
    """Each code of the API in a sentence, with a way out."""
    with scripted_http() as script:
        script.status, script.body = 400, json.dumps({"__type": code, "message": "No."}).encode()
        at = {"key_id": "alias/k", "region": "us-east-1", "endpoint": f"http://127.0.0.1:{script.port}"}
        encrypted(small, f"aws_kms: {json.dumps(at)}")
        done = small.run("plan", "-out", "p")

    assert done.exit_code == 1
    assert "error: The plan could not be encrypted" in done.stderr
    assert said in " ".join(done.stderr.split())
    assert not (small.folder / "p").exists()


def test_aws_is_told_apart_from_silence_and_from_unknown_keys(moto: int, tmp_path: Path) -> None:
    """A key that is not there, a server that is not there, no region, no profile."""
    with scripted_http() as script:
        closed = script.port
    near = {"region": "us-east-1", "endpoint": f"http://127.0.0.1:{moto}"}
    far = {**near, "endpoint": f"http://127.0.0.1:{closed}"}
    for settings, said in (
        ({"key_id": "0-0-0", **near}, "is not there"),
        ({"key_id": "0-0-0", **far}, "cannot be reached"),
        ({"key_id": "0-0-0"}, "no region is known"),
    ):
        with pytest.raises(KeyRefused, match=said):
            service("aws_kms", settings).fresh()
    (tmp_path / "config").write_text("")
    told = open_keys("aws_kms", {"key_id": "k", "profile": "nobody"}, PATH)
    assert [(d.code, d.path) for d in told.diagnostics] == [("backend-profile", (*PATH, "profile"))]


def test_what_a_document_says_wrongly_is_told_at_its_line(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two keys, none, one over a network in clear, a name that is none, and a package that is missing."""
    key = f"{RING}/k"
    for text, said in (
        ("passphrase: {}, aws_kms: {key_id: k}", "Encryption needs exactly one key"),
        ("enforced: true", "Encryption needs exactly one key"),
        ("aws_kms: {key_id: k}, fallback: {}", "Encryption needs exactly one key"),
        ("aws_kms: {key_id: k}, fallback: {aws_kms: {key_id: k}}", "The fallback is the key itself"),
        ("aws_kms: {key_id: k, endpoint: 'http://kms.example'}", "The keys would travel in clear"),
        (f"gcp_kms: {{key: {key}, endpoint: 'http://kms.example'}}", "The keys would travel in clear"),
        (f"gcp_kms: {{key: {key}/cryptoKeyVersions/1}}", "No key has such a name"),
    ):
        encrypted(small, text)
        done = small.run("plan", "-out", "p")
        assert (done.exit_code, said in done.stderr) == (1, True), (text, done.output)
        assert "dcplan.yaml:" in done.stderr
    monkeypatch.setattr(key_services, "installed", tuple)
    encrypted(small, "aws_kms: {key_id: k}")
    absent = small.run("plan", "-out", "p")
    assert "pip install ./providers/aws" in " ".join(absent.stderr.split())
    assert "dcplan.yaml:" in absent.stderr
    assert not (small.folder / "p").exists()


def test_no_altered_first_line_is_opened(google: tuple[str, World]) -> None:
    """Every field is bound: one that is changed is refused, and a strange key's name is not shown."""
    address, world = google
    sealer = Sealer(service=service("gcp_kms", {"key": world.made("k"), "endpoint": address}))
    head, _, body = sealer.seal(b"content", b"plan").partition(b"\n")
    was = json.loads(head)
    assert sealer.open(head + b"\n" + body, b"plan") == b"content"
    for name, value in (("key_id", "other"), ("key_id", "a\nb"), ("wrapped", "AAAA"), ("by", "aws_kms")):
        line = json.dumps({**was, name: value}, separators=(",", ":")).encode()
        with pytest.raises(Unsealable):
            sealer.open(line + b"\n" + body, b"plan")
    with pytest.raises(Unsealable):
        sealer.open(head + b"\n" + body, b"backup")


def test_the_checksum_is_the_one_of_the_standard() -> None:
    """The check value of CRC-32C."""
    assert crc32c(b"123456789") == 0xE3069283
