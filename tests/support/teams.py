"""Two folders with one document, as on two machines: they share the state on a server, and the cloud."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloud_project import Cloud, FarProject, environment
from fork_server import ForkServer
from state_servers import NOBODY, StateServer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dcplan.state.blobs import Blobs

WAIT_S = 60
_SLOW = "botocore.session botocore.client botocore.handlers google.auth.transport.requests psycopg"
"""What the servers' clients import."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """Ann's folder and Bob's."""

    ann: FarProject
    bob: FarProject
    cloud: Cloud
    server: StateServer
    settings: Mapping[str, str]

    @classmethod
    def written(cls, folder: Path, cloud: Cloud, server: StateServer, *, port: int | None = None) -> Team:
        """Both folders, prepared for nothing yet; ``port``: they meet the server over another way."""
        settings = server.settings(port)
        both = []
        for name in ("ann", "bob"):
            project = FarProject.written(folder / name, cloud)
            path = project.folder / "dcplan.yaml"
            path.write_text(path.read_text() + server.document(settings))
            both.append(project)
        return cls(ann=both[0], bob=both[1], cloud=cloud, server=server, settings=settings)

    @classmethod
    def prepared(cls, folder: Path, cloud: Cloud, server: StateServer, forks: ForkServer) -> Team:
        """Both folders, prepared for one state on the server."""
        team = cls.written(folder, cloud, server)
        for one in (team.ann, team.bob):
            assert one.forked(forks, "init") == 0, one.said()
        return team

    def blobs(self) -> Blobs:
        """What the server holds of the state, over the wire that is at hand."""
        return self.server.opened(self.settings)

    def kept_on_the_server_alone(self) -> bool:
        """Whether neither folder has a state of its own."""
        return not [*self.ann.folder.rglob("*.sqlite*"), *self.bob.folder.rglob("*.sqlite*")]

    def wait_for(self, objects: int) -> None:
        """Until the cloud has so many objects; AssertionError when it never has."""
        until_s = time.monotonic() + WAIT_S
        while len(self.cloud.books()["objects"]) < objects:
            assert time.monotonic() < until_s, "nothing was made"
            time.sleep(0.02)


@contextmanager
def team_forks() -> Iterator[ForkServer]:
    """Forks commands that know the provider ``faraway`` and the servers of state."""
    with ForkServer("forked_cli.py", env=environment({**NOBODY, "FORKED_CLI_IMPORTS": _SLOW})) as forks:
        yield forks


def cancelled(child: subprocess.Popen[str]) -> float:
    """Cancel a command as CI services do, by three signals in their order; the seconds until it had ended."""
    sent_s = time.monotonic()
    for number, grace_s in ((signal.SIGINT, 7.5), (signal.SIGTERM, 2.5), (signal.SIGKILL, 10.0)):
        child.send_signal(number)
        try:
            child.communicate(timeout=grace_s)
            break
        except subprocess.TimeoutExpired:
            continue
    return time.monotonic() - sent_s
