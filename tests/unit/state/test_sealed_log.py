"""A remote state whose blobs are sealed: the server sees nothing, and nothing opens by mistake."""

from __future__ import annotations

import pytest

from blobs_for_tests import MemoryBlobs
from dcplan.plan import sealed
from dcplan.plan.sealed import Sealer
from dcplan.state.log import Manner, open_log
from dcplan.workflow.sealing import StateSeal
from store_contract import INFO, FakeClock, resource

NEW, OLD = "a passphrase that is long", "the passphrase of before"
FEW = 1000


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are made quickly."""
    monkeypatch.setattr(sealed, "ROUNDS", FEW)


def manner(passphrase: str | None, *, old: str | None = None, accepts_plain: bool = False) -> Manner:
    """How the state is kept by somebody with this passphrase."""
    times = FakeClock().times()
    if passphrase is None:
        return Manner(times=times, beat=False)
    sealer = Sealer(passphrase=passphrase, old_passphrase=old, accepts_plain=accepts_plain, rounds=FEW)
    return Manner(times=times, beat=False, seal=StateSeal(sealer))


def written(server: MemoryBlobs, how: Manner) -> None:
    """Let somebody write one resource."""
    store = open_log(server, create=True, manner=how).unwrap()
    with store.lock(INFO).unwrap():
        one = resource()
        store.record({one.address: one})
    store.close()


def codes(server: MemoryBlobs, how: Manner) -> list[str]:
    """What is said when it is opened and read."""
    return [d.code for d in open_log(server, create=False, manner=how).diagnostics]


def test_a_sealed_state_is_read_with_its_key_and_shows_the_server_nothing() -> None:
    """No address stands in any blob of state or log; the key brings all back; no key, or another, is told."""
    server = MemoryBlobs()
    written(server, manner(NEW))
    read = open_log(server, create=False, manner=manner(NEW)).unwrap().read()
    kept = b"".join(
        blob.body for name in server.names("") if (blob := server.get(name)) and "lease" not in name
    )

    assert list(read.resources) == [resource().address]
    assert str(resource().address).encode() not in kept
    assert b'"sealed":true' in kept
    assert codes(server, manner(None)) == ["state-not-read"]
    assert codes(server, manner(OLD)) == ["state-not-read"]


def test_a_plain_state_is_read_under_encryption_only_where_that_is_allowed() -> None:
    """Refused, and with the fallback read; what is then written is sealed."""
    server = MemoryBlobs()
    written(server, manner(None))

    assert codes(server, manner(NEW)) == ["state-not-read"]
    written(server, manner(NEW, accepts_plain=True))
    assert codes(server, manner(NEW)) == []


def test_keys_are_rolled_over() -> None:
    """With the old passphrase as fallback the state is read, and is sealed with the new one once written."""
    server = MemoryBlobs()
    written(server, manner(OLD))
    written(server, manner(NEW, old=OLD))

    assert codes(server, manner(NEW)) == []
    assert codes(server, manner(OLD)) == ["state-not-read"]
