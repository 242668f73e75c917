"""Draw a part of the topology as a networkx graph, down to the devices: what general questions need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import networkx as nx

from dcplan.basis import Basis
from dcplan.topology.types import SCALE_UP_HOP_S, Link

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dcplan.catalog.types import Accelerator, Machine
    from dcplan.topology.types import Place, Stand


def drawn(
    ends: Iterable[str],
    places: Mapping[str, Place],
    standing: Mapping[str, Stand],
    machines: Mapping[str, Machine],
    accelerators: Mapping[str, Accelerator],
) -> nx.Graph[str]:
    """These machines, devices and places with everything above them.

    A machine is drawn with its devices only where one of them is asked for.
    Nodes have a ``kind``; links have ``bytes_per_s`` per direction,
    ``latency_s`` and ``basis``.
    """
    graph: nx.Graph[str] = nx.Graph()
    for end in ends:
        node, _, index = end.rpartition(":")
        if end in places:
            _with_above(graph, end, places)
        elif end in standing:
            _machine(graph, end, standing[end], places)
        else:
            stand = standing[node]
            _machine(graph, node, stand, places)
            machine = machines[stand.machine]
            _device(graph, node, int(index), machine, accelerators[machine.accelerator], stand)
    return graph


def _machine(graph: nx.Graph[str], node: str, stand: Stand, places: Mapping[str, Place]) -> None:
    graph.add_node(node, kind="node")
    graph.add_edge(node, stand.upper, **_marks(stand.up))
    _with_above(graph, stand.upper, places)


def _device(  # noqa: PLR0913, PLR0917 - the facts of one device
    graph: nx.Graph[str], node: str, index: int, machine: Machine, accelerator: Accelerator, stand: Stand
) -> None:
    """One device with its way out, and its link into the scale-up domain where it has one."""
    device = f"{node}:{index}"
    graph.add_node(device, kind="device")
    own = Link(bytes_per_s=machine.network_bytes_per_s, latency_s=0.0, basis=Basis.ASSUMED)
    graph.add_edge(device, node, **_marks(own))
    if machine.scale_up_domain > 1:
        domain = stand.domain or f"{node}#"
        graph.add_node(domain, kind="domain")
        bytes_per_s = accelerator.scale_up_bytes_per_s
        link = Link(bytes_per_s=bytes_per_s, latency_s=SCALE_UP_HOP_S / 2, basis=Basis.ROOFLINE)
        graph.add_edge(device, domain, **_marks(link))


def _with_above(graph: nx.Graph[str], name: str, places: Mapping[str, Place]) -> None:
    """A place and all that is around it."""
    place = places[name]
    graph.add_node(name, kind=place.kind)
    while place.upper is not None and place.up is not None and not graph.has_edge(place.name, place.upper):
        graph.add_node(place.upper, kind=places[place.upper].kind)
        graph.add_edge(place.name, place.upper, **_marks(place.up))
        place = places[place.upper]


def _marks(link: Link) -> dict[str, object]:
    """What stands at an edge of the graph."""
    return {"bytes_per_s": link.bytes_per_s, "latency_s": link.latency_s, "basis": link.basis}


def minimum_cut(graph: nx.Graph[str], ones: set[str], others: set[str]) -> float:
    """Bytes/s per direction between two sets of a drawn part: third devices do not relay."""
    flow: nx.DiGraph[str] = nx.DiGraph()
    for a, b, data in graph.edges(data=True):
        flow.add_edge(a, b, **_capacity(data["bytes_per_s"]))
        flow.add_edge(b, a, **_capacity(data["bytes_per_s"]))
    # An edge without a capacity is an infinite one for networkx.
    flow.add_edges_from(("source", n) for n in ones)
    flow.add_edges_from((n, "sink") for n in others)
    try:
        return float(nx.minimum_cut_value(flow, "source", "sink"))
    except nx.NetworkXUnbounded:
        return float("inf")


def quickest_s(graph: nx.Graph[str], one: str, other: str) -> float:
    """One way along the quickest path."""
    return float(nx.shortest_path_length(graph, one, other, weight="latency_s"))


def _capacity(bytes_per_s: float) -> dict[str, float]:
    return {} if bytes_per_s == float("inf") else {"capacity": bytes_per_s}
