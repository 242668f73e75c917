"""What AWS and Google Cloud cost in plans, applies and refreshes, on servers of this machine, beside goals.

    python benchmarks/clouds.py [--only aws|gcp] [--json FILE] [--check]

The servers are those of ``tests/clouds``; nothing leaves this machine.  Whole processes, as in ``run.py``,
but for the refresh (``clouds_refresh.py``).
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clouds_fleets import Served, environment, fleet, on_racks, served
from lifecycle import Limit
from measuring import Run, once, several
from run import DCPLAN, HEADER, UNCHANGED, Session, as_data, machine_line
from run import environment as any_environment

MACHINES = 64
"""Made in parallel."""
LATENCY_S = 0.1
MANY = 1_000
"""Refreshed."""
RUNS = 5

PLAN_ADDS_CPU_S = 1.0
APPLY_ADDS_CPU_S = 3.0
CREATES_S = 3.0
CALLS = 20

SDKS = ("boto3", "botocore", "google.auth", "google.cloud", "googleapiclient", "requests", "urllib3")
OURS = ("dcplan_aws", "dcplan_gcp")
MODULES = """\
import contextlib, io, json, sys
from dcplan.cli.main import cli
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    cli.main(sys.argv[1:], prog_name="dcplan")
print(json.dumps(sorted(sys.modules)))
"""


@dataclass(frozen=True, slots=True)
class Bench:
    """One run of this script."""

    session: Session
    limits: list[Limit]

    def limit(self, name: str, value: float, at_most: float, unit: str) -> None:
        """Keep a figure that has a goal, and show it at once."""
        self.limits.append(Limit(name=name, value=value, at_most=at_most, unit=unit))
        self.session.note(self.limits[-1].line())


def main() -> int:
    """Measure everything; 1 with ``--check`` when a goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=("aws", "gcp"), help="leave the other cloud out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as JSON")
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    options = parser.parse_args()
    print(machine_line())
    print(HEADER)
    with tempfile.TemporaryDirectory(prefix="dcplan-clouds-") as name:
        bench = Bench(Session(Path(name), any_environment(Path(name))), [])
        bench.limit("--help imports needlessly", *imported(bench.session.env, Path(name), "--help"))
        for cloud in ("aws", "gcp") if options.only is None else (options.only,):
            with served(cloud) as server:
                OneCloud(bench, server).measure()
            refreshing(bench, cloud)
    if options.json is not None:
        figures = {**as_data(bench.session), "limits": [limit.line() for limit in bench.limits]}
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    missed = [limit.name for limit in bench.limits if limit.missed]
    print(f"\nGoals missed: {', '.join(missed)}." if missed else "\nAll goals are met.")
    return 1 if missed and options.check else 0


@dataclass(frozen=True, slots=True)
class OneCloud:
    """A fleet on one cloud, beside the same on racks."""

    bench: Bench
    cloud: Served

    @property
    def far(self) -> Path:
        """The project on the cloud."""
        return self.bench.session.folder / self.cloud.name

    @property
    def near(self) -> Path:
        """That on racks."""
        return self.bench.session.folder / f"{self.cloud.name}-on-racks"

    def measure(self) -> None:
        """Plans, what they import, the apply that makes it all, and one that finds nothing to do."""
        env, name = environment(self.bench.session.env, self.cloud), self.cloud.name
        machines, rate = fleet(self.far, self.cloud, MACHINES, DCPLAN, env)
        on_racks(self.near, self.cloud, rate)
        needless = imported(env, self.far, "plan", needs=f"dcplan_{name}")
        self.bench.limit(f"a plan on {name} imports needlessly", *needless)
        self.bench.limit("a plan on racks imports needlessly", *imported(env, self.near, "plan"))
        self.adds("plan of what is not there", ("plan",), PLAN_ADDS_CPU_S)
        self.cloud.latency(LATENCY_S)
        made, lines = once(_apply(machines, "-json"), self.far, env)
        self.cloud.latency(0)
        once(_apply(machines), self.near, env)
        self.creates(machines, made, lines)
        before = self.cloud.asked()
        once([*DCPLAN, *UNCHANGED], self.far, env)
        self.bench.session.note(f"plan of what is there, {name}: {self.cloud.asked() - before} calls")
        self.adds("plan of what is there", UNCHANGED, PLAN_ADDS_CPU_S)
        self.adds("apply of nothing new", ("apply", "-auto-approve"), APPLY_ADDS_CPU_S)

    def adds(self, what: str, arguments: tuple[str, ...], goal_cpu_s: float) -> None:
        """How much more CPU a command takes on the cloud than on racks."""
        env = environment(self.bench.session.env, self.cloud)
        near, far = (
            self.bench.session.add(
                f"{what}, {folder.name}", several([*DCPLAN, *arguments], folder, env, runs=RUNS)
            ).figures.spread("cpu_s")[1]
            for folder in (self.near, self.far)
        )
        self.bench.limit(f"{what}: {self.cloud.name} adds", far - near, goal_cpu_s, "CPU-s")

    def creates(self, machines: int, made: Run, lines: str) -> None:
        """From the first create of an instance to the end of the last, by the lines of the apply."""
        told = [line for line in map(json.loads, lines.splitlines()) if _of_instance(line)]
        began = [_at_s(line) for line in told if line["type"] == "apply_start"]
        ended = [_at_s(line) for line in told if line["type"] == "apply_complete"]
        if not len(began) == len(ended) == machines:
            raise RuntimeError(f"{machines} instances were to be made; {len(ended)} of {len(began)} were.")
        name = f"{machines} creates in parallel at {LATENCY_S * 1e3:.0f} ms a call, {self.cloud.name}"
        self.bench.limit(name, max(ended) - min(began), CREATES_S, "s of wall clock")
        self.bench.session.note(f"the whole apply: {made.wall_s:.1f} s of wall clock")


def _apply(parallel: int, *more: str) -> list[str]:
    return [*DCPLAN, "apply", "-auto-approve", "-parallelism", str(parallel), *more]


def _of_instance(line: Mapping[str, str]) -> bool:
    return ".instance." in line.get("address", "") and line["type"].startswith("apply_")


def _at_s(line: Mapping[str, str]) -> float:
    return dt.datetime.fromisoformat(line["@timestamp"]).timestamp()


def refreshing(bench: Bench, name: str) -> None:
    """Calls that a refresh of many instances takes."""
    script = str(Path(__file__).with_name("clouds_refresh.py"))
    _, text = once([sys.executable, script, name, str(MANY)], bench.session.folder, bench.session.env)
    found = json.loads(text)
    if found["found"] != MANY:
        raise RuntimeError(f"{found['found']} of {MANY} instances were found.")
    bench.limit(f"refresh of {MANY:,} instances, {name}", found["calls"], CALLS, "calls")
    bench.session.note(f"{found['cpu_s']} CPU-s without those of the server")


def imported(
    env: Mapping[str, str], folder: Path, command: str, *, needs: str = ""
) -> tuple[int, float, str]:
    """Providers and packages of clouds that a command imports and does not need: a figure with its goal."""
    _, text = once([sys.executable, "-c", MODULES, command], folder, env)
    loaded = set(json.loads(text.splitlines()[-1])) - {needs}
    needless = [name for name in (*OURS, *SDKS) if name in loaded]
    return len(needless), 0, f"packages of clouds {' '.join(needless)}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
