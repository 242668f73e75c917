"""Evaluate layouts of a training job block by block, and keep those that no other beats.

Memory comes first, for it is a closed form; then a lower bound of the step time;
only what is left is evaluated.  Whatever is dropped by the bound is beaten by
something that was evaluated, so that the bound never changes what is found.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from dcplan.perf.layouts import Layouts
from dcplan.perf.memory import runtime_bytes
from dcplan.perf.numbers import Array, total
from dcplan.perf.training import step_parts
from dcplan.perf.training_memory import training_memory
from dcplan.sharding.bound import least_s
from dcplan.sharding.enumerate import Block, layout_blocks, legal_splits

if TYPE_CHECKING:
    from dcplan.perf.training import Jobs
    from dcplan.sharding.enumerate import Counts, Rows
    from dcplan.sharding.legal import Mask
    from dcplan.sharding.legal_training import Shape
    from dcplan.sharding.space import Space

CHUNK = 1 << 13
"""Layouts that are evaluated at once: so many numbers stay in a core's own cache."""

LEVELS = 8
"""Memory is told apart in eighths of a device: the front keeps the fastest layout of each."""

NAMES = tuple(field.name for field in fields(Layouts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Layouts that no other beats, with what is known of them."""

    layouts: Layouts
    seconds: Array
    """Of one step."""
    held_bytes: Array
    """On the fullest device, the framework's own included."""

    def take(self, rows: Rows | Mask | slice) -> Kept:
        """Only these."""
        return Kept(
            layouts=self.layouts.take(rows), seconds=self.seconds[rows], held_bytes=self.held_bytes[rows]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What became of all layouts of a space."""

    front: Kept
    """For each device count and each eighth of memory the fastest, if it is faster than all with less."""
    splits: Kept
    """The fastest of each split, fastest first; at least as many as were asked for, if there are."""
    fallen: Counts
    """Splits that each rule turned away."""
    legal: int
    """Layouts that all rules allow."""
    fit: int
    """Of these, how many fit the memory."""
    evaluated: int
    """Of these, how many were evaluated; the others the lower bound ruled out."""
    late: int
    """Of those that fit, how many are known to take longer than the limit."""
    smallest_bytes: float
    """Memory that the smallest legal layout needs; infinite without one."""

    @property
    def considered(self) -> int:
        """Everything that was looked at: a split that a rule turned away counts once."""
        return self.legal + sum(self.fallen.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a survey is to find."""

    limit_s: float = math.inf
    """The longest step that keeps the deadline."""
    top: int = 0
    """How many splits are ranked; 0 ranks none."""
    bounded: bool = True
    """Whether the lower bound may save evaluations; it changes no result, only the time that it takes."""


def survey(job: Jobs, shape: Shape, space: Space, wanted: Wanted) -> Survey:
    """Go through a space; ``job`` says everything but the layouts.

    Memory in use does not grow with the number of layouts, time does linearly.
    """
    splits, fallen = legal_splits(shape, space)
    sieve = _Sieve(job, len(space.devices), len(splits), wanted)
    for block in layout_blocks(splits, shape, space, fallen):
        sieve.add(block)
    return Survey(
        front=sieve.front.kept(),
        splits=sieve.splits.kept(),
        fallen=fallen,
        legal=sieve.legal,
        fit=sieve.fit,
        evaluated=sieve.evaluated,
        late=sieve.late,
        smallest_bytes=sieve.smallest_bytes,
    )


class _Best:
    """The fastest layout seen under each key."""

    def __init__(self, keys: int) -> None:
        self.seconds = np.full(keys, np.inf)
        self._held = np.full(keys, np.inf)
        self._rows = np.zeros((keys, len(NAMES)))

    def offer(self, keys: Rows, seconds: Array, held: Array, layouts: Layouts) -> None:
        """Keep what is faster than what was seen; of equals that with less memory, then the first."""
        known, fewer = self.seconds[keys], held < self._held[keys]
        better = np.flatnonzero((seconds < known) | ((seconds == known) & fewer))
        order = better[np.lexsort((held[better], seconds[better], keys[better]))]
        first = order[np.flatnonzero(np.diff(keys[order], prepend=-1))]
        self.seconds[keys[first]] = seconds[first]
        self._held[keys[first]] = held[first]
        self._rows[keys[first]] = np.stack([getattr(layouts, name)[first] for name in NAMES], axis=1)

    def kept(self) -> Kept:
        """All that was kept, fastest first."""
        seen = np.flatnonzero(np.isfinite(self.seconds))
        order = seen[np.argsort(self.seconds[seen], kind="stable")]
        columns = {name: self._rows[order, i] for i, name in enumerate(NAMES)}
        return Kept(layouts=Layouts(**columns), seconds=self.seconds[order], held_bytes=self._held[order])


class _Front(_Best):
    """The fastest layout of each device count and eighth of memory."""

    def __init__(self, places: int) -> None:
        super().__init__(places * LEVELS)
        self._places = places
        self.reach = np.full(places * LEVELS, np.inf)
        """Seconds of the fastest with as much memory or less."""

    def offer(self, keys: Rows, seconds: Array, held: Array, layouts: Layouts) -> None:
        """As ``_Best``; what something with less memory beats is of no use."""
        useful = seconds <= self.reach[keys]
        super().offer(keys[useful], seconds[useful], held[useful], layouts.take(useful))
        table = np.minimum.accumulate(self.seconds.reshape(self._places, LEVELS), axis=1)
        before = np.concatenate([np.full((self._places, 1), np.inf), table[:, :-1]], axis=1).ravel()
        self.seconds[self.seconds >= before] = np.inf
        self.reach = table.ravel()


class _Sieve:
    """One pass over all blocks: what fell away for which reason, and what is left."""

    def __init__(self, job: Jobs, places: int, splits: int, wanted: Wanted) -> None:
        self._job, self._limit_s, self._top = job, wanted.limit_s, wanted.top
        self._bounded = wanted.bounded
        self._own = float(np.asarray(runtime_bytes(job.device)))
        self._memory = float(np.asarray(job.device.memory_bytes))
        self.front = _Front(places)
        self.splits = _Best(splits if wanted.top else 0)
        self.legal = self.fit = self.evaluated = self.late = 0
        self.smallest_bytes = math.inf

    def add(self, block: Block) -> None:
        """Take in one block."""
        layouts = block.layouts
        self.legal += len(layouts)
        held = self._held_bytes(layouts)
        self.smallest_bytes = min(self.smallest_bytes, float(held.min()))
        fits = np.flatnonzero(held <= self._memory)
        self.fit += len(fits)
        if not len(fits):
            return
        layouts, held = layouts.take(fits), held[fits]
        level = np.clip(np.ceil(held / self._memory * LEVELS).astype(np.intp) - 1, 0, LEVELS - 1)
        place = block.place[fits] * LEVELS + level
        split = block.split[fits]
        bound = least_s(self._job, layouts, split) if self._bounded else None
        least = np.zeros(len(fits)) if bound is None else bound
        # The most promising first, so that the others need not be evaluated.
        order = np.arange(len(fits)) if bound is None else np.argsort(least, kind="stable")
        for start in range(0, len(order), CHUNK):
            rows = order[start : start + CHUNK]
            hopeful = self._hopeful(least[rows], place[rows], split[rows])
            self.late += int((least[rows[~hopeful]] > self._limit_s).sum())
            rows = rows[hopeful]
            if len(rows):
                self._evaluate(layouts.take(rows), held[rows], place[rows], split[rows])

    def _held_bytes(self, layouts: Layouts) -> Array:
        """Memory of the fullest device of each layout, a chunk at a time."""
        out = np.empty(len(layouts))
        for start in range(0, len(layouts), CHUNK):
            part = slice(start, start + CHUNK)
            jobs = replace(self._job, layouts=layouts.take(part))
            needed = training_memory(
                jobs.parameters, jobs.layouts, jobs.framework, jobs.sequence, jobs.micro_batches
            )
            out[part] = needed.total_bytes + self._own
        return out

    def _hopeful(self, least: Array, place: Rows, split: Rows) -> Mask:
        """Which layouts may still be worth keeping."""
        hopeful: Mask = least <= self.front.reach[place]
        if self._top:
            known = self.splits.seconds
            worst = np.partition(known, self._top - 1)[self._top - 1] if len(known) > self._top else np.inf
            hopeful |= least < np.minimum(known[split], worst)
        return hopeful

    def _evaluate(self, layouts: Layouts, held: Array, place: Rows, split: Rows) -> None:
        """Compute the step times of a chunk and keep the best."""
        step = total(step_parts(replace(self._job, layouts=layouts)))
        seconds = np.broadcast_to(np.asarray(step, dtype=np.float64), (len(layouts),))
        self.evaluated += len(layouts)
        self.late += int((seconds > self._limit_s).sum())
        self.front.offer(place, seconds, held, layouts)
        if self._top:
            self.splits.offer(split, seconds, held, layouts)
