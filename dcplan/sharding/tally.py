"""Where the layouts of a search went: how many fell away for which reason."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from dcplan.sharding.types import Search

if TYPE_CHECKING:
    from dcplan.demand.types import ServeDemand
    from dcplan.sharding.legal import Mask
    from dcplan.sharding.trials import ServeTrial

NOT_RUN = "not run by the hardware or the engine"
NOT_LEGAL = "not legal (heads, layers, experts)"
NO_ROOM = "do not fit memory"

MISS = "units miss the SLA"

SERVING_REASONS = (NOT_RUN, NOT_LEGAL, NO_ROOM, "miss TTFT", "miss TPOT")
"""Why layouts of a serving replica fall away, in the order in which they are asked."""


class Tally:
    """How many layouts fell away for which reason, in the order of the reasons."""

    def __init__(self, *reasons: str) -> None:
        self.considered = 0
        self.remain = 0
        self.counts = dict.fromkeys((*reasons, "dominated"), 0)

    def drop(self, reason: str, rows: Mask) -> None:
        """Count these rows under a reason."""
        self.counts[reason] += int(rows.sum())

    def keep(self, reason: str, rows: Mask, good: Mask) -> Mask:
        """Rows that are good; the others are counted under the reason."""
        self.drop(reason, rows & ~good)
        out: Mask = rows & good
        return out

    def pairs(self, tried: int, held: int) -> None:
        """Count units of prefill and decode workers: those that hold the SLA remain."""
        self.considered += tried
        self.remain += held
        self.counts[MISS] = self.counts.get(MISS, 0) + tried - held

    def search(self, workload: str, kept: int, started: float) -> Search:
        """The report; what was good but is no candidate is dominated, or stands too near to one."""
        self.counts["dominated"] = self.remain - kept
        return Search(
            workload=workload,
            considered=self.considered,
            dropped=tuple(self.counts.items()),
            remain=kept,
            wall_s=time.perf_counter() - started,
        )


def fitting(tally: Tally, trial: ServeTrial, rows: Mask) -> Mask:
    """Rows of a serving trial that run, are legal and hold the model; the others are counted."""
    rows = tally.keep(NOT_RUN, rows, np.full(trial.count, trial.replicas is not None))
    rows = tally.keep(NOT_LEGAL, rows, trial.legal)
    return tally.keep(NO_ROOM, rows, trial.fits)


def sifted(tally: Tally, trial: ServeTrial, rows: Mask, demand: ServeDemand) -> Mask:
    """Those of these rows, which fit, that keep the SLA without load; the others are counted."""
    for bound, seconds in zip(demand.bounds, trial.idle_s, strict=True):
        rows = tally.keep(f"miss {bound.metric.upper()}", rows, seconds <= bound.bound_s)
    tally.remain += int(rows.sum())
    return rows
