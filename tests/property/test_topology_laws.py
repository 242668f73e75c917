"""Laws of the topology that hold for every data centre."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcplan.basis import Basis
from dcplan.topology.cuts import tree_cut
from dcplan.topology.query import Topology
from dcplan.topology.types import Link, Place, Stand

WIDTHS = st.sampled_from([1.0, 2.0, 3.0, 5.0, math.inf])


def a_link(bytes_per_s: float) -> Link:
    """A link of a width."""
    return Link(bytes_per_s=bytes_per_s, latency_s=1e-6, basis=Basis.ROOFLINE)


@st.composite
def halls(draw: st.DrawFn) -> tuple[Topology, tuple[str, ...], tuple[str, ...]]:
    """A zone of a few blocks, racks and machines, and two groups of these machines."""
    places = {"z": Place(name="z", kind="zone", upper=None, up=None)}
    standing: dict[str, Stand] = {}
    for b in range(draw(st.integers(1, 3))):
        block = f"z/b{b}"
        places[block] = Place(name=block, kind="block", upper="z", up=a_link(draw(WIDTHS)))
        for r in range(draw(st.integers(1, 3))):
            rack = f"{block}/r{r}"
            places[rack] = Place(name=rack, kind="rack", upper=block, up=a_link(draw(WIDTHS)))
            stand = Stand(machine="m", upper=rack, up=a_link(draw(st.sampled_from([1.0, 2.0]))), domain=None)
            for i in range(draw(st.integers(0, 3))):
                standing[f"{rack}/{i}"] = stand
    sides = [draw(st.sampled_from([0, 1, 2])) for _ in standing]
    one, other = (tuple(n for n, side in zip(standing, sides, strict=True) if side == k) for k in (0, 1))
    topology = Topology(places=places, standing=standing, pools={}, machines={}, accelerators={})
    return topology, one, other


@given(halls())
@settings(max_examples=150, deadline=None)
def test_the_cut_of_a_tree_is_the_maximum_flow_through_it(
    hall: tuple[Topology, tuple[str, ...], tuple[str, ...]],
) -> None:
    """One pass over the tree finds what a maximum flow finds in the graph."""
    topology, one, other = hall
    if not one or not other:
        return

    expected = topology.cut_bytes_per_s(one, other)

    assert expected == pytest.approx(tree_cut(one, other, topology.places, topology.standing)[0])
