"""Parts of a GPU that hardware keeps apart (NVIDIA MIG), as accelerators of their own.

``H100/3g.40gb`` is an accelerator with three sevenths of an H100's arithmetic
and half of its memory and bandwidth.  Parts have no links to each other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from dcplan.catalog.load import canonical_accelerator, load_accelerators, read_data
from dcplan.catalog.types import Accelerator, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

SEVENTHS, EIGHTHS = 7, 8
"""Into which the user guide divides multiprocessors and memory."""

NO_LINKS = "none (MIG)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One way to divide a GPU into equal parts."""

    accelerator: str
    """The GPU that is divided."""
    profile: str
    """NVIDIA's name of the part: ``3g.40gb``."""
    sevenths: int
    """Of the multiprocessors."""
    eighths: int
    """Of memory and bandwidth."""
    count: int
    """Parts of one GPU."""

    @property
    def name(self) -> str:
        """Of the part as an accelerator: ``H100/3g.40gb``."""
        return f"{self.accelerator}/{self.profile}"


@cache
def partitions() -> Mapping[str, Partition]:
    """Every part that the catalogue knows, by its name as an accelerator."""
    data = read_data("partitions.yaml")
    parts = [
        Partition(accelerator=accelerator, profile=profile, **data["profiles"][shape])
        for accelerator, profiles in data["accelerators"].items()
        for profile, shape in profiles.items()
    ]
    return {part.name: part for part in parts}


def profiles_of(accelerator: str) -> dict[str, Partition]:
    """The parts of one accelerator by profile; ``accelerator`` may be any spelling.  Empty: it has none."""
    name = canonical_accelerator(accelerator)
    return {part.profile: part for part in partitions().values() if part.accelerator == name}


def load_partitions() -> dict[str, Accelerator]:
    """All parts as accelerators, by name."""
    whole, data = load_accelerators(), read_data("partitions.yaml")
    source = Source(name=data["source"], date=data["date"])
    return {name: _part(whole[part.accelerator], part, source) for name, part in partitions().items()}


def _part(whole: Accelerator, part: Partition, source: Source) -> Accelerator:
    """A part's share of each figure; power as if all parts of the GPU drew the same."""
    arithmetic, memory = part.sevenths / SEVENTHS, part.eighths / EIGHTHS

    def share(flops: float | None) -> float | None:
        return None if flops is None else flops * arithmetic

    return replace(
        whole,
        name=part.name,
        memory_bytes=int(whole.memory_bytes * memory),
        memory_bytes_per_s=whole.memory_bytes_per_s * memory,
        bf16_flops=share(whole.bf16_flops),
        fp8_flops=share(whole.fp8_flops),
        fp4_flops=share(whole.fp4_flops),
        int8_flops=share(whole.int8_flops),
        scale_up=NO_LINKS,
        scale_up_domain=1,
        power_w=None if whole.power_w is None else whole.power_w / part.count,
        source=source,
    )
