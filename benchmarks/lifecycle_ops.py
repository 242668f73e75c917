"""What one operation of an apply costs: milliseconds, and bytes written, beside a state of some size.

    python benchmarks/lifecycle_ops.py OPERATIONS ROWS     # prints one line of JSON

The provider answers at once, so that all that is measured is dcplan's own: three durable
records for each create (intent, answer, outcome), and what decides about them.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcplan.apply import ApplyOptions, execute
from dcplan.provider.types import Ack, Found, Idempotency, Kind, ProviderInfo, Request
from dcplan.resources import Action, Address, Change, Resource
from dcplan.state import LockInfo, open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcplan.provider import Provider

KIND = Kind(
    name="thing",
    outputs=("id",),
    replace_on=(),
    idempotency=Idempotency.TOKEN,
    token_ttl_s=3600.0,
    consistency_window_s=0.0,
    spends_money=False,
)


class AtOnce:
    """Makes what it is asked for in no time."""

    info = ProviderInfo(name="none", api_version=1, kinds={"thing": KIND})

    def begin(self, request: Request) -> Ack:
        """Made."""
        return Ack(object_id=request.address.name)

    def wait(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> Mapping[str, Any]:  # noqa: ARG002 - the protocol's
        """Ready."""
        return {"address": f"{request.address.name}.none"}

    def lookup(self, request: Request) -> tuple[Found, ...]:  # noqa: ARG002 - as above
        """Nobody asks."""
        return ()


def resource(name: str) -> Resource:
    """Some machine."""
    attributes: dict[str, Any] = {"machine": "h100x8", "zone": "z1", "block": "a", "purchase": "owned"}
    return Resource(address=Address("none", "thing", name), attributes=attributes)


def written_bytes() -> int:
    """What this process has written so far, cached or not (Linux: proc(5), ``wchar``)."""
    lines = Path("/proc/self/io").read_text(encoding="utf-8").splitlines()
    return int(dict(line.split(": ") for line in lines)["wchar"])


class Bench:
    """A state of so many rows, and creates beside them."""

    def __init__(self, folder: Path, rows: int) -> None:
        self.store = open_store(folder / "state.sqlite", create=True).unwrap()
        self.store.lock(LockInfo(pid=1, who="a@b", operation="apply", since="now")).unwrap()
        self.store.record({r.address: r for r in (resource(f"old-{i}") for i in range(rows))})

    def creates(self, name: str, count: int) -> tuple[float, float, int]:
        """Make so many; wall seconds, CPU seconds, bytes written."""
        new = [resource(f"{name}-{i}") for i in range(count)]
        wanted = [Change(address=r.address, action=Action.CREATE, before=None, after=r) for r in new]
        providers: dict[str, Provider] = {"none": AtOnce()}  # type: ignore[dict-item]  # no more is asked
        bytes_before, cpu_s, start_s = written_bytes(), time.process_time(), time.perf_counter()
        execute(wanted, store=self.store, providers=providers, run_id="r", options=ApplyOptions()).unwrap()
        wall_s, cpu_s = time.perf_counter() - start_s, time.process_time() - cpu_s
        return wall_s, cpu_s, written_bytes() - bytes_before


def measured(operations: int, rows: int) -> dict[str, float]:
    """What an operation costs beside so many rows, and what an apply costs before its first operation."""
    with tempfile.TemporaryDirectory(prefix="dcplan-ops-") as folder:
        bench = Bench(Path(folder), rows)
        once = bench.creates("first", 1)
        many = bench.creates("new", operations)
        bench.store.close()
    wall_s, cpu_s, written = (
        (all_of_them - first) / operations for all_of_them, first in zip(many, once, strict=True)
    )
    return {
        "operations": operations,
        "rows": rows,
        "wall_ms": round(wall_s * 1e3, 3),
        "cpu_ms": round(cpu_s * 1e3, 3),
        "written_bytes": round(written),
        "once_s": round(once[0], 3),
    }


if __name__ == "__main__":
    print(json.dumps(measured(int(sys.argv[1]), int(sys.argv[2]))))
