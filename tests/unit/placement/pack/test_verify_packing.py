"""The checker of packings finds each broken law."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcplan.catalog.fleet import Fleet, FleetNode
from dcplan.demand.jobs import Job
from dcplan.placement.pack import Packing, Seat, pack, verify

FLEET = Fleet(
    nodes=(
        FleetNode(name="a", model="H100", devices=2, cpu_milli=4000, memory_mib=4000),
        FleetNode(name="b", model="T4", devices=2, cpu_milli=4000, memory_mib=4000),
    )
)
JOBS = (
    Job(name="pair", cpu_milli=1000, memory_mib=1000, devices=1, parts=2, models=("H100",)),
    Job(name="share", cpu_milli=1000, memory_mib=1000, devices=0, share_milli=600, models=("T4",)),
    Job(name="other", cpu_milli=3000, memory_mib=3000, devices=0, share_milli=600, models=("T4",)),
)


def sound() -> Packing:
    """A packing of all jobs."""
    return pack(FLEET, JOBS).unwrap()


def seats_with(job: int, part: int, changes: dict[str, object]) -> Packing:
    """The sound packing with one seat changed."""
    packing = sound()
    seats = tuple(
        replace(s, **changes) if (s.job, s.part) == (job, part) else s  # type: ignore[arg-type]
        for s in packing.seats
    )
    return replace(packing, seats=seats)


def test_a_sound_packing_breaks_nothing() -> None:
    """What pack makes passes."""
    assert verify(FLEET, JOBS, sound()) == ()


@pytest.mark.parametrize(
    ("job", "part", "changes", "says"),
    [
        (0, 1, {"node": 1}, "may not run on the T4"),
        (0, 1, {"devices": (5,)}, "has no accelerator among"),
        (0, 1, {"devices": ()}, "needs 1 accelerators"),
        (0, 1, {"devices": (0, 0)}, "needs 1 accelerators"),
        (0, 1, {"part": 0}, "has 2 parts"),
        (1, 0, {"node": 0, "devices": (0,)}, "thousandths of accelerator 0"),
    ],
)
def test_a_changed_seat_is_found(job: int, part: int, changes: dict[str, object], says: str) -> None:
    """Each law is checked: models, accelerators that are there, as many as needed, all parts, no overlap."""
    found = verify(FLEET, JOBS, seats_with(job, part, changes))

    assert any(says in sentence for sentence in found)


def test_shares_beyond_one_accelerator_are_found() -> None:
    """Two shares of 0.6 on one accelerator are too much."""
    packing = sound()
    seats = tuple(Seat(s.job, s.part, s.node, (0,)) if s.job else s for s in packing.seats)

    assert any("1200 thousandths" in s for s in verify(FLEET, JOBS, replace(packing, seats=seats)))


def test_too_much_cpu_is_found() -> None:
    """A machine that gives out more CPU and memory than it has is named, for both."""
    jobs = (*JOBS[:2], replace(JOBS[2], cpu_milli=3001, memory_mib=3001))

    found = verify(FLEET, jobs, replace(sound(), jobs=jobs))

    assert [*found] == [
        '"b" gives out 4001 CPU millicores and has 4000.',
        '"b" gives out 4001 MiB of memory and has 4000.',
    ]


def test_a_job_that_is_lost_is_found() -> None:
    """A job neither placed nor refused is named."""
    packing = sound()
    without = replace(packing, seats=tuple(s for s in packing.seats if s.job != 1))

    assert any('"share" has to be either placed or refused' in s for s in verify(FLEET, JOBS, without))


def test_a_wrong_total_or_bound_is_found() -> None:
    """A total that the seats do not add up to, and one above the bound, are told."""
    found = verify(FLEET, JOBS, replace(sound(), allocated=9.0))

    assert any("the packing says 9.0" in s for s in found)
    assert any("the bound says" in s for s in found)
