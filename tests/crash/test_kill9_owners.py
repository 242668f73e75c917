"""kill -9 while things are forgotten or taken over: journal, state or tag says whose each one is."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from dcplan.apply.crash import VARIABLE
from dcplan.resources import Action
from dcplan.state import Operation, State, open_store
from fork_server import ForkServer

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has neither SIGKILL nor fork")

_KILLED = -int(getattr(signal, "SIGKILL", 9))
_ANOTHER = "another-state"
_DATACENTER = """\
name: hall
region: eu-test
machines:
  l40sx2: {accelerator: L40S, devices: 2, vcpus: 32, memory: 256GiB, network: 200Gbit/s, fabric: RoCE,
           price: $2/h}
zones:
  hall-a: {racks: {count: 2, machine: l40sx2, nodes: 3}}
"""
_DOCUMENT = """\
project: held
providers: {local: {datacenter: datacenter.yaml}}
workloads:
  chat:
    kind: serve
    model: llama-3.1-8b
    traffic: {requests_per_s: 5/s, prompt_tokens: 512, output_tokens: 128}
    sla: {ttft: {p95: 500ms}, tpot: {p95: 60ms}}
"""
_FORGETTING = _DOCUMENT.replace("  chat:", "  other:") + "removed: [{from: chat, destroy: false}]\n"


class _Project(NamedTuple):
    """One folder, and the server that runs commands in it."""

    folder: Path
    forks: ForkServer

    def run(self, *arguments: str, crash_at: str | None = None) -> int:
        """The exit status of a command; -9 when it was killed."""
        job = {"folder": str(self.folder), "arguments": arguments}
        return self.forks.ask(job, environment={VARIABLE: crash_at} if crash_at else {})

    def write(self, document: str) -> None:
        """Another document."""
        (self.folder / "dcplan.yaml").write_text(document)

    def world(self, change: str = "") -> dict[str, str | None]:
        """Whose each object is, by id, after an SQL statement; None is nobody."""
        with sqlite3.connect(self.folder / ".dcplan" / "local" / "hall.sqlite") as db:
            if change:
                db.execute(change)
            rows = db.execute("SELECT id, lineage FROM objects").fetchall()
        return {id_: None if "nobody" in owner else owner for id_, owner in rows}

    def known(self) -> tuple[State, tuple[Operation, ...]]:
        """The state, and what is open."""
        store = open_store(self.folder / ".dcplan" / "state.sqlite", create=False).unwrap()
        try:
            return store.read(), store.open_operations()
        finally:
            store.close()

    def nobody_knows(self) -> list[str]:
        """What neither the journal accounts for, nor row and tag together."""
        state, still_open = self.known()
        begun = {str(o.resource.outputs["id"]) for o in still_open}
        rows = {str(r.outputs["id"]) for r in state.resources.values()}
        tagged = {id_ for id_, owner in self.world().items() if owner == state.lineage}
        return sorted((rows ^ tagged) - begun)

    def wrongs(self) -> list[str]:
        """What is not as it must be once all is done; empty when all is well."""
        found = [f"{id_} is lost" for id_ in self.nobody_knows()]
        found += [f"{o.action} {o.address} is open" for o in self.known()[1]]
        if self.run("plan", "-detailed-exitcode") != 0:
            found.append(f"the next plan has changes: {(self.folder / 'out').read_text()}")
        return found


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    """One server for the whole file."""
    with ForkServer("forked_cli.py") as server:
        yield server


@pytest.fixture(scope="module")
def running(forks: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a machine, a replica and an endpoint run, to copy."""
    folder = tmp_path_factory.mktemp("running")
    (folder / "datacenter.yaml").write_text(_DATACENTER)
    (folder / "dcplan.yaml").write_text(_DOCUMENT)
    if _Project(folder, forks).run("apply", "-auto-approve") != 0:
        pytest.fail((folder / "out").read_text())
    return folder


@pytest.fixture
def project(forks: ForkServer, running: Path, tmp_path: Path) -> _Project:
    """A copy of the folder in which all runs."""
    shutil.copytree(running, tmp_path / "copy")
    return _Project(tmp_path / "copy", forks)


