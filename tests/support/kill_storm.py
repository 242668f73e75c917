"""A storm: dcplan is killed over and over while it changes a cloud in which everything goes wrong.

Each round takes a document at random, starts a command, kills it, perhaps kills the one after it, too,
starts one whole apply (or destroy), and compares cloud, state and the next plan.  Where the state is on a
server, each command runs in one of two folders that share nothing but that server.  As a script:

    python tests/support/kill_storm.py KILLS [SEED [local|s3|gcs|postgres]]    # prints the figures as JSON
    python tests/support/kill_storm.py FOLDER       # adds up those that ``make soak`` has left there
"""

from __future__ import annotations

import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloud_project import Cloud, FarProject, far_forks
from dcplan.apply.crash import VARIABLE
from state_servers import NOBODY, StateServer, state_server
from teams import Team, team_forks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fork_server import ForkServer

KILLED = -int(getattr(signal, "SIGKILL", 9))

STORM = {
    "latency_s": 0.006,
    "ready_after_s": 0.02,
    "delete_takes_s": 0.02,
    "seen_after_s": 0.3,
    "throttled": 0.05,
    "lost_before": 0.02,
    "lost_after": 0.02,
    "error_before": 0.02,
    "error_after": 0.02,
    "stock_out": 0.01,
}
"""While a command runs that shall be killed: one call in seven goes wrong."""

AFTERWARDS = {**STORM, "stock_out": 0.0, "throttled": 0.02} | dict.fromkeys(
    ("lost_before", "lost_after", "error_before", "error_after"), 0.005
)
"""While the apply after it runs: less of it, and no refusal for good, which an apply may rightly fail of."""

WISHES: Sequence[tuple[str, ...]] = (
    (),
    ("-var", "chat=20/s"),
    ("-var", "chat=90/s"),
    ("-var", "zones=hall-b"),
    ("-var", "ttft=3s"),
    ("-var", "chat=90/s", "-var", "zones=hall-b"),
    ("-var", "code=60/s"),
)
"""Variables of the documents; from one to another there is something to make, change, replace and delete."""

POINTS = ("before-intent", "after-intent", "after-begin", "after-ack", "after-wait", "after-done")
AGAIN_POINTS = tuple(f"recover-{point}" for point in ("after-begin", "after-ack", "after-wait", "after-done"))
"""Points of ``dcplan.apply.crash``: those of an apply, and those while it resolves what is open."""
HOWS = ("time", "call", "point", "write")
"""What chooses the moment of a kill: the clock, a call to the cloud, a point of apply, a write of state."""

HELD = "Somebody else is changing this state"
WAITS = "Trying again"
_WAITS_FOR_LEASE = 0.05
"""So many of those who come after a kill wait for the end of the dead one's lease; the others force it."""
_AGAIN = 0.2
"""So many of the kills are followed by another one before anything was made good."""


@dataclass(slots=True)
class Tally:
    """What came of a storm."""

    where: str = "local"
    """What the state was on."""
    rounds: int = 0
    killed: int = 0
    by: Counter[str] = field(default_factory=Counter)
    """Kills by command, and what chose the moment."""
    adopted: int = 0
    """Rounds whose next apply had operations to resolve."""
    phases: Counter[str] = field(default_factory=Counter)
    """Rounds by what the last kill left behind: a lock, operations."""
    forced: int = 0
    """Locks of dead processes that were taken by force."""
    waited: int = 0
    """Locks of dead processes that were waited for."""
    elsewhere: int = 0
    """Rounds that were begun in one folder and made good in another."""
    second_applies: int = 0
    """Applies after a kill that did not do: each would be a broken promise."""
    wrongs: list[str] = field(default_factory=list)
    """Orphans, doubles, differences between cloud, state and plan."""
    calls: Counter[str] = field(default_factory=Counter)
    """What the cloud did, by its own books."""

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        kept = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: dict(one) if isinstance(one, Counter) else one for name, one in kept.items()}

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Tally:
        """What ``as_data`` gave."""
        counters = {name: Counter(data[name]) for name in ("by", "phases", "calls")}
        return cls(**{**data, **counters})

    def add(self, other: Tally) -> None:
        """Count another storm in."""
        self.rounds += other.rounds
        self.killed += other.killed
        self.by += other.by
        self.adopted += other.adopted
        self.phases += other.phases
        self.forced += other.forced
        self.waited += other.waited
        self.elsewhere += other.elsewhere
        self.second_applies += other.second_applies
        self.wrongs += other.wrongs
        self.calls += other.calls


