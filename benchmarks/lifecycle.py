"""What plan, apply and refresh cost as a project grows, beside their goals and beside Terraform.

    python benchmarks/lifecycle.py [--huge] [--json FILE] [--no-terraform] [--check]

Whole processes, in a temporary folder, as in ``run.py``.  ``--huge`` adds 100,000 resources.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from fleets import apply_fleet, terraform_env, terraform_version, write_fleet, write_terraform
from lifecycle_cloud import FARAWAY, Cloud, terraform_apply, to_the_cloud
from measuring import once, several
from run import (
    DCPLAN,
    HEADER,
    UNCHANGED,
    Case,
    Goal,
    Session,
    as_data,
    environment,
    machine_line,
    per_operation,
)

SMALL, LARGE, HUGE = 1_000, 10_000, 100_000
REPEATS = 3
LATENCY_S = 0.05
OFFLINE = (*UNCHANGED, "-refresh=false")

PLAN_LARGE = Goal(cpu_s=3, rss_mb=300)
PLAN_HUGE = Goal(cpu_s=40, rss_mb=3000)
GROWTH_TIMES = 11.0
APPLY_LARGE_S = 60.0
OPERATION_MS = 5.0
REFRESH_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One figure that is no process's CPU time, and what it may be at most."""

    name: str
    value: float
    at_most: float
    unit: str

    @property
    def missed(self) -> bool:
        """Whether it is more."""
        return self.value > self.at_most

    def line(self) -> str:
        """For people."""
        verdict = ": MISSED" if self.missed else ""
        return f"{self.name}: {self.value:,.4g} {self.unit} (goal {self.at_most:g}{verdict})"


