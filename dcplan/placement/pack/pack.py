"""Pack a job list on a fleet: the stage that puts the others in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from dcplan.catalog.fleet import Fleet
from dcplan.demand.jobs import Job
from dcplan.diag import Result, error
from dcplan.placement.pack.bound import bound
from dcplan.placement.pack.classes import aggregate, occupied, shape_of
from dcplan.placement.pack.explain import refusals
from dcplan.placement.pack.fill import fill
from dcplan.placement.pack.generate import first_patterns, generate
from dcplan.placement.pack.master import Master
from dcplan.placement.pack.refit import refit
from dcplan.placement.pack.rooms import Rooms
from dcplan.placement.pack.running import running
from dcplan.placement.pack.types import Bound, Effort, Instance, Packing, Search, Seat
from dcplan.placement.pack.unroll import unroll
from dcplan.placement.pack.whole import Choice, dive, repair

JOINED_ROUNDS = 12
"""Of column generation where classes are joined: more of them bring nothing that lasts."""


def pack(
    fleet: Fleet, jobs: Sequence[Job], effort: Effort | None = None, *, move: bool = False
) -> Result[Packing]:
    """Place as much of the job list as the fleet takes, with a proven bound beside it.

    Accelerators given out count most, by priority where the jobs have one; a
    job without accelerators counts a thousandth of one.  A gang is placed
    with all its parts or refused.  Jobs that run today (``Job.on``) stay where
    they are, and the bound is that of all packings in which they do; with
    ``move`` they are placed anew like all others.  Errors: ``empty-fleet``,
    and those of ``running``.
    """
    if not fleet.nodes:
        detail = "The inventory has no machine, so no job can be placed. List at least one machine."
        return Result(None, (error("empty-fleet", "No machines", detail),))
    stays = running(fleet, () if move and not fleet.leftover else jobs)
    if stays.value is None:
        return Result(None, stays.diagnostics)
    effort = effort or Effort()
    instance = aggregate(fleet, jobs, stays.value)
    if not instance.groups:
        return Result(finished(instance, None, stays.value, {}))
    limit = bound(instance)
    joined = instance.classes != instance.most
    if joined:
        effort = _for_a_start(effort)
    search = Search(instance, limit, effort, np.random.default_rng(effort.seed))
    choice, counters = _chosen(search)
    rooms = occupied(fleet, jobs, stays.value)
    seats = unroll(instance, choice, rooms)
    seats += _filled(instance, rooms, seats)
    if joined:
        seats = refit(instance, rooms, seats, search.random)
        seats += _filled(instance, rooms, seats)
    return Result(finished(instance, limit, [*stays.value, *seats], counters))


def finished(
    instance: Instance, limit: Bound | None, seats: Sequence[Seat], counters: Mapping[str, int]
) -> Packing:
    """The packing with these seats: jobs without one are refused, with the reason.

    ``limit``: of what is placed beside what runs; None where nothing is.
    """
    placed = {seat.job for seat in seats}
    runs = _milli(instance, instance.running) / 1000
    return Packing(
        nodes=instance.nodes,
        jobs=instance.jobs,
        seats=tuple(sorted(seats, key=lambda s: (s.job, s.part))),
        refused=refusals(instance, limit, set(range(len(instance.jobs))) - placed) if limit else (),
        devices=sum(node.devices for node in instance.nodes),
        allocated=_milli(instance, seats) / 1000,
        bound=runs + (limit.accelerators if limit else 0.0),
        counters=counters,
        staying=frozenset(seat.job for seat in instance.running),
    )


def _for_a_start(effort: Effort) -> Effort:
    """Less of it where classes are joined: patterns for the poorest machine only start ``refit``."""
    return replace(
        effort, rounds=min(effort.rounds, JOINED_ROUNDS), repairs=0, width=max(effort.width // 3, 1)
    )


def _milli(instance: Instance, seats: Sequence[Seat]) -> int:
    """Thousandths of accelerators that these parts take."""
    return sum(round(1000 * shape_of(instance.jobs[seat.job]).accelerators) for seat in seats)


def _filled(instance: Instance, rooms: Rooms, seats: Sequence[Seat]) -> list[Seat]:
    """Seats in what is left for jobs that have none; changes ``rooms``."""
    placed = {seat.job for seat in (*instance.running, *seats)}
    return fill(instance, rooms, [j for j in range(len(instance.jobs)) if j not in placed])


def _chosen(search: Search) -> tuple[Choice, dict[str, int]]:
    """Whole machines with patterns, and how it went."""
    instance = search.instance
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
