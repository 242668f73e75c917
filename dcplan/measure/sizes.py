"""Which sizes are worth timing: the grids, from a decode step's to a training step's.  Pure."""

from __future__ import annotations

from itertools import product

from dcplan.measure.types import Attention, Collective, Gemm, Stream

WEIGHTS = (
    (8192, 8192),
    (1280, 8192),
    (57344, 8192),
    (8192, 3584),
    (4096, 4096),
    (8192, 28672),
    (10240, 8192),
    (8192, 1024),
    (7168, 8192),
    (6144, 4096),
    (28672, 4096),
    (4096, 14336),
    (2048, 2048),
)
"""(n, k) of weights that models have: the projections and MLPs of Llama-3.1-8B and -70B, whole and as one
of eight tensor-parallel shards (shapes from the models' config.json)."""
SMALL_WEIGHTS = ((512, 512), (1024, 1024), (4096, 1024), (1024, 4096), (2048, 2048))
"""(n, k) for devices that would need seconds for the others: those of small transformers."""
TOKENS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)
"""m: 1 to 64 as in decode, more as in prefill and training."""
SQUARE = (256, 512, 1024, 2048, 4096, 8192, 16384)
"""m = n = k, with which peaks are usually shown."""

HEADS = ((64, 8, 128), (32, 8, 128), (8, 1, 128), (32, 32, 128), (16, 16, 64))
"""(heads, KV heads, head dimension): Llama-3.1-70B, -8B, 70B under TP 8, Llama-2-7B, GPT-2 medium."""
TOKENS_AT_ONCE = (256, 2048, 8192, 16384)
"""Tokens of all sequences of a prefill or training batch together; the fewest for slow processors."""
LENGTHS = (128, 256, 512, 1024, 2048, 4096, 8192, 16384)
DECODE_BATCHES = (1, 8, 32, 128)
DECODE_LENGTHS = (256, 1024, 4096, 16384, 65536)

COLLECTIVES = ("all_reduce", "all_gather", "reduce_scatter", "all_to_all", "send")

INT8_LEAST_TOKENS = 32
"""torch._int_mm wants more than 16 rows on NVIDIA's GPUs (PyTorch, aten/src/ATen/native/cuda/Blas.cpp)."""


def gemms(precision: str) -> tuple[Gemm, ...]:
    """All products of one precision, smallest first."""
    weights = (*WEIGHTS, *SMALL_WEIGHTS)
    shapes = {(m, n, k) for m, (n, k) in product(TOKENS, weights)} | {(s, s, s) for s in SQUARE}
    least = INT8_LEAST_TOKENS if precision == "int8" else 1
    found = (Gemm(precision=precision, m=m, n=n, k=k) for m, n, k in shapes if m >= least)
    return tuple(sorted(found, key=lambda g: (g.flops, g.m, g.n)))


def streams() -> tuple[Stream, ...]:
    """Copies from 1 MiB to 16 GiB, read plus written, in steps of two.

    Smaller ones would need too many buffers in turn to come from memory and not from a cache.
    """
    return tuple(Stream(moved_bytes=2**power) for power in range(20, 35))


def prefills(precision: str, *, backward: bool) -> tuple[Attention, ...]:
    """Causal attention over whole sequences, smallest first; with ``backward`` as in training."""
    found = {
        Attention(
            precision=precision, batch=tokens // length, heads=heads, kv_heads=kv_heads, head_dim=dim,
            length=length, queries=length, causal=True, backward=backward,
        )
        for tokens, length, (heads, kv_heads, dim) in product(TOKENS_AT_ONCE, LENGTHS, HEADS)
        if length <= tokens
    }  # fmt: skip
    return tuple(sorted(found, key=lambda a: (a.flops, a.moved_bytes, a.length, a.heads)))


def decodes(precision: str) -> tuple[Attention, ...]:
    """One query a sequence against long keys and values, smallest first."""
    found = (
        Attention(
            precision=precision, batch=batch, heads=heads, kv_heads=kv_heads, head_dim=dim,
            length=length, queries=1, causal=False,
        )
        for batch, length, (heads, kv_heads, dim) in product(DECODE_BATCHES, DECODE_LENGTHS, HEADS)
    )  # fmt: skip
    return tuple(sorted(found, key=lambda a: (a.moved_bytes, a.length, a.heads)))


def collectives(precision: str, ranks: int) -> tuple[Collective, ...]:
    """Every operation from 4 KiB to 1 GiB in steps of four; none for a single rank.

    ``all_to_all`` and its like split the buffer evenly, so sizes are multiples of the ranks.
    """
    if ranks < 2:  # noqa: PLR2004 - one device has nobody to talk to
        return ()
    unit = 256 * ranks
    return tuple(
        Collective(precision=precision, operation=operation, ranks=ranks, full_bytes=size // unit * unit)
        for size in (max(2**power, unit) for power in range(12, 31, 2))
        for operation in COLLECTIVES
    )
