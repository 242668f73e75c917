"""A small project on the simulated data centre, and ways to run dcplan on it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import event_lines
from dcplan.cli.main import cli
from dcplan.cli.views.events import Stream
from dcplan.state import State, open_store

DATACENTER = """\
name: hall
region: eu-test
machines:
  l40sx2: {accelerator: L40S, devices: 2, vcpus: 32, memory: 256GiB, network: 200Gbit/s, fabric: RoCE,
           price: $2/h}
zones:
  hall-a: {racks: {count: 2, machine: l40sx2, nodes: 3}}
  hall-b: {racks: {count: 2, machine: l40sx2, nodes: 3}}
"""
DOCUMENT = """\
# yaml-language-server: $schema=../schemas/document.v1.json
project: small

variables:
  ttft: {type: duration, default: 500ms}
  load: {type: rate, default: 50/s}

providers:
  local:
    datacenter: datacenter.yaml
    ready_after: 20ms
    faults: []

workloads:
  chat:
    kind: serve
    model: llama-3.1-8b
    traffic: {requests_per_s: "${var.load}", prompt_tokens: 512, output_tokens: 128}
    sla:
      ttft: {p95: "${var.ttft}"}
      tpot: {p95: 60ms}
"""


@dataclass(frozen=True)
class Small:
    """The project's folder, and what can be done with it."""

    folder: Path

    def replace(self, old: str, new: str) -> None:
        """Change the document, as somebody with an editor would."""
        path = self.folder / "dcplan.yaml"
        text = path.read_text()
        if old not in text:
            msg = f"{old!r} is not in the document"
            raise ValueError(msg)
        path.write_text(text.replace(old, new))

    def faults(self, *faults: str) -> None:
        """Order these faults, each written as a YAML mapping."""
        self.replace("faults: []", f"faults: [{', '.join(faults)}]")

    def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> Result:
        """``dcplan ARGUMENTS`` in the folder, in this process."""
        before = Path.cwd()
        os.chdir(self.folder)
        try:
            return CliRunner().invoke(cli, arguments, prog_name="dcplan", env=env, catch_exceptions=False)
        finally:
            os.chdir(before)

    def data(self, *arguments: str) -> dict[str, Any]:
        """The JSON that a command prints."""
        data: dict[str, Any] = json.loads(self.run(*arguments, "--json").stdout)
        return data

    def process(
        self, *arguments: str, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """``dcplan ARGUMENTS`` in the folder, in a process of its own where nobody can answer."""
        return subprocess.run(
            [sys.executable, "-m", "dcplan", *arguments],
            cwd=self.folder,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def state(self) -> State:
        """What dcplan believes to exist."""
        path = self.folder / ".dcplan" / "state.sqlite"
        if not path.exists():
            return State()
        store = open_store(path, create=False).unwrap()
        try:
            return store.read()
        finally:
            store.close()

    def ask_world(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of the simulated data centre; none before it was first used."""
        path = self.folder / ".dcplan" / "local" / "hall.sqlite"
        if not path.exists():
            return []
        db = sqlite3.connect(path)
        try:
            return db.execute(query).fetchall()
        finally:
            db.close()

    def objects(self) -> list[tuple[str, str, str]]:
        """Address, owner and id of everything that is alive in the data centre."""
        alive = f"NOT (state = 'deleting' AND due_at <= {time.time()})"
        rows = self.ask_world(f"SELECT kind, name, lineage, id FROM objects WHERE {alive}")  # noqa: S608 - ours
        return sorted((f"local.{kind}.{name}", lineage, id_) for kind, name, lineage, id_ in rows)

    def known(self) -> list[tuple[str, str, str]]:
        """The same as the state has it."""
        state = self.state()
        return sorted((str(a), state.lineage, str(r.outputs["id"])) for a, r in state.resources.items())

    def held_nodes(self) -> int:
        """Machines of the data centre that somebody holds."""
        ((count,),) = self.ask_world("SELECT count(*) FROM nodes WHERE held_by IS NOT NULL") or [(0,)]
        return int(count)

    def touched(self) -> bool:
        """Whether dcplan has written anything into the folder."""
        return sorted(p.name for p in self.folder.iterdir()) != ["datacenter.yaml", "dcplan.yaml"]


def written(folder: Path) -> Small:
    """A new small project in ``folder``."""
    folder.mkdir()
    (folder / "datacenter.yaml").write_text(DATACENTER)
    (folder / "dcplan.yaml").write_text(DOCUMENT)
    return Small(folder)


@pytest.fixture(autouse=True)
def every_event_is_in_the_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test runs with -json in this process: each line of it is what ``event.v1`` says."""
    write = Stream.line

    def line(
        self: Stream, type_: str, message: str, data: Mapping[str, object], *, level: str = "info"
    ) -> None:
        write(self, type_, message, data, level=level)
        told = {"@level": level, "@message": message, "@module": "", "@timestamp": "", "type": type_, **data}
        event_lines.check([json.loads(json.dumps(told))])

    monkeypatch.setattr(Stream, "line", line)


@pytest.fixture(scope="session")
def new_small() -> Callable[[Path], Small]:
    """Writes a further small project into a folder that is not there yet."""
    return written


@pytest.fixture
def small(tmp_path: Path) -> Small:
    """A new small project."""
    return written(tmp_path / "small")


@pytest.fixture
def applied(small: Small) -> Small:
    """A small project that runs as its document wants."""
    done = small.run("apply", "-auto-approve")
    assert done.exit_code == 0, done.output
    return small
