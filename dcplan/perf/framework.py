"""What a training framework makes of the hardware, as numbers read from the efficiency table."""

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
