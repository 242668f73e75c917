"""Memory of the fullest device by use, bytes: what serving and training have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.perf.numbers import Num, row, up
from dcplan.perf.types import Memory

if TYPE_CHECKING:
    from dcplan.perf.device import Device

GIB = 2.0**30
"""Bytes.  Definition: of the unit GiB."""


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
        """``weights + activations + caches + optimiser + gradients + runtime``."""
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
    """What the framework takes for itself: ``reserved_bytes + fragmentation x memory_bytes``.

    Source: own form; both figures are assumed, published peaks judge them (docs/model.md, Memory).
    """
    return device.reserved_bytes + device.fragmentation * device.memory_bytes


def stage_share(layers: Num, pipeline: Num) -> Num:
    """Share of the layers on the fullest pipeline stage: ``ceil(layers / pipeline) / layers``.

    Stages may be uneven.  Source: definition.
    """
    return up(layers / pipeline) / layers
