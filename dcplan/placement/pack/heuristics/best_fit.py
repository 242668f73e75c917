"""Best fit: the machine on which least CPU and accelerators are left over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dcplan.catalog.fleet import Fleet
from dcplan.demand.jobs import WHOLE_DEVICE_MILLI
from dcplan.placement.lp import Ints
from dcplan.placement.pack.heuristics.online import Scorer
from dcplan.placement.pack.rooms import Rooms
from dcplan.placement.pack.types import Shape


def best_fit(fleet: Fleet, shapes: Sequence[Shape], parts: Sequence[int]) -> Scorer:  # noqa: ARG001 - a Rule
    """Score = 100 (1 - (CPU left / most CPU + accelerators left / most accelerators) / 2), cut to whole.

    As Weng et al., "Beware of fragmentation: scheduling GPU-sharing workloads
    with Fragmentation Gradient Descent" (USENIX ATC 2023) compares with; whole
    scores from 0 to 100 are those of the Kubernetes scheduler.
    """
    most_cpu = max((n.cpu_milli for n in fleet.nodes), default=0) or 1
    most_milli = WHOLE_DEVICE_MILLI * (max((n.devices for n in fleet.nodes), default=0) or 1)

    def score(rooms: Rooms, shape: int, machines: Ints) -> tuple[Ints, Ints]:
        cpu = rooms.cpu[machines] - shapes[shape].cpu_milli
        milli = np.maximum(rooms.free[machines], 0).sum(axis=1)
        milli = milli - round(WHOLE_DEVICE_MILLI * shapes[shape].accelerators)
        scores = (100 * (1 - (cpu / most_cpu + milli / most_milli) / 2)).astype(np.int64)
        return np.maximum(scores, 0), np.full(len(machines), -1)

    return score