_POINTS = ("before-intent:1", "after-intent:1", "after-begin:1", "after-begin:2", "after-begin:3")


@pytest.mark.parametrize("point", [*_POINTS, "after-done:1"])
def test_killed_while_forgetting_the_next_apply_forgets_all(project: _Project, point: str) -> None:
    """Also of a saved plan: what was to be forgotten is nobody's, and nothing else is touched."""
    before = project.world()
    project.write(_FORGETTING)
    assert project.run("plan", "-out=the.plan") == 0
    died = project.run("apply", "the.plan", crash_at=point)
    lost = project.nobody_knows()
    again = project.run("apply", "the.plan")

    assert (died, again, lost) == (_KILLED, 0, []), (project.folder / "out").read_text()
    assert [project.world()[id_] for id_ in before] == [None] * len(before)
    assert project.wrongs() == []


@pytest.mark.parametrize("point", _POINTS)
def test_killed_while_forgetting_one_may_think_again(project: _Project, point: str) -> None:
    """Recovery gives all their tags back: with the old document, everything is as before."""
    before, (state, _) = project.world(), project.known()
    project.write(_FORGETTING)
    died = project.run("apply", "-auto-approve", crash_at=point)
    project.write(_DOCUMENT)
    recovered = project.run("recover", "-auto-approve")
    project.run("history", "-n", "1")
    noted = (project.folder / "out").read_text().split()

    assert (died, recovered) == (_KILLED, 0)
    assert noted[1:3] == (["interrupted", "apply"] if point.startswith("before") else ["done", "recover"])
    assert project.world() == before
    assert project.known()[0].resources == state.resources
    assert project.wrongs() == []


@pytest.mark.parametrize("point", ["recover-after-begin:1", "recover-after-begin:3", "recover-after-void:1"])
def test_killed_again_while_tags_are_given_back(project: _Project, point: str) -> None:
    """Recovery can be run again until it is through."""
    before = project.world()
    project.write(_FORGETTING)
    died = [project.run("apply", "-auto-approve", crash_at="after-begin:3")]
    died.append(project.run("recover", "-auto-approve", crash_at=point))
    lost = project.nobody_knows()
    project.write(_DOCUMENT)
    recovered = project.run("recover", "-auto-approve")

    assert (died, lost, recovered) == ([_KILLED, _KILLED], [], 0)
    assert project.world() == before
    assert project.wrongs() == []


@pytest.mark.parametrize("point", ["after-intent:1", "after-begin:1", "after-begin:3"])
def test_killed_while_importing_each_goes_back_to_its_owner_or_comes_whole(
    project: _Project, point: str
) -> None:
    """Recovery restores another state's tag; the next apply takes all over."""
    rows = project.known()[0].resources
    ids = {str(a): str(r.outputs["id"]) for a, r in rows.items()}
    project.write(_FORGETTING)
    assert project.run("apply", "-auto-approve") == 0
    assert project.run("destroy", "-auto-approve") == 0
    machine = next(id_ for address, id_ in ids.items() if ".machine." in address)
    tags = project.world(f"UPDATE objects SET lineage = '{_ANOTHER}' WHERE id = '{machine}'")  # noqa: S608 - ours
    entries = ", ".join(f"{{to: {address}, id: {id_}}}" for address, id_ in ids.items())
    project.write(f"{_DOCUMENT}import: [{entries}]\n")
    died = project.run("apply", "-auto-approve", crash_at=point)
    lost = project.nobody_knows()
    begun = {o.action for o in project.known()[1]}
    recovered = project.run("recover", "-auto-approve")
    restored = project.world()
    again = project.run("apply", "-auto-approve")

    assert (died, lost, recovered, again) == (_KILLED, [], 0, 0), (project.folder / "out").read_text()
    assert begun == {Action.IMPORT}
    assert restored == tags
    assert tags[machine] == _ANOTHER
    assert set(project.world().values()) == {project.known()[0].lineage}
    assert project.wrongs() == []
