"""From ``fabric:`` of a zone to its blocks and racks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dcplan.catalog.load import canonical_accelerator, load_accelerators
from dcplan.catalog.slices import load_slices, shape_of_text, text_of_shape
from dcplan.diag import ConfigPath, Diagnostic, Result, did_you_mean, error, listed
from dcplan.provider.local.fabric import FatTree, Nvl72, RailOptimised
from dcplan.provider.local.inventory import BlockSpec, RackSpec
from dcplan.topology import fabrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.catalog.slices import Slices
    from dcplan.provider.local.fabric import Fabric, TpuPod
    from dcplan.provider.local.inventory import Links, MachineSpec
    from dcplan.provider.local.parts import LinkSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """The blocks of a fabric, and what it tells besides."""

    blocks: Mapping[str, BlockSpec]
    machine: str
    assumed: frozenset[str]
    """``rack`` and ``block``, where their links are the defaults of the kind."""
    scale_up_domain: int | None
    """Of its machines; None: what the type says."""
    one_domain: bool = False
    """Whether each block is one scale-up domain."""


def draw(zone: str, fabric: Fabric, machines: Mapping[str, MachineSpec], links: Links) -> Result[Drawn]:
    """The blocks and racks of the fabric of a zone; every mistake with its path in the inventory."""
    path: ConfigPath = ("zones", zone, "fabric")
    spec = machines.get(fabric.machine)
    if spec is None:
        hint = did_you_mean(fabric.machine, machines) or f"There are {listed(list(machines))}."
        detail = f'No machine "{fabric.machine}" is described under `machines`. {hint}'
        problem = error("inventory-unknown-machine", "Unknown machine type", detail, path=(*path, "machine"))
        return Result(None, (problem,))
    domain: int | None = None
    one_domain = False
    if isinstance(fabric, FatTree):
        found = Result(fabrics.fat_tree(fabric.ports, fabric.pods or fabric.ports))
    elif isinstance(fabric, RailOptimised):
        found = _rails(fabric, spec, path, links)
    elif isinstance(fabric, Nvl72):
        found, domain = _nvl72(fabric, spec, path), fabrics.NVL72_DEVICES
    else:
        found, one_domain = _tpu(fabric, spec, path), True
        domain = _pod_domain(spec, found.value)
    if found.value is None:
        return Result(None, found.diagnostics)
    return Result(
        Drawn(
            blocks={block.name: _block(block, fabric, links) for block in found.value},
            machine=fabric.machine,
            assumed=frozenset(level for level in ("rack", "block") if _untold(fabric, links, level)),
            scale_up_domain=domain,
            one_domain=one_domain,
        )
    )


def _block(block: fabrics.FabricBlock, fabric: Fabric, links: Links) -> BlockSpec:
    """One block with its links: as told for this fabric, else for all, else the kind's own."""
    racks = {
        name: RackSpec.model_construct(
            machine=fabric.machine, nodes=nodes, **_told(fabric, links, "rack", fabric.rack)
        )
        for name, nodes in block.racks
    }
    return BlockSpec.model_construct(racks=racks, **_told(fabric, links, "block", fabric.block))


def _told(fabric: Fabric, links: Links, level: str, own: LinkSpec) -> dict[str, Any]:
    """The fields of a link of this level."""
    ratio = fabrics.NON_BLOCKING if _untold(fabric, links, level) else own.oversubscription
    return {"latency": own.latency, "uplink": own.uplink, "oversubscription": ratio}


def _untold(fabric: Fabric, links: Links, level: str) -> bool:
    """Whether nobody says how wide the uplinks of racks (or blocks) are."""
    own, usual = (fabric.rack, links.rack) if level == "rack" else (fabric.block, links.block)
    return all(link.uplink is None and link.oversubscription is None for link in (own, usual))


def _refused(detail: str, path: ConfigPath) -> Result[tuple[fabrics.FabricBlock, ...]]:
    problem: Diagnostic = error("inventory-fabric", "Such a fabric does not exist", detail, path=path)
    return Result(None, (problem,))


