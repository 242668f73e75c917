"""What every server of remote state must do: a suite that each adapter runs over real connections.

A subclass has a fixture ``opened``: a function that gives another client of the same, empty set of names.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from dcplan.state.blobs import BlobConflict, Blobs, BlobUncertain

Opened = Callable[[], Blobs]

ODD = (
    "a b",
    "a%2Fb",
    "a+b",
    "a?b=c&d",
    "a#b",
    "deep/er/est",
    "quote'\"s",
    "ünï/中文/🙂",
    "~-_.!*();:@=,$",
    "<xml>&amp;",
)
"""Names that an address, a list or a statement could get wrong."""

RACERS = 4
ROUNDS = 4
LARGE = 8 << 20


class BlobsContract:
    """The suite.  Each test has names of its own."""

    many = 10_000
    """More names than any server lists on one page."""

    @pytest.fixture
    def blobs(self, opened: Opened) -> Blobs:
        """One client."""
        return opened()

    def fill(self, blobs: Blobs, names: Sequence[str]) -> None:
        """Write something under each name; a subclass may know a faster way."""
        with ThreadPoolExecutor(RACERS) as pool:
            list(pool.map(lambda name: blobs.put(name, b"1", expected=None), names))

    def test_nothing_is_nothing(self, blobs: Blobs) -> None:
        """A name that was never written holds nothing, and is not listed."""
        assert blobs.get("a") is None
        assert list(blobs.names("")) == []

    def test_what_was_written_is_read(self, blobs: Blobs, opened: Opened) -> None:
        """Another client reads the contents and the version that the write gave, at once."""
        version = blobs.put("a/b", b"\x00\r\n--one\xff", expected=None)
        read = opened().get("a/b")

        assert read is not None
        assert (read.body, read.version) == (b"\x00\r\n--one\xff", version)

    def test_a_second_create_conflicts(self, blobs: Blobs) -> None:
        """What is expected to hold nothing and holds something stays as it is."""
        version = blobs.put("a", b"one", expected=None)

        with pytest.raises(BlobConflict):
            blobs.put("a", b"two", expected=None)

        assert read(blobs, "a") == (b"one", version)

    def test_a_replace_of_what_is_there_succeeds(self, blobs: Blobs) -> None:
        """The new version is another one, and is what is read."""
        first = blobs.put("a", b"one", expected=None)
        second = blobs.put("a", b"two", expected=first)

        assert first != second
        assert read(blobs, "a") == (b"two", second)

    def test_a_replace_of_what_was_there_conflicts(self, blobs: Blobs) -> None:
        """An older version writes nothing, also after the name was removed and written again."""
        first = blobs.put("a", b"one", expected=None)
        second = blobs.put("a", b"two", expected=first)
        with pytest.raises(BlobConflict):
            blobs.put("a", b"three", expected=first)
        blobs.delete("a")
        third = blobs.put("a", b"four", expected=None)

        with pytest.raises(BlobConflict):
            blobs.put("a", b"five", expected=second)

        assert read(blobs, "a") == (b"four", third)

    def test_a_replace_of_nothing_conflicts(self, blobs: Blobs) -> None:
        """A name that is gone is not written again by who expects it."""
        version = blobs.put("a", b"one", expected=None)
        blobs.delete("a")

        with pytest.raises(BlobConflict):
            blobs.put("a", b"two", expected=version)

        assert blobs.get("a") is None

    def test_a_delete_of_what_is_there_succeeds(self, blobs: Blobs) -> None:
        """The name holds nothing afterwards, is not listed, and can be created."""
        blobs.put("a", b"one", expected=None)
        blobs.delete("a")

        assert blobs.get("a") is None
        assert list(blobs.names("")) == []
        assert blobs.put("a", b"two", expected=None)

    def test_a_delete_of_nothing_is_fine(self, blobs: Blobs) -> None:
        """A name that was never there, or is there no more: it is gone either way."""
        blobs.delete("never")
        blobs.put("a", b"one", expected=None)
        blobs.delete("a")

        blobs.delete("a")

        assert blobs.get("a") is None

    def test_contents_may_be_empty(self, blobs: Blobs) -> None:
        """No bytes are something else than nothing."""
        version = blobs.put("a", b"", expected=None)

        assert read(blobs, "a") == (b"", version)
        with pytest.raises(BlobConflict):
            blobs.put("a", b"one", expected=None)

    def test_contents_may_be_large(self, blobs: Blobs) -> None:
        """Megabytes come back as they went."""
        body = bytes(range(256)) * (LARGE // 256)

        blobs.put("a", body, expected=None)

        found = blobs.get("a")
        assert found is not None
        assert found.body == body

    def test_odd_names_are_only_names(self, blobs: Blobs) -> None:
        """Each is read, listed, replaced and removed as it was written."""
        versions = {name: blobs.put(name, name.encode(), expected=None) for name in ODD}

        assert list(blobs.names("")) == sorted(ODD)
        for name in ODD:
            assert read(blobs, name) == (name.encode(), versions[name])
            blobs.put(name, b"new", expected=versions[name])
            blobs.delete(name)
        assert list(blobs.names("")) == []

    def test_names_are_listed_by_their_beginning(self, blobs: Blobs) -> None:
        """Only those that begin so, in order; ``/``, ``%`` and ``_`` mean nothing."""
        for name in ("a/2", "a/10", "a", "ab", "b/1", "a_1", "a%1"):
            blobs.put(name, b"", expected=None)

        assert list(blobs.names("a/")) == ["a/10", "a/2"]
        assert list(blobs.names("a_")) == ["a_1"]
        assert list(blobs.names("a%")) == ["a%1"]
        assert list(blobs.names("c")) == []

    def test_all_of_many_names_are_listed(self, blobs: Blobs) -> None:
        """All pages, none twice, in order."""
        names = [f"journal/{number:016d}" for number in range(self.many)]
        self.fill(blobs, names)

        assert list(blobs.names("journal/")) == names
        assert list(blobs.names(names[7][:-1])) == names[:10]

    def test_of_many_creators_one_wins(self, opened: Opened) -> None:
        """Clients of their own put the same name at once: one does, the others learn that they did not."""
        clients = [opened() for _ in range(RACERS)]
        for round_ in range(ROUNDS):
            won = raced([creator(client, f"slot/{round_}", b"%d" % i) for i, client in enumerate(clients)])

            assert won.count(True) == 1
            assert read(clients[0], f"slot/{round_}")[0] == b"%d" % won.index(True)

    def test_of_many_replacers_one_wins(self, opened: Opened) -> None:
        """The same for a version that all of them have seen."""
        clients = [opened() for _ in range(RACERS)]
        for round_ in range(ROUNDS):
            name = f"lease/{round_}"
            version = clients[0].put(name, b"old", expected=None)
            won = raced([replacer(client, name, b"%d" % i, version) for i, client in enumerate(clients)])

            assert won.count(True) == 1
            assert read(clients[0], name)[0] == b"%d" % won.index(True)

    def test_threads_share_a_client(self, blobs: Blobs) -> None:
        """Additions by compare and swap from several threads are all there in the end."""
        blobs.put("sum", b"0", expected=None)

        def add(times: int) -> None:
            while times:
                body, version = read(blobs, "sum")
                try:
                    blobs.put("sum", b"%d" % (int(body) + 1), expected=version)
                except (BlobConflict, BlobUncertain):
                    # S3 says "busy", too, instead of "no"; no answer of these servers is lost.
                    continue
                times -= 1

        raced([lambda: add(ROUNDS)] * RACERS)

        assert read(blobs, "sum")[0] == b"%d" % (ROUNDS * RACERS)

    def test_a_closed_client_opens_again(self, blobs: Blobs) -> None:
        """Closing lets go of connections and of nothing else."""
        blobs.put("a", b"one", expected=None)
        blobs.close()

        assert read(blobs, "a")[0] == b"one"


def read(blobs: Blobs, name: str) -> tuple[bytes, str]:
    """What a name holds; it must hold something."""
    found = blobs.get(name)
    assert found is not None
    return found.body, found.version


def creator(blobs: Blobs, name: str, body: bytes) -> Callable[[], object]:
    """A write of something new."""
    return lambda: blobs.put(name, body, expected=None)


def replacer(blobs: Blobs, name: str, body: bytes, expected: str) -> Callable[[], object]:
    """A write over what is there."""
    return lambda: blobs.put(name, body, expected=expected)


def raced(calls: Sequence[Callable[[], object]]) -> list[bool]:
    """Run them all at once; which of them met no conflict."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> bool:
        start.wait()
        try:
            call()
        except BlobConflict:
            return False
        return True

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def closing(open_one: Opened) -> Iterator[Opened]:
    """``open_one``, and all that it opened closed in the end."""
    clients: list[Blobs] = []

    def opened() -> Blobs:
        clients.append(open_one())
        return clients[-1]

    yield opened
    for client in clients:
        client.close()
