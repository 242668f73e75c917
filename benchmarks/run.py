"""Time and memory of the commands that users wait for, beside their goals and beside Terraform.

    python benchmarks/run.py [--quick] [--json FILE] [--no-terraform] [--check]

Everything is made in a temporary folder.  Byte code is compiled there first, as
an installation does, whatever the environment says about it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fleets import apply_fleet, terraform_env, terraform_version, write_fleet, write_hall, write_terraform
from measuring import Figures, Run, several

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "01-chat-and-pretrain"
FULL, QUICK = 10_000, 1_000
DCPLAN = (sys.executable, "-m", "dcplan")
RUNS = 5
UNCHANGED = ("plan", "-detailed-exitcode")
"""Exits 0 only when nothing would change, so that what is measured is what is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a command may cost at most, by its median."""

    cpu_s: float
    rss_mb: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One measured command."""

    name: str
    figures: Figures
    goal: Goal | None = None

    @property
    def missed(self) -> bool:
        """Whether a median is over its goal."""
        if self.goal is None:
            return False
        over_cpu = self.figures.spread("cpu_s")[1] > self.goal.cpu_s
        return over_cpu or (
            self.goal.rss_mb is not None and self.figures.spread("rss_mb")[1] > self.goal.rss_mb
        )

    def as_data(self) -> dict[str, object]:
        """For JSON."""
        goal = None if self.goal is None else {"cpu_s": self.goal.cpu_s, "rss_mb": self.goal.rss_mb}
        return {"name": self.name, **self.figures.as_data(), "goal": goal, "missed": self.missed}


@dataclass(slots=True)
class Session:
    """One run of this script: where it works, and what it has measured."""

    folder: Path
    env: Mapping[str, str]
    cases: list[Case] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    ratios: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, figures: Figures, goal: Goal | None = None) -> Case:
        """Keep a case and show it at once."""
        case = Case(name=name, figures=figures, goal=goal)
        self.cases.append(case)
        print(line(case), flush=True)
        return case

    def note(self, text: str) -> None:
        """Keep a sentence and show it at once."""
        self.notes.append(text)
        print(f"  {text}", flush=True)

    def ratio(self, name: str, above: Case, below: Case) -> None:
        """Keep how many times the CPU time of ``below`` goes into that of ``above``."""
        value = above.figures.spread("cpu_s")[1] / below.figures.spread("cpu_s")[1]
        self.ratios[name] = round(value, 2)
        self.note(f"{name}: {value:.1f} times")


def main() -> int:
    """Measure everything; 1 with ``--check`` when a goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1,000 resources instead of 10,000")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as JSON")
    parser.add_argument("--no-terraform", action="store_true", help="leave Terraform out: it takes minutes")
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    options = parser.parse_args()
    print(machine_line())
    print(HEADER)
    with tempfile.TemporaryDirectory(prefix="dcplan-bench-") as name:
        session = Session(Path(name), environment(Path(name)))
        start_up(session)
        example(session)
        large_hall(session)
        size = QUICK if options.quick else FULL
        unchanged(session, size)
        if not options.no_terraform:
            terraform(session, size)
    if options.json is not None:
        options.json.write_text(json.dumps(as_data(session), indent=2) + "\n", encoding="utf-8")
    missed = [case.name for case in session.cases if case.missed]
    print(f"\nGoals missed: {', '.join(missed)}." if missed else "\nAll goals are met.")
    return 1 if missed and options.check else 0


def environment(folder: Path) -> dict[str, str]:
    """The environment of all commands: byte code in ``folder``, nothing that makes Python odd."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "DCPLAN_", "TF_"))}
    return {**inherited, "PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "PYTHONPATH": str(ROOT)}


def start_up(session: Session) -> None:
    """What it costs to begin."""
    folder, env = session.folder, session.env
    session.add("python -c pass", several([sys.executable, "-c", "pass"], folder, env, runs=RUNS))
    goal = Goal(cpu_s=0.12)
    session.add("python -m dcplan --help", several([*DCPLAN, "--help"], folder, env, runs=RUNS), goal)
    script = Path(sys.executable).parent / "dcplan"
    if script.exists():
        session.add("dcplan --help", several([str(script), "--help"], folder, env, runs=RUNS), goal)
    else:
        session.note("dcplan --help: left out, the console script is not installed")


def example(session: Session) -> None:
    """The first example, as it is in the repository."""
    folder = session.folder / "example"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".dcplan"))
    validated = several([*DCPLAN, "validate"], folder, session.env, runs=RUNS)
    session.add("validate, example", validated, Goal(cpu_s=0.5))
    planned = several([*DCPLAN, "plan"], folder, session.env, runs=RUNS)
    session.add("plan, example", planned, Goal(cpu_s=4, rss_mb=350))


