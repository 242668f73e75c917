"""What an operation writes to a server of remote state, beside a small state and a large one.

    python benchmarks/state_servers.py [OPERATIONS]     # a line for each server, then the ratios

Servers are those of the tests, on this machine: times tell of dcplan and of them, and nothing of a network.
Providers answer at once.  An operation is a create: intent, answer, outcome.  What one turn of an apply has
to say is one write; the lease's renewals are left out.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))

from lifecycle_ops import AtOnce, resource

from dcplan.apply import ApplyOptions, execute
from dcplan.resources import Action, Change
from dcplan.state import LockInfo
from dcplan.state.blobs import Blobs
from dcplan.state.log import open_log
from dcplan.state.under import Under
from state_servers import KINDS, NOBODY, StateServer, state_server

ROWS = (10, 10_000)
INFO = LockInfo(pid=1, who="a@b", operation="apply", since="now")


@dataclass
class Counted(Under):
    """Blobs that note what is written to them."""

    inner: Blobs
    entries: list[tuple[int, float]] = field(default_factory=list)
    """Bytes and seconds of each entry of the journal."""
    snapshots: list[int] = field(default_factory=list)
    """Bytes of each."""

    def __post_init__(self) -> None:
        super().__init__(self.inner, "")

    def put(self, name: str, body: bytes, *, expected: str | None) -> str:
        """Write and note it."""
        began_s = time.perf_counter()
        version = super().put(name, body, expected=expected)
        if name.startswith("journal/"):
            self.entries.append((len(body), time.perf_counter() - began_s))
        elif name == "state.json":
            self.snapshots.append(len(body))
        return version


@dataclass(frozen=True)
class Cost:
    """Of one operation, but for ``write_ms``."""

    writes: float
    entry_bytes: float
    snapshot_bytes: float
    wall_ms: float
    write_ms: float
    """Median of one group commit."""


def measured(server: StateServer, operations: int, rows: int) -> Cost:
    """Creates beside so many rows, in a place of their own."""
    blobs = Counted(server.opened(server.settings()))
    store = open_log(blobs, create=True).unwrap()
    with store.lock(INFO).unwrap():
        store.record({r.address: r for r in (resource(f"old-{i}") for i in range(rows))})
        store.compact()
        blobs.entries.clear()
        blobs.snapshots.clear()
        new = [resource(f"new-{i}") for i in range(operations)]
        wanted = [Change(address=r.address, action=Action.CREATE, before=None, after=r) for r in new]
        began_s = time.perf_counter()
        execute(
            wanted,
            store=store,
            providers={"none": AtOnce()},  # type: ignore[dict-item]  # no more is asked
            run_id="r",
            options=ApplyOptions(),
        ).unwrap()
        wall_s = time.perf_counter() - began_s
    store.close()
    times_s = sorted(seconds for _, seconds in blobs.entries)
    return Cost(
        writes=len(blobs.entries) / operations,
        entry_bytes=sum(size for size, _ in blobs.entries) / operations,
        snapshot_bytes=sum(blobs.snapshots) / operations,
        wall_ms=wall_s / operations * 1e3,
        write_ms=times_s[len(times_s) // 2] * 1e3,
    )


def main() -> None:
    """Measure all, print a table."""
    operations = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    os.environ.update(NOBODY)
    head = (
        "writes an operation, bytes of entries an operation, of snapshots, ms an operation, ms a group commit"
    )
    print(f"{operations} creates, {ApplyOptions().parallelism} at once; {head}")
    for kind in KINDS:
        with state_server(kind) as server:
            costs = [measured(server, operations, rows) for rows in ROWS]
        for rows, cost in zip(ROWS, costs, strict=True):
            print(
                f"{kind:9}{rows:>7,} objects {cost.writes:6.2f} {cost.entry_bytes:8.0f} "
                f"{cost.snapshot_bytes:9.0f} {cost.wall_ms:8.2f} {cost.write_ms:8.2f}"
            )
        ratio = costs[1].entry_bytes / costs[0].entry_bytes
        print(f"{kind:9}bytes of entries, large state to small: {ratio:.3f}")


if __name__ == "__main__":
    main()
