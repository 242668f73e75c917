"""Free 16-machine slices in NVL72 racks that jobs have come to and left at random.

    python benchmarks/defrag_nvl72.py [--load 0.6] [--racks N ...] [--json FILE] [--check]

Racks have 18 machines of 4 GPUs, the size in kueue's pull request #10406 and issues #10815 and #12478.
Jobs of 1, 2 and 4 GPUs and gangs of 2, 4 and 8 whole machines arrive as a Poisson process, stay for
exponential times, and go to a rack at random that has room, there to the fullest machines; gangs stay within
a rack.  After six mean lifetimes no rack, or hardly one, has 16 machines free, though a third of all are.
Then as many slices are asked for as 15 % and 33 % of the racks.

Seconds are CPU seconds of this process and its helpers, from lists in memory to moves in their order; the
replay by the independent check is counted apart, drawing the jobs is not counted.
"""

from __future__ import annotations

import argparse
import heapq
import json
import multiprocessing
import os
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from dcplan.catalog.fleet import Fleet, FleetNode
from dcplan.demand.jobs import Job
from dcplan.placement.defrag import Goal, defragment, standing, verify

MACHINES, GPUS, SLICE = 18, 4, 16
KINDS = ((1, 1, 0.45), (2, 1, 0.2), (4, 1, 0.15), (4, 2, 0.1), (4, 4, 0.06), (4, 8, 0.04))
"""GPUs of a part, parts, share of the arrivals."""
LIFETIMES = 6
SHARES = (0.15, 0.33)
GOALS_S = {33: 1.0, 350: 15.0, 1389: 10.0}
"""CPU seconds by racks."""
GOAL_GAP = {33: 0.0, 350: 0.0, 1389: 0.02}
"""Moves above the bound, as a share; 0 is proven."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one run gave."""

    racks: int
    gpus: int
    jobs: int
    busy: float
    slices_before: int
    slices: int
    moves: int | None
    """None: no plan."""
    bound: int | None
    temporary: int
    cpu_s: float
    wall_s: float
    replay_s: float

    @property
    def gap(self) -> float | None:
        """Moves above the bound, as a share of the moves."""
        if self.moves is None or self.bound is None:
            return None
        return (self.moves - self.bound) / self.moves if self.moves else 0.0

    @property
    def good(self) -> bool:
        """It reaches the goal for its size, where there is one."""
        if self.racks not in GOALS_S:
            return True
        return self.gap is not None and self.gap <= GOAL_GAP[self.racks] and self.cpu_s <= GOALS_S[self.racks]


def churned(racks: int, load: float, seed: int) -> tuple[Fleet, list[Job]]:
    """Machines, and what runs on them after jobs have come and gone."""
    dice = np.random.default_rng(seed)
    free = np.full((racks, MACHINES), GPUS)
    shares = np.array([share for _, _, share in KINDS])
    mean = sum(gpus * parts * share for gpus, parts, share in KINDS)
    rate = load * free.sum() / mean
    now, leaving, running = 0.0, list[tuple[float, int]](), dict[int, Job]()
    where: dict[int, tuple[int, np.ndarray, int]] = {}
    for number in range(int(LIFETIMES * rate)):
        now += dice.exponential(1 / rate)
        while leaving and leaving[0][0] <= now:
            gone = heapq.heappop(leaving)[1]
            rack, machines, gpus = where.pop(gone)
            free[rack, machines] += gpus
            del running[gone]
        gpus, parts, _ = KINDS[dice.choice(len(KINDS), p=shares)]
        with_room = np.flatnonzero((free >= gpus).sum(axis=1) >= parts)
        if not len(with_room):
            continue
        rack = int(dice.choice(with_room))
        candidates = np.flatnonzero(free[rack] >= gpus)
        machines = candidates[np.argsort(free[rack, candidates], kind="stable")][:parts]
        free[rack, machines] -= gpus
        where[number] = (rack, machines, gpus)
        running[number] = Job(
            name=f"job-{number}",
            cpu_milli=8000 * gpus,
            memory_mib=65536 * gpus,
            devices=gpus,
            parts=parts,
            on=tuple(f"rack-{rack}-{machine}" for machine in machines),
        )
        heapq.heappush(leaving, (now + dice.exponential(1.0), number))
    nodes = tuple(
        FleetNode(
            name=f"rack-{rack}-{machine}",
            model="GB200",
            devices=GPUS,
            cpu_milli=144_000,
            memory_mib=983_040,
            rack=f"rack-{rack}",
        )
        for rack in range(racks)
        for machine in range(MACHINES)
    )
    return Fleet(nodes=nodes), list(running.values())


def used_s() -> float:
    """CPU seconds of this process and of helpers that have ended."""
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(use.ru_utime + use.ru_stime for use in map(resource.getrusage, whose))


def measured(fleet: Fleet, jobs: list[Job], slices: int) -> Figures:
    """One question, timed, and its answer replayed."""
    goal = Goal(slices=slices, nodes=SLICE)
    cpu, wall = used_s(), time.perf_counter()
    now = standing(fleet, jobs, goal).unwrap()
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as helpers:
        plan = defragment(now, goal, executor=helpers).value
    cpu, wall = used_s() - cpu, time.perf_counter() - wall
    replay = used_s()
    if plan is not None:
        verify(fleet, jobs, plan, SLICE)
    return Figures(
        racks=len(fleet.nodes) // MACHINES,
        gpus=len(fleet.nodes) * GPUS,
        jobs=len(jobs),
        busy=sum(job.devices * job.parts for job in jobs) / (len(fleet.nodes) * GPUS),
        slices_before=now.free_slices(),
        slices=slices,
        moves=None if plan is None else len(plan.moves),
        bound=None if plan is None else plan.bound,
        temporary=0 if plan is None else sum(move.temporary for move in plan.moves),
        cpu_s=cpu,
        wall_s=wall,
        replay_s=used_s() - replay,
    )


def row(one: Figures) -> str:
    """One line of the table."""
    moves = "none" if one.moves is None else f"{one.moves:,}"
    gap = "" if one.gap is None else "proven" if one.gap == 0 else f"{one.gap:.1%}"
    return (
        f"| {one.racks:,} ({one.gpus:,}) | {one.jobs:,} | {one.busy:.1%} | {one.slices_before} "
        f"| {one.slices} | {moves} | {one.bound} | {gap} | {one.cpu_s:.2f} s | {one.replay_s:.2f} s "
        f"| {'' if one.good else 'missed'} |"
    )


def main() -> None:
    """Measure all sizes and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--racks", type=int, nargs="+", default=list(GOALS_S))
    parser.add_argument("--load", type=float, default=0.6)
    parser.add_argument("--shares", type=float, nargs="+", default=list(SHARES), help="slices a rack")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--check", action="store_true", help="exit with 1 when a goal is missed")
    asked = parser.parse_args()
    print("| racks (GPUs) | jobs | busy | slices today | asked | moves | bound | gap | CPU | replay | goal |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    found = []
    for racks in asked.racks:
        fleet, jobs = churned(racks, asked.load, asked.seed)
        for share in asked.shares:
            found.append(measured(fleet, jobs, int(racks * share)))
            print(row(found[-1]), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps([{**asdict(one), "gap": one.gap} for one in found], indent=2))
    sys.exit(1 if asked.check and not all(one.good for one in found) else 0)


if __name__ == "__main__":
    main()
