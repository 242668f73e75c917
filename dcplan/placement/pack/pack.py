"""Pack a job list on a fleet: the stage that puts the others in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dcplan.catalog.fleet import Fleet
from dcplan.demand.jobs import Job
from dcplan.diag import Result, error
from dcplan.placement.pack.bound import bound
from dcplan.placement.pack.classes import aggregate
from dcplan.placement.pack.explain import refusals
from dcplan.placement.pack.fill import fill
from dcplan.placement.pack.generate import first_patterns, generate
from dcplan.placement.pack.master import Master
from dcplan.placement.pack.rooms import Rooms
from dcplan.placement.pack.types import Bound, Effort, Instance, Packing, Search, Seat
from dcplan.placement.pack.unroll import unroll
from dcplan.placement.pack.whole import Choice, dive, repair


def pack(fleet: Fleet, jobs: Sequence[Job], effort: Effort | None = None) -> Result[Packing]:
    """Place as much of the job list as the fleet takes, with a proven bound beside it.

    Accelerators given out count most, by priority where the jobs have one; a
    job without accelerators counts a thousandth of one.  A gang is placed
    with all its parts or refused.  Where jobs run today (``Job.on``) is not
    looked at.  Errors: ``empty-fleet``.
    """
    if not fleet.nodes:
        detail = "The inventory has no machine, so no job can be placed. List at least one machine."
        return Result(None, (error("empty-fleet", "No machines", detail),))
    if not jobs:
        devices = sum(n.devices for n in fleet.nodes)
        nothing = Packing(
            nodes=fleet.nodes,
            jobs=(),
            seats=(),
            refused=(),
            devices=devices,
            allocated=0,
            bound=0,
            counters={},
        )
        return Result(nothing)
    effort = effort or Effort()
    instance = aggregate(fleet, jobs)
    limit = bound(instance)
    choice, counters = _chosen(instance, limit, effort)
    rooms = Rooms(fleet.nodes)
    seats = unroll(instance, choice, rooms)
    placed = {seat.job for seat in seats}
    seats += fill(instance, rooms, [j for j in range(len(jobs)) if j not in placed])
    return Result(finished(instance, limit, seats, counters))


def finished(instance: Instance, limit: Bound, seats: Sequence[Seat], counters: Mapping[str, int]) -> Packing:
    """The packing with these seats: jobs without one are refused, with the reason."""
    placed = {seat.job for seat in seats}
    shape_of = {job: instance.shapes[g.shape] for g in instance.groups for job in g.jobs}
    milli = sum(round(1000 * shape_of[seat.job].accelerators) for seat in seats)
    return Packing(
        nodes=instance.nodes,
        jobs=instance.jobs,
        seats=tuple(sorted(seats, key=lambda s: (s.job, s.part))),
        refused=refusals(instance, limit, set(range(len(instance.jobs))) - placed),
        devices=instance.devices,
        allocated=milli / 1000,
        bound=limit.accelerators,
        counters=counters,
    )


def _chosen(instance: Instance, limit: Bound, effort: Effort) -> tuple[Choice, dict[str, int]]:
    """Whole machines with patterns, and how it went."""
    search = Search(instance, limit, effort, np.random.default_rng(effort.seed))
    master = Master(instance)
    first_patterns(search, master)
    rounds = 0
    choice = Choice()
    if master.patterns:
        rounds = generate(search, master)
        choice = repair(search, master, dive(search, master))
    counters = {
        "classes": len(instance.classes),
        "shapes": len(instance.shapes),
        "rounds": rounds,
        "patterns": len(master.patterns),
    }
    return choice, counters
