"""A project on a cloud in another process: start that process, run dcplan against it, compare their books."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from dcplan.apply.crash import VARIABLE
from fork_server import ForkServer

if TYPE_CHECKING:
    from types import TracebackType

FARAWAY = Path(__file__).with_name("faraway")
"""A folder that, on the path of Python, brings the provider ``faraway``."""

DATACENTER = """\
name: faraway
region: eu-test
machines:
  l40sx2: {accelerator: L40S, devices: 2, vcpus: 32, memory: 256GiB, network: 200Gbit/s, fabric: RoCE,
           price: $2/h}
zones:
  hall-a: {racks: {count: 4, machine: l40sx2, nodes: 5}}
  hall-b: {racks: {count: 4, machine: l40sx2, nodes: 5}}
"""
CAPACITY = {"hall-a": 20, "hall-b": 20}

DOCUMENT = """\
project: far

variables:
  zones: {type: string, default: "hall-a"}
  ttft: {type: duration, default: 500ms}
  chat: {type: rate, default: 50/s}
  code: {type: rate, default: 30/s}

providers:
  faraway:
    endpoint: ENDPOINT
    datacenter: datacenter.yaml

workloads:
  chat:
    kind: serve
    model: llama-3.1-8b
    traffic: {requests_per_s: "${var.chat}", prompt_tokens: 512, output_tokens: 128}
    sla: {ttft: {p95: "${var.ttft}"}, tpot: {p95: 60ms}}
    constraints: {zones: ["${var.zones}"]}
  code:
    kind: serve
    model: llama-3.1-8b
    traffic: {requests_per_s: "${var.code}", prompt_tokens: 1024, output_tokens: 256}
    sla: {ttft: {p95: 2s}, tpot: {p95: 60ms}}
"""


class Cloud:
    """The cloud's process, and its door for tests; use it in a ``with``."""

    def __init__(self, capacity: Mapping[str, int] = CAPACITY) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("cloud_server.py")), json.dumps(capacity)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    @property
    def endpoint(self) -> str:
        """Where dcplan finds it."""
        return f"http://127.0.0.1:{self.port}"

    def weather(self, **what: float) -> None:
        """What goes wrong from now on, and nothing else; ``seed`` begins the drawing anew."""
        self._admin("weather", what)

    def kill_at(self, call: int, *, after: bool) -> None:
        """Let the caller die at its ``call``-th mutating call, when it has come (or was carried out)."""
        self._admin("kill", {"at_call": call, "after": after})

    def no_kill(self) -> None:
        """Let nobody die."""
        self._admin("kill", {})

    def all_ready(self) -> None:
        """Let everything that starts be ready."""
        self._admin("ready", {})

    def books(self) -> dict[str, Any]:
        """All that exists, what was doubled, how often each call was made."""
        return self._admin("books", {})

    def _admin(self, what: str, ask: Mapping[str, Any]) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", f"/admin/{what}", json.dumps(dict(ask)))
            found: dict[str, Any] = json.loads(connection.getresponse().read())
            return found
        finally:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=10)


@dataclass(frozen=True, slots=True)
class FarProject:
    """A folder with a document on that cloud."""

    folder: Path
    cloud: Cloud

    @classmethod
    def written(cls, folder: Path, cloud: Cloud) -> Self:
        """A new project in a folder that is not there yet."""
        folder.mkdir(parents=True)
        (folder / "datacenter.yaml").write_text(DATACENTER)
        (folder / "dcplan.yaml").write_text(DOCUMENT.replace("ENDPOINT", cloud.endpoint))
        return cls(folder, cloud)

    @contextmanager
    def started(
        self, *arguments: str, env: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        """``dcplan ARGUMENTS`` as a process from nothing, which ends with the ``with``."""
        with subprocess.Popen(
            [sys.executable, "-m", "dcplan", *arguments],
            cwd=self.folder,
            env=environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as child:
            try:
                yield child
            finally:
                child.kill()  # Our own child; no harm where it has ended.

    def process(self, *arguments: str, env: Mapping[str, str] | None = None) -> tuple[int, str]:
        """``dcplan ARGUMENTS`` from nothing to its end; its exit status and all it said."""
        with self.started(*arguments, env=env) as child:
            out, err = child.communicate(timeout=120)
        return child.returncode, out + err

    def forked(
        self,
        forks: ForkServer,
        *arguments: str,
        kill_after_s: float | None = None,
        file_limit_bytes: int | None = None,
        dies_at_write: int | None = None,
        crash_at: str | None = None,
    ) -> int:
        """The same in a process forked from one that has all imported; its exit status.

        No file that it writes may grow beyond ``file_limit_bytes``.  It dies right after its
        ``dies_at_write``-th write to a server of state, or at the point ``crash_at`` of an apply.
        """
        job = {
            "folder": str(self.folder),
            "arguments": arguments,
            "file_limit_bytes": file_limit_bytes,
            "dies_at_write": dies_at_write,
        }
        env = {VARIABLE: crash_at} if crash_at else {}
        return forks.ask(job, environment=env, kill_after_s=kill_after_s)

    def said(self) -> str:
        """What the last forked command printed."""
        return (self.folder / "out").read_text()

    def wrongs(self, forks: ForkServer, *variables: str) -> list[str]:
        """What is not as it must be after a completed apply of the document; empty when all is well."""
        found = self.unequal(forks)
        code = self.forked(forks, "plan", "-detailed-exitcode", *variables)
        if code != 0:
            found.append(f"the next plan exits {code}: {self.said()[-2000:]}")
        return found

    def unequal(self, forks: ForkServer) -> list[str]:
        """Where cloud and state differ, and what was ever made twice."""
        books = self.cloud.books()
        pulled = self.forked(forks, "state", "pull")
        if pulled != 0 and "There is no state" not in self.said():
            return [f"the state cannot be read: {self.said()}"]
        state = json.loads(self.said()) if pulled == 0 else {"resources": []}
        there = [
            (f"faraway.{o['kind']}.{o['name']}", o["lineage"], o["id"], o["attributes"])
            for o in books["objects"]
            if not o["deleting"]
        ]
        known = [
            (r["address"], state["lineage"], r["outputs"].get("id"), r["attributes"])
            for r in state["resources"]
        ]
        found = [f"in the cloud only: {one}" for one in there if one not in known]
        found += [f"in the state only: {one}" for one in known if one not in there]
        found += [f"made twice: {one}" for one in books["doubled"]]
        return found


def far_forks() -> ForkServer:
    """A server of forked commands that know the provider ``faraway``; use it in a ``with``."""
    return ForkServer("forked_cli.py", env=environment())


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Of a process that shall find the provider ``faraway``."""
    path = os.pathsep.join([str(FARAWAY), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, **(more or {})}
