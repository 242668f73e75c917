"""Slices of a TPU pod: parts of one cube, or whole cubes wherever they are."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from dcplan.catalog.slice_hosts import host_grid
from dcplan.placement import Problem, Workload
from dcplan.placement.seats import Hall, Seats, seat
from dcplan.placement.slices import Pod
from dcplan.placement.types import Assignment, MachineSlot, ReplicaSlot
from placement_problems import choice, pool

CUBE = 4
HALL = Hall(cubes={"p": CUBE})


def seats_of(
    sizes: list[int], free: dict[str, int], today: dict[str, str] | None = None, hall: Hall = HALL
) -> Seats:
    """Seats for gangs of these sizes."""
    machines, replicas = [], []
    for i, size in enumerate(sizes):
        names = tuple(f"m{i}-{k}" for k in range(size))
        machines += [MachineSlot(name=name, pool="p", exclusive_to=f"w{i}-0") for name in names]
        replicas.append(
            ReplicaSlot(name=f"w{i}-0", workload=f"w{i}", choice=f"w{i}-way", machines=names, devices=(0,))
        )
    asked = Problem(
        workloads=tuple(Workload(name=f"w{i}", origin=("workloads", f"w{i}")) for i in range(len(sizes))),
        pools=(pool("p", machines=100),),
        choices=tuple(
            choice(f"w{i}", ("p",), 1, machines=size, one_pool=True) for i, size in enumerate(sizes)
        ),
    )
    assignment = Assignment(machines=tuple(machines), replicas=tuple(replicas))
    return seat(asked, assignment, {"p": free}, today or {}, hall)


def cubes_of(seats: Seats, gang: int) -> list[int]:
    """Machines of a gang in each of its cubes."""
    return sorted(
        Counter(rack for name, rack in seats.racks.items() if name.startswith(f"m{gang}-")).values()
    )


def test_large_slices_take_whole_cubes_and_small_ones_share_one() -> None:
    """Two cubes for eight hosts, and two slices of two hosts in what is left of a cube in use."""
    seats = seats_of([8, 2, 2], {"c1": 4, "c2": 4, "c3": 4})

    assert not seats.crowded
    assert cubes_of(seats, 0) == [4, 4]
    assert cubes_of(seats, 1) == [2]
    assert seats.racks["m1-0"] == seats.racks["m2-0"]


def test_a_slice_of_whole_cubes_does_not_take_what_is_left_of_some() -> None:
    """Eight hosts are free, but no two whole cubes: the pod does not hold the slice."""
    seats = seats_of([8], {"c1": 4, "c2": 2, "c3": 2})
    (rule,) = seats.crowded

    assert seats.unseated == ("w0-0",)
    assert (rule.pool, rule.at_most) == ("p", 0)


def test_a_part_of_a_cube_is_in_one_cube() -> None:
    """Two hosts in two cubes are no slice."""
    assert seats_of([2], {"c1": 1, "c2": 1}).crowded
    assert not seats_of([2], {"c1": 1, "c2": 2}).crowded


GRID = host_grid("TPU-v5e", 32, 4)


def pod(*taken: int) -> Hall:
    """A pod of 8x16 chips, four by eight hosts, of which some are taken."""
    assert GRID is not None
    places = {"z/b/c": tuple(f"z/b/c/n{i}" for i in range(32))}
    free = {"z/b/c": frozenset(range(32)) - set(taken)}
    return Hall(cubes={"p": 32}, pods={"p": Pod(grid=GRID, places=places, free=free)})


def test_slices_get_places_side_by_side() -> None:
    """A slice of 4x8 chips is two by four hosts, told in the order of its machines."""
    seats = seats_of([8, 16], {"z/b/c": 32}, hall=pod())
    numbers = sorted(int(seats.nodes[f"m0-{k}"].rpartition("/n")[2]) for k in range(8))

    assert not seats.crowded
    assert {one // 8 for one in numbers} in ({0, 1}, {1, 2}, {2, 3}, {0, 1, 2, 3})
    assert len(set(seats.nodes.values())) == 24
    assert all(seats.racks[machine] == "z/b/c" for machine in seats.nodes)


def test_free_hosts_that_form_no_slice_hold_none() -> None:
    """A column of hosts in use cuts each row of eight in two: sixteen are no longer a square anywhere."""
    column = [8 * row + 3 for row in range(4)] + [8 * row + 6 for row in range(4)]
    (rule,) = seats_of([16], {"z/b/c": 24}, hall=pod(*column)).crowded

    assert (rule.pool, rule.at_most) == ("p", 0)
    assert not seats_of([8], {"z/b/c": 24}, hall=pod(*column)).crowded


def test_the_rest_of_a_slice_comes_beside_what_stands() -> None:
    """Two of four hosts stand after an apply that broke off; the others complete their square."""
    hall = replace(pod(9, 10), standing={"m0-0": "z/b/c/n9", "m0-1": "z/b/c/n10"})
    seats = seats_of([4], {"z/b/c": 30}, {"m0-0": "z/b/c", "m0-1": "z/b/c"}, hall)

    assert seats.nodes == {"m0-2": "z/b/c/n17", "m0-3": "z/b/c/n18"}
