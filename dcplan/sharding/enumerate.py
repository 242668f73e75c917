"""Which layouts of a training job there are: all legal ones of a space, block by block.

A split says how many devices each kind of parallelism takes; the options (micro-batch, schedule, ZeRO,
recomputing) multiply it.  Splits are few and stand in memory together; layouts are many and are made a
block at a time.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dcplan.perf.layouts import RECOMPUTE, SCHEDULES, Layouts
from dcplan.sharding.legal_training import (
    NO_MICRO_BATCH,
    NO_SCHEDULE,
    NO_SHARING,
    SPLIT_RULES,
    Shape,
    Splits,
    micro_batches_fit,
    schedule_suits,
    sharing_suits,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dcplan.perf.numbers import Array
    from dcplan.sharding.legal import Mask
    from dcplan.sharding.space import Space

Rows = npt.NDArray[np.intp]
"""Numbers of rows."""

BLOCK = 1 << 16
"""Layouts of a block, about: what is worked on at once stays in a core's caches."""

Counts = dict[str, int]
"""How many fell to each rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Some legal layouts, each with the number of its split and of its device count."""

    layouts: Layouts
    split: Rows
    place: Rows


def legal_splits(shape: Shape, space: Space) -> tuple[Splits, Counts]:
    """All splits of each device count that the rules allow, and how many each rule turned away."""
    splits = _splits(shape, space)
    fallen: Counts = {}
    for says, allows in SPLIT_RULES:
        good = allows(shape, splits)
        fallen[says] = int(len(splits) - good.sum())
        splits = splits.take(good)
    return splits, fallen


def _splits(shape: Shape, space: Space) -> Splits:
    """Every way of dealing each device count out, legal or not."""
    places = list(range(len(space.devices)))
    place, tensor, pipeline, context = _grid(places, space.tensor, space.pipeline, space.context)
    devices = np.array(space.devices, dtype=np.float64)[place.astype(int)]
    group = tensor * pipeline * context
    whole = devices % group == 0
    if space.data:
        whole &= np.isin(devices / group, space.data)
    columns = [axis[whole] for axis in (place, tensor, pipeline, context, devices / group)]
    expert, cut = _grid(space.expert, space.expert_tensor)
    each = len(expert)
    place, tensor, pipeline, context, data = (np.repeat(axis, each) for axis in columns)
    cut = np.tile(cut, len(columns[0]))
    return Splits(
        place=place,
        tensor=tensor,
        pipeline=pipeline,
        context=context,
        data=data,
        expert=np.tile(expert, len(columns[0])),
        # Without experts there is nothing to cut but the dense layers.
        expert_tensor=cut if shape.model.experts else tensor,
    )


def _grid(*axes: Sequence[int]) -> list[Array]:
    """All combinations of the axes' values, one flat array for each axis."""
    return [a.ravel() for a in np.meshgrid(*(np.array(x, dtype=np.float64) for x in axes), indexing="ij")]


def layout_blocks(splits: Splits, shape: Shape, space: Space, fallen: Counts) -> Iterator[Block]:
    """All legal layouts of the splits; splits that are left without any are counted in ``fallen``."""
    fallen.update(dict.fromkeys((NO_MICRO_BATCH, NO_SCHEDULE, NO_SHARING), 0))
    options = _Options(shape, space)
    upto = np.cumsum(options.most(splits)) // BLOCK
    edges = [0, *(np.flatnonzero(np.diff(upto)) + 1), len(splits)]
    for start, end in itertools.pairwise(edges):
        block = options.block(splits.take(slice(start, end)), int(start), fallen)
        if len(block.layouts):
            yield block


