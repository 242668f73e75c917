"""Memory of the fullest device by use, bytes: what serving and training have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.perf.numbers import Num, row, up
from dcplan.perf.types import Memory

if TYPE_CHECKING:
    from dcplan.perf.device import Device

GIB = 2.0**30

RUNTIME_BYTES = 1.0 * GIB
"""CUDA context, library workspaces and communication buffers: 0.4 to 1 GiB are seen (assumed)."""

FRAGMENTATION = 0.06
"""Share of a device's memory that allocators leave unused: 5 to 10 % are seen (assumed)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryOf:
    """``Memory`` of many layouts at once."""

    weights_bytes: Num
    activations_bytes: Num
    kv_cache_bytes: Num
    optimizer_bytes: Num
    gradients_bytes: Num
    runtime_bytes: Num

    @property
    def total_bytes(self) -> Num:
        """Everything together."""
        held = self.weights_bytes + self.activations_bytes + self.kv_cache_bytes
        return held + self.optimizer_bytes + self.gradients_bytes + self.runtime_bytes

    def one(self, index: int) -> Memory:
        """The memory of one layout."""
        return Memory(
            weights_bytes=row(self.weights_bytes, index),
            activations_bytes=row(self.activations_bytes, index),
            kv_cache_bytes=row(self.kv_cache_bytes, index),
            optimizer_bytes=row(self.optimizer_bytes, index),
            gradients_bytes=row(self.gradients_bytes, index),
            runtime_bytes=row(self.runtime_bytes, index),
        )


def runtime_bytes(device: Device) -> Num:
    """What the framework takes for itself."""
    return RUNTIME_BYTES + FRAGMENTATION * device.memory_bytes


def stage_share(layers: Num, pipeline: Num) -> Num:
    """Share of the layers on the fullest pipeline stage; stages may be uneven."""
    return up(layers / pipeline) / layers
