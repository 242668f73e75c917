"""A tour of the examples that use AWS or Google Cloud, on clouds of this machine: ``make tour``.

Each is planned and applied; the pool that it would grow in is sold out, so that its next apply goes
elsewhere; then all of it is destroyed, and the cloud must be empty.  Anything else ends the tour.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from aws_cloud import AwsCloud, aws_cloud  # noqa: E402 - found by the line above
from aws_project import left  # noqa: E402 - as above
from gcp_cloud import GcpCloud, gcp_cloud  # noqa: E402 - as above

GROWTHS = (2.0, 1.1)
"""How many times as many requests the second plan is for; less where a document's caps allow no more."""
ZONES = "abcdef"
"""Letters of zones that are sold out where a plan names the region only."""
CLOUDS = {"aws": "AWS", "gcp": "Google Cloud"}
MACHINE = ".instance."
_RATE = re.compile(r"(requests_per_s: )(\d+)")


class TourError(Exception):
    """Something is not as it must be."""


@dataclass(frozen=True, slots=True)
class Clouds:
    """Those that run."""

    aws: AwsCloud | None
    gcp: GcpCloud | None

    @property
    def environ(self) -> dict[str, str]:
        """What leads dcplan there, and nobody's credentials."""
        return {
            **os.environ,
            **({} if self.aws is None else self.aws.environ),
            **({} if self.gcp is None else self.gcp.variables),
        }

    def sell_out(self, places: Iterable[str]) -> None:
        """No machine is left in any of these, each a ``zone/machine``."""
        if self.aws is not None:
            self.aws.weather(stock=dict.fromkeys(places, 0))
        if self.gcp is not None:
            parts = [place.split("/") for place in places]
            zones = ((z, m) for zone, m in parts for z in (zone, *(f"{zone}-{letter}" for letter in ZONES)))
            self.gcp.weather(capacity={f"{zone}/{machine}": 0 for zone, machine in zones})

    def wrongs(self, regions: Collection[str]) -> Iterator[str]:
        """What is left in the end, and what Google's description of its API does not allow."""
        if self.aws is not None:
            for region in regions:
                there = left(self.aws, region)
                yield from (f"AWS still has {number} {name} in {region}" for name, number in there.items())
        if self.gcp is not None:
            yield from (f"Google Cloud still has {path}" for path in self.gcp.things())
            yield from self.gcp.violations


