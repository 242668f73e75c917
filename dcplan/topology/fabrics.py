"""Kinds of fabric: which blocks and racks they have, and how wide their links are by default.

Every default is the published design of that kind; an inventory that says
otherwise overrides it.
"""

from __future__ import annotations

from dataclasses import dataclass

NON_BLOCKING = 1.0
"""What comes from inside fits through: the fat tree of Al-Fares et al. (SIGCOMM 2008, section 3), and the
compute fabric of NVIDIA's DGX SuperPOD reference architectures (H100 and GB200)."""

LEAF_PORTS = 64
"""Of one leaf switch: DGX SuperPOD (H100), whose scalable units are 32 machines on 8 leaves of 64 ports."""

RACKS_PER_BLOCK = 8
"""NVL72 racks behind one layer of switches: a scalable unit of DGX SuperPOD (GB200)."""

NVL72_DEVICES = 72
"""Accelerators of one such rack, all of them one scale-up domain; 18 machines of 4 in clouds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FabricBlock:
    """Racks behind one layer of switches: names, and machines in each rack."""

    name: str
    racks: tuple[tuple[str, int], ...]

    @property
    def nodes(self) -> int:
        """In all racks together."""
        return sum(nodes for _, nodes in self.racks)


def fat_tree(ports: int, pods: int) -> tuple[FabricBlock, ...]:
    """A tree of switches with ``ports`` each: a pod has ports/2 edge switches of ports/2 machines."""
    half = ports // 2
    return tuple(
        FabricBlock(
            name=_numbered("pod", pod, pods),
            racks=tuple((_numbered("e", e, half), half) for e in range(half)),
        )
        for pod in range(pods)
    )


def most_per_unit(leaf_ports: int, oversubscription: float) -> int:
    """Machines that a leaf has ports for: with o machines to one uplink, o of 1 + o ports lead down."""
    return int(leaf_ports * oversubscription / (1 + oversubscription) + 1e-9)


def rail_optimised(nodes: int, nodes_per_unit: int, units_per_block: int) -> tuple[FabricBlock, ...]:
    """Units of machines on one leaf a rail: device i of each machine is on leaf i.

    A unit is what a rack is elsewhere: its machines reach each other without
    leaving the leaves, across rails by way of the machine's own scale-up links.
    """
    units = [min(nodes_per_unit, nodes - first) for first in range(0, nodes, nodes_per_unit)]
    return _blocks(units, units_per_block, block="su", rack="u")


def nvl72(racks: int, racks_per_block: int, nodes_per_rack: int) -> tuple[FabricBlock, ...]:
    """Racks that are each one scale-up domain."""
    return _blocks([nodes_per_rack] * racks, racks_per_block, block="su", rack="r")


def tpu_pods(pods: int, parts: int, nodes_per_part: int) -> tuple[FabricBlock, ...]:
    """Pods of cubes (or of one grid of chips, which is then the only part), each pod one scale-up domain."""
    return tuple(
        FabricBlock(
            name=_numbered("pod", pod, pods),
            racks=tuple((_numbered("c", part, parts), nodes_per_part) for part in range(parts)),
        )
        for pod in range(pods)
    )


def _blocks(sizes: list[int], per_block: int, *, block: str, rack: str) -> tuple[FabricBlock, ...]:
    """Racks of these sizes, so many in a block."""
    groups = [sizes[first : first + per_block] for first in range(0, len(sizes), per_block)]
    return tuple(
        FabricBlock(
            name=_numbered(block, i, len(groups)),
            racks=tuple((_numbered(rack, r, len(group)), size) for r, size in enumerate(group)),
        )
        for i, group in enumerate(groups)
    )


def _numbered(prefix: str, index: int, count: int) -> str:
    """``r01``: from 1, with as many digits as the last one needs, two at least."""
    return f"{prefix}{index + 1:0{max(2, len(str(count)))}}"
