"""What a serving engine makes of the hardware, as numbers read from the efficiency table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.perf.numbers import Num

if TYPE_CHECKING:
    from dcplan.basis import Basis
    from dcplan.catalog.efficiency import Efficiency


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


def engine_of(efficiency: Efficiency) -> Engine:
    """The engine that ``efficiency`` was looked up for."""
    return Engine(
        step_s=efficiency["step_s"].value,
        layer_s=efficiency["layer_s"].value,
        chunk_tokens=efficiency["chunk_tokens"].value,
        basis=efficiency["step_s"].basis,
    )
