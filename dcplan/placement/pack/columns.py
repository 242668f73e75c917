"""What can stand on the accelerators of a machine: whole-device parts, and sets of shares on one device."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dcplan.demand.jobs import WHOLE_DEVICE_MILLI
from dcplan.placement.lp import Floats, Ints
from dcplan.placement.pack.types import Instance

SHARES_TRIED = 40
"""Shapes with a share that are looked at, those that lose least first."""
SETS_WIDTH = 300
SETS_KEPT = 120
SETS_ON_PARTIAL = 30
"""Fewer, as less fits."""
NOISE = 1e-3
"""Of an accelerator's worth: breaks ties, of which good prices make many, differently each time."""


Counts = npt.NDArray[np.int16]
"""Parts of each shape; small, because there are many of these arrays."""
MOST = 30_000
"""Parts of one shape on one machine that ``Counts`` can hold for sure."""
WORTHLESS = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One machine of a class, and what is wanted of it."""

    instance: Instance
    node_class: int
    worth: Floats
    """(T) of a place for each shape."""
    left: Ints
    """(T) no filling has more parts of a shape than these."""
    width: int
    """Half-filled machines that are kept."""
    random: np.random.Generator

    @property
    def usable(self) -> Ints:
        """Shapes that fit the machine, are worth something and are left."""
        fits = self.instance.fits[:, self.node_class]
        return np.flatnonzero(fits & (self.worth > WORTHLESS) & (self.left > 0))


@dataclass(frozen=True, slots=True)
class Units:
    """Ways to fill accelerators: ``counts`` (n, T) parts on ``devices`` (n), each losing ``loss`` (n)."""

    counts: Counts
    devices: Ints
    loss: Floats
    """Worth of the resources beyond worth of the parts."""

    def best(self, most: int, random: np.random.Generator) -> Units:
        """The ``most`` that lose least."""
        if len(self.loss) <= most:
            return self
        kept = np.argpartition(self.loss + NOISE * random.random(len(self.loss)), most)[:most]
        return Units(self.counts[kept], self.devices[kept], self.loss[kept])


def units_for(wanted: Wanted, profit: Floats, device_price: float) -> Units:
    """Units of the shapes that are wanted.  ``profit`` (T): worth beyond CPU and memory."""
    instance = wanted.instance
    shapes = wanted.usable[instance.need[2, wanted.usable] > 0]
    whole = shapes[instance.whole[shapes] > 0]
    shared = shapes[instance.share[shapes] > 0]
    counts = np.zeros((len(whole), len(profit)), np.int16)
    counts[np.arange(len(whole)), whole] = 1
    devices = instance.whole[whole]
    units = Units(counts, devices, device_price * devices - profit[whole])
    if not len(shared):
        return units
    sets = _sets(wanted, shared, profit, device_price, WHOLE_DEVICE_MILLI).best(SETS_KEPT, wanted.random)
    return Units(
        np.concatenate([units.counts, sets.counts]),
        np.concatenate([units.devices, sets.devices]),
        np.concatenate([units.loss, sets.loss]),
    )


def units_on(wanted: Wanted, profit: Floats, device_price: float, free_milli: int) -> Units:
    """Sets of shares, and nothing at all, for an accelerator with so much free; they need no idle one."""
    instance = wanted.instance
    shared = wanted.usable[instance.share[wanted.usable] > 0]
    nothing = Units(
        np.zeros((1, len(profit)), np.int16),
        np.zeros(1, np.int64),
        np.array([device_price * free_milli / WHOLE_DEVICE_MILLI]),
    )
    if not len(shared) or instance.share[shared].min() > free_milli:
        return nothing
    sets = _sets(wanted, shared, profit, device_price, free_milli).best(SETS_ON_PARTIAL, wanted.random)
    return Units(
        np.concatenate([nothing.counts, sets.counts]),
        np.zeros(len(sets.loss) + 1, np.int64),
        np.concatenate([nothing.loss, sets.loss]),
    )


def _sets(wanted: Wanted, shared: Ints, profit: Floats, device_price: float, free_milli: int) -> Units:
    """Sets of shares on one accelerator: one more share at a time, the best ``SETS_WIDTH`` kept each time."""
    instance, random = wanted.instance, wanted.random
    loss_of = device_price * instance.share[shared] / WHOLE_DEVICE_MILLI - profit[shared]
    tried = np.argsort(loss_of)[:SHARES_TRIED]
    shared, loss_of = shared[tried], loss_of[tried]
    share, order = instance.share[shared], np.arange(len(shared))
    counts = np.zeros((1, len(shared)), np.int16)
    used, loss, last = np.zeros(1, np.int64), np.zeros(1), np.zeros(1, np.int64)
    found, losses = [], []
    while len(counts):
        open_ = (used[:, None] + share <= free_milli) & (order >= last[:, None])
        open_ &= counts < wanted.left[shared]
        label, added = np.nonzero(open_)
        new_loss = loss[label] + loss_of[added]
        if len(label) > SETS_WIDTH:
            kept = np.argpartition(new_loss + NOISE * random.random(len(label)), SETS_WIDTH)[:SETS_WIDTH]
            label, added, new_loss = label[kept], added[kept], new_loss[kept]
        counts = counts[label]
        counts[np.arange(len(label)), added] += 1
        used, loss, last = used[label] + share[added], new_loss, added
        found.append(counts)
        losses.append(loss + device_price * (free_milli - used) / WHOLE_DEVICE_MILLI)
    all_counts = np.concatenate(found)
    spread = np.zeros((len(all_counts), len(profit)), np.int16)
    spread[:, shared] = all_counts
    return Units(spread, np.ones(len(spread), np.int64), np.concatenate(losses))
