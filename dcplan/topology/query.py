"""Ask the topology: how much fits through a cut, how long a path takes, what a pool's devices find."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.basis import Basis
from dcplan.catalog.types import Accelerator, Machine
from dcplan.topology.cuts import tree_cut
from dcplan.topology.types import SCALE_UP_HOP_S, Link, Place, PoolLinks, Stand

if TYPE_CHECKING:
    import networkx as nx

ROUNDING = 1e-9
"""By which a cut may miss the network cards' own rate before it counts as narrower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """A tree of places with machines that stand in them, said once for equal ones.

    Only ``cut_bytes_per_s`` and ``latency_s`` draw a graph (``topology.draw``),
    and only of what they are asked about.
    """

    places: Mapping[str, Place]
    standing: Mapping[str, Stand]
    """What is known of each machine, by its name."""
    pools: Mapping[str, tuple[str, ...]]
    """The machines of each pool."""
    machines: Mapping[str, Machine]
    accelerators: Mapping[str, Accelerator]

    def kinds(self, kind: str) -> tuple[str, ...]:
        """The names of all places of one kind: region, zone, block or rack."""
        return tuple(place.name for place in self.places.values() if place.kind == kind)

    def devices_of(self, node: str) -> tuple[str, ...]:
        """The devices of one machine."""
        return tuple(f"{node}:{i}" for i in range(self._type(node).devices))

    def cut_bytes_per_s(self, one: Iterable[str], other: Iterable[str]) -> float:
        """How much fits, per direction, between two sets of devices (or machines, racks, blocks).

        The minimum cut that separates them (max-flow min-cut theorem), over the
        links that lie above them: third devices do not relay.  Infinite where
        every link between them is of unknown width.
        """
        from dcplan.topology.draw import minimum_cut  # noqa: PLC0415 - networkx is slow to import

        ones, others = set(one), set(other)
        if ones & others:
            return float("inf")
        return minimum_cut(self._drawn(ones | others), ones, others)

    def latency_s(self, one: str, other: str) -> float:
        """One way along the quickest path between two devices, machines or places."""
        from dcplan.topology.draw import quickest_s  # noqa: PLC0415 - as above

        return quickest_s(self._drawn({one, other}), one, other)

    def _drawn(self, ends: set[str]) -> nx.Graph[str]:
        from dcplan.topology.draw import drawn  # noqa: PLC0415 - as above

        return drawn(sorted(ends), self.places, self.standing, self.machines, self.accelerators)

    def _type(self, node: str) -> Machine:
        return self.machines[self.standing[node].machine]

    def links_of(self, pool: str) -> PoolLinks:
        """What a gang in this pool finds between its devices, at worst: wherever it lies."""
        return self.links_among(pool, self.pools[pool])

    def racks_of(self, pool: str) -> Mapping[str, tuple[str, ...]]:
        """The machines of a pool by rack, ``zone/block/rack``; empty where nobody tells of racks."""
        racks: dict[str, list[str]] = {}
        for node in self.pools[pool]:
            upper = self.standing[node].upper
            if self.places[upper].kind == "rack":
                racks.setdefault(upper.partition(":")[2], []).append(node)
        return {rack: tuple(nodes) for rack, nodes in racks.items()}

    def uplinks_of(self, pool: str) -> Mapping[str, float]:
        """Bytes/s out of each rack of a pool, by ``zone/block/rack``; infinite where nobody tells."""
        uppers = dict.fromkeys(self.standing[node].upper for node in self.pools[pool])
        racks = [self.places[upper] for upper in uppers if self.places[upper].kind == "rack"]
        return {rack.name.partition(":")[2]: rack.up.bytes_per_s for rack in racks if rack.up is not None}

    def cube_of(self, pool: str) -> int | None:
        """Machines of a rack that is a cube of a TPU pod (scale-up links join it to others); else None."""
        stand = self.standing[self.pools[pool][0]]
        upper = self.places[stand.upper].upper
        if stand.domain is None or stand.domain != f"{upper}#{stand.machine}":
            return None
        return max(len(nodes) for nodes in self.racks_of(pool).values())

    def links_among(self, pool: str, nodes: tuple[str, ...]) -> PoolLinks:
        """What a gang on these machines of a pool finds between its devices.

        Between machines it is the narrower of their bisection (half of them
        send to the other half, all devices at once, so that all groups of a job
        that cross the cut at the same time have their share) and of the uplink
        of each rack that holds some of them, for the fewer of both sides.
        """
        machine = self._type(nodes[0])
        if machine.scale_up_domain > 1:
            bytes_per_s = self.accelerators[machine.accelerator].scale_up_bytes_per_s
            scale_up = Link(bytes_per_s=bytes_per_s, latency_s=SCALE_UP_HOP_S, basis=Basis.ROOFLINE)
        else:
            # One device alone: there is nothing to talk to.
            scale_up = Link(bytes_per_s=machine.network_bytes_per_s, latency_s=0.0, basis=Basis.ASSUMED)
        return PoolLinks(
            pool=pool,
            scale_up_domain=machine.scale_up_domain,
            scale_up=scale_up,
            scale_out=self._scale_out(nodes, machine),
        )

    def _scale_out(self, nodes: tuple[str, ...], machine: Machine) -> Link:
        own = machine.network_bytes_per_s / machine.devices
        if len(nodes) == 1:
            return Link(bytes_per_s=own, latency_s=0.0, basis=Basis.ASSUMED)
        half = len(nodes) // 2
        cut, basis = tree_cut(nodes[:half], nodes[half:], self.places, self.standing)
        through = [(cut / (half * machine.devices), basis), *self._rack_cuts(nodes, machine)]
        narrowest, basis = min(through, key=lambda one: one[0])
        narrower = narrowest < own * (1 - ROUNDING)
        return Link(
            bytes_per_s=narrowest if narrower else own,
            latency_s=self._path_s(nodes[0], nodes[-1]),
            basis=basis if narrower else Basis.ROOFLINE,
        )

    def _rack_cuts(self, nodes: tuple[str, ...], machine: Machine) -> list[tuple[float, Basis]]:
        """Bytes/s per device of the smaller side, for each rack that some of these machines are in."""
        cuts = []
        for upper, count in Counter(self.standing[node].upper for node in nodes).items():
            fewer = min(count, len(nodes) - count)
            place = self.places[upper]
            if fewer and place.kind == "rack" and place.up is not None:
                cuts.append((place.up.bytes_per_s / (fewer * machine.devices), place.up.basis))
        return cuts

    def _path_s(self, one: str, other: str) -> float:
        """One way between two machines, up to the lowest place around both of them."""
        ways = [self._way_up(one), self._way_up(other)]
        return min((seconds + ways[1][place] for place, seconds in ways[0].items() if place in ways[1]))

    def _way_up(self, node: str) -> dict[str, float]:
        """Seconds to each place around a machine."""
        stand = self.standing[node]
        upper: str | None = stand.upper
        seconds, found = stand.up.latency_s, {}
        while upper is not None:
            found[upper] = seconds
            place = self.places[upper]
            seconds, upper = seconds + (place.up.latency_s if place.up else 0.0), place.upper
        return found
