"""The inventory file: every key by which a data centre is described.

    name: hamburg
    region: eu-north
    machines:
      h100x8: {accelerator: H100, devices: 8, vcpus: 192, memory: 2TiB,
               network: 3200Gbit/s, fabric: RoCE, scale_up_domain: 8, price: $18/h}
    links:
      rack: {latency: 2us}
      block: {oversubscription: 4, latency: 5us}
    zones:
      hall-1:
        blocks:
          a: {racks: {count: 40, machine: h100x8, nodes: 4}}

Values are in base units once read.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from dcplan.config.places import RegionSpec
from dcplan.config.values import Bytes, BytesPerS, Many, Power, UsdPerH
from dcplan.provider.local.fabric import Fabric
from dcplan.provider.local.parts import LatencySpec, LinkSpec, PlaceName, Strict


class MachineSpec(Strict):
    """One type of machine that stands in racks."""

    accelerator: str
    """Name in the catalogue of accelerators."""
    devices: int = Field(gt=0)
    vcpus: int = Field(gt=0)
    memory: Bytes
    network: BytesPerS = Field(gt=0)
    """Out of one machine, per direction, all network cards for accelerator traffic together."""
    fabric: str
    """What carries accelerator traffic between machines: RoCE, InfiniBand, TCP..."""
    scale_up_domain: int | None = Field(default=None, gt=0)
    """Devices joined by scale-up links; default: those of one machine."""
    mig: str | None = None
    """Profile into which each GPU is divided: ``3g.40gb``.  Its parts are then the machine's devices."""
    price: UsdPerH | None = None
    """What an hour of one machine costs you, used or not (write-off, power, room)."""
    power: Power | None = Field(default=None, gt=0)
    """Of one machine at full load; default: from its accelerators' design power."""


class KnownMachine(Strict):
    """A machine type of a cloud, whose facts the catalogue has."""

    catalog: str
    """Name in the catalogue: p5.48xlarge, a3-ultragpu-8g..."""
    mig: str | None = None
    """As of a machine that is described."""
    price: UsdPerH | None = None
    """What an hour of one machine costs you, used or not."""


def _machine_shape(value: object) -> str:
    """Which way a machine type is described."""
    return "known" if isinstance(value, dict) and "catalog" in value else "described"


MachineType = Annotated[
    Annotated[MachineSpec, Tag("described")] | Annotated[KnownMachine, Tag("known")],
    Discriminator(_machine_shape),
]
"""All facts of a machine type, or its name in the catalogue."""


class Links(Strict):
    """Links of all racks, blocks and zones that do not say it themselves."""

    rack: LinkSpec = LinkSpec()
    block: LinkSpec = LinkSpec()
    zone: LatencySpec = LatencySpec()


def _number_or_names(value: object) -> str:
    """Which way the nodes of a rack are written."""
    return "names" if isinstance(value, (list, tuple)) else "number"


Nodes = Annotated[
    Annotated[int, Field(gt=0), Tag("number")]
    | Annotated[Many[PlaceName], Field(min_length=1), Tag("names")],
    Discriminator(_number_or_names),
]
"""How many, or the host names."""


class RackSpec(LinkSpec):
    """One rack by its name: how many equal machines of one type, or which."""

    machine: str
    nodes: Nodes


class RackPattern(LinkSpec):
    """Many equal racks; they are numbered."""

    count: int = Field(gt=0)
    machine: str
    nodes: int = Field(gt=0)
    """In each rack."""
    prefix: PlaceName = "r"
    """Racks are called by it and a number: r01, r02..."""


def _shape(value: object) -> str:
    """Which way the racks are written."""
    if isinstance(value, (list, tuple)):
        return "patterns"
    if not isinstance(value, dict):
        return "named"
    # Racks by name are mappings, so a plain value under one of these keys means a pattern.
    plain = [key for key in ("count", "machine", "nodes") if not isinstance(value.get(key, {}), dict)]
    return "pattern" if plain else "named"


Racks = Annotated[
    Annotated[RackPattern, Tag("pattern")]
    | Annotated[Many[RackPattern], Tag("patterns")]
    | Annotated[dict[PlaceName, RackSpec], Tag("named")],
    Discriminator(_shape),
]
"""``{count: 40, ...}``, a list of such patterns, or racks by name."""


class BlockSpec(LinkSpec):
    """Racks behind one layer of switches."""

    racks: Racks
    power: Power | None = Field(default=None, gt=0)
    """The most that its machines may draw together."""


class ZoneSpec(LatencySpec):
    """A hall or building whose parts fail together: blocks, racks of one block, or a kind of fabric."""

    blocks: dict[PlaceName, BlockSpec] | None = None
    racks: Racks | None = None
    fabric: Fabric | None = None
    """A kind of network that says which blocks and racks there are."""
    site: RegionSpec | None = None
    """Where it is, as far as that differs from the data centre's ``site``."""
    power: Power | None = Field(default=None, gt=0)
    """The most that its machines may draw together."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        """Refuse a zone that says both, or nothing."""
        if [self.blocks, self.racks, self.fabric].count(None) != 2:  # noqa: PLR2004 - one is there
            problem = "A zone has `blocks` or, where it is one block, its `racks`, or a `fabric`."
            raise PydanticCustomError("inventory-zone", "{problem}", {"problem": problem})
        return self


def _iso(value: object) -> object:
    """YAML reads an ISO date as a date; it is kept as text."""
    return value.isoformat() if isinstance(value, dt.date) else value


class InventoryFile(Strict):
    """The whole file."""

    name: PlaceName
    region: PlaceName
    source: str = "your inventory"
    """Where these facts were read."""
    date: Annotated[str, BeforeValidator(_iso)] = "undated"
    """As of when they hold."""
    site: RegionSpec = RegionSpec.model_construct()
    """Where it is, how clean and how dear what comes in and goes out is."""
    power: Power | None = Field(default=None, gt=0)
    """The most that all its machines may draw together."""
    machines: dict[PlaceName, MachineType] = Field(default_factory=dict)
    """What stands in racks, by name.  Types of the catalogue that ``nodes`` lists may be left out."""
    links: Links = Links()
    zones: dict[PlaceName, ZoneSpec] = Field(default_factory=dict)
    nodes: str | None = None
    """Instead of zones: a list of machines in a file beside this one, CSV or what a cloud's API answers."""

    @model_validator(mode="after")
    def _listed_once(self) -> Self:
        """Refuse a file that says twice what stands where, or not at all."""
        if bool(self.zones) == (self.nodes is not None):
            problem = "An inventory has either `zones`, or `nodes` with the path of a list of machines."
            raise PydanticCustomError("inventory-no-machines", "{problem}", {"problem": problem})
        return self
