"""Task graphs over a catalogue of 18,846 rows with egress: what it costs, how long it takes, and the proof.

    python benchmarks/tasks_dag.py [--json FILE]

The catalogue is made (seeded): two clouds, 48 regions, machine types with one to eight accelerators, on
demand and spot, prices that differ between regions.  Egress is of the order of the clouds' list prices:
nothing within a region, 0.02 USD/GB between regions of one cloud, 0.09 to 0.12 out of it.  Each task asks
for one of three accelerators, so that some thousand rows fit it, and hands on much data or little.  Times are
CPU seconds of this process and include sorting the rows into an index, not Python's start.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from dcplan.placement.tasks import Edge, Option, Task, TaskPlan, TaskProblem, place_tasks

ROWS = 18_846
GB = 1e9
CHIPS = ("T4", "L4", "A10G", "L40S", "A100-40", "A100-80", "H100", "H200", "B200", "V100")
REGIONS = [("aws", f"aws/r{i}") for i in range(22)] + [("gcp", f"gcp/r{i}") for i in range(26)]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the catalogue."""

    name: str
    chip: str
    region: str
    usd_per_h: float


def catalogue(seed: int) -> list[Row]:
    """Rows of a machine type at a zone, bought in one way."""
    dice, rows, number = random.Random(seed), [], 0  # noqa: S311 - a catalogue, no secret
    base = {chip: 0.3 * 1.55**at for at, chip in enumerate(CHIPS)}
    factor = {region: dice.uniform(0.85, 1.4) for _, region in REGIONS}
    while len(rows) < ROWS:
        _, region = REGIONS[number % len(REGIONS)]
        chip, count = dice.choice(CHIPS), dice.choice((1, 1, 2, 4, 8))
        spot = dice.uniform(0.25, 0.7) if dice.random() < 0.5 else 1.0  # noqa: PLR2004 - half of the rows
        usd = base[chip] * count * factor[region] * spot * dice.uniform(0.95, 1.05)
        rows.append(Row(f"{region}/{number}", chip, region, usd))
        number += 1
    return rows


def egress() -> dict[tuple[str, str], float]:
    """USD for a byte between any two regions."""
    out = {"aws": 0.09, "gcp": 0.12}
    return {
        (a, b): 0.0 if a == b else (0.02 if cloud_a == cloud_b else out[cloud_a]) / GB
        for cloud_a, a in REGIONS
        for cloud_b, b in REGIONS
    }


def problem(
    rows: Sequence[Row], links: Sequence[tuple[int, int]], tasks: int, most_gb: float, seed: int
) -> TaskProblem:
    """Tasks with three accelerators each, and edges of up to so much data."""
    dice = random.Random(seed)  # noqa: S311 - as above
    index: dict[str, list[Row]] = {chip: [] for chip in CHIPS}
    for row in rows:
        index[row.chip].append(row)
    asked = []
    for at in range(tasks):
        hours = dice.uniform(2.0, 60.0)
        speed = {chip: dice.uniform(0.7, 1.4) / 1.5 ** CHIPS.index(chip) for chip in dice.sample(CHIPS, 3)}
        fitting = tuple(
            Option(row=row.name, place=row.region, usd=row.usd_per_h * hours * 3 * speed[chip])
            for chip in speed
            for row in index[chip]
        )
        asked.append(Task(name=f"t{at}", options=fitting))
    edges = tuple(
        Edge(sender=f"t{a}", receiver=f"t{b}", size_bytes=dice.uniform(most_gb / 80, most_gb) * GB)
        for a, b in links
    )
    return TaskProblem(tasks=tuple(asked), edges=edges, egress_usd_per_byte=egress())


def chain(tasks: int) -> list[tuple[int, int]]:
    """Each task hands on to the next."""
    return [(at, at + 1) for at in range(tasks - 1)]


def layered(*widths: int) -> list[tuple[int, int]]:
    """Each task of a layer hands on to each of the next layer."""
    links, start = [], 0
    for width, following in pairwise(widths):
        links += [(start + i, start + width + j) for i in range(width) for j in range(following)]
        start += width
    return links


GRAPHS = {
    "chain of 20": (20, chain(20), "17.3 s"),
    "fan-out of 20": (20, [(0, at) for at in range(1, 20)], "30 s"),
    "layered 10 (1-4-4-1)": (10, layered(1, 4, 4, 1), "139 s"),
    "layered 10 (2-3-3-2)": (10, layered(2, 3, 3, 2), "139 s"),
    "layered 20 (5-5-5-5)": (20, layered(5, 5, 5, 5), ""),
}
"""Tasks, edges, and what SkyPilot 0.14.1 took for a graph of that sort on a catalogue of this size."""


def main() -> None:
    """Print one line for each graph and seed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    asked = parser.parse_args()
    rows, figures = catalogue(1), []
    for name, (tasks, links, theirs) in GRAPHS.items():
        for seed, most_gb in itertools.product(range(3), (800.0, 40.0)):
            start = time.process_time()
            plan = place_tasks(problem(rows, links, tasks, most_gb, seed)).unwrap()
            figure = {"graph": name, "most_gb": most_gb, "seed": seed}
            figures.append(figure | _figure(plan, time.process_time() - start))
            print(f"{_line(figures[-1])}{f' (SkyPilot {theirs})' if theirs else ''}", flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def _figure(plan: TaskPlan, cpu_s: float) -> dict[str, object]:
    return {
        "usd": round(plan.usd, 6),
        "bound_usd": round(plan.bound_usd, 6),
        "egress_usd": round(plan.egress_usd, 6),
        "regions": len({one.option.place for one in plan.placed}),
        "status": plan.status,
        "method": plan.method,
        "options_left": plan.considered,
        "cpu_s": round(cpu_s, 3),
    }


def _line(figure: dict[str, object]) -> str:
    return "  ".join(f"{key} {value}" for key, value in figure.items())


if __name__ == "__main__":
    main()
