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
import re
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError

from dcplan.config.values import Bytes, BytesPerS, Duration, Many, UsdPerH

_PLACE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def _place_name(text: str) -> str:
    """Names of places and nodes are joined by slashes to paths, so they hold none."""
    if _PLACE_NAME.fullmatch(text) is None:
        problem = (
            f'"{text}" cannot name a place or a node. Such names have 1 to 63 letters, digits, dots, hyphens '
            "and underscores, and begin with a letter or digit."
        )
        raise PydanticCustomError("inventory-name", "{problem}", {"problem": problem})
    return text


PlaceName = Annotated[str, AfterValidator(_place_name)]
"""The name of a zone, block, rack, node or machine type."""


class Strict(BaseModel):
    """Base of everything in the inventory: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class MachineSpec(Strict):
    """One type of machine that stands in racks."""

    accelerator: str
    """Name in the catalogue of accelerators."""
    devices: int = Field(gt=0)
    vcpus: int = Field(gt=0)
    memory: Bytes
    network: BytesPerS
    """Out of one machine, per direction, all network cards for accelerator traffic together."""
    fabric: str
    """What carries accelerator traffic between machines: RoCE, InfiniBand, TCP..."""
    scale_up_domain: int | None = Field(default=None, gt=0)
    """Devices joined by scale-up links; default: those of one machine."""
    price: UsdPerH | None = None
    """What an hour of one machine costs you, used or not (write-off, power, room)."""


class LatencySpec(Strict):
    """How far the parts of a place are from each other."""

    latency: Duration | None = None
    """One way, between two neighbours inside."""


class LinkSpec(LatencySpec):
    """What joins the parts of a rack or block, and what leads out of it.

    ``uplink`` is per direction; ``oversubscription`` says it as the ratio of
    what may come from inside to what fits through.  At most one of the two.
    """

    uplink: BytesPerS | None = Field(default=None, gt=0)
    oversubscription: float | None = Field(default=None, ge=1, strict=False)

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        """Refuse an uplink that is given in both ways."""
        if self.uplink is not None and self.oversubscription is not None:
            problem = "`uplink` and `oversubscription` say the same in two ways; keep one of them."
            raise PydanticCustomError("inventory-uplink-twice", "{problem}", {"problem": problem})
        return self


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


class ZoneSpec(LatencySpec):
    """A hall or building whose parts fail together.  Either blocks, or racks that form one block."""

    blocks: dict[PlaceName, BlockSpec] | None = None
    racks: Racks | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        """Refuse a zone that says both, or nothing."""
        if (self.blocks is None) == (self.racks is None):
            problem = "A zone has either `blocks` or, where it is one block, its `racks`."
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
    machines: dict[PlaceName, MachineSpec] = Field(min_length=1)
    links: Links = Links()
    zones: dict[PlaceName, ZoneSpec] = Field(min_length=1)
