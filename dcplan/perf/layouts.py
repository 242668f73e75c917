"""Many layouts at once: a structure of arrays, so that a formula is evaluated for all in one go."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from dcplan.perf.arrays import take
from dcplan.perf.types import Layout

if TYPE_CHECKING:
    from dcplan.perf.numbers import Array

RECOMPUTE = ("none", "selective", "full")
"""Ways of recomputing, by the number that stands for them in arrays."""

SELECTIVE, FULL = 1, 2
"""Definition: places in ``RECOMPUTE``."""

SCHEDULES = ("1f1b", "gpipe", "zero-bubble")
"""Schedules of a pipeline, by the number that stands for them in arrays."""

GPIPE, ZERO_BUBBLE = 1, 2
"""Definition: places in ``SCHEDULES``."""

_WORDS = {"recompute": RECOMPUTE, "schedule": SCHEDULES}

SHARDED_GRADIENTS, SHARDED_WEIGHTS = 2, 3
"""Stages of ZeRO from which on these are shared out.  Definition: Rajbhandari et al. 2020 (arXiv 1910.02054)
section 5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layouts:
    """One array for each field of ``Layout``, all of one length."""

    tensor: Array
    pipeline: Array
    data: Array
    expert: Array
    expert_tensor: Array
    context: Array
    zero: Array
    shard: Array
    micro_batch: Array
    virtual_stages: Array
    schedule: Array
    """Index into ``SCHEDULES``."""
    recompute: Array
    """Index into ``RECOMPUTE``."""

    def __len__(self) -> int:
        return len(self.tensor)

    @property
    def devices(self) -> Array:
        """Devices of one replica or job: ``tensor x pipeline x context x data``."""
        return self.tensor * self.pipeline * self.context * self.data

    def take(self, rows: Any) -> Layouts:
        """Only these rows: a mask or an array of indices."""
        return take(self, rows)

    def one(self, index: int) -> Layout:
        """One row as a plain layout."""
        whole = {field.name: int(getattr(self, field.name)[index]) for field in fields(self)}
        words = {name: known[whole[name]] for name, known in _WORDS.items()}
        return Layout(**{**whole, **words})  # type: ignore[arg-type]  # each word goes to its own field


def layouts_of(*layouts: Layout) -> Layouts:
    """Some plain layouts as arrays."""
    columns = {
        field.name: np.array([_number(layout, field.name) for layout in layouts], dtype=np.float64)
        for field in fields(Layouts)
    }
    return Layouts(**columns)


def _number(layout: Layout, name: str) -> float:
    """One field of a layout as the number that stands for it in arrays."""
    value = getattr(layout, name)
    return float(_WORDS[name].index(value)) if name in _WORDS else float(value)
