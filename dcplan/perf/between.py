"""What the machines of a training job exchange in a step, told by who talks to whom.

Volumes are those of ``perf.traffic``, between machines instead of scale-up
domains: what leaves a machine is what may have to leave a rack.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.perf.device import SIXTEEN_BITS
from dcplan.perf.numbers import row
from dcplan.perf.traffic import activations_bytes, data_bytes, step_sent_bytes
from dcplan.perf.types import Between

if TYPE_CHECKING:
    from dcplan.perf.training import Jobs
    from dcplan.perf.types import Layout


def between_machines(j: Jobs, machine_devices: int) -> Between | None:
    """How a job lies on machines of so many devices; ``j`` has one layout.  None where one holds all of it.

    Ranks are in the order tensor, context, data, pipeline, the first fastest
    (Narayanan et al. 2021, arXiv 2104.04473, section 3.1; Megatron-LM's default
    order), on one machine after the other.  Of interleaved stages the way from the
    last machine back to the first is left out.
    """
    layout, of_machine = j.layouts.one(0), machine_devices
    of_stage = layout.tensor * layout.context * layout.data
    devices = of_stage * layout.pipeline
    if devices <= of_machine or devices % of_machine:
        return None
    machines = devices // of_machine
    far = replace(j, wires=replace(j.wires, domain=float(of_machine)))
    passed = row(data_bytes(far), 0) * of_machine
    size = row(j.tokens * j.parameters.hidden, 0) * SIXTEEN_BITS / layout.tensor
    hop = row(j.micro_batches, 0) * layout.virtual_stages * size
    if of_stage % of_machine:
        if of_machine % of_stage:
            # Stages share machines unevenly: all of it is one ring.
            return _between(1, machines, ring=row(step_sent_bytes(far), 0) * of_machine)
        return _between(machines, 1, ring=passed, hop=hop * of_stage)
    members = of_stage // of_machine
    group = -(-_widest(layout) // of_machine)
    return Between(
        stages=layout.pipeline,
        members=members,
        group=group if members % group == 0 else members,
        ring_bytes=passed,
        boundary_bytes=hop * of_machine if layout.pipeline > 1 else 0.0,
        group_bytes=row(j.micro_batches * j.stage * activations_bytes(far), 0) * of_machine,
    )


def _between(stages: int, members: int, *, ring: float, hop: float = 0.0) -> Between:
    """Machines without groups wider than one of them."""
    return Between(
        stages=stages, members=members, group=1, ring_bytes=ring, boundary_bytes=hop, group_bytes=0.0
    )


def _widest(layout: Layout) -> int:
    """Devices, one after the other, that the widest group of a stage lies on."""
    context = layout.tensor * layout.context if layout.context > 1 else 1
    stride = layout.tensor if layout.expert_tensor > 1 else 1
    return max(layout.tensor, context, layout.expert * stride if layout.expert > 1 else 1)