@dataclass(frozen=True, slots=True)
class Project:
    """An example in a folder of its own."""

    folder: Path
    clouds: Clouds
    say: Callable[[str, str], None]

    def dcplan(self, *arguments: str, status: int = 0) -> str:
        """What a command prints that must end so."""
        command = [sys.executable, "-m", "dcplan", f"-chdir={self.folder}", *arguments]
        done = subprocess.run(
            command,
            env=self.clouds.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != status:
            raise TourError(
                f"dcplan {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
            )
        return done.stdout

    def planned(self, name: str) -> Mapping[str, Any]:
        """A saved plan."""
        plan: Mapping[str, Any] = json.loads(self.dcplan("plan", "-json", "-out", name))
        return plan

    def machines(self) -> dict[str, str]:
        """Each machine in the state, and its pool."""
        state = json.loads(self.dcplan("show", "-json"))
        return {
            one["address"]: one["attributes"]["pool"]
            for one in state["resources"]
            if MACHINE in one["address"]
        }

    def applied(self, plan: str) -> dict[str, str]:
        """The machines after an apply."""
        began_s = time.monotonic()
        self.dcplan("apply", plan)
        took_s, machines = time.monotonic() - began_s, self.machines()
        self.say("apply", f"{len(machines)} machines after {took_s:.0f} s: {_counted(machines.values())}")
        return machines


def visit(project: Project) -> None:
    """One example from its first plan to its destroy."""
    plan = project.planned("first.plan")
    project.say("plan", f"{len(plan['changes'])} things to make, for ${plan['usd_per_h']:,.2f}/h")
    before = project.applied("first.plan")
    document = (project.folder / "dcplan.yaml").read_text()
    try:
        growth, grown = _grown(project)
        sold, when = _to_sell_out(grown), f"as {growth:g} times as many requests come"
    except TourError:
        # Its caps allow no more, so it is made a second time.
        project.dcplan("destroy", "-auto-approve")
        (project.folder / "dcplan.yaml").write_text(document)
        before, when = {}, "as all of it is destroyed and made once more"
        sold = _to_sell_out(project.planned("second.plan"))
    project.clouds.sell_out(sold)
    named = ", ".join(f"{place} ({count} more planned)" for place, count in sorted(sold.items()))
    project.say("sold out", f"{named}, {when}")
    after = project.applied("second.plan")
    new = [pool for address, pool in after.items() if address not in before]
    if len(new) < sold.total() or {_place(pool) for pool in new} & sold.keys():
        raise TourError(f"{sold.total()} machines had to be had elsewhere; new are {_counted(new)}.")
    next_changes = project.planned("third.plan")["changes"]
    cheaper = f"{len(next_changes)} changes would make it cheaper, now that it is known what is sold out"
    project.say("plan", cheaper if next_changes else "nothing left to change")
    state = json.loads(project.dcplan("show", "-json"))
    project.dcplan("destroy", "-auto-approve")
    on_aws = (one for one in state["resources"] if one["address"].startswith("aws."))
    regions = {str(one["attributes"]["region"]) for one in on_aws if "region" in one["attributes"]}
    wrongs = [*project.clouds.wrongs(regions)]
    if wrongs:
        raise TourError("After the destroy:\n" + "\n".join(wrongs))
    project.say("destroy", "nothing left in the cloud")


def tour(examples: Sequence[Path], say: Callable[[str], None] = print) -> int:
    """Visit these; the exit status."""
    for example in examples:
        used = _providers(example / "dcplan.yaml")
        with ExitStack() as stack:
            clouds = Clouds(
                stack.enter_context(aws_cloud()) if "aws" in used else None,
                stack.enter_context(gcp_cloud()) if "gcp" in used else None,
            )
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / example.name
            shutil.copytree(example, folder, ignore=shutil.ignore_patterns(".dcplan"))
            names = " and ".join(CLOUDS[name] for name in CLOUDS if name in used)
            say(f"{example.name}, on {names} of this machine")
            try:
                visit(Project(folder, clouds, lambda what, told: say(f"  {what:<9} {told}")))
            except TourError as problem:
                say(f"  astray    {problem}")
                return 1
    say(f"{len(examples)} examples planned, applied, moved away from what was sold out, and destroyed.")
    return 0


def on_clouds() -> list[Path]:
    """The examples that use AWS or Google Cloud."""
    every = sorted((ROOT / "examples").glob("*/dcplan.yaml"))
    return [one.parent for one in every if CLOUDS.keys() & _providers(one)]


def _providers(document: Path) -> set[str]:
    """Those that a document names."""
    return set(yaml.safe_load(document.read_text())["providers"])


def _grown(project: Project) -> tuple[float, Mapping[str, Any]]:
    """A saved plan for more requests, and how many times as many."""
    document = project.folder / "dcplan.yaml"
    before, refused = document.read_text(), TourError("No workload of the example is served.")
    for growth in GROWTHS:
        text, served = _RATE.subn(lambda m, by=growth: f"{m[1]}{round(int(m[2]) * by)}", before)  # type: ignore[misc]
        document.write_text(text)
        if not served:
            break
        try:
            return growth, project.planned("second.plan")
        except TourError as problem:
            refused = problem
    raise refused


def _to_sell_out(plan: Mapping[str, Any]) -> Counter[str]:
    """On each cloud the place in which most machines are to be made, and how many; the plan has others.

    Slices of TPUs are left out: their cloud has a stock of slices, not of machines.
    """
    made = Counter(
        (c["address"].split(".")[0], _place(c["after"]["attributes"]["pool"]))
        for c in plan["changes"]
        if MACHINE in c["address"] and c["action"] == "create" and not c["after"]["attributes"].get("slice")
    )
    others = {
        _place(fallback["pool"]): {_place(other["pool"]) for other in fallback["alternatives"]}
        for fallback in plan["fallbacks"]
    }
    sold: dict[str, tuple[str, int]] = {}
    for (cloud, place), count in made.most_common():
        if others.get(place, set()) - {place}:
            sold.setdefault(cloud, (place, count))
    if not sold:
        raise TourError("More requests need no more machines that can be had elsewhere.")
    return Counter(dict(sold.values()))


def _place(pool: str) -> str:
    """``zone/machine`` of a pool, whichever way it is bought."""
    return "/".join(pool.split("/")[:2])


def _counted(pools: Iterable[str]) -> str:
    """``3 in use2-az1/p5.48xlarge, 1 in...``."""
    return ", ".join(f"{count} in {pool}" for pool, count in sorted(Counter(pools).items()))


if __name__ == "__main__":
    sys.exit(tour([ROOT / "examples" / name for name in sys.argv[1:]] or on_clouds()))
