"""kill -9 in an apply of several rounds: within any of them, and while the next plan is being made."""

from __future__ import annotations

import os
import re
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
  l40sx2: {accelerator: L40S, devices: 2, vcpus: 32, memory: 256GiB, network: 200Gbit/s, fabric: RoCE,
           price: $2/h}
  h100x4: {accelerator: H100-SXM, devices: 4, vcpus: 96, memory: 1TiB, network: 400Gbit/s, fabric: RoCE,
           price: $14/h}
  a100x4: {accelerator: A100-80, devices: 4, vcpus: 96, memory: 1TiB, network: 400Gbit/s, fabric: RoCE,
           price: $15/h}
zones:
  hall-a: {racks: {count: 2, machine: l40sx2, nodes: 3}}
  hall-c: {racks: {count: 2, machine: h100x4, nodes: 3}}
  hall-d: {racks: {count: 2, machine: a100x4, nodes: 3}}
"""
_DOCUMENT = """\
project: anew
providers:
  local:
    datacenter: datacenter.yaml
    faults:
      - {fault: stock-out, zone: hall-a, skip: 2, times: 99}
      - {fault: stock-out, zone: hall-c, times: 99}
workloads:
  chat:
    kind: serve
    model: llama-3.1-8b
    traffic: {requests_per_s: 50/s, prompt_tokens: 512, output_tokens: 128}
    sla: {ttft: {p95: 500ms}, tpot: {p95: 60ms}}
"""
"""Two of the first plan's six machines are had, none of the second's, all of the third's."""


class _Project(NamedTuple):
    """One folder, and the server that runs commands in it."""

    folder: Path
    forks: ForkServer

    def run(self, *arguments: str, crash_at: str | None = None) -> int:
        """The exit status of a command; -9 when it was killed."""
        job = {"folder": str(self.folder), "arguments": arguments}
        env = {VARIABLE: crash_at} if crash_at else {}
        return self.forks.ask(job, environment=env)

    @property
    def said(self) -> str:
        """What the last command printed."""
        return (self.folder / "out").read_text()

    def types(self) -> set[object]:
        """Of the machines that the state holds."""
        store = open_store(self.folder / ".dcplan" / "state.sqlite", create=False).unwrap()
        try:
            return {r.attributes["machine"] for a, r in store.read().resources.items() if a.kind == "machine"}
        finally:
            store.close()

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
        found = [] if sorted(alive) == known else [f"the world holds {sorted(alive)}, the state {known}"]
        found += ["operations are still open"] if still_open else []
        if self.run("plan", "-detailed-exitcode") != 0:
            found.append("the next plan has changes")
        return found


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    """One server for the whole file."""
    with ForkServer("forked_cli.py") as server:
        yield server


@pytest.fixture
def project(forks: ForkServer, tmp_path: Path) -> _Project:
    """A project of which nothing was applied."""
    (tmp_path / "datacenter.yaml").write_text(_DATACENTER)
    (tmp_path / "dcplan.yaml").write_text(_DOCUMENT)
    return _Project(tmp_path, forks)


@pytest.mark.parametrize(
    "point",
    [
        # The two machines of the first round, their replicas, and what is refused.
        "after-void:1",
        "after-done:3",
        # The second round has one machine, which is refused: the fifth refusal of all.
        "after-void:5",
        # The third has one that is had, and everything of the first goes.
        "after-intent:13",
        "after-done:8",
        "after-done:12",
        "after-done:14",
    ],
)
def test_killed_in_any_round_the_next_apply_ends_it(project: _Project, point: str) -> None:
    """Whatever the round was at: the same command again, and world, wish and state agree."""
    first = project.run("apply", "-auto-approve", "-parallelism=1", crash_at=point)
    second = project.run("apply", "-auto-approve")
    said = project.said

    assert (first, second) == (_KILLED, 0), said
    assert project.types() == {"a100x4"}
    assert project.wrongs() == [], said


@pytest.mark.parametrize("point", ["before-plan-anew:1", "after-plan-anew:1", "before-plan-anew:2"])
def test_killed_between_two_rounds_the_next_apply_goes_on(project: _Project, point: str) -> None:
    """Then nothing is open: what was had is known, and so is what was sold out."""
    first = project.run("apply", "-auto-approve", crash_at=point)
    had = project.types()
    second = project.run("apply", "-auto-approve")
    said = project.said

    assert (first, second) == (_KILLED, 0), said
    assert had == {"l40sx2"}
    assert re.search(r"hall-a/main/l40sx2[^:;]* (was|were) sold out at", " ".join(said.split()))
    assert "interrupted" not in said
    assert project.types() == {"a100x4"}
    assert project.wrongs() == []
