"""numpy calculates what it says it times."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from dcplan.measure import Attention, Collective, Gemm, Launch, Stream, UnsupportedError, open_backend
from dcplan.measure.numpy_backend import NumpyBackend


@pytest.fixture
def backend() -> NumpyBackend:
    """The processor, with a small pool."""
    made = NumpyBackend()
    made.device = replace(made.device, cache_bytes=2**16)
    return made


@pytest.mark.parametrize(
    "case",
    [
        Gemm(precision="fp32", m=4, n=64, k=32),
        Stream(moved_bytes=2**16),
        Attention(
            precision="fp32", batch=1, heads=2, kv_heads=1, head_dim=8, length=16, queries=1, causal=False
        ),
        Launch(),
    ],
    ids=lambda case: case.label,
)
def test_every_sort_of_case_takes_time(
    backend: NumpyBackend, case: Gemm | Stream | Attention | Launch
) -> None:
    """A job runs as often as it is told and gives a positive time."""
    job = backend.prepare(case)

    assert job(1) > 0
    assert job(3) > 0


@pytest.mark.parametrize("causal", [True, False])
def test_attention_is_attention(backend: NumpyBackend, *, causal: bool) -> None:
    """The same as head by head, with KV heads shared and the future hidden."""
    case = Attention(
        precision="fp32", batch=2, heads=4, kv_heads=2, head_dim=8, length=6, queries=6, causal=causal
    )
    found = np.asarray(backend._call(case)(0)).reshape(2, 4, 6, 8)
    size = 2 * 2 * 6 * 8
    q = backend._pool[: 2 * size].reshape(2, 4, 6, 8)
    keys, values = (x.reshape(2, 2, 6, 8) for x in (backend._pool[:size], backend._pool[size : 2 * size]))
    expected = np.empty_like(found)
    for b, h in np.ndindex(2, 4):
        scores = q[b, h] @ keys[b, h // 2].T / np.sqrt(8)
        if causal:
            scores[np.triu_indices(6, 1)] = -np.inf
        weights = np.exp(scores)
        expected[b, h] = weights / weights.sum(axis=1, keepdims=True) @ values[b, h // 2]

    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_weights_come_from_memory_in_turn(backend: NumpyBackend) -> None:
    """Together the operands taken in turn are larger than the cache, and no two overlap."""
    buffers = backend._buffers(1024)

    assert sum(b.nbytes for b in buffers) > backend.device.cache_bytes
    assert not any(np.shares_memory(a, b) for a, b in pairwise(buffers))


def test_numpy_refuses_what_it_would_only_emulate(backend: NumpyBackend) -> None:
    """Half precisions, a backward pass and collectives."""
    shape = {"batch": 1, "heads": 1, "kv_heads": 1, "head_dim": 8, "length": 8, "queries": 8, "causal": True}

    with pytest.raises(UnsupportedError, match="bf16"):
        backend.prepare(Gemm(precision="bf16", m=1, n=1, k=1))
    with pytest.raises(UnsupportedError, match="backward"):
        backend.prepare(Attention(precision="fp32", backward=True, **shape))  # type: ignore[arg-type]
    with pytest.raises(UnsupportedError, match="collectives"):
        backend.together((Collective(precision="fp32", operation="send", ranks=2, full_bytes=8),), 1)


def test_numpy_has_no_gpu() -> None:
    """Asked for one, it says what does."""
    opened = open_backend("numpy", "cuda")

    assert [d.code for d in opened.diagnostics] == ["no-device"]
    assert "-backend torch" in opened.diagnostics[0].detail
