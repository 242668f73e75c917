"""Groups of devices that need scale-up links and that no machine holds: how many machines they lie on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dcplan.sharding.types import TrainEstimate

if TYPE_CHECKING:
    from dcplan.perf.types import Layout
    from dcplan.placement.types import Choice, Pool
    from dcplan.sharding.types import Candidate


def spans_of(candidate: Candidate) -> tuple[int, ...]:
    """Machines, one after the other, of each kind of group that is wider than one machine; ascending."""
    if candidate.machines < 2:  # noqa: PLR2004 - one machine holds whatever there is
        return ()
    of_machine = candidate.devices // candidate.machines
    if isinstance(candidate.estimate, TrainEstimate):
        spans = _trained(candidate.layout)
    else:
        spans = {candidate.layout.tensor, _served(candidate.layout)}
        if candidate.prefill is not None and candidate.beside is None:
            spans |= {candidate.prefill.layout.tensor, _served(candidate.prefill.layout)}
    return tuple(sorted({-(-span // of_machine) for span in spans if span > of_machine}))


def _trained(layout: Layout) -> set[int]:
    """Devices of tensor, context and expert groups: ranks count tensor first, then context, then data."""
    stride = layout.tensor if layout.expert_tensor > 1 else 1
    context = layout.tensor * layout.context if layout.context > 1 else 1
    return {layout.tensor, context, layout.expert * stride if layout.expert > 1 else 1}


def _served(layout: Layout) -> int:
    """Devices that the experts of a replica are dealt out to: all of a stage."""
    return layout.tensor * layout.data if layout.expert > 1 or layout.data > 1 else 1


def group_of(choice: Choice, pool: Pool) -> int:
    """Machines, one after the other, that must be in one scale-up domain of a pool; 1: there are none.

    A group that no domain holds is priced behind the network, and may lie anywhere.  Where groups of one kind
    end within one of another, a domain ends only where groups of all kinds do.
    """
    return math.lcm(*(span for span in choice.spans if span <= pool.domain))
