"""A storm: dcplan is killed over and over while it changes a cloud in which everything goes wrong.

Each round takes a document at random, starts a command, kills it, starts one whole apply (or destroy), and
compares cloud, state and the next plan.  As a script:

    python tests/support/kill_storm.py KILLS [SEED]     # prints the figures as JSON
    python tests/support/kill_storm.py FOLDER           # adds up those that ``make soak`` has left there
"""

from __future__ import annotations

import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloud_project import Cloud, FarProject, far_forks

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

_LONGEST_S = 1.0


@dataclass(slots=True)
class Tally:
    """What came of a storm."""

    rounds: int = 0
    killed: int = 0
    by: Counter[str] = field(default_factory=Counter)
    """Kills by command, and whether the clock chose the moment or a call did."""
    adopted: int = 0
    """Rounds whose next apply had operations to resolve."""
    second_applies: int = 0
    """Applies after a kill that did not do: each would be a broken promise."""
    wrongs: list[str] = field(default_factory=list)
    """Orphans, doubles, differences between cloud, state and plan."""
    calls: Counter[str] = field(default_factory=Counter)
    """What the cloud did, by its own books."""

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "rounds": self.rounds,
            "killed": self.killed,
            "by": dict(self.by),
            "adopted": self.adopted,
            "second_applies": self.second_applies,
            "wrongs": self.wrongs,
            "calls": dict(self.calls),
        }

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Tally:
        """What ``as_data`` gave."""
        return cls(**{**data, "by": Counter(data["by"]), "calls": Counter(data["calls"])})

    def add(self, other: Tally) -> None:
        """Count another storm in."""
        self.rounds += other.rounds
        self.killed += other.killed
        self.by += other.by
        self.adopted += other.adopted
        self.second_applies += other.second_applies
        self.wrongs += other.wrongs
        self.calls += other.calls


def storm(folder: Path, *, kills: int, seed: int, cold: float = 0.0) -> Tally:
    """Kill so many times, in a project of its own under ``folder``.

    ``cold`` is the share of commands that start from nothing and not from a fork
    of a process that has dcplan imported: they are a second slower.
    """
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    tally = Tally()
    with Cloud() as cloud, far_forks() as forks:
        project = FarProject.written(folder / "far", cloud)
        cloud.weather(seed=float(seed))
        while tally.killed < kills and not tally.wrongs:
            _round(project, forks, chance, tally, cold=chance.random() < cold)
        tally.calls.update(cloud.books()["calls"])
    return tally


def _round(
    project: FarProject, forks: ForkServer, chance: random.Random, tally: Tally, *, cold: bool
) -> None:
    """Start, kill, start again, compare."""
    wish = chance.choice(WISHES)
    command = chance.choices(("apply", "saved", "destroy", "plan"), (70, 15, 10, 5))[0]
    project.cloud.weather(**STORM)
    died, how = _killed(project, forks, chance, command, wish, cold=cold)
    tally.rounds += 1
    if died == KILLED:
        tally.killed += 1
        tally.by[f"{command}, {how}"] += 1
    project.cloud.weather(**AFTERWARDS)
    again = ("destroy",) if command == "destroy" else ("apply", *wish)
    code = project.forked(forks, again[0], "-auto-approve", *again[1:])
    said = project.said()
    tally.adopted += "Resolving" in said
    told = f"round {tally.rounds} ({command} {' '.join(wish)}, {how}, exit {died})"
    if code != 0:
        tally.second_applies += 1
        tally.wrongs.append(f"{told}: the apply after it exits {code}: {said[-3000:]}")
        return
    if "Traceback" in said:
        tally.wrongs.append(f"{told}: {said[-3000:]}")
    project.cloud.weather(seen_after_s=STORM["seen_after_s"])
    _settled(project)
    found = project.unequal(forks) if command == "destroy" else project.wrongs(forks, *wish)
    if command == "destroy" and project.cloud.books()["objects"]:
        found.append("something outlived the destroy")
    tally.wrongs += [f"{told}: {one}" for one in found]


def _killed(
    project: FarProject,
    forks: ForkServer,
    chance: random.Random,
    command: str,
    wish: tuple[str, ...],
    *,
    cold: bool,
) -> tuple[int, str]:
    """Run a command that is killed at a random time, or at a random call; its status, and how it died."""
    arguments: tuple[str, ...] = (command, "-auto-approve", *wish)
    if command == "destroy":
        arguments = ("destroy", "-auto-approve")
    if command == "plan":
        arguments = ("plan", "-out", "p", *wish)
    if command == "saved":
        project.forked(forks, "plan", "-out", "p", *wish)
        arguments = ("apply", "p")
    by_call = command != "plan" and chance.random() < 0.6
    if by_call:
        project.cloud.kill_at(chance.randint(1, 25), after=chance.random() < 0.5)
    after_s = None if by_call else chance.uniform(0.0, _LONGEST_S)
    try:
        code = (
            _cold(project, arguments, after_s)
            if cold
            else project.forked(forks, *arguments, kill_after_s=after_s)
        )
    finally:
        project.cloud.no_kill()
    how = "at a call" if by_call else "at a time"
    return code, f"{how}{', cold' if cold else ''}"


def _cold(project: FarProject, arguments: tuple[str, ...], after_s: float | None) -> int:
    """The same in a process from nothing."""
    with project.started(*arguments) as child:
        if after_s is not None:
            time.sleep(after_s + 1.0)  # What it takes to import.
            child.kill()
        child.communicate(timeout=120)
    return child.returncode


def _settled(project: FarProject) -> None:
    """Wait until calls of the killed process that the cloud still works on have come to their end."""
    before = -1
    while (now := project.cloud.books()["requests"]) != before:
        before = now
        time.sleep(0.02)


def main() -> None:
    """Run a storm, or add several up, and print the figures."""
    start_s = time.monotonic()
    total = Tally()
    if Path(sys.argv[1]).is_dir():
        for path in sorted(Path(sys.argv[1]).glob("kills-*.json")):
            total.add(Tally.from_data(json.loads(path.read_text())))
    else:
        seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
        with tempfile.TemporaryDirectory(prefix="dcplan-storm-") as name:
            total = storm(Path(name), kills=int(sys.argv[1]), seed=seed, cold=0.05)
    figures = {**total.as_data(), "seconds": round(time.monotonic() - start_s, 1)}
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")
    sys.exit(1 if total.wrongs else 0)


if __name__ == "__main__":
    main()