def large_hall(session: Session) -> None:
    """The first example in a hall of 101,376 accelerators: 33 blocks of 96 racks of 4 machines of 8."""
    folder = session.folder / "large-hall"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".dcplan"))
    write_hall(folder / "datacenter.yaml", blocks=33, racks=96)
    planned = several([*DCPLAN, "plan"], folder, session.env, runs=RUNS)
    session.add("plan, example among 101,376 accelerators", planned, Goal(cpu_s=5, rss_mb=400))


def unchanged(session: Session, size: int) -> None:
    """Plans of fleets of which everything exists already: a tenth of ``size``, and ``size``."""
    goal = Goal(cpu_s=5, rss_mb=400)
    small = _unchanged(session, size // 10, goal=None)
    large = _unchanged(session, size, goal=goal)
    session.ratio(f"plan -refresh=false of {size:,} over {size // 10:,}, CPU", large, small)


def _unchanged(session: Session, size: int, *, goal: Goal | None) -> Case:
    """Make a fleet, then plan it without a change; the plan that believes the state."""
    folder = session.folder / f"fleet-{size}"
    exactly = write_fleet(folder, size, DCPLAN, session.env)
    created = several([*DCPLAN, "plan"], folder, session.env, runs=1)
    session.add(f"plan, {exactly:,} to create", created, goal)
    made = apply_fleet(folder, DCPLAN, session.env)
    session.add(f"apply, {exactly:,} to create", Figures((made,)))
    session.note(per_operation(made, exactly))
    whole = several([*DCPLAN, *UNCHANGED], folder, session.env, runs=RUNS)
    session.add(f"plan, {exactly:,} unchanged", whole, goal)
    believing = several([*DCPLAN, *UNCHANGED, "-refresh=false"], folder, session.env, runs=RUNS)
    return session.add(f"plan -refresh=false, {exactly:,} unchanged", believing, goal)


def terraform(session: Session, size: int) -> None:
    """Terraform on as many unchanged resources of its built-in kind, one run each: they take minutes."""
    version = terraform_version(session.folder, session.env)
    if version is None:
        session.note("terraform: left out, it is not on PATH")
        return
    ours = {case.name.split(",")[0]: case for case in session.cases if case.name.endswith("unchanged")}
    for style in ("blocks", "count"):
        folder = session.folder / f"terraform-{style}"
        env = terraform_env(session.folder, session.env)
        write_terraform(folder, size, style=style, env=env)
        for extra, against in (((), "plan"), (("-refresh=false",), "plan -refresh=false")):
            command = ["terraform", "plan", "-detailed-exitcode", "-no-color", *extra]
            name = " ".join(("terraform plan", *extra))
            theirs = session.add(
                f"{name}, {size:,} unchanged ({style})", several(command, folder, env, runs=1)
            )
            session.ratio(f"{name} ({style}) over dcplan {against}, CPU", theirs, ours[against])
    session.note(f"terraform {version}; of its built-in terraform_data, which has nothing to refresh")


HEADER = f"{'':<56}{'CPU s min':>10}{'median':>9}{'max':>9}{'wall s':>9}{'RSS MB':>8}  goal"


def line(case: Case) -> str:
    """One line of the table."""
    low, middle, high = case.figures.spread("cpu_s")
    wall, rss = case.figures.spread("wall_s")[1], case.figures.spread("rss_mb")[1]
    text = f"{case.name:<56}{low:>10.3f}{middle:>9.3f}{high:>9.3f}{wall:>9.2f}{rss:>8.0f}"
    if case.goal is None:
        return text
    memory = "" if case.goal.rss_mb is None else f", {case.goal.rss_mb:.0f} MB"
    return f"{text}  {case.goal.cpu_s:g} s{memory}{': MISSED' if case.missed else ''}"


def per_operation(made: Run, operations: int) -> str:
    """What one resource costs in an apply."""
    return (
        f"a resource of that apply: {made.wall_s / operations * 1e3:.2f} ms of wall clock, "
        f"{made.cpu_s / operations * 1e3:.2f} ms of CPU"
    )


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def machine_line() -> str:
    """The same in one line."""
    return ", ".join(f"{name} {value}" for name, value in machine().items())


def as_data(session: Session) -> dict[str, object]:
    """Everything, for JSON."""
    return {
        "format_version": "1.0",
        "machine": machine(),
        "cases": [case.as_data() for case in session.cases],
        "ratios": session.ratios,
        "notes": session.notes,
    }


if __name__ == "__main__":
    sys.exit(main())