def storm(
    folder: Path, *, kills: int, seed: int, cold: float = 0.0, server: StateServer | None = None
) -> Tally:
    """Kill so many times, in projects of its own under ``folder``; with a ``server``, the state is there.

    ``cold`` is the share of commands that start from nothing and not from a fork of a process that has dcplan
    imported: they are a second slower.
    """
    with _site(folder, server) as site:
        one = _Storm(
            site=site,
            chance=random.Random(seed),  # noqa: S311 - repeatable, not secret
            tally=Tally("local" if server is None else server.kind),
            cold=cold,
        )
        site.cloud.weather(seed=float(seed))
        while one.tally.killed < kills and not one.tally.wrongs:
            one.round()
        one.tally.calls.update(site.cloud.books()["calls"])
    if server is not None:
        one.tally.wrongs += [f"a state beside the server's: {path}" for path in folder.rglob("*.sqlite*")]
    return one.tally


@dataclass(frozen=True, slots=True, kw_only=True)
class _Site:
    """Where a storm takes place."""

    folders: Sequence[FarProject]
    cloud: Cloud
    forks: ForkServer
    remote: bool


@contextmanager
def _site(folder: Path, server: StateServer | None) -> Iterator[_Site]:
    if server is None:
        with Cloud() as cloud, far_forks() as forks:
            alone = FarProject.written(folder / "far", cloud)
            yield _Site(folders=(alone,), cloud=cloud, forks=forks, remote=False)
        return
    with Cloud() as cloud, team_forks() as forks:
        team = Team.prepared(folder, cloud, server, forks)
        yield _Site(folders=(team.ann, team.bob), cloud=cloud, forks=forks, remote=True)


@dataclass(slots=True, kw_only=True)
class _Storm:
    """One that is under way."""

    site: _Site
    chance: random.Random
    tally: Tally
    cold: float
    takes_s: float = 1.0
    """What the last whole command took, on a machine that may have other work."""

    def round(self) -> None:
        """Start, kill, start again, compare."""
        site, chance, tally = self.site, self.chance, self.tally
        wish = chance.choice(WISHES)
        command = chance.choices(("apply", "saved", "destroy", "plan"), (70, 15, 10, 5))[0]
        again = ("destroy",) if command == "destroy" else ("apply", *wish)
        first, second = chance.choice(site.folders), chance.choice(site.folders)
        site.cloud.weather(**STORM)
        tally.rounds += 1
        tally.elsewhere += first is not second
        died, told = self._killed(first, command, wish)
        while died == KILLED and chance.random() < _AGAIN:
            if site.remote:
                self._forced(second)
            died, more = self._killed(second, again[0], again[1:], resolving=True)
            told += f"; {more}"
        site.cloud.weather(**AFTERWARDS)
        told = f"round {tally.rounds} ({command} {' '.join(wish)}, {told}, exit {died})"
        code, said = self._whole(second, again, after_kill=died == KILLED)
        if code != 0:
            tally.second_applies += 1
            tally.wrongs.append(f"{told}: the apply after it exits {code}: {said[-3000:]}")
            return
        if "Traceback" in said:
            tally.wrongs.append(f"{told}: {said[-3000:]}")
        tally.wrongs += [f"{told}: {one}" for one in self._compared(again)]

    def _killed(
        self, project: FarProject, command: str, wish: tuple[str, ...], *, resolving: bool = False
    ) -> tuple[int, str]:
        """Run a command that is killed at a random moment; its status, and how the moment was chosen."""
        site, chance = self.site, self.chance
        arguments: tuple[str, ...] = (command, "-auto-approve", *wish)
        if command == "destroy":
            arguments = ("destroy", "-auto-approve")
        if command == "plan":
            arguments = ("plan", "-out", "p", *wish)
        if command == "saved":
            project.forked(site.forks, "plan", "-out", "p", *wish)
            arguments = ("apply", "p")
        how = "time" if command == "plan" else chance.choice(HOWS if site.remote else HOWS[:-1])
        cold = chance.random() < self.cold
        after_s = chance.uniform(0.0, self.takes_s) if how == "time" else None
        point = None
        if how == "point":
            point = f"{chance.choice(AGAIN_POINTS if resolving else POINTS)}:{chance.randint(1, 10)}"
        if how == "call":
            site.cloud.kill_at(chance.randint(1, 25), after=chance.random() < 0.5)
        try:
            if cold and how != "write":
                died = _cold(project, arguments, after_s, point)
            else:
                write = chance.randint(1, 20) if how == "write" else None
                died = project.forked(
                    site.forks, *arguments, kill_after_s=after_s, crash_at=point, dies_at_write=write
                )
        finally:
            site.cloud.no_kill()
        if died == KILLED:
            self.tally.killed += 1
            self.tally.by[f"{command}{' again' if resolving else ''}, by {how}"] += 1
        return died, f"by {how} {point or ''}{', cold' if cold else ''}"

    def _whole(self, project: FarProject, again: tuple[str, ...], *, after_kill: bool) -> tuple[int, str]:
        """Run a command to its end, as a user would who finds the lock held; its status and all it said."""
        tally, forks = self.tally, self.site.forks
        patience = ("-lock-timeout=3m",) if self.chance.random() < _WAITS_FOR_LEASE else ()
        command = (again[0], "-auto-approve", *patience, *again[1:])
        began_s = time.monotonic()
        code, said = project.forked(forks, *command), project.said()
        waited, held = WAITS in said, HELD in said
        tally.waited += waited
        if not (waited or held):
            self.takes_s = time.monotonic() - began_s
        if held and self.site.remote and after_kill:
            self._forced(project)
            code, said = project.forked(forks, *command), project.said()
        open_ = "Resolving" in said
        tally.adopted += open_
        if after_kill:
            lock = "held" if held or waited else "free"
            tally.phases[f"lock {lock}, calls {'open' if open_ else 'settled'}"] += 1
        return code, said

    def _forced(self, project: FarProject) -> None:
        """Take the lock of the dead away."""
        code = project.forked(self.site.forks, "state", "force-unlock", "-auto-approve")
        self.tally.forced += 1
        if code != 0:
            self.tally.wrongs.append(f"force-unlock exits {code}: {project.said()}")

    def _compared(self, again: tuple[str, ...]) -> list[str]:
        """What is not as it must be after a whole command, as seen from any of the folders."""
        site = self.site
        project = self.chance.choice(site.folders)
        site.cloud.weather(seen_after_s=STORM["seen_after_s"])
        _settled(site.cloud)
        if again[0] != "destroy":
            return project.wrongs(site.forks, *again[1:])
        found = project.unequal(site.forks)
        if site.cloud.books()["objects"]:
            found.append("something outlived the destroy")
        return found


