"""What software makes of the hardware: training frameworks and serving engines, as numbers.

Each is read from the efficiency table under the name of the software, and
falls back to the figures of all software.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.basis import Basis
from dcplan.perf.numbers import Num

if TYPE_CHECKING:
    from dcplan.catalog.efficiency import Efficiency


@dataclass(frozen=True, slots=True, kw_only=True)
class Framework:
    """A training framework on one accelerator at one precision."""

    sustained: Num
    """Share of isolated kernels' speed that a whole training step keeps."""
    layer_s: Num
    """Kernel launches of one layer, not hidden by the device's work."""
    data_shows: Num
    """Share of the data-parallel traffic that shows however much there is to hide behind."""
    gather_hides: Num
    """Share of computing behind which ZeRO-3's traffic can hide."""
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A serving engine on one accelerator at one precision."""

    step_s: Num
    """Host and scheduler, one step."""
    layer_s: Num
    """Kernel launches of one layer, not hidden by the device's work."""
    chunk_tokens: Num
    """Prompt tokens of one step at most."""
    basis: Basis


def framework_of(efficiency: Efficiency, precision: str) -> Framework:
    """The framework that ``efficiency`` was looked up for, computing at ``precision``."""
    sustained = efficiency.narrow("sustained", precision)
    return Framework(
        sustained=sustained.value,
        layer_s=efficiency["layer_s"].value,
        data_shows=efficiency["data_shows"].value,
        gather_hides=efficiency["gather_hides"].value,
        basis=Basis.weakest([efficiency["layer_s"].basis, sustained.basis]),
    )


def engine_of(efficiency: Efficiency) -> Engine:
    """The engine that ``efficiency`` was looked up for."""
    return Engine(
        step_s=efficiency["step_s"].value,
        layer_s=efficiency["layer_s"].value,
        chunk_tokens=efficiency["chunk_tokens"].value,
        basis=efficiency["step_s"].basis,
    )
