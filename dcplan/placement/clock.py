"""How much of the time that a placement may take is left; without a limit nobody looks at a clock."""

from __future__ import annotations

import math
import time
from dataclasses import replace

from dcplan.placement.cpsat import Effort

LEAST_TIME_S = 0.05
"""For each run of a solver, however late it is: enough for a small placement."""


class Clock:
    """Runs from when it is made, of building models, too; seconds of wall time."""

    def __init__(self, limit_s: float | None) -> None:
        """``limit_s``: what all runs together may take; None: as long as it takes."""
        self.limit_s = limit_s
        self._start_s = time.monotonic()

    @property
    def spent_s(self) -> float:
        """Since it was made."""
        return time.monotonic() - self._start_s

    def late(self, share: float = 1.0) -> bool:
        """Whether this share of the time is gone."""
        return self.limit_s is not None and self.spent_s >= share * self.limit_s

    def share_s(self, share: float) -> float | None:
        """So much of what is left, at least ``LEAST_TIME_S``; None without a limit."""
        if self.limit_s is None:
            return None
        return max((self.limit_s - self.spent_s) * share, LEAST_TIME_S)

    def effort(self, seed: int, limit: float, share: float) -> Effort:
        """Of a run that has a share of what is left; without a limit, CP-SAT's deterministic ``limit``."""
        effort = Effort(seed=seed, limit=limit)
        time_s = self.share_s(share)
        return effort if time_s is None else replace(effort, limit=math.inf, time_s=time_s)
