"""Measure the processor with numpy, which is always there."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dcplan.measure.backend import Job, OutOfMemoryError, UnsupportedError
from dcplan.measure.host import processor
from dcplan.measure.types import Attention, Case, Collective, Device, Gemm, Stream, Timing

Array = NDArray[np.float32]

BLOCK = 2**20
"""Random numbers that are repeated to fill a buffer: making all of them anew would take too long."""
BEYOND_CACHE = 2
"""Operands in turn are so many caches large together, so that each comes from memory."""
MOST_VARIANTS = 128


class NumpyBackend:
    """The processor in fp32 through numpy's BLAS.

    Half precisions are left out: numpy calculates them one by one, which says
    nothing about the machine.
    """

    software = "numpy"
    version = np.__version__

    def __init__(self) -> None:
        self.device: Device = processor()
        self._pool: Array = np.empty(0, dtype=np.float32)

    def prepare(self, case: Case) -> Job:
        """Take operands from the pool.  Raises OutOfMemoryError, UnsupportedError."""
        try:
            return _timed(self._call(case))
        except MemoryError as problem:
            raise OutOfMemoryError(str(problem)) from problem

    def together(self, cases: Sequence[Collective], budget_s: float) -> Mapping[Collective, Timing]:
        """Nothing: numpy knows one processor.  Always raises UnsupportedError."""
        msg = f"numpy has no collectives, so {len(cases)} were not measured in {budget_s:g} s"
        raise UnsupportedError(msg)

    def release(self) -> None:
        """Drop the pool."""
        self._pool = np.empty(0, dtype=np.float32)

    def _call(self, case: Case) -> Callable[[int], object]:
        """One call of ``case``; its argument says the how-manieth, to take operands in turn."""
        if isinstance(case, Gemm):
            return self._gemm(case)
        if isinstance(case, Stream):
            return self._stream(case)
        if isinstance(case, Attention):
            return self._attention(case)
        one = np.zeros(1, dtype=np.float32)
        return lambda _: np.add(one, one, out=one)

    def _gemm(self, case: Gemm) -> Callable[[int], object]:
        _need_fp32(case.precision)
        a = self._buffers(case.m * case.k, 1)[0].reshape(case.m, case.k)
        weights = [b.reshape(case.k, case.n) for b in self._buffers(case.k * case.n)]
        out = np.empty((case.m, case.n), dtype=np.float32)
        return lambda i: np.matmul(a, weights[i % len(weights)], out=out)

    def _stream(self, case: Stream) -> Callable[[int], object]:
        size = case.moved_bytes // 4
        pairs = [(b[: size // 2], b[size // 2 :]) for b in self._buffers(size)]

        def copy(i: int) -> None:
            source, target = pairs[i % len(pairs)]
            np.copyto(target, source)

        return copy

    def _attention(self, case: Attention) -> Callable[[int], object]:
        """Written out: all scores in memory, KV heads shared by broadcasting."""
        _need_fp32(case.precision)
        if case.backward:
            raise UnsupportedError("numpy has no backward pass")
        shared = case.heads // case.kv_heads
        shape = (case.batch, case.kv_heads, 1, case.length, case.head_dim)
        size = math.prod(shape)
        asked = (case.batch, case.kv_heads, shared, case.queries, case.head_dim)
        q = self._buffers(math.prod(asked), 1)[0].reshape(asked)
        pairs = [(b[:size].reshape(shape), b[size:].reshape(shape)) for b in self._buffers(2 * size)]
        future = np.triu(np.full((case.queries, case.length), -np.inf, dtype=np.float32), 1)
        scale = np.float32(case.head_dim**-0.5)

        def attend(i: int) -> Array:
            keys, values = pairs[i % len(pairs)]
            scores: Array = np.matmul(q, keys.swapaxes(-1, -2)) * scale
            if case.causal:
                scores += future
            scores -= scores.max(axis=-1, keepdims=True)
            np.exp(scores, out=scores)
            scores /= scores.sum(axis=-1, keepdims=True)
            result: Array = np.matmul(scores, values)
            return result

        return attend

    def _buffers(self, size: int, count: int | None = None) -> list[Array]:
        """So many arrays of ``size`` random numbers; without ``count`` enough to be out of the cache."""
        if count is None:
            beyond = BEYOND_CACHE * self.device.cache_bytes
            count = min(MOST_VARIANTS, max(1, math.ceil(beyond / (4 * size))))
        if self._pool.size < size * count:
            block = np.random.default_rng(0).random(BLOCK, dtype=np.float32) - np.float32(0.5)
            # What most cases need is made at once, while the first is tried out.
            least = BEYOND_CACHE * self.device.cache_bytes // 4
            self._pool = np.resize(block, max(size * count, least))
        return [self._pool[i * size : (i + 1) * size] for i in range(count)]


def _need_fp32(precision: str) -> None:
    """Refuse what numpy would only emulate."""
    if precision != "fp32":
        msg = f"numpy calculates {precision} one number after the other"
        raise UnsupportedError(msg)


def _timed(call: Callable[[int], object]) -> Job:
    """Run and time ``call`` by the host's clock."""

    def job(calls: int) -> float:
        start = time.perf_counter()
        for i in range(calls):
            call(i)
        return (time.perf_counter() - start) / calls

    return job
