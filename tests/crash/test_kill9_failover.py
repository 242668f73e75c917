"""kill -9 while machines are had elsewhere, partial gangs let go, or new things taken away again."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from dcplan.apply.crash import VARIABLE
from dcplan.state import open_store
from fork_server import ForkServer

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has neither SIGKILL nor fork")

_KILLED = -int(getattr(signal, "SIGKILL", 9))
_DATACENTER = """\
name: hall
region: eu-test
machines:
  h100x8: {accelerator: H100-SXM, devices: 8, vcpus: 192, memory: 2048GiB, network: 3200Gbit/s,
           fabric: InfiniBand, price: $20/h}
zones:
  hall-a: {racks: {count: 1, machine: h100x8, nodes: 4}}
  hall-b: {racks: {count: 1, machine: h100x8, nodes: 4}}
  hall-c: {racks: {count: 1, machine: h100x8, nodes: 4}}
"""
_DOCUMENT = """\
project: held
providers:
  local:
    datacenter: datacenter.yaml
    faults: [FAULTS]
workloads:
"""
_SERVED = """\
  chat:
    kind: serve
    model: llama-3.1-8b
    traffic: {requests_per_s: 500/s, prompt_tokens: 512, output_tokens: 128}
    sla: {ttft: {p95: 500ms}, tpot: {p95: 60ms}}
"""
_TRAINED = """\
  pre:
    kind: train
    model: llama-3.1-8b
    tokens: 20B
    sequence_length: 4096
    global_batch: 256
    deadline: 2d
"""


class _Case(NamedTuple):
    """A project, and what goes wrong in it."""

    workload: str
    faults: str
    arguments: tuple[str, ...] = ()


_CASES = {
    # Each of the first two machines that are asked for in hall-a is refused.
    "single": _Case(_SERVED, "{fault: stock-out, zone: hall-a, times: 2}"),
    # Of two machines one is refused in hall-a, then the other in hall-b: the gang comes to hall-c.
    "gang": _Case(
        _TRAINED,
        '{fault: stock-out, zone: hall-a, name: "*-1"}, {fault: stock-out, zone: hall-b, name: "*-0"}',
    ),
    # The job is refused once, so the machines are given back.
    "rollback": _Case(
        _TRAINED, "{fault: denied, resource: job, action: create}", ("-on-error=rollback-new",)
    ),
}


class _Project(NamedTuple):
    """One folder, and the server that runs commands in it."""

    folder: Path
    forks: ForkServer

    def run(self, *arguments: str, crash_at: str | None = None) -> int:
        """The exit status of a command; -9 when it was killed."""
        job = {"folder": str(self.folder), "arguments": arguments}
        return self.forks.ask(job, environment={VARIABLE: crash_at} if crash_at else {})

    def wrongs(self) -> list[str]:
        """What is not as it must be after a completed apply; empty when all is well."""
        store = open_store(self.folder / ".dcplan" / "state.sqlite", create=False).unwrap()
        try:
            state, still_open = store.read(), store.open_operations()
        finally:
            store.close()
        with sqlite3.connect(self.folder / ".dcplan" / "local" / "hall.sqlite") as world:
            alive = world.execute(
                "SELECT kind, name, id FROM objects WHERE NOT (state = 'deleting' AND due_at <= ?)",
                (time.time(),),
            ).fetchall()
        known = sorted((a.kind, a.name, str(r.outputs["id"])) for a, r in state.resources.items())
        found = []
        if sorted(alive) != known:
            found.append(f"the world holds {sorted(alive)}, the state {known}")
        if still_open:
            found.append("operations are still open")
        if {kind for kind, _, _ in known} not in ({"machine", "replica", "endpoint"}, {"machine", "job"}):
            found.append(f"not all is there: {known}")
        if self.run("plan", "-detailed-exitcode") != 0:
            found.append("the next plan has changes")
        return found


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    """One server for the whole file."""
    with ForkServer("forked_cli.py") as server:
        yield server


@pytest.fixture(scope="module")
def planned(forks: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder with a saved plan for each case, to copy."""
    folders = {}
    for name, case in _CASES.items():
        folder = tmp_path_factory.mktemp(name)
        (folder / "datacenter.yaml").write_text(_DATACENTER)
        (folder / "dcplan.yaml").write_text(_DOCUMENT.replace("FAULTS", case.faults) + case.workload)
        if _Project(folder, forks).run("plan", "-out=the.plan") != 0:
            pytest.fail((folder / "out").read_text())
        folders[name] = folder
    return folders


@pytest.mark.parametrize(
    "at",
    [
        ("single", "before-failover", 2, True),
        ("single", "after-failover", 1, False),
        ("gang", "before-failover", 2, True),
        ("gang", "after-failover", 2, True),
        ("gang", "after-failover", 2, False),
        ("gang", "before-cleanup", 2, True),
        ("gang", "after-cleanup", 2, True),
        ("gang", "after-cleanup", 1, False),
        ("rollback", "before-rollback", 2, True),
        ("rollback", "after-rollback", 2, True),
        ("rollback", "after-rollback", 1, False),
    ],
)
def test_killed_at_a_boundary_and_run_again_all_agree(
    forks: ForkServer, planned: dict[str, Path], tmp_path: Path, at: tuple[str, str, int, bool]
) -> None:
    """Whichever passage of the point it dies at: the same apply again, and world, wish and state agree."""
    case, point, passages, saved = at
    arguments = (*(("apply", "the.plan") if saved else ("apply", "-auto-approve")), *_CASES[case].arguments)
    for passage in range(1, passages + 1):
        shutil.copytree(planned[case], tmp_path / str(passage))
        project = _Project(tmp_path / str(passage), forks)
        first = project.run(*arguments, crash_at=f"{point}:{passage}")
        second = project.run(*arguments)
        said = (project.folder / "out").read_text()

        assert (first, second) == (_KILLED, 0), said
        assert project.wrongs() == [], said


@pytest.mark.parametrize("point", ["after-intent", "after-begin", "after-ack", "after-done", "after-void"])
def test_a_gang_on_its_way_may_be_killed_at_any_write(
    forks: ForkServer, planned: dict[str, Path], tmp_path: Path, point: str
) -> None:
    """Killed at some passages of each write of a gang that moves twice, and run again: all agree."""
    for passage in range(2, 12, 4):
        shutil.copytree(planned["gang"], tmp_path / str(passage))
        project = _Project(tmp_path / str(passage), forks)
        first = project.run("apply", "the.plan", "-parallelism=1", crash_at=f"{point}:{passage}")
        if first == 0:
            break
        second = project.run("apply", "the.plan")
        said = (project.folder / "out").read_text()

        assert (first, second) == (_KILLED, 0), said
        assert project.wrongs() == [], said
    assert passage > 2