def _cold(project: FarProject, arguments: tuple[str, ...], after_s: float | None, point: str | None) -> int:
    """Run a command in a process from nothing, which may be killed; its status."""
    env = NOBODY | ({VARIABLE: point} if point else {})
    with project.started(*arguments, env=env) as child:
        if after_s is not None:
            time.sleep(after_s + 1.0)  # What it takes to import.
            child.kill()
        child.communicate(timeout=120)
    return child.returncode


def _settled(cloud: Cloud) -> None:
    """Wait until calls of the killed process that the cloud still works on have come to their end."""
    before = -1
    while (now := cloud.books()["requests"]) != before:
        before = now
        time.sleep(0.02)


def main() -> None:
    """Run a storm, or add several up, and print the figures."""
    start_s = time.monotonic()
    totals: dict[str, Tally] = {}
    if Path(sys.argv[1]).is_dir():
        for path in sorted(Path(sys.argv[1]).glob("kills-*.json")):
            tally = Tally.from_data(json.loads(path.read_text()))
            totals.setdefault(tally.where, Tally(tally.where)).add(tally)
    else:
        kills, seed, where = (*sys.argv[1:], *("1000", "1", "local")[len(sys.argv) - 1 :])
        alone = nullcontext(None)
        with (
            tempfile.TemporaryDirectory(prefix="dcplan-storm-") as name,
            alone if where == "local" else state_server(where) as server,
        ):
            totals[where] = storm(Path(name), kills=int(kills), seed=int(seed), cold=0.05, server=server)
    figures = [tally.as_data() for tally in totals.values()]
    seconds = round(time.monotonic() - start_s, 1)
    sys.stdout.write(json.dumps({"storms": figures, "seconds": seconds}, indent=2) + "\n")
    sys.exit(1 if any(tally.wrongs for tally in totals.values()) else 0)


if __name__ == "__main__":
    main()
