"""``fabric:`` of a zone: kinds of network that say by themselves which blocks and racks there are."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dcplan.provider.local.parts import LinkSpec, Strict
from dcplan.topology.fabrics import LEAF_PORTS, RACKS_PER_BLOCK


class FabricSpec(Strict):
    """What all kinds have: one type of machine, and links that may differ from the kind's own."""

    machine: str
    """Name under ``machines``."""
    rack: LinkSpec = LinkSpec()
    """Links of racks; what is not said here or under ``links`` is not oversubscribed."""
    block: LinkSpec = LinkSpec()
    """Links of blocks; as ``rack``."""


class FatTree(FabricSpec):
    """Three layers of equal switches (Al-Fares et al., SIGCOMM 2008): pods of edge switches."""

    kind: Literal["fat-tree"]
    ports: int = Field(ge=2)
    """Of each switch; half of an edge switch's lead to machines."""
    pods: int | None = Field(default=None, gt=0)
    """Default: as many as a core switch has ports."""

    @model_validator(mode="after")
    def _even(self) -> Self:
        """Refuse what cannot be halved, and more pods than core switches reach."""
        if self.ports % 2:
            raise _refused(
                f"A fat tree is of switches with an even number of ports, and {self.ports} is odd."
            )
        if self.pods is not None and self.pods > self.ports:
            raise _refused(f"A core switch of {self.ports} ports reaches {self.ports} pods, not {self.pods}.")
        return self


class RailOptimised(FabricSpec):
    """Units of machines whose i-th network card hangs on the i-th leaf switch."""

    kind: Literal["rail-optimised"]
    nodes: int = Field(gt=0)
    """Machines in all."""
    rails: int | None = Field(default=None, gt=0)
    """Leaf switches of a unit; default: one for each accelerator of a machine."""
    leaf_ports: int = Field(default=LEAF_PORTS, ge=2)
    """Of one leaf switch."""
    nodes_per_unit: int | None = Field(default=None, gt=0)
    """Default: as many as a leaf has ports for, with the unit's oversubscription (``rack``)."""
    units_per_block: int | None = Field(default=None, gt=0)
    """Default: all units are one block."""


class Nvl72(FabricSpec):
    """Racks whose 72 accelerators are one scale-up domain."""

    kind: Literal["nvl72"]
    racks: int = Field(gt=0)
    racks_per_block: int = Field(default=RACKS_PER_BLOCK, gt=0)


class TpuPod(FabricSpec):
    """Pods of TPU chips: cubes that optical switches join (v4, v5p, 7x), or one grid (v5e, v6e)."""

    kind: Literal["tpu-pod"]
    pods: int = Field(default=1, gt=0)
    cubes: int | None = Field(default=None, gt=0)
    """That are yours in each pod; default: all that a pod has."""
    topology: str | None = None
    """The same as a shape in chips: 8x8x8, or 8x16 for a part of a grid."""

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        """Refuse a size that is given in both ways."""
        if self.cubes is not None and self.topology is not None:
            raise _refused("`cubes` and `topology` say the same in two ways; keep one of them.")
        return self


def _refused(problem: str) -> PydanticCustomError:
    return PydanticCustomError("inventory-fabric", "{problem}", {"problem": problem})


Fabric = Annotated[FatTree | RailOptimised | Nvl72 | TpuPod, Field(discriminator="kind")]
"""One of the kinds."""
