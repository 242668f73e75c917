"""What every server of remote state must do when the wire fails: a suite over a proxy that makes it fail.

A subclass has a fixture ``line``: a proxy, a client behind it that waits ``PATIENCE_S`` for an answer, and
another client that has a wire of its own.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

import pytest

from blobs_contract import read
from dcplan.state.blobs import BlobConflict, Blobs, BlobUncertain
from fault_proxy import FaultProxy, Wire

PATIENCE_S = 0.6
ADDITIONS = 40


@dataclass(frozen=True, slots=True)
class Line:
    """The two ways to one server."""

    proxy: FaultProxy
    far: Blobs
    """Over the wire that fails."""
    near: Blobs


class UncertainContract:
    """The suite."""

    def test_a_write_whose_answer_is_lost_may_be_there(self, line: Line) -> None:
        """It is uncertain to who wrote, sent once, and read by all others."""
        first = line.far.put("a", b"one", expected=None)
        line.proxy.seen.clear()
        line.proxy.fail(Wire.LOSES_ANSWERS, times=1)

        with pytest.raises(BlobUncertain):
            line.far.put("a", b"two", expected=first)

        assert read(line.near, "a")[0] == b"two"
        assert read(line.far, "a")[0] == b"two"
        assert len([verb for verb in line.proxy.seen if verb in ("PUT", "POST")]) <= 1

    def test_a_write_that_is_lost_may_be_missing(self, line: Line) -> None:
        """It is just as uncertain, and nobody reads it."""
        first = line.far.put("a", b"one", expected=None)
        line.proxy.fail(Wire.LOSES_REQUESTS, times=1)

        with pytest.raises(BlobUncertain):
            line.far.put("a", b"two", expected=first)

        assert read(line.near, "a") == (b"one", first)
        assert line.far.put("a", b"three", expected=first)

    def test_a_create_whose_answer_is_lost_is_not_repeated(self, line: Line) -> None:
        """Repeating it would meet itself and speak of a conflict where there is none."""
        line.far.put("warm", b"", expected=None)
        line.proxy.fail(Wire.LOSES_ANSWERS, times=1)

        with pytest.raises(BlobUncertain):
            line.far.put("a", b"one", expected=None)

        assert read(line.near, "a")[0] == b"one"

    def test_a_delete_whose_answer_is_lost_may_be_done(self, line: Line) -> None:
        """It is uncertain, and the name is gone."""
        line.far.put("a", b"one", expected=None)
        line.proxy.fail(Wire.LOSES_ANSWERS, times=1)

        with pytest.raises(BlobUncertain):
            line.far.delete("a")

        assert line.near.get("a") is None
        line.far.delete("a")

    def test_a_delete_that_is_lost_leaves_what_was_there(self, line: Line) -> None:
        """It is just as uncertain, and the name still holds it."""
        version = line.far.put("a", b"one", expected=None)
        line.proxy.fail(Wire.LOSES_REQUESTS, times=1)

        with pytest.raises(BlobUncertain):
            line.far.delete("a")

        assert read(line.near, "a") == (b"one", version)

    def test_an_answer_that_does_not_come_is_not_waited_for(self, line: Line) -> None:
        """A server that hangs holds nobody for longer than the time that is set; the write may be there."""
        first = line.far.put("a", b"one", expected=None)
        line.proxy.fail(Wire.HOLDS_ANSWERS)
        began_s = time.monotonic()

        with pytest.raises(BlobUncertain):
            line.far.put("a", b"two", expected=first)

        assert time.monotonic() - began_s < 10 * PATIENCE_S
        line.proxy.mend()
        assert read(line.near, "a")[0] == b"two"
        assert read(line.far, "a")[0] == b"two"

    def test_a_server_that_is_away_is_uncertain_and_comes_back(self, line: Line) -> None:
        """Reads, writes, deletes and lists say so; the same client goes on when it is back."""
        version = line.far.put("a", b"one", expected=None)
        line.proxy.fail(Wire.CUT)

        with pytest.raises(BlobUncertain):
            line.far.get("a")
        with pytest.raises(BlobUncertain):
            line.far.put("a", b"two", expected=version)
        with pytest.raises(BlobUncertain):
            line.far.delete("a")
        with pytest.raises(BlobUncertain):
            line.far.names("")

        line.proxy.mend()
        assert read(line.far, "a") == (b"one", version)

    def test_whoever_reads_back_writes_each_thing_once(self, line: Line) -> None:
        """Under random faults a log of marked additions ends with each of them once: the store's own way."""
        chance = random.Random(7)  # noqa: S311 - the same faults in each run
        version = line.far.put("log", b"", expected=None)
        body = b""
        for number in range(ADDITIONS):
            mark, wire = b"%d;" % number, chance.choice([*Wire][:3])
            if wire is not Wire.WHOLE:
                line.proxy.fail(wire, times=1)
            while not body.endswith(mark):
                try:
                    version = line.far.put("log", body + mark, expected=version)
                    body += mark
                except (BlobUncertain, BlobConflict):
                    line.proxy.mend()
                    body, version = read(line.far, "log")

        assert read(line.near, "log")[0] == b"".join(b"%d;" % number for number in range(ADDITIONS))
