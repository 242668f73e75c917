"""On fabrics small enough to try everything, the search is as good as trying everything."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dcplan.placement.gangs import Domain, Fabric, Gang, GangEffort, Node, Spread, Tie, seat_gangs
from dcplan.placement.gangs.joint import bound_of, deal_jointly
from dcplan.placement.gangs.pieces import Deal, Piece, total_leaving
from dcplan.placement.gangs.shapes import least_leaving
from dcplan.placement.gangs.verify import sent, violations

QUICK = GangEffort(limit=2.0)
NEAR = 1e-5


@st.composite
def small_gangs(draw: st.DrawFn, *, expert: bool = True) -> Gang:
    """A gang of at most 6 nodes with any traffic."""
    stages, data = draw(st.sampled_from([(1, 1), (1, 3), (1, 4), (2, 2), (3, 1), (3, 2), (2, 3), (4, 1)]))
    groups = [e for e in (1, 2, 3) if data % e == 0] if expert else [1]
    size = st.integers(0, 50).map(lambda n: n * 1e9)
    return Gang(
        name=f"g{draw(st.integers(0, 10**9))}",
        stages=stages,
        data=data,
        expert=draw(st.sampled_from(groups)),
        ring_bytes=draw(size),
        boundary_bytes=draw(size),
        expert_bytes=draw(size),
    )


def every_way(totals: tuple[int, ...], children: int) -> list[np.ndarray]:
    """All tables of stages x children with these totals."""
    rows = [
        [row for row in product(range(total + 1), repeat=children) if sum(row) == total] for total in totals
    ]
    return [np.array(table) for table in product(*rows)]


def best_by_trying(deal: Deal) -> float | None:
    """Fewest bytes of all deals, or None when there is none."""
    best: float | None = None
    ways = [every_way(piece.totals, len(deal.free)) for piece in deal.pieces]
    for dealt in product(*ways):
        held = sum(counts.sum(axis=0) for counts in dealt)
        if (held > np.array(deal.free)).any() or not all(
            kept(piece, counts.sum(axis=0)) for piece, counts in zip(deal.pieces, dealt, strict=True)
        ):
            continue
        if not tied(deal, [set(np.flatnonzero(counts.sum(axis=0))) for counts in dealt]):
            continue
        value = float(total_leaving(deal, list(dealt)).sum())
        best = value if best is None else min(best, value)
    return best


def kept(piece: Piece, sizes: np.ndarray) -> bool:
    """Whether a piece with these nodes in each child keeps its own rules."""
    if piece.whole and (sizes > 0).sum() > 1:
        return False
    if any(sizes[child] for child in piece.barred):
        return False
    return piece.most is None or sizes.max() <= piece.most


def tied(deal: Deal, where: list[set[int]]) -> bool:
    """Whether pieces in these children keep their ties."""
    for piece, own in zip(deal.pieces, where, strict=True):
        if any(own - where[other] for other in piece.with_) or any(
            own & where[other] for other in piece.apart
        ):
            return False
    return True


@st.composite
def deals(draw: st.DrawFn) -> Deal:
    """One or two gangs and two or three children."""
    gangs = draw(st.lists(small_gangs(), min_size=1, max_size=2))
    free = tuple(draw(st.lists(st.integers(0, 6), min_size=2, max_size=2 if len(gangs) > 1 else 3)))
    pieces = tuple(
        Piece(
            gang=gang,
            totals=(gang.data,) * gang.stages,
            whole=draw(st.integers(0, 5)) == 0,
            most=draw(st.sampled_from([None, None, gang.nodes - 1 or None])),
            barred=frozenset({0} if draw(st.integers(0, 7)) == 0 else ()),
        )
        for gang in gangs
    )
    if len(pieces) > 1:
        tie = draw(st.sampled_from(["", "", "", "with_", "apart"]))
        pieces = (pieces[0], replace(pieces[1], **({tie: (0,)} if tie else {})))
    return Deal(pieces=pieces, free=free)


@settings(max_examples=40, deadline=None)
@given(deals())
def test_a_deal_is_as_good_as_the_best_of_all(deal: Deal) -> None:
    """The joint search finds the fewest bytes of all deals, and its bounds never exceed them."""
    best = best_by_trying(deal)
    found = deal_jointly(deal, QUICK)

    if best is None:
        assert found is None
        return
    assert found is not None
    assert found.bytes <= best * (1 + NEAR) + 1e4
    assert found.bound <= best * (1 + NEAR)
    assert bound_of(deal, QUICK) <= best * (1 + NEAR)


@settings(max_examples=40, deadline=None)
@given(small_gangs(), st.integers(1, 6))
def test_least_bytes_of_a_size_are_those_of_its_best_profile(gang: Gang, most: int) -> None:
    """The shortest path over stages finds the cheapest profile of every size."""
    piece = Piece(gang=gang, totals=(gang.data,) * gang.stages)
    deal = Deal(pieces=(piece,), free=(most,))
    tried: dict[int, float] = {}
    for profile in product(range(gang.data + 1), repeat=gang.stages):
        if 0 < sum(profile) <= min(most, gang.nodes):
            value = float(total_leaving(deal, [np.array(profile)[:, None]])[0])
            tried[sum(profile)] = min(value, tried.get(sum(profile), np.inf))

    found = least_leaving(piece, most).min(axis=0)

    assert tried == {size: found[size] for size in tried}


def small_fabric(pods: list[list[int]]) -> Fabric:
    """Pods of racks of so many machines."""
    domains, nodes = [], []
    for p, racks in enumerate(pods):
        domains.append(Domain(name=f"p{p}", level="pod", parent=None, uplink_bytes_per_s=1e9))
        for r, machines in enumerate(racks):
            rack = f"p{p}r{r}"
            domains.append(Domain(name=rack, level="rack", parent=f"p{p}", uplink_bytes_per_s=4e9))
            nodes += [Node(name=f"{rack}n{n}", domain=rack) for n in range(machines)]
    return Fabric(levels=("pod", "rack"), domains=tuple(domains), nodes=tuple(nodes))


PODS = st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=2), min_size=1, max_size=3)


@settings(max_examples=40, deadline=None)
@given(small_gangs(expert=False), PODS)
def test_ranks_of_one_gang_are_as_good_as_the_best_permutation(gang: Gang, pods: list[list[int]]) -> None:
    """No other order of no other nodes sends fewer bytes between pods."""
    fabric = small_fabric(pods)
    pod_of = {node.name: node.domain.split("r")[0] for node in fabric.nodes}
    # Machines of a pod are alike here, so that orders of pods are orders of machines.
    orders = set(permutations([pod_of[node.name] for node in fabric.nodes][:7], gang.nodes))
    best = min((sum(sent(gang, order, {p: p for p in order}).values()) for order in orders), default=None)

    seats = seat_gangs(fabric, (gang,), [n.name for n in fabric.nodes[7:]], effort=QUICK).unwrap()

    assert (best is None) == bool(seats.refused)
    if best is not None:
        assert seats.traffic[0].bytes <= best * (1 + NEAR) + 1e4
        assert seats.bound_bytes <= best * (1 + NEAR)


@st.composite
def ruled_gangs(draw: st.DrawFn) -> tuple[Gang, ...]:
    """Some gangs with priorities, required levels and spread."""
    out: list[Gang] = []
    for number in range(draw(st.integers(1, 5))):
        gang = draw(small_gangs())
        spread = Spread(level=draw(st.sampled_from(["pod", "rack"])), at_least=2)
        rule = draw(st.sampled_from(["none", "none", "pod", "rack", "spread", "with", "apart"]))
        ties: tuple[Tie, ...] = ()
        if rule in {"with", "apart"} and out:
            level = draw(st.sampled_from(["pod", "pod", "rack"]))
            ties = (Tie(other=draw(st.sampled_from(out)).name, level=level, apart=rule == "apart"),)
        out.append(
            Gang(
                name=f"g{number}",
                stages=gang.stages,
                data=gang.data,
                expert=gang.expert,
                ring_bytes=gang.ring_bytes,
                boundary_bytes=gang.boundary_bytes,
                expert_bytes=gang.expert_bytes,
                priority=draw(st.integers(0, 2)),
                required=rule if rule in {"pod", "rack"} else None,
                ties=ties,
                spread=spread if rule == "spread" and gang.nodes > 1 else None,
            )
        )
    return tuple(out)


@settings(max_examples=40, deadline=None)
@given(ruled_gangs())
def test_seats_never_break_a_rule(gangs: tuple[Gang, ...]) -> None:
    """An independent check finds nothing wrong with whatever gangs and rules give."""
    fabric = small_fabric([[2, 3], [2, 2, 1], [3]])

    seats = seat_gangs(fabric, gangs, ["p0r0n0"], effort=GangEffort(limit=0.5)).unwrap()

    assert violations(fabric, gangs, ["p0r0n0"], seats) == ()


@settings(max_examples=30, deadline=None)
@given(ruled_gangs(), st.integers(1, 4))
def test_who_sits_is_never_moved_by_who_comes(gangs: tuple[Gang, ...], nodes: int) -> None:
    """Seated again with a newcomer, everybody stays on the same machines in the same order."""
    fabric = small_fabric([[2, 3], [2, 2, 1], [3]])
    first = seat_gangs(fabric, gangs, effort=GangEffort(limit=0.5)).unwrap()
    sits = {seat.gang: seat.nodes for seat in first.seats}
    again = [
        replace(gang, today=sits[gang.name], ties=tuple(t for t in gang.ties if t.other in sits))
        for gang in gangs
        if gang.name in sits
    ]

    result = seat_gangs(fabric, [Gang(name="new", data=nodes), *again], effort=GangEffort(limit=0.5))
    second = result.unwrap()

    assert sits == {seat.gang: seat.nodes for seat in second.seats if seat.kept}
    assert violations(fabric, [Gang(name="new", data=nodes), *again], (), second) == ()
