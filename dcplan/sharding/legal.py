"""What every split must keep: rules of heads, and layouts with what they are allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from dcplan.catalog.types import Model
    from dcplan.perf.layouts import Layouts
    from dcplan.perf.numbers import Array

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Enumerated:
    """Layouts and which of them the model's heads, layers and experts allow."""

    layouts: Layouts
    legal: Mask


def tensor_chain(devices: int) -> tuple[int, ...]:
    """D, D/p, ... 1 by smallest prime factors, so that any mix of sizes fills machines completely."""
    sizes = [devices]
    while sizes[-1] > 1:
        last = sizes[-1]
        prime = next(p for p in range(2, last + 1) if last % p == 0)
        sizes.append(last // prime)
    return tuple(sizes)


def heads_allow(model: Model, tensor: Array) -> Mask:
    """Heads split evenly, and key-value heads split evenly or are copied evenly."""
    keys = model.kv_heads
    out: Mask = (model.heads % tensor == 0) & ((keys % tensor == 0) | (tensor % keys == 0))
    return out