class _Options:
    """Everything that multiplies a split: micro-batch, schedule, ZeRO, recomputing."""

    def __init__(self, shape: Shape, space: Space) -> None:
        self._shape = shape
        self._micro = np.array(space.micro_batch, dtype=np.float64)
        self._virtual, self._schedule = _schedules(space)
        self._zero, self._shard = _grid(space.zero, space.shard)
        self._levels = np.array([RECOMPUTE.index(word) for word in space.recompute], dtype=np.float64)

    def most(self, splits: Splits) -> Array:
        """How many layouts each split has at most."""
        sizes = self._sizes(splits).sum(axis=1) * self._sharing(splits).sum(axis=1)
        stages = splits.pipeline[:, None]
        schedules = ((self._virtual == 1) | (stages * self._virtual <= self._shape.model.layers)).sum(axis=1)
        return np.asarray(sizes * schedules * len(self._levels), dtype=np.float64)

    def _sizes(self, splits: Splits) -> Mask:
        """Which micro-batch goes with which split."""
        return micro_batches_fit(self._shape.batch, splits.data[:, None], self._micro)

    def _sharing(self, splits: Splits) -> Mask:
        """Which stage of ZeRO and shard goes with which split."""
        column = splits.take((slice(None), None))
        return sharing_suits(self._shape, column, self._zero, self._shard)

    def block(self, splits: Splits, start: int, fallen: Counts) -> Block:
        """The layouts of some splits, the first of which has the number ``start``."""
        rows, column = _joined(np.arange(len(splits)), self._sizes(splits), fallen, NO_MICRO_BATCH)
        micro = self._micro[column]
        kept, column = _joined(rows, self._suits(splits, rows, micro), fallen, NO_SCHEDULE)
        micro, virtual, schedule = micro[kept], self._virtual[column], self._schedule[column]
        rows = rows[kept]
        kept, column = _joined(rows, self._sharing(splits)[rows], fallen, NO_SHARING)
        each = len(self._levels)
        rows = np.repeat(rows[kept], each)
        chosen = splits.take(rows)
        layouts = Layouts(
            tensor=chosen.tensor,
            pipeline=chosen.pipeline,
            data=chosen.data,
            expert=chosen.expert,
            expert_tensor=chosen.expert_tensor,
            context=chosen.context,
            zero=np.repeat(self._zero[column], each),
            shard=np.repeat(self._shard[column], each),
            micro_batch=np.repeat(micro[kept], each),
            virtual_stages=np.repeat(virtual[kept], each),
            schedule=np.repeat(schedule[kept], each),
            recompute=np.tile(self._levels, len(kept)),
        )
        return Block(layouts=layouts, split=rows + start, place=chosen.place.astype(np.intp))

    def _suits(self, splits: Splits, rows: Rows, micro: Array) -> Mask:
        """Which schedule goes with which split and micro-batch."""
        stages = splits.pipeline[rows][:, None]
        batches = (self._shape.batch / (splits.data[rows] * micro))[:, None]
        suits = schedule_suits(self._shape.model.layers, stages, batches, self._virtual)
        # Without a pipeline, schedules are all the same.
        out: Mask = suits & ((self._schedule == self._schedule[:1]) | (stages > 1))
        return out


def _joined(rows: Rows, allowed: Mask, fallen: Counts, says: str) -> tuple[Rows, Rows]:
    """Which of ``rows`` goes with which column, and splits without any column counted under ``says``."""
    kept, column = np.nonzero(allowed)
    fallen[says] += _distinct(rows) - _distinct(rows[kept])
    return kept, column


def _distinct(rows: Rows) -> int:
    """How many different numbers there are in ascending ones."""
    return int((np.diff(rows) > 0).sum()) + 1 if len(rows) else 0


def _schedules(space: Space) -> tuple[Array, Array]:
    """Pairs of virtual stages and schedule: only 1F1B interleaves."""
    pairs = [
        (v, SCHEDULES.index(s)) for s in space.schedule for v in space.virtual_stages if s == "1f1b" or v == 1
    ]
    virtual = np.array([v for v, _ in pairs], dtype=np.float64)
    return virtual, np.array([s for _, s in pairs], dtype=np.float64)
