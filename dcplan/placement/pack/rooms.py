"""What is free on each machine while jobs are put there one by one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dcplan.catalog.fleet import FleetNode
from dcplan.demand.jobs import WHOLE_DEVICE_MILLI
from dcplan.placement.lp import Bools, Floats, Ints
from dcplan.placement.pack.types import Shape


class Rooms:
    """Free CPU, memory and thousandths of every accelerator of every machine."""

    def __init__(self, nodes: Sequence[FleetNode]) -> None:
        widest = max((n.devices for n in nodes), default=0)
        self.cpu: Ints = np.array([n.cpu_milli for n in nodes], np.int64)
        self.memory: Ints = np.array([n.memory_mib for n in nodes], np.int64)
        sizes = np.array([n.devices for n in nodes], np.int64)
        there = np.arange(widest) < sizes[:, None]
        self.free: Ints = np.where(there, WHOLE_DEVICE_MILLI, -1)
        """(machines, widest) thousandths; -1 where a machine has no such accelerator."""
        names = sorted({n.model for n in nodes})
        self._model_index = {name: i for i, name in enumerate(names)}
        self._model: Ints = np.array([self._model_index[n.model] for n in nodes], np.int64)

    def allowed(self, shape: Shape) -> Bools:
        """Machines whose model a part of this shape may run on."""
        if not shape.models:
            return np.ones(len(self.cpu), bool)
        return np.isin(self._model, [self._model_index[m] for m in shape.models if m in self._model_index])

    def fitting(self, shape: Shape, among: Ints | slice = slice(None)) -> Bools:
        """Which machines have room for one part now, whatever their model."""
        fits = (self.cpu[among] >= shape.cpu_milli) & (self.memory[among] >= shape.memory_mib)
        if shape.devices:
            fits &= (self.free[among] == WHOLE_DEVICE_MILLI).sum(axis=1) >= shape.devices
        elif shape.share_milli:
            fits &= (self.free[among] >= shape.share_milli).any(axis=1)
        return fits

    def devices_for(self, shape: Shape, node: int) -> tuple[int, ...]:
        """The accelerators a part would get: the first idle ones, or the fullest one that has its share."""
        free = self.free[node]
        if shape.devices:
            return tuple(int(d) for d in np.flatnonzero(free == WHOLE_DEVICE_MILLI)[: shape.devices])
        if shape.share_milli:
            enough = np.where(free >= shape.share_milli, free, WHOLE_DEVICE_MILLI + 1)
            return (int(enough.argmin()),)
        return ()

    def take(self, shape: Shape, node: int, devices: tuple[int, ...], sign: int = 1) -> None:
        """Put a part on a machine, or with ``sign`` -1 take it off again."""
        self.cpu[node] -= sign * shape.cpu_milli
        self.memory[node] -= sign * shape.memory_mib
        for device in devices:
            self.free[node, device] -= sign * (shape.share_milli or WHOLE_DEVICE_MILLI)

    def free_devices(self) -> Floats:
        """(machines) accelerators' worth of what is free."""
        total: Floats = np.maximum(self.free, 0).sum(axis=1) / WHOLE_DEVICE_MILLI
        return total
