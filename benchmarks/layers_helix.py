"""Layer placement on the instances that Helix published, beside what Gurobi found there.

    python benchmarks/layers_helix.py [--data ../shared/data/placement/helix] [--json FILE]

Helix (Mei et al., ASPLOS 2025, arXiv 2406.01566; instances and logs: Apache-2.0) gives for each machine the
tokens/s that it carries with 1, 2, ... layers, and what each link carries.  The folder holds its files as
they were published, ``milp/NAME/ilp_model.lp``; only these numbers are read from them.  What is compared is
the objective of Helix's own model, the maximum flow over single machines and links, recomputed here for our
placement.  Times are CPU seconds without Python's start.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from dcplan.placement.cpsat import Effort, Model, run
from dcplan.placement.layers import (
    Holding,
    Kind,
    LayerProblem,
    Link,
    Seat,
    carried,
    place_layers,
    place_over_links,
    seats_of,
)

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "placement" / "helix"
PUBLISHED = {
    "quality10": (286.587, "Gurobi 11, 3,803 s, optimal", 286.587),
    "single24": (1289.56, "600 s, gap 5,953 %", 2045.0),
    "noprune42": (4892.24, "4,382 s, gap 5,523 %", 5905.0),
    "dist24": (1212.177, "2,700 s and more, gap 3,738 %", 1212.0),
}
"""Objective of Helix's own solution, how it was found, and our goal."""

WIDE = 10_000.0
"""Tokens/s of a link inside a place; those between the three regions of dist24 carry less than 1,000."""


@dataclass(frozen=True, slots=True)
class Instance:
    """What is read from one file."""

    layers: int
    rates: dict[str, dict[int, float]]
    """Of each machine: tokens/s by layers held."""
    links: tuple[Link, ...]


def read(path: Path) -> Instance:
    """The numbers of one published model, a text in Gurobi's LP format."""
    body = path.read_text(encoding="utf-8").partition("Subject To")[2]
    held = re.compile(r"node_throughput_constraint_(\d+):(.*?)<=", re.DOTALL)
    rates = {
        machine: {
            int(layers): float(rate)
            for rate, layers in re.findall(rf"-\s*([\d.eE+]+)\s+hold_{machine}_(\d+)", terms)
        }
        for machine, terms in held.findall(body)
    }
    wide = re.compile(r"edge_flow_constr_(\w+?)_(\w+?):\s*flow_\w+\s*-\s*([\d.eE+]+)\s+switch")
    links = tuple(Link(sender=a, receiver=b, tokens_per_s=float(width)) for a, b, width in wide.findall(body))
    last = re.search(r"end_constraint_0:.*?<=\s*(\d+)", body, re.DOTALL)
    if last is None:
        raise ValueError(f"{path} has no layers.")
    return Instance(int(last[1]), rates, links)


def places_of(instance: Instance) -> dict[str, str]:
    """Machines that wide links join stand in one place, named after its first machine."""
    place = {machine: machine for machine in instance.rates}
    for link in instance.links:
        if link.tokens_per_s > WIDE and link.sender in place and link.receiver in place:
            old, new = place[link.receiver], place[link.sender]
            place = {machine: new if where == old else where for machine, where in place.items()}
    return place


def kinds_of(instance: Instance) -> tuple[tuple[Kind, ...], dict[str, list[str]]]:
    """Machines with equal rates in one place are one kind; and which they are."""
    members: dict[tuple[str, tuple[tuple[int, float], ...]], list[str]] = {}
    places = places_of(instance)
    for machine, rates in instance.rates.items():
        members.setdefault((places[machine], tuple(sorted(rates.items()))), []).append(machine)
    kinds = tuple(
        Kind(
            name=f"kind{at}",
            machines=len(machines),
            holdings=tuple(Holding(layers=layers, tokens_per_s=rate) for layers, rate in rates),
            place=place,
        )
        for at, ((place, rates), machines) in enumerate(members.items())
    )
    return kinds, {f"kind{at}": list(machines) for at, machines in enumerate(members.values())}


def named(seats: tuple[Seat, ...], machines: dict[str, list[str]]) -> list[Seat]:
    """Each seat with a machine of the instance."""
    left = {kind: list(names) for kind, names in machines.items()}
    return [replace(seat, machine=left[seat.machine.partition("-")[0]].pop()) for seat in seats]


def figure(name: str, data: Path) -> dict[str, object]:
    """Place one instance and check it against its own links."""
    instance = read(data / "milp" / name / "ilp_model.lp")
    kinds, machines = kinds_of(instance)
    problem = LayerProblem(layers=instance.layers, kinds=kinds)
    start = time.process_time()
    if len({kind.place for kind in kinds}) > 1:
        linked = place_over_links(problem, machines, instance.links).unwrap()
        plan, seats = linked.unlinked, list(linked.seats)
    else:
        plan = place_layers(problem).unwrap()
        seats = named(seats_of(plan.stages), machines)
    cpu_s = time.process_time() - start
    flow = carried(instance.layers, seats, instance.links)
    published, how, goal = PUBLISHED[name]
    return {
        "instance": name,
        "machines": len(instance.rates),
        "tokens_per_s": round(flow, 3),
        "bound_of_stages": round(plan.bound_tokens_per_s, 3),
        "bound_of_any": round(plan.any_bound_tokens_per_s, 3),
        "stages": len({seat.first for seat in seats}),
        "cpu_s": round(cpu_s, 3),
        "helix": published,
        "helix_how": how,
        "goal_met": flow >= goal - 1e-3,
    }


def main() -> int:
    """Print one line an instance; 1 when a goal was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder with Helix's published instances")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    asked = parser.parse_args()
    if not (asked.data / "milp").is_dir():
        print(
            f"No instances in {asked.data}; get them from Helix's repository and name the folder by --data."
        )
        return 0
    run(Model(), Effort(seed=0, limit=1.0))  # OR-Tools is imported by the first solve
    figures = [figure(name, asked.data) for name in PUBLISHED]
    for one in figures:
        print("  ".join(f"{key} {value}" for key, value in one.items()), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0 if all(one["goal_met"] for one in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
