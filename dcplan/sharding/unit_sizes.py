"""How many devices of one machine type a unit of prefill and decode workers, or one side of it, can have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.sharding.legal import tensor_chain

if TYPE_CHECKING:
    from dcplan.sharding.types import MachineClass

MOST_MACHINES = 16
"""Of one type in one unit."""


def unit_sizes(machines: MachineClass, *, least: int) -> tuple[int, ...]:
    """Devices, ``least`` or more, that tile a machine or fill whole ones, fewest first."""
    of_machine = machines.machine.devices
    count = MOST_MACHINES if machines.machines is None else min(MOST_MACHINES, machines.machines)
    parts = sorted(size for size in tensor_chain(of_machine) if size < of_machine)
    sizes = (*parts, *(number * of_machine for number in range(1, count + 1)))
    return tuple(size for size in sizes if size >= least)
