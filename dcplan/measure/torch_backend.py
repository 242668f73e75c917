"""Measure a processor or an accelerator with PyTorch.  Imported only when it is asked for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from dcplan.measure.backend import Job, OutOfMemoryError, UnsupportedError
from dcplan.measure.host import processor
from dcplan.measure.types import Attention, Case, Collective, Device, Gemm, Launch, Stream, Timing

BLOCK = 2**20
"""Random numbers that are repeated to fill a buffer."""
BEYOND_CACHE = 2
"""Operands in turn are so many caches large together, so that each comes from memory."""
MOST_VARIANTS = 128
MOST_CAPTURED = 128
"""Calls in one CUDA graph."""
IN_ONE_GRAPH = 4
"""So many times the calls that a sample asks for, up to MOST_CAPTURED."""
CUDA_CACHE_BYTES = 64 * 2**20
"""Where PyTorch does not tell the size of the L2 cache: more than any of NVIDIA's had until 2024."""

Call = Callable[[int], object]
"""One call of a case; its argument says the how-manieth, to take operands in turn."""


class TorchBackend:
    """One device through PyTorch; ``kind`` is ``cpu`` or ``cuda`` (which on ROCm means AMD's)."""

    software = "torch"

    def __init__(self, kind: str) -> None:
        self.version = str(torch.__version__)
        self._where = torch.device(kind, 0) if kind == "cuda" else torch.device(kind)
        self.device: Device = _cuda_device() if kind == "cuda" else processor(torch.get_num_threads())
        self._pools: dict[Any, Any] = {}
        self._beside: Any = torch.cuda.Stream() if kind == "cuda" else None
        """Where graphs are captured: one stream for all, because libraries keep a workspace for each."""
        self._uncapturable: set[tuple[str, str]] = set()
        """Kinds and precisions of cases of which one could not be captured."""

    def prepare(self, case: Case) -> Job:
        """Take operands from the pool and bind the call.  Raises OutOfMemoryError, UnsupportedError."""
        with _told():
            call = self._call(case)
        # What a launch costs is seen by the host, and only one by one.
        by_clock = isinstance(case, Launch) or self._where.type == "cpu"
        job = self._by_clock(call) if by_clock else self._by_events(call, case)

        def told(calls: int) -> float:
            with _told():
                return job(calls)

        return told

    def together(self, cases: Sequence[Collective], budget_s: float) -> Mapping[Collective, Timing]:
        """Time collectives, one process a rank.  Raises UnsupportedError."""
        from dcplan.measure.torch_ranks import time_collectives  # noqa: PLC0415 - rarely there are several

        self.release()
        with _told():
            return time_collectives(self._where.type, cases, budget_s)

    def release(self) -> None:
        """Drop the pools, and give the device's memory back."""
        self._pools.clear()
        if self._where.type == "cuda":
            torch.cuda.empty_cache()

    def _call(self, case: Case) -> Call:
        if isinstance(case, Gemm):
            return self._gemm(case)
        if isinstance(case, Stream):
            return self._stream(case)
        if isinstance(case, Attention):
            return self._attention_with_gradient(case) if case.backward else self._attention(case)
        one = torch.zeros(1, device=self._where)
        return lambda _: one.add_(1)

    def _gemm(self, case: Gemm) -> Call:
        """Weights are kept as (n, k) and read transposed, as models keep them."""
        a = self._buffers(case.precision, case.m * case.k, 1)[0].view(case.m, case.k)
        weights = [b.view(case.n, case.k).t() for b in self._buffers(case.precision, case.k * case.n)]
        turns = len(weights)
        if case.precision == "int8":
            return lambda i: torch._int_mm(a, weights[i % turns])  # noqa: SLF001 - PyTorch's only int8 product
        if case.precision == "fp8":
            one = torch.ones((), device=self._where)
            fast = {"use_fast_accum": True} if self._where.type == "cuda" else {}
            return lambda i: torch._scaled_mm(  # noqa: SLF001 - PyTorch's only fp8 product before 2.10
                a, weights[i % turns], scale_a=one, scale_b=one, out_dtype=torch.bfloat16, **fast
            )
        out = torch.empty(case.m, case.n, dtype=a.dtype, device=self._where)
        return lambda i: torch.mm(a, weights[i % turns], out=out)

    def _stream(self, case: Stream) -> Call:
        size = case.moved_bytes // 4
        pairs = [(b[: size // 2], b[size // 2 :]) for b in self._buffers("fp32", size)]
        turns = len(pairs)

        def copy(i: int) -> None:
            source, target = pairs[i % turns]
            target.copy_(source)

        return copy

    def _attention(self, case: Attention) -> Call:
        q, pairs = self._attention_operands(case)
        turns, options = len(pairs), _attention_options(case)
        attend = torch.nn.functional.scaled_dot_product_attention

        def attended(i: int) -> object:
            keys, values = pairs[i % turns]
            with torch.no_grad():
                return attend(q, keys, values, **options)

        return attended

    def _attention_with_gradient(self, case: Attention) -> Call:
        q, pairs = self._attention_operands(case)
        keys, values = pairs[0]
        operands = [x.detach().requires_grad_() for x in (q, keys, values)]
        options, upstream = _attention_options(case), torch.ones_like(q)

        def there_and_back(_: int) -> object:
            result = torch.nn.functional.scaled_dot_product_attention(*operands, **options)
            return torch.autograd.grad(result, operands, upstream)

        return there_and_back

    def _attention_operands(self, case: Attention) -> tuple[Any, list[tuple[Any, Any]]]:
        """Queries, and keys with values in turn; each (batch, heads, tokens, head_dim)."""
        asked = (case.batch, case.heads, case.queries, case.head_dim)
        kept = (case.batch, case.kv_heads, case.length, case.head_dim)
        size = math.prod(kept)
        q = self._buffers(case.precision, math.prod(asked), 1)[0].view(asked)
        buffers = self._buffers(case.precision, 2 * size)
        return q, [(b[:size].view(kept), b[size:].view(kept)) for b in buffers]

    def _buffers(self, precision: str, size: int, count: int | None = None) -> list[Any]:
        """So many tensors of ``size`` random numbers; without ``count`` enough to be out of the cache."""
        dtype = _dtype(precision)
        if count is None:
            beyond = BEYOND_CACHE * self.device.cache_bytes
            count = min(MOST_VARIANTS, max(1, math.ceil(beyond / (dtype.itemsize * size))))
        pool = self._pools.get(dtype)
        if pool is None or pool.numel() < size * count:
            self._pools.pop(dtype, None)
            pool = None  # Frees the old one before the new one is made.
            # What most cases need is made at once, while the first is tried out.
            least = BEYOND_CACHE * self.device.cache_bytes // dtype.itemsize
            self._pools[dtype] = pool = self._random(dtype, max(size * count, least))
        return [pool[i * size : (i + 1) * size] for i in range(count)]

    def _random(self, dtype: Any, size: int) -> Any:
        """``size`` random numbers: a block, repeated.  Zeros would draw less power and run faster."""
        made = torch.Generator(device="cpu").manual_seed(0)
        if dtype is torch.int8:
            block = torch.randint(-100, 100, (BLOCK,), generator=made, dtype=dtype)
        else:
            block = torch.randn(BLOCK, generator=made).to(dtype)
        block = block.to(self._where)
        pool = torch.empty(math.ceil(size / BLOCK) * BLOCK, dtype=dtype, device=self._where)
        pool.view(torch.uint8).view(-1, BLOCK * dtype.itemsize).copy_(block.view(torch.uint8))
        return pool

    def _by_clock(self, call: Call) -> Job:
        """Time by the host's clock, waiting for the device where it works by itself."""

        def job(calls: int) -> float:
            self._wait()
            start = time.perf_counter()
            for i in range(calls):
                call(i)
            self._wait()
            return (time.perf_counter() - start) / calls

        return job

    def _by_events(self, call: Call, case: Case) -> Job:
        """Time by the device's own clock; short calls from one CUDA graph, so that launching costs nothing.

        Serving engines launch decode steps as graphs, too; and a kernel of a few
        microseconds cannot be timed otherwise.
        """
        captured: list[tuple[Any, int]] = []

        def job(calls: int) -> float:
            if calls > 1 and not captured and _capturable(case) and _sort(case) not in self._uncapturable:
                # More than a sample needs, so that operands in turn do not fit into the cache.
                count = min(IN_ONE_GRAPH * calls, MOST_CAPTURED)
                found = self._capture(call, count)
                if found is None:
                    self._uncapturable.add(_sort(case))
                else:
                    captured.append((found, count))
            if not captured:
                return _between_events(lambda: _repeat(call, calls)) / calls
            replayed, count = captured[0]
            times = math.ceil(calls / count)
            return _between_events(lambda: [replayed.replay() for _ in range(times)]) / (times * count)

        return job

    def _capture(self, call: Call, calls: int) -> Any:
        """A CUDA graph of so many calls; None where something in them cannot be captured."""
        stream, graph = self._beside, torch.cuda.CUDAGraph()
        torch.cuda.synchronize()
        try:
            with torch.cuda.stream(stream):
                _repeat(call, 2)  # libraries take their workspaces before, not while capturing
                stream.synchronize()
                # Not torch.cuda.graph: it collects garbage and empties caches each time.
                graph.capture_begin()
                try:
                    _repeat(call, calls)
                finally:
                    graph.capture_end()
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError:
            torch.cuda.synchronize()
            return None
        torch.cuda.synchronize()
        return graph

    def _wait(self) -> None:
        if self._where.type == "cuda":
            torch.cuda.synchronize()


def _between_events(run: Callable[[], object]) -> float:
    """Seconds that the device takes for what ``run`` launches."""
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    torch.cuda.synchronize()
    start.record()
    run()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end)) / 1e3


def _repeat(call: Call, calls: int) -> None:
    for i in range(calls):
        call(i)


def _capturable(case: Case) -> bool:
    """Whether a case can be put into a CUDA graph: a backward pass runs in autograd's own threads."""
    return not (isinstance(case, Attention) and case.backward)


def _sort(case: Case) -> tuple[str, str]:
    """What cases have in common that are all captured, or none of them."""
    return type(case).__name__, getattr(case, "precision", "")


def _attention_options(case: Attention) -> dict[str, bool]:
    """Arguments of PyTorch's attention; sharing of KV heads came with 2.5, and only it is named then."""
    options = {"is_causal": case.causal}
    if case.heads != case.kv_heads:
        options["enable_gqa"] = True
    return options


def _dtype(precision: str) -> Any:
    """PyTorch's type of a precision; AMD's CDNA 3 has an fp8 of its own."""
    if precision == "fp8":
        if torch.version.hip and "gfx94" in str(torch.cuda.get_device_properties(0).gcnArchName):
            return torch.float8_e4m3fnuz
        return torch.float8_e4m3fn
    names = {
        "fp32": torch.float32,
        "bf16": torch.bfloat16,
        "fp16": torch.float16,
        "int8": torch.int8,
    }
    return names[precision]


def _cuda_device() -> Device:
    """The first GPU."""
    facts = torch.cuda.get_device_properties(0)
    free, _ = torch.cuda.mem_get_info(0)
    return Device(
        name=str(torch.cuda.get_device_name(0)),
        kind="cuda",
        count=int(torch.cuda.device_count()),
        memory_bytes=int(free),
        cache_bytes=int(getattr(facts, "L2_cache_size", 0)) or CUDA_CACHE_BYTES,
    )


@contextmanager
def _told() -> Iterator[None]:
    """Turn what PyTorch raises into what measure understands."""
    try:
        yield
    except (MemoryError, torch.cuda.OutOfMemoryError) as problem:
        raise OutOfMemoryError(_first_line(problem)) from problem
    except (RuntimeError, NotImplementedError, TypeError, AttributeError, ValueError) as problem:
        if "alloc" in str(problem).lower():  # The processor's allocator, and cuBLAS's.
            raise OutOfMemoryError(_first_line(problem)) from problem
        raise UnsupportedError(_first_line(problem)) from problem


def _first_line(problem: BaseException) -> str:
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0]
