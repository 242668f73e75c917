"""Replicas that serve: the noun that all formulas of serving take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dcplan.demand.types import Lengths
from dcplan.perf.arrays import take
from dcplan.perf.device import Device, Wires
from dcplan.perf.numbers import Num, larger
from dcplan.perf.speculation import Speculation

if TYPE_CHECKING:
    from dcplan.perf.engine import Engine
    from dcplan.perf.layouts import Layouts
    from dcplan.perf.parameters import Parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicas:
    """Replicas that serve the same requests, one for each layout; all else is one number or one for each.

    ``prompt`` and ``output`` may hold arrays, too, with one entry for each row.
    """

    parameters: Parameters
    layouts: Layouts
    device: Device
    wires: Wires
    engine: Engine
    prompt: Lengths
    output: Lengths
    arrival_cv2: float
    cached_share: Num = 0.0
    """Share of prompt tokens whose keys and values a prefix cache already holds."""
    speculation: Speculation = field(default_factory=Speculation)

    def take(self, rows: object) -> Replicas:
        """Only these rows."""
        return take(self, rows)

    @property
    def context(self) -> Num:
        """Tokens that stand behind a request on average while it decodes: ``prompt + output / 2``."""
        return self.prompt.mean + self.output.mean / 2

    @property
    def new_tokens(self) -> Num:
        """Tokens of the mean prompt that no prefix cache holds: ``prompt x (1 - cached_share)``."""
        return self.prompt.mean * (1 - self.cached_share)

    @property
    def stage_devices(self) -> Num:
        """Devices of one pipeline stage, which share the experts: ``tensor x data``."""
        return self.layouts.tensor * self.layouts.data

    @property
    def expert_split(self) -> Num:
        """Pieces of one expert, 1 where there is a rank for each device: ``stage_devices / expert``."""
        return self.stage_devices / larger(self.layouts.expert, 1.0)
