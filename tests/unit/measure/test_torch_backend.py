"""PyTorch calculates what it says it times.  Skipped where the extra is not installed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dcplan.measure import (
    Attention,
    Collective,
    Gemm,
    Launch,
    OutOfMemoryError,
    Settings,
    Stream,
    UnsupportedError,
    measure,
    open_backend,
)

torch = pytest.importorskip("torch")

SMALL: dict[str, Any] = {"batch": 1, "heads": 4, "kv_heads": 2, "head_dim": 16, "length": 32}


@pytest.fixture
def backend() -> Any:
    """PyTorch on the processor, with a small pool."""
    made: Any = open_backend("torch", "cpu").unwrap()
    made.device = replace(made.device, cache_bytes=2**16)
    return made


@pytest.mark.parametrize(
    "case",
    [
        Gemm(precision="fp32", m=4, n=64, k=32),
        Gemm(precision="bf16", m=4, n=64, k=32),
        Gemm(precision="int8", m=32, n=64, k=32),
        Stream(moved_bytes=2**16),
        Attention(precision="fp32", queries=32, causal=True, **SMALL),
        Attention(precision="fp32", queries=32, causal=True, backward=True, **SMALL),
        Attention(precision="fp32", queries=1, causal=False, **SMALL),
        Launch(),
    ],
    ids=lambda case: case.label,
)
def test_every_sort_of_case_takes_time(backend: Any, case: Gemm | Stream | Attention | Launch) -> None:
    """A job runs as often as it is told and gives a positive time."""
    job = backend.prepare(case)

    assert job(1) > 0
    assert job(3) > 0


def test_a_product_is_a_product(backend: Any) -> None:
    """The shape is that of the case, and the numbers those of the operands, weights transposed."""
    case = Gemm(precision="fp32", m=4, n=64, k=32)
    found = backend._call(case)(0)
    pool = backend._pools[torch.float32]

    expected = pool[: 4 * 32].view(4, 32) @ pool[: 64 * 32].view(64, 32).t()
    torch.testing.assert_close(found, expected)


def test_attention_is_attention(backend: Any) -> None:
    """The result has a row for each query; a backward pass gives three gradients."""
    once = backend._call(Attention(precision="fp32", queries=1, causal=False, **SMALL))(0)
    gradients = backend._call(Attention(precision="fp32", queries=32, causal=True, backward=True, **SMALL))(0)

    assert tuple(once.shape) == (1, 4, 1, 16)
    assert [tuple(g.shape) for g in gradients] == [(1, 4, 32, 16), (1, 2, 32, 16), (1, 2, 32, 16)]


def test_weights_come_from_memory_in_turn(backend: Any) -> None:
    """Together the operands taken in turn are larger than the cache; none is zero."""
    buffers = backend._buffers("bf16", 1024)

    assert sum(b.numel() * 2 for b in buffers) > backend.device.cache_bytes
    assert len({b.data_ptr() for b in buffers}) == len(buffers)
    assert all(bool((b != 0).any()) for b in buffers)


def test_what_pytorch_refuses_is_unsupported_and_no_room_is_no_memory(backend: Any) -> None:
    """Its exceptions become ours, with its own words."""
    shape = {**SMALL, "kv_heads": 3}

    with pytest.raises(OutOfMemoryError):
        backend.prepare(Stream(moved_bytes=2**55))(1)
    with pytest.raises(UnsupportedError):
        backend.prepare(Attention(precision="fp32", queries=32, causal=True, **shape))(1)


def test_a_gpu_that_is_not_there_is_an_error() -> None:
    """Where PyTorch sees none, it says what that may mean."""
    if torch.cuda.is_available():
        pytest.skip("there is one")
    opened = open_backend("torch", "cuda")

    assert [d.code for d in opened.diagnostics] == ["no-device"]
    assert "-device cpu" in opened.diagnostics[0].detail


def test_processes_on_one_machine_can_be_timed_together(backend: Any) -> None:
    """Two ranks joined by gloo: every operation that works has a time for each size, growing with it."""
    cases = [
        Collective(precision="fp32", operation=operation, ranks=2, full_bytes=size)
        for size in (2**19, 2**24)
        for operation in ("all_reduce", "all_gather", "send")
    ]
    found = backend.together(cases, 30)

    assert set(found) == set(cases)
    for operation in ("all_reduce", "all_gather", "send"):
        small, large = (found[c].seconds for c in cases if c.operation == operation)

        assert 0 < small < large


def test_more_ranks_than_gpus_are_refused() -> None:
    """Two processes cannot share a GPU under NCCL."""
    from dcplan.measure.torch_ranks import time_collectives  # noqa: PLC0415 - needs PyTorch

    ranks = torch.cuda.device_count() + 1
    case = Collective(precision="bf16", operation="all_reduce", ranks=ranks, full_bytes=1024)

    with pytest.raises(UnsupportedError, match="as many GPUs"):
        time_collectives("cuda", [case], 1)


def test_a_short_run_measures_every_sort(backend: Any) -> None:
    """On whatever machine the tests run."""
    result = measure(
        backend,
        Settings(total_s=2, case_s=0.002),
        date="2026-01-31",
        source="a test",
        progress=lambda _: None,
    )
    cases = [row.case for row in result.unwrap().rows]

    assert {"fp32"} <= {c.precision for c in cases if isinstance(c, Gemm)}
    assert any(isinstance(c, Stream) for c in cases)
    assert all(row.timing.seconds > 0 for row in result.unwrap().rows)
