"""Whatever stands on a floor: no rule is broken, nothing is lost, and what could be whole is whole."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dcplan.placement.gangs import Domain, Fabric, Gang, Node, Quota, Spread, Tie, place_floor
from dcplan.placement.gangs.verify import violations


def floor(leaves: list[list[int]]) -> Fabric:
    """Pods of leaves of so many machines with four devices."""
    domains, nodes = [], []
    for p, sizes in enumerate(leaves):
        domains.append(Domain(name=f"p{p}", level="pod", parent=None, uplink_bytes_per_s=1e9))
        for r, machines in enumerate(sizes):
            leaf = f"p{p}l{r}"
            domains.append(Domain(name=leaf, level="leaf", parent=f"p{p}", uplink_bytes_per_s=1e9))
            nodes += [Node(name=f"{leaf}n{n}", domain=leaf) for n in range(machines)]
    return Fabric(levels=("pod", "leaf"), domains=tuple(domains), nodes=tuple(nodes), devices_per_node=4)


LEAVES = st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=3), min_size=1, max_size=4)


@st.composite
def workloads(draw: st.DrawFn) -> list[Gang]:
    """Some gangs and some workloads that share machines, with rules of every kind."""
    out: list[Gang] = []
    for number in range(draw(st.integers(1, 9))):
        whole = draw(st.booleans())
        nodes = draw(st.integers(1, 6))
        rule = draw(st.sampled_from(["", "", "pod", "leaf", "spread", "with", "apart"]))
        ties = ()
        if rule in {"with", "apart"} and out:
            level = draw(st.sampled_from(["pod", "leaf"]))
            ties = (Tie(other=draw(st.sampled_from(out)).name, level=level, apart=rule == "apart"),)
        out.append(
            Gang(
                name=f"g{number}",
                data=nodes,
                devices=None if whole else draw(st.integers(1, 4)),
                required=rule if rule in {"pod", "leaf"} else None,
                ties=ties,
                spread=Spread(level="leaf", at_least=2) if rule == "spread" and nodes > 1 else None,
                quota=draw(st.sampled_from([None, "team"])),
                priority=draw(st.integers(0, 1)),
            )
        )
    return out


@settings(max_examples=100, deadline=None)
@given(LEAVES, workloads())
def test_no_rule_is_ever_broken(leaves: list[list[int]], gangs: list[Gang]) -> None:
    """An independent check finds nothing wrong."""
    where = floor(leaves)
    several = sum(len(sizes) for sizes in leaves) > 1
    asked = [g for g in gangs if several or g.spread is None]
    names = {g.name for g in asked}
    asked = [g for g in asked if all(t.other in names for t in g.ties)]
    known = {g.name for g in asked}
    asked = [g for g in asked if all(t.other in known for t in g.ties)]
    if any(t.other not in {g.name for g in asked} for g in asked for t in g.ties):
        return
    quotas = (Quota(name="team", devices=30),)

    seats = place_floor(where, asked, quotas=quotas).unwrap()

    assert violations(where, asked, (), seats, quotas) == ()


@settings(max_examples=50, deadline=None)
@given(LEAVES, st.lists(st.integers(1, 4), min_size=1, max_size=10))
def test_single_parts_fill_what_they_can(leaves: list[list[int]], sizes: list[int]) -> None:
    """A workload of one machine is refused only when no machine has its devices free."""
    where = floor(leaves)
    gangs = [Gang(name=f"s{n}", devices=size) for n, size in enumerate(sizes)]

    seats = place_floor(where, gangs).unwrap()
    free = {node.name: 4 for node in where.nodes}
    for seat in seats.seats:
        free[seat.nodes[0]] -= sizes[int(seat.gang[1:])]

    assert all(max(free.values()) < sizes[int(r.gang[1:])] for r in seats.refused)
