"""From counts to named machines and replicas."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

import pytest

from dcplan.placement import (
    Assignment,
    Choice,
    MachineSlot,
    Pool,
    Problem,
    ReplicaSlot,
    Solution,
    Workload,
)
from dcplan.placement.assign import assign
from dcplan.placement.naming import machine_prefix
from placement_problems import choice, pool, solution_of

NOTHING = Assignment()


def h100s(name: str, *, zone: str = "dc1-a", machine: str = "h100x8") -> Pool:
    """A pool of machines with eight devices."""
    return pool(name, zone=zone, provider="local", machine=machine, accelerator="h100")


def sized(workload: str, devices: int, machines: int = 0) -> Choice:
    """A choice named after its workload and size."""
    name = f"{workload}:{devices}"
    return choice(workload, ("p", "q"), 1, id=name, devices=devices, machines=machines, hours=1.0)


PROBLEM = Problem(
    workloads=tuple(Workload(name=name, origin=(name,)) for name in ("chat", "embed", "train")),
    pools=(h100s("p"), h100s("q", zone="dc1-b")),
    choices=(
        sized("chat", 4),
        sized("chat", 2),
        sized("embed", 1),
        sized("embed", 2),
        sized("train", 16, 2),
    ),
)


def solution(*counts: tuple[str, str, int]) -> Solution:
    """So many replicas of a choice in a pool, and the machines they need."""
    return solution_of(PROBLEM, {(c, p): n for c, p, n in counts})


def on(assignment: Assignment) -> dict[str, tuple[str, ...]]:
    """Replica name to its machines."""
    return {r.name: r.machines for r in assignment.replicas}


def test_the_first_assignment_fills_machines_in_order() -> None:
    """Names count from zero, large replicas come first, devices are aligned blocks."""
    found = assign(solution(("chat:4", "p", 3), ("embed:1", "p", 2)), PROBLEM, NOTHING)

    assert [m.name for m in found.machines] == ["dc1-a-h100x8-0", "dc1-a-h100x8-1"]
    assert {r.name: (r.machines[0][-1], r.devices) for r in found.replicas} == {
        "chat-0": ("0", (0, 1, 2, 3)),
        "chat-1": ("0", (4, 5, 6, 7)),
        "chat-2": ("1", (0, 1, 2, 3)),
        "embed-0": ("1", (4,)),
        "embed-1": ("1", (5,)),
    }


def test_gangs_get_whole_machines_with_numbers_in_a_row() -> None:
    """Two gangs of two: four machines, each its replica's own."""
    found = assign(solution(("train:16", "p", 2), ("chat:4", "p", 1)), PROBLEM, NOTHING)

    assert on(found)["train-0"] == ("dc1-a-h100x8-0", "dc1-a-h100x8-1")
    assert on(found)["train-1"] == ("dc1-a-h100x8-2", "dc1-a-h100x8-3")
    assert [m.exclusive_to for m in found.machines] == ["train-0", "train-0", "train-1", "train-1", None]
    assert found.replicas[1].devices == tuple(range(8))


def test_a_gang_that_grows_keeps_its_machines() -> None:
    """The machines between are taken, so its numbers have a gap: a full pool has no others to give."""
    wide = replace(PROBLEM, choices=(*PROBLEM.choices, sized("train", 32, 4)))
    before = assign(solution(("train:16", "p", 1), ("chat:4", "p", 4)), PROBLEM, NOTHING)
    grown = solution_of(wide, {("train:32", "p"): 1, ("chat:4", "p"): 4})
    after = assign(grown, wide, before)

    assert on(after)["train-0"] == tuple(f"dc1-a-h100x8-{i}" for i in (0, 1, 4, 5))
    assert {m.name for m in before.machines} < {m.name for m in after.machines}


def test_no_machine_is_new_while_another_is_idle() -> None:
    """Idle machines with gaps between them, and ones with foreign names, are used up before new names."""
    names = ("dc1-a-h100x8-0", "dc1-a-h100x8-2", "dc1-a-h100x8-5", "mine")
    idle = Assignment(machines=tuple(MachineSlot(name=name, pool="p") for name in names))
    after = assign(solution(("train:16", "p", 2), ("chat:4", "p", 1)), PROBLEM, idle)

    assert set(names) < {m.name for m in after.machines}
    assert len(after.machines) == 5


def test_growing_moves_nobody() -> None:
    """New replicas fill the half-empty machine, then a new one."""
    before = assign(solution(("chat:4", "p", 3)), PROBLEM, NOTHING)
    after = assign(solution(("chat:4", "p", 5)), PROBLEM, before)

    assert set(before.replicas) < set(after.replicas)
    assert on(after)["chat-3"] == on(after)["chat-2"]
    assert len(after.machines) == 3


def test_shrinking_frees_whole_machines() -> None:
    """Of three machines, the half-empty one goes first, then the last replicas of another."""
    before = assign(solution(("chat:4", "p", 5)), PROBLEM, NOTHING)
    after = assign(solution(("chat:4", "p", 3)), PROBLEM, before)

    assert [r.name for r in after.replicas] == ["chat-0", "chat-1", "chat-2"]
    assert set(after.replicas) < set(before.replicas)
    assert [m.name for m in after.machines] == ["dc1-a-h100x8-0", "dc1-a-h100x8-1"]


