"""Machine types for a mixed load: our cover beside Melange's integer program.

    python benchmarks/covering_melange.py [--pulp PYTHON] [--limit SECONDS] [--json FILE]

Melange (Griggs et al. 2024, arXiv 2404.14527) gives each slice of load to one machine type by an integer
program with a variable for each slice and type, solved by CBC through PuLP.  The same program is written here
from its paper and solved by PuLP in the environment whose Python ``--pulp`` names (``pip install pulp``);
without one only our own figures are made.  Profiles are made (seeded), because Melange does not publish its
tables.  Times are wall seconds for both, building included, without Python's start.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from dcplan.placement.covering import CoverProblem, LoadClass, MachineType, cover

PRICES = (0.70, 1.01, 3.67, 7.516, 1.86, 5.07, 10.6, 14.2)
STRENGTHS = (2.0, 3.0, 12.0, 24.0, 5.5, 16.0, 36.0, 44.0)
SIZES = ((100, 4, 8, 30.0), (100, 4, 8, 120.0), (100, 4, 8, 1000.0), (400, 1, 8, 100.0), (400, 8, 8, 1000.0))
"""Classes, slices of each, machine types, requests/s."""

PULP = """
import json, sys, time, pulp
asked = json.load(open(sys.argv[1]))
start = time.perf_counter()
costs, loads, slices = asked["costs"], asked["loads"], asked["slices"]
program = pulp.LpProblem("cover", pulp.LpMinimize)
rows = [load for load in loads for _ in range(slices)]
types = range(len(costs))
x = [[pulp.LpVariable(f"x{s}_{t}", cat="Binary") for t in types] for s in range(len(rows))]
n = [pulp.LpVariable(f"n{t}", 0, cat="Integer") for t in types]
program += pulp.lpSum(cost * count for cost, count in zip(costs, n))
for row in x:
    program += pulp.lpSum(row) == 1
for t in types:
    program += pulp.lpSum(x[s][t] * rows[s][t] for s in range(len(rows))) <= n[t]
program.solve(pulp.PULP_CBC_CMD(msg=0, timeLimit=asked["limit"]))
proven = program.sol_status == pulp.LpSolutionOptimal and time.perf_counter() - start < asked["limit"]
print(json.dumps({"cost": pulp.value(program.objective), "proven": proven, "s": time.perf_counter() - start}))
"""


def problem(classes: int, slices: int, types: int, rate: float) -> CoverProblem:
    """Buckets of prompts by answers; larger machines do better with longer ones."""
    dice, side = random.Random(1), int(classes**0.5)  # noqa: S311 - a load, no secret
    rates = [
        [
            STRENGTHS[t]
            * 8
            / (1 + i ** (1.35 - 0.05 * t) + 1.5 * j ** (1.3 - 0.05 * t))
            * dice.uniform(0.8, 1.2)
            for t in range(types)
        ]
        for i in range(side)
        for j in range(side)
    ]
    weights = [dice.random() ** 3 for _ in rates]
    return CoverProblem(
        classes=tuple(
            LoadClass(name=f"c{at}", requests_per_s=rate * weight / sum(weights), slices=slices)
            for at, weight in enumerate(weights)
        ),
        machines=tuple(MachineType(name=f"t{t}", usd_per_h=PRICES[t]) for t in range(types)),
        rates=tuple(map(tuple, rates)),
    )


def by_pulp(python: Path, asked: CoverProblem, limit_s: float) -> dict[str, Any]:
    """Cost and seconds of the published program."""
    loads = [[asked.load(c, t) for t in range(len(asked.machines))] for c in range(len(asked.classes))]
    told = {
        "costs": [machine.usd_per_h for machine in asked.machines],
        "loads": loads,
        "slices": asked.classes[0].slices,
        "limit": limit_s,
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "problem.json"
        file.write_text(json.dumps(told), encoding="utf-8")
        done = subprocess.run([python, "-c", PULP, file], capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def main() -> None:
    """Print one line for each size."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--pulp", type=Path, help="Python of an environment with PuLP")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds for CBC")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    asked, figures = parser.parse_args(), []
    cover(problem(4, 1, 2, 1.0))  # OR-Tools is imported by the first solve
    for classes, slices, types, rate in SIZES:
        one = problem(classes, slices, types, rate)
        start = time.perf_counter()
        found = cover(one).unwrap()
        figure: dict[str, object] = {
            "classes": classes,
            "slices": classes * slices,
            "types": types,
            "requests_per_s": rate,
            "usd_per_h": round(found.usd_per_h, 3),
            "bound_usd_per_h": round(found.bound_usd_per_h, 3),
            "status": found.status,
            "s": round(time.perf_counter() - start, 2),
        }
        if asked.pulp:
            theirs = by_pulp(asked.pulp, one, asked.limit)
            figure |= {
                "cbc_usd_per_h": None if theirs["cost"] is None else round(theirs["cost"], 3),
                "cbc_proven": theirs["proven"],
                "cbc_s": round(theirs["s"], 2),
            }
        figures.append(figure)
        print("  ".join(f"{key} {value}" for key, value in figure.items()), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
