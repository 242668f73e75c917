"""What a sealed state on blobs must keep: subclass ``SealedContract`` and give the fixture ``connect``.

Whoever may write to the server, and has no key, can put blobs elsewhere, put older ones back, cut them off
and leave them out.  None of that may be taken for the state; a folder that never saw the state must notice
all but a whole state that went back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from dcplan.diag import Diagnostic
from dcplan.plan import sealed
from dcplan.plan.sealed import Sealer
from dcplan.resources import Address
from dcplan.state.blobs import Blob, Blobs
from dcplan.state.log import LogStore, Manner, open_log
from dcplan.state.replica import SNAPSHOT
from dcplan.state.seen import Seen
from dcplan.state.under import Under
from dcplan.workflow.sealing import StateSeal
from store_contract import HOST, INFO, FakeClock, resource

Connect = Callable[[], Blobs]

FEW = 1000
"""Rounds; a key by the right number takes half a second."""
KEY = "a passphrase that is long"
LATER_S = 2_000_000.0
"""When leases have run out that were taken at the beginning."""


class SealedContract:
    """Workspaces ``a`` and ``b`` of one project share a server and a passphrase."""

    @pytest.fixture
    def connect(self) -> Connect:
        """To be given by the subclass: connections to one empty place."""
        raise NotImplementedError

    @pytest.fixture
    def bucket(self, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> Iterator[Blobs]:
        """One connection for all; keys are made quickly."""
        monkeypatch.setattr(sealed, "ROUNDS", FEW)
        blobs = connect()
        yield blobs
        blobs.close()

    def test_a_state_of_another_workspace_is_refused(self, bucket: Blobs) -> None:
        """All blobs of one in place of the other's: no folder opens them, whether it saw the state or not."""
        made = _killed(bucket, "a")
        _killed(bucket, "b")
        _replaced(_of(bucket, "b"), made)
        said = _said(bucket, "b")

        assert said.code == "state-damaged"
        assert "sealed for workspace a, and this is b" in said.detail

    def test_a_first_line_that_lies_opens_nothing(self, bucket: Blobs) -> None:
        """Another workspace, lineage or number written into the first line does not make a blob fit."""
        made, other = _killed(bucket, "a"), _killed(bucket, "b")
        entry, here = _entries(made)[-1], ('"workspace":"a"', '"workspace":"b"')
        lineages = (_lineage(made[entry]), _lineage(other[entry]))
        for place, name, lies in (
            ("b", SNAPSHOT, (here,)),
            ("a", SNAPSHOT, (('"through":0', '"through":7'),)),
            ("b", entry, (here, lineages)),
        ):
            body = made[name].body
            for was, now in lies:
                assert was.encode() in body
                body = body.replace(was.encode(), now.encode(), 1)
            with _instead(_of(bucket, place), name, body):
                said = _said(bucket, place)
            assert said.code == "state-not-read", (place, name)
            assert f"{name} of the state cannot be decrypted" in said.detail

    def test_an_entry_of_another_state_is_refused(self, bucket: Blobs) -> None:
        """Of the same workspace and number, but of another lineage: it is told whose it is."""
        made = _killed(bucket, "a")
        _replaced(_of(bucket, "a"), {})
        _killed(bucket, "a")
        entry = _entries(made)[-1]
        _put(_of(bucket, "a"), entry, made[entry].body)
        said = _said(bucket, "a")

        assert said.code == "state-damaged"
        assert f"it is of another state (lineage {_lineage(made[entry])};" in said.detail

    def test_entries_that_change_places_are_refused(self, bucket: Blobs) -> None:
        """Their names are a part of what was sealed."""
        made = _killed(bucket, "a")
        one, other = _entries(made)[-2:]
        _put(_of(bucket, "a"), one, made[other].body)
        _put(_of(bucket, "a"), other, made[one].body)

        assert _said(bucket, "a").code == "state-not-read"

    def test_an_older_snapshot_put_back_is_refused_by_anybody(self, bucket: Blobs) -> None:
        """What followed it was folded away, so there is a gap, which a folder that saw nothing sees, too."""
        older = _killed(bucket, "a")[SNAPSHOT]
        with _open(bucket, "a", now_s=LATER_S).lock(INFO).unwrap():
            pass
        _put(_of(bucket, "a"), SNAPSHOT, older.body)
        said = _said(bucket, "a")

        assert said.code == "state-damaged"
        assert "has a gap" in said.detail

    def test_a_whole_state_that_went_back_is_refused_where_it_was_seen(
        self, bucket: Blobs, tmp_path: Path
    ) -> None:
        """Every blob as it was before the last apply, which was killed and said nothing at its end."""
        seen = Seen(tmp_path / "seen.json")
        before = _killed(bucket, "a", seen)
        lease = _open(bucket, "a", seen, now_s=LATER_S).lock(INFO)
        _replaced(_of(bucket, "a"), before)

        assert lease.ok
        assert _said(bucket, "a", seen).code == "state-went-back"
        assert open_log(_of(bucket, "a"), create=False, manner=_manner("a")).ok

    def test_a_log_that_was_cut_off_is_refused_where_it_was_seen(self, bucket: Blobs, tmp_path: Path) -> None:
        """Without its last entry the state is sound, and the folder of who wrote it knows better."""
        seen = Seen(tmp_path / "seen.json")
        made = _killed(bucket, "a", seen)
        _of(bucket, "a").delete(_entries(made)[-1])
        said = _said(bucket, "a", seen)

        assert said.code == "state-went-back"
        assert "its slot is" in said.detail

    def test_no_part_of_a_blob_is_taken_for_it(self, bucket: Blobs) -> None:
        """Cut off anywhere, also with a digest that fits what is left: never opened, never an empty state."""
        made = _killed(bucket, "a")
        for name in (SNAPSHOT, _entries(made)[-1]):
            whole = made[name].body
            head = whole.index(b"\n") + 1
            for length in (0, head - 1, head, (head + len(whole)) // 2, len(whole) - 1):
                for body in (whole[:length], _redigested(whole[:length])):
                    with _instead(_of(bucket, "a"), name, body):
                        said = _said(bucket, "a")
                    assert said.code in {"state-damaged", "state-not-read"}, (name, length)

    def test_a_plain_state_in_place_of_a_sealed_one_is_refused(self, bucket: Blobs) -> None:
        """Somebody without the key cannot make a state that is believed."""
        _killed(bucket, "a")
        plain = open_log(_of(bucket, "plain"), create=True, manner=Manner(beat=False)).unwrap()
        with plain.lock(INFO).unwrap():
            plain.record({HOST: resource()})
        _replaced(_of(bucket, "a"), _kept(_of(bucket, "plain")))
        said = _said(bucket, "a")

        assert said.code == "state-not-read"
        assert "is not encrypted, and the document asks for encryption" in said.detail


def _of(bucket: Blobs, workspace: str) -> Blobs:
    """Where the state of a workspace is."""
    return Under(bucket, f"env/{workspace}/")


def _manner(workspace: str, seen: Seen | None = None, now_s: float = 1_000_000.0) -> Manner:
    """How it is kept."""
    seal = StateSeal(Sealer(passphrase=KEY, rounds=FEW), workspace)
    return Manner(times=FakeClock(now_s=now_s).times(), beat=False, seal=seal, seen=seen)


def _open(bucket: Blobs, workspace: str, seen: Seen | None = None, now_s: float = 1_000_000.0) -> LogStore:
    return open_log(_of(bucket, workspace), create=True, manner=_manner(workspace, seen, now_s)).unwrap()


def _said(bucket: Blobs, workspace: str, seen: Seen | None = None) -> Diagnostic:
    """Why the state of a workspace cannot be opened."""
    result = open_log(_of(bucket, workspace), create=True, manner=_manner(workspace, seen))
    assert result.value is None
    (said,) = result.diagnostics
    return said


def _killed(bucket: Blobs, workspace: str, seen: Seen | None = None) -> dict[str, Blob]:
    """Let somebody make a state and write to it, who is killed; what is there then."""
    store = _open(bucket, workspace, seen)
    store.lock(INFO).unwrap()
    for n in range(3):
        store.record({Address("local", "machine", f"{workspace}-{n}"): resource()})
    return _kept(_of(bucket, workspace))


def _kept(place: Blobs) -> dict[str, Blob]:
    """All blobs."""
    return {name: blob for name in place.names("") if (blob := place.get(name)) is not None}


def _entries(blobs: Mapping[str, Blob]) -> list[str]:
    return sorted(name for name in blobs if name.startswith("journal/"))


def _put(place: Blobs, name: str, body: bytes) -> None:
    """Put a body there, whatever the name held."""
    now = place.get(name)
    place.put(name, body, expected=None if now is None else now.version)


def _replaced(place: Blobs, blobs: Mapping[str, Blob]) -> None:
    """These blobs and no others."""
    for name in place.names(""):
        if name not in blobs:
            place.delete(name)
    for name, blob in blobs.items():
        _put(place, name, blob.body)


@contextmanager
def _instead(place: Blobs, name: str, body: bytes) -> Iterator[None]:
    """Another body for a while."""
    before = place.get(name)
    assert before is not None
    _put(place, name, body)
    yield
    _put(place, name, before.body)


def _lineage(blob: Blob) -> str:
    """What the first line says."""
    return str(json.loads(blob.body.partition(b"\n")[0])["lineage"])


def _redigested(body: bytes) -> bytes:
    """With a digest that fits what follows, where there is a first line."""
    line, newline, rest = body.partition(b"\n")
    if not newline:
        return body
    head = {**json.loads(line), "sha256": hashlib.sha256(rest).hexdigest()}
    return json.dumps(head, separators=(",", ":")).encode() + b"\n" + rest