def _rails(
    fabric: RailOptimised, spec: MachineSpec, path: ConfigPath, links: Links
) -> Result[tuple[fabrics.FabricBlock, ...]]:
    """Units of as many machines as the leaves of their rails have ports for."""
    rails = fabric.rails or spec.devices
    if spec.devices % rails:
        detail = (
            f"{fabric.machine} has {spec.devices} accelerators, which {rails} rails do not divide evenly."
        )
        return _refused(detail, (*path, "rails"))
    told = (fabric.rack.oversubscription, links.rack.oversubscription, fabrics.NON_BLOCKING)
    ratio = next(one for one in told if one is not None)
    # With devices / rails network cards of a machine on one leaf, each machine takes as many ports.
    most = fabrics.most_per_unit(fabric.leaf_ports, ratio) // (spec.devices // rails)
    size = fabric.nodes_per_unit or most
    if size > most or size < 1:
        detail = (
            f"A leaf of {fabric.leaf_ports} ports that is oversubscribed {ratio:g}:1 leads to {most} "
            f"machines of {spec.devices // rails} network cards each, not to {size}."
        )
        return _refused(detail, (*path, "nodes_per_unit" if fabric.nodes_per_unit else "leaf_ports"))
    per_block = fabric.units_per_block or -(-fabric.nodes // size)
    return Result(fabrics.rail_optimised(fabric.nodes, size, per_block))


def _nvl72(fabric: Nvl72, spec: MachineSpec, path: ConfigPath) -> Result[tuple[fabrics.FabricBlock, ...]]:
    """Racks of 72 accelerators."""
    whole = fabrics.NVL72_DEVICES
    if whole % spec.devices or spec.scale_up_domain not in {None, whole}:
        detail = (
            f"An NVL72 rack joins {whole} accelerators, and {fabric.machine} has {spec.devices} in a machine "
            f"and {spec.scale_up_domain or spec.devices} in a scale-up domain."
        )
        return _refused(detail, (*path, "machine"))
    known = load_accelerators().get(canonical_accelerator(spec.accelerator) or "")
    if spec.scale_up_domain is None and known is not None and known.scale_up_domain < whole:
        detail = (
            f"An NVL72 rack joins {whole} accelerators, and links join at most {known.scale_up_domain} of "
            f"{known.name}. Say `rail-optimised` or `fat-tree`, or `scale_up_domain: {whole}` of the machine "
            "if yours are joined so."
        )
        return _refused(detail, (*path, "machine"))
    return Result(fabrics.nvl72(fabric.racks, fabric.racks_per_block, whole // spec.devices))


def _tpu(fabric: TpuPod, spec: MachineSpec, path: ConfigPath) -> Result[tuple[fabrics.FabricBlock, ...]]:
    """Pods of cubes, or of one grid."""
    slices = load_slices().get(canonical_accelerator(spec.accelerator) or "")
    if slices is None:
        detail = f"{fabric.machine} has accelerators {spec.accelerator}, of which there are no pods."
        return _refused(detail, (*path, "machine"))
    chips = _chips(fabric, slices, path)
    if chips.value is None:
        return Result(None, chips.diagnostics)
    unit = slices.cube_chips
    part = chips.value if unit is None or chips.value < unit else unit
    if part % spec.devices:
        detail = f"{spec.devices} chips of one {fabric.machine} do not divide {part} chips evenly."
        return _refused(detail, (*path, "machine"))
    return Result(fabrics.tpu_pods(fabric.pods, chips.value // part, part // spec.devices))


def _chips(fabric: TpuPod, slices: Slices, path: ConfigPath) -> Result[int]:
    """Chips of one pod."""
    if fabric.topology is not None:
        shape = shape_of_text(fabric.topology)
        if shape is None or not slices.has(shape):
            detail = f"{slices.accelerator} has no topology {fabric.topology}. {_nearest(shape, slices)}"
            problem = error(
                "inventory-tpu-topology", "No such TPU topology", detail, path=(*path, "topology")
            )
            return Result(None, (problem,))
        return Result(math.prod(shape))
    if fabric.cubes is None:
        return Result(slices.pod_chips)
    if slices.cube_chips is None:
        detail = f"{slices.accelerator} has no cubes: its pods are grids. Say `topology`, 8x16 for instance."
        problem = error("inventory-tpu-topology", "No such TPU topology", detail, path=(*path, "cubes"))
        return Result(None, (problem,))
    chips = fabric.cubes * slices.cube_chips
    if chips > slices.pod_chips:
        most = slices.pod_chips // slices.cube_chips
        detail = (
            f"A pod of {slices.accelerator} has {most} cubes, not {fabric.cubes}. Say `pods` for more pods."
        )
        problem = error("inventory-tpu-topology", "No such TPU topology", detail, path=(*path, "cubes"))
        return Result(None, (problem,))
    return Result(chips)


def _nearest(shape: tuple[int, ...] | None, slices: Slices) -> str:
    """The way out: the next larger slice, or how shapes are written."""
    fit = None if shape is None else slices.fit(math.prod(shape))
    found = None if fit is None else slices.shape_of(fit)
    if found is not None:
        return f"The smallest that has as many chips is {text_of_shape(found)}."
    small = listed([text_of_shape(one) for one in slices.shapes])
    more = "" if slices.cube is None else f" and boxes of whole {text_of_shape(slices.cube)} cubes"
    return f"There are {small}{more}, up to {slices.largest_chips} chips."


def _pod_domain(spec: MachineSpec, blocks: tuple[fabrics.FabricBlock, ...] | None) -> int | None:
    """Chips of the largest slice that a pod can hold, or what the type says where that is less."""
    if not blocks:
        return None
    slices = load_slices()[canonical_accelerator(spec.accelerator) or ""]
    most = min(blocks[0].nodes * spec.devices, slices.largest_chips)
    return min(most, spec.scale_up_domain or most)
