"""Addresses, digests and the graph of needs."""

from __future__ import annotations

import pytest

from dcplan.resources import Address, Resource, ResourceGraph, digest_of


def a_resource(name: str, *needs: str, size: int = 1) -> Resource:
    """A box called ``name``."""
    return Resource(
        address=Address("local", "box", name),
        attributes={"size": size},
        needs=tuple(Address("local", "box", n) for n in needs),
    )


def test_an_address_is_read_back_from_its_text() -> None:
    """Names may hold dots; the first two parts may not."""
    address = Address("local", "machine", "a.b.c")

    assert str(address) == "local.machine.a.b.c"
    assert Address.parse(str(address)) == address


def test_a_graph_holds_every_need_and_no_twins() -> None:
    """Twin addresses and needs that nobody makes are our own bugs."""
    graph = ResourceGraph.of([a_resource("a"), a_resource("b", "a")])

    assert len(graph.resources) == 2
    with pytest.raises(ValueError, match="two resources at local"):
        ResourceGraph.of([a_resource("a"), a_resource("a")])
    with pytest.raises(ValueError, match=r"needs local\.box\.x"):
        ResourceGraph.of([a_resource("a", "x")])


def test_a_digest_changes_with_what_it_is_about_and_with_nothing_else() -> None:
    """Equal resources have equal digests, whatever the order of their needs."""
    one = a_resource("a", "b", "c")
    same = a_resource("a", "c", "b")

    assert digest_of(one) == digest_of(same)
    assert digest_of(one) != digest_of(a_resource("a", "b", "c", size=2))
    assert digest_of(None) is None