def test_fragments_are_joined_by_moving_the_fewest() -> None:
    """Five and three single devices on two machines, one machine counted: three move."""
    machines = tuple(MachineSlot(name=f"dc1-a-h100x8-{i}", pool="p") for i in range(2))
    replicas = tuple(
        ReplicaSlot(
            name=f"embed-{i}",
            workload="embed",
            choice="embed:1",
            machines=(machines[i >= 3].name,),
            devices=(i,),
        )
        for i in range(8)
    )
    before = Assignment(machines=machines, replicas=replicas)
    after = assign(solution(("embed:1", "p", 8)), PROBLEM, before)

    assert [m.name for m in after.machines] == ["dc1-a-h100x8-1"]
    assert len(set(after.replicas) & set(replicas)) == 5
    assert {r.devices for r in after.replicas} == {(i,) for i in range(8)}


def test_small_ones_make_room_for_large_ones() -> None:
    """Two machines with a hole of three each; a replica of four comes, and one small one moves."""
    before = assign(solution(("chat:4", "p", 2), ("embed:1", "p", 2)), PROBLEM, NOTHING)
    [first, second] = (f"dc1-a-h100x8-{i}" for i in range(2))
    spread = tuple(
        replace(
            r,
            machines=((first, second)[int(r.name[-1])],),
            devices=(0, 1, 2, 3) if r.choice == "chat:4" else (4,),
        )
        for r in before.replicas
    )
    holes = Assignment(
        machines=tuple(MachineSlot(name=name, pool="p") for name in (first, second)), replicas=spread
    )
    after = assign(solution(("chat:4", "p", 3), ("embed:1", "p", 2)), PROBLEM, holes)

    assert len(after.machines) == 2
    assert len(set(after.replicas) & set(spread)) == 3


def test_another_pool_or_choice_is_another_replica() -> None:
    """The name comes back, the machine does not."""
    before = assign(solution(("chat:4", "p", 1)), PROBLEM, NOTHING)
    elsewhere = assign(solution(("chat:4", "q", 1)), PROBLEM, before)
    otherwise = assign(solution(("chat:2", "p", 1)), PROBLEM, before)

    assert on(elsewhere) == {"chat-0": ("dc1-b-h100x8-0",)}
    assert on(otherwise) == {"chat-0": ("dc1-a-h100x8-0",)}
    assert otherwise.replicas[0].choice == "chat:2"


def test_pools_with_equal_machines_share_numbers() -> None:
    """Spot and on demand in one zone: no two machines have one name, and none changes its pool."""
    twins = replace(PROBLEM, pools=(h100s("p"), h100s("q")))
    both = assign(solution(("chat:4", "p", 2), ("chat:4", "q", 2)), twins, NOTHING)
    swapped = assign(solution(("chat:4", "q", 4)), twins, both)

    assert [(m.name, m.pool) for m in both.machines] == [("dc1-a-h100x8-0", "p"), ("dc1-a-h100x8-1", "q")]
    assert [m.name for m in swapped.machines] == ["dc1-a-h100x8-1", "dc1-a-h100x8-2"]


@pytest.mark.parametrize(
    ("zone", "machine", "prefix"),
    [
        ("us-east-1a", "p5.48xlarge", "us-east-1a-p5-48xlarge"),
        ("1_Nord", "H100 SXM", "m-1-nord-h100-sxm"),
        ("z" * 60, "m", "z" * 42),
    ],
)
def test_names_suit_every_cloud(zone: str, machine: str, prefix: str) -> None:
    """Lower-case letters, digits and hyphens, a letter first, room for the number."""
    assert machine_prefix(h100s("p", zone=zone, machine=machine)) == prefix


def test_a_broken_state_is_mended() -> None:
    """Replicas on unknown machines, on each other's devices or on a gang's machine are seated anew."""
    machine = MachineSlot(name="dc1-a-h100x8-0", pool="p")
    owned = MachineSlot(name="dc1-a-h100x8-1", pool="p", exclusive_to="train-0")
    slot = ReplicaSlot(
        name="chat-0", workload="chat", choice="chat:4", machines=(machine.name,), devices=(0, 1, 2, 3)
    )
    broken = Assignment(
        machines=(machine, owned),
        replicas=(
            slot,
            replace(slot, name="chat-1", devices=(2, 3, 4, 5)),
            replace(slot, name="chat-2", machines=(owned.name,)),
            replace(slot, name="chat-3", machines=("gone",)),
        ),
    )
    after = assign(solution(("chat:4", "p", 4)), PROBLEM, broken)

    assert after.replicas[0] == slot
    assert [r.name for r in after.replicas] == ["chat-0", "chat-1", "chat-2", "chat-3"]
    assert len({(r.machines, d) for r in after.replicas for d in r.devices}) == 16


def test_ten_thousand_replicas_take_a_moment() -> None:
    """Assigning, assigning again and shrinking grow no faster than sorting does."""
    many = solution(("embed:1", "p", 5000), ("chat:4", "p", 5000))
    start = perf_counter()
    first = assign(many, PROBLEM, NOTHING)
    again = assign(many, PROBLEM, first)
    fewer = assign(solution(("embed:1", "p", 2500), ("chat:4", "p", 2500)), PROBLEM, first)

    assert first == again
    assert len(fewer.replicas) == 5000
    assert perf_counter() - start < 10