def main() -> int:
    """Measure everything; 1 with ``--check`` when a goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--huge", action="store_true", help="also 100,000 resources: some minutes more")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as JSON")
    parser.add_argument("--no-terraform", action="store_true", help="leave Terraform out: it takes minutes")
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    options = parser.parse_args()
    print(machine_line())
    print(HEADER)
    limits: list[Limit] = []
    with tempfile.TemporaryDirectory(prefix="dcplan-life-") as name:
        session = Session(Path(name), environment(Path(name)))
        operations(session, limits)
        growing(session, limits, huge=options.huge)
        refreshing(session, limits)
        if not options.no_terraform:
            terraform(session)
    if options.json is not None:
        figures = {**as_data(session), "limits": [limit.line() for limit in limits]}
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    missed = [c.name for c in session.cases if c.missed] + [x.name for x in limits if x.missed]
    print(f"\nGoals missed: {', '.join(missed)}." if missed else "\nAll goals are met.")
    return 1 if missed and options.check else 0


def _limit(session: Session, limits: list[Limit], limit: Limit) -> None:
    limits.append(limit)
    session.note(limit.line())


def operations(session: Session, limits: list[Limit]) -> None:
    """One create with its three records, beside states of three sizes."""
    script = str(Path(__file__).with_name("lifecycle_ops.py"))
    written = []
    for rows in (0, LARGE, HUGE):
        _, text = once([sys.executable, script, "2000", str(rows)], session.folder, session.env)
        found = json.loads(text)
        written.append(found["written_bytes"])
        name = f"a create beside {rows:,} rows"
        _limit(
            session,
            limits,
            Limit(name=name, value=found["wall_ms"], at_most=OPERATION_MS, unit="ms of wall clock"),
        )
        session.note(
            f"{name}: {found['cpu_ms']} ms of CPU, {found['written_bytes']:,} bytes written; "
            f"{found['once_s']} s before the first"
        )
    growth = max(written) / min(written)
    _limit(
        session,
        limits,
        Limit(
            name="bytes written a create, largest state over smallest",
            value=growth,
            at_most=1.5,
            unit="times",
        ),
    )


def growing(session: Session, limits: list[Limit], *, huge: bool) -> None:
    """Plans of fleets that exist, and the applies that made them."""
    small, _ = fleet(session, SMALL, None)
    large, apply_s = fleet(session, LARGE, PLAN_LARGE)
    _limit(
        session,
        limits,
        Limit(name="apply of 10,000", value=apply_s, at_most=APPLY_LARGE_S, unit="s of wall clock"),
    )
    ratio = large.figures.spread("cpu_s")[1] / small.figures.spread("cpu_s")[1]
    _limit(
        session,
        limits,
        Limit(name="CPU of a plan, 10,000 over 1,000", value=ratio, at_most=GROWTH_TIMES, unit="times"),
    )
    if huge:
        fleet(session, HUGE, PLAN_HUGE)


def fleet(session: Session, size: int, goal: Goal | None) -> tuple[Case, float]:
    """Make a fleet exist; its plan without a refresh, and the wall seconds of its apply."""
    folder = session.folder / f"fleet-{size}"
    exactly = write_fleet(folder, size, DCPLAN, session.env)
    made = apply_fleet(folder, DCPLAN, session.env)
    session.note(
        f"apply of {exactly:,}: {made.wall_s:.1f} s, {made.rss_mb:.0f} MB; {per_operation(made, exactly)}"
    )
    repeats = 1 if size == HUGE else REPEATS
    figures = several([*DCPLAN, *OFFLINE], folder, session.env, runs=repeats)
    return session.add(f"plan -refresh=false, {exactly:,} unchanged", figures, goal), made.wall_s


def refreshing(session: Session, limits: list[Limit]) -> None:
    """A plan that asks a cloud 50 ms away for 10,000 objects, over one that believes the state."""
    path = os.pathsep.join([str(FARAWAY), session.env["PYTHONPATH"]])
    env = {**session.env, "PYTHONPATH": path}
    with Cloud({"z1": LARGE, "z2": LARGE}) as cloud:
        folder = session.folder / "far"
        to_the_cloud(session.folder / f"fleet-{LARGE}", folder, cloud)
        made = apply_fleet(folder, DCPLAN, env)
        objects = len(cloud.books()["objects"])
        session.note(f"apply of {objects:,} over HTTP: {made.wall_s:.1f} s")
        cloud.weather(each_call_s=LATENCY_S)
        before, start_s = cloud.books()["requests"], time.perf_counter()
        once([*DCPLAN, *UNCHANGED], folder, env)
        asking_s = time.perf_counter() - start_s
        calls = cloud.books()["requests"] - before
        start_s = time.perf_counter()
        once([*DCPLAN, *OFFLINE], folder, env)
        believing_s = time.perf_counter() - start_s
    session.note(f"refresh of {objects:,} objects, 50 ms a call: {calls} calls")
    name = "refresh of 10,000 at 50 ms a call"
    _limit(
        session,
        limits,
        Limit(name=name, value=asking_s - believing_s, at_most=REFRESH_S, unit="s of wall clock"),
    )


def terraform(session: Session) -> None:
    """The same of Terraform, one run each."""
    version = terraform_version(session.folder, session.env)
    if version is None:
        session.note("terraform: left out, it is not on PATH")
        return
    env = terraform_env(session.folder, session.env)
    for size in (SMALL, LARGE):
        folder = session.folder / f"terraform-{size}"
        write_terraform(folder, size, style="blocks", env=env)
        command = ["terraform", "plan", "-detailed-exitcode", "-no-color", "-refresh=false"]
        figures = several(command, folder, env, runs=1)
        session.add(f"terraform plan -refresh=false, {size:,} unchanged", figures)
    wall_s = terraform_apply(session.folder / "terraform-apply", SMALL, env)
    session.note(f"terraform apply of {SMALL:,}: {wall_s:.1f} s, {wall_s / SMALL * 1e3:.1f} ms a resource")
    session.note(f"terraform {version}; its built-in terraform_data, which takes no time to make")


if __name__ == "__main__":
    sys.exit(main())
