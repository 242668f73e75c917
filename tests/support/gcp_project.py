"""A project on the Google Cloud of ``tests/clouds/gcp``: its document, its commands, its books."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dcplan.apply.crash import VARIABLE
from dcplan.state import open_store
from fork_server import ForkServer
from gcp_cloud import GcpCloud, gcp_cloud

KILLED = -signal.SIGKILL

DOCUMENT = """
project: on-gcp
providers:
  gcp: {regions: [us-central1, us-east4], spot: false}
workloads:
  chat:
    kind: serve
    model: llama-3.1-8b
    traffic: {requests_per_s: 30/s, prompt_tokens: 500, output_tokens: 200}
    sla: {ttft: {p95: 2s}, tpot: {p95: 80ms}}
    constraints: {accelerators: [TPU-v6e], precisions: [bf16]}
  tune:
    kind: train
    model: llama-3.1-8b
    tokens: 20B
    sequence_length: 8192
    global_batch: 256
    deadline: 36h
    constraints: {accelerators: [H100], precisions: [bf16]}
"""
"""Two replicas on machines of their own, and a job on a gang."""

IMPORTS = "gcp_near google.auth.transport.requests requests urllib3"


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with the document and a plan of it, and a cloud."""

    folder: Path
    forks: ForkServer
    cloud: GcpCloud

    def run(self, *arguments: str, crash_at: str | None = None) -> int:
        """``dcplan ARGUMENTS``; its exit status, -9 when it was killed."""
        job = {"folder": str(self.folder), "arguments": arguments}
        return self.forks.ask(job, environment={VARIABLE: crash_at} if crash_at else {})

    @property
    def said(self) -> str:
        """What the last command printed, in one line."""
        return " ".join((self.folder / "out").read_text().split())

    def known(self) -> dict[str, str]:
        """Addresses in the state, and their ids."""
        store = open_store(self.folder / ".dcplan" / "state.sqlite", create=False).unwrap()
        try:
            return {str(a): str(r.outputs["id"]) for a, r in store.read().resources.items()}
        finally:
            store.close()

    def machines(self) -> list[str]:
        """The instances that the state knows."""
        return sorted(i for a, i in self.known().items() if a.startswith("gcp.instance."))

    def zones(self, name: str) -> set[str]:
        """Where the machines are whose names contain this."""
        return {i.split("/")[3] for a, i in self.known().items() if "instance" in a and name in a}

    def settled(self) -> bool:
        """Nothing is left to plan, and nothing there is in nobody's books."""
        orphans = self.run("orphans")
        return self.run("plan", "-detailed-exitcode") == 0 and orphans == 0

    def wrongs(self) -> list[str]:
        """What is not as it must be after a completed apply; empty when all is well."""
        there = sorted(self.cloud.things("instances"))
        found = [] if there == self.machines() else [f"there are {there}, known are {self.machines()}"]
        if len(self.known()) != EVERYTHING:
            found.append(f"the state holds {sorted(self.known())}")
        made = [call for call in self.cloud.seen if call.startswith("compute.networks.insert")]
        return found if made else [*found, "no network was made"]


EVERYTHING = 9
"""A network, two replicas with a machine each and their endpoint, a job and its two machines."""


@pytest.fixture(scope="module")
def gcp_server() -> Iterator[GcpCloud]:
    """One server for all tests of this file."""
    with gcp_cloud() as cloud:
        yield cloud


@pytest.fixture(scope="module")
def gcp_forks(gcp_server: GcpCloud) -> Iterator[ForkServer]:
    """Forks commands that know where the server is."""
    env = {**os.environ, **gcp_server.variables, "FORKED_CLI_IMPORTS": IMPORTS}
    with ForkServer("forked_cli.py", env=env) as started:
        yield started


@pytest.fixture(scope="module")
def gcp_planned(
    gcp_forks: ForkServer, gcp_server: GcpCloud, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with a saved plan; tests copy it, because planning takes longer than what they are about."""
    project = Project(tmp_path_factory.mktemp("planned"), gcp_forks, gcp_server)
    (project.folder / "dcplan.yaml").write_text(DOCUMENT)
    assert project.run("plan", "-out=the.plan") == 0, project.said
    return project.folder


@pytest.fixture
def on_gcp(
    gcp_planned: Path, gcp_forks: ForkServer, gcp_server: GcpCloud, tmp_path: Path
) -> Iterator[Project]:
    """A copy of it on an empty cloud; in the end nothing broke Google's description."""
    gcp_server.reset()
    shutil.copytree(gcp_planned, tmp_path / "p")
    yield Project(tmp_path / "p", gcp_forks, gcp_server)
    violations = gcp_server.violations
    assert not violations, violations
