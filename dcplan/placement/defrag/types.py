"""The nouns of defragmentation: what stands where today, what is wanted, and the moves that get there."""

from __future__ import annotations

from dataclasses import dataclass

from dcplan.catalog.fleet import FleetNode
from dcplan.demand.jobs import WHOLE_DEVICE_MILLI

Needs = tuple[int, int, int, int]
"""What one part needs: whole devices, thousandths of one, thousandths of a core, MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """So many slices of so many whole free machines, each within one domain."""

    slices: int
    """How many there shall be afterwards, those that are free today included."""
    nodes: int | None
    """Machines of one slice; None: all that a domain has."""
    max_moves: int | None = None
    """None: as many as it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The parts of one job in one domain: what moves together, to one domain again."""

    job: str
    parts: tuple[int, ...]
    """Which parts of the job, in order."""
    seats: tuple[int, ...]
    """The node of each part today."""
    needs: Needs
    models: tuple[str, ...]
    """Accelerator models it may run on; empty: any."""
    domain: int

    @property
    def size_milli(self) -> int:
        """Thousandths of a device that one part takes."""
        return self.needs[0] * WHOLE_DEVICE_MILLI + self.needs[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """Machines of one kind in one rack (or block, or zone); a machine without a rack is one alone."""

    name: str
    """Empty where none is told; such a domain gives no slices."""
    nodes: tuple[int, ...]
    slice_nodes: int
    """Machines of one slice here; 0: it gives none."""

    @property
    def most_slices(self) -> int:
        """Slices it could give if nothing ran here."""
        return len(self.nodes) // self.slice_nodes if self.slice_nodes else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What runs where today, checked: names are numbers now, and nothing is overfull."""

    nodes: tuple[FleetNode, ...]
    domains: tuple[Domain, ...]
    domain_of: tuple[int, ...]
    """Of each node."""
    groups: tuple[Group, ...]
    on: tuple[tuple[int, ...], ...]
    """Groups with a part on each node, each once."""

    def empty(self, node: int) -> bool:
        """Nothing runs there today."""
        return not self.on[node]

    def free_slices(self) -> int:
        """Slices that could start today, without a move."""
        return sum(
            sum(map(self.empty, domain.nodes)) // domain.slice_nodes
            for domain in self.domains
            if domain.slice_nodes
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Where everything runs in the end."""

    seats: dict[int, tuple[int, ...]]
    """New node of each part, of each group that moves."""
    slices: tuple[tuple[int, ...], ...]
    """Nodes of each free slice."""

    @property
    def moved(self) -> int:
        """Groups that move."""
        return len(self.seats)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One job, or its parts in one domain, leaves one place for another."""

    job: str
    parts: tuple[int, ...]
    """Of the job, only those that change machines."""
    source: tuple[str, ...]
    """Machine of each of these parts before."""
    target: tuple[str, ...]
    """And after."""
    temporary: bool = False
    """It will move once more: this seat only makes room for others on the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeSlice:
    """Machines on which nothing runs once all moves are made."""

    domain: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Defragmentation:
    """Moves in their order, what they free, and how few could do."""

    asked: int
    slices_before: int
    slices: tuple[FreeSlice, ...]
    moves: tuple[Move, ...]
    bound: int
    """No plan that frees ``slices`` has fewer moves."""

    @property
    def proven(self) -> bool:
        """Fewer moves cannot do."""
        return len(self.moves) <= self.bound

    @property
    def gap(self) -> float:
        """Moves above the bound, as a share of the moves."""
        return (len(self.moves) - self.bound) / len(self.moves) if self.moves else 0.0
