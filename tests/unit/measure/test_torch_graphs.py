"""How GPU time is taken, on a simulated GPU.  Skipped where PyTorch is not installed."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any

import pytest

from dcplan.measure import Attention, Gemm, open_backend

torch = pytest.importorskip("torch")

PRODUCT = Gemm(precision="bf16", m=1, n=64, k=64)
KERNEL_S = 3e-6
LAUNCH_S = 20e-6


@dataclass
class Gpu:
    """A GPU on which a kernel takes 3 us, but 20 us when it is launched by itself."""

    now_s: float = 0.0
    capturing: bool = False
    captures: bool = True
    launched: int = 0
    replayed: int = 0
    captured: list[int] = field(default_factory=list)

    def call(self, _: int) -> None:
        """One kernel, launched or captured."""
        if self.capturing:
            self.captured[-1] += 1
        else:
            self.launched += 1
            self.now_s += LAUNCH_S

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put it in the place of torch.cuda's."""
        gpu = self

        class Event:
            """The time at which it was recorded."""

            def __init__(self, *, enable_timing: bool) -> None:
                self.at_s = 0.0

            def record(self) -> None:
                self.at_s = gpu.now_s

            def synchronize(self) -> None:
                """Nothing runs behind our back."""

            def elapsed_time(self, end: Event) -> float:
                return (end.at_s - self.at_s) * 1e3

        class Graph:
            """What was captured, replayed without launches."""

            def capture_begin(self) -> None:
                gpu.capturing = True
                gpu.captured.append(0)

            def capture_end(self) -> None:
                gpu.capturing = False
                if not gpu.captures:
                    raise RuntimeError("operation not permitted when stream is capturing")
                self.kernels = gpu.captured[-1]

            def replay(self) -> None:
                gpu.replayed += self.kernels
                gpu.now_s += self.kernels * KERNEL_S

        class Stream:
            """A stream."""

            def synchronize(self) -> None:
                """Nothing runs behind our back."""

        monkeypatch.setattr(torch.cuda, "Event", Event)
        monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
        monkeypatch.setattr(torch.cuda, "stream", lambda _: contextlib.nullcontext())
        monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
        self.stream = Stream()


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Gpu:
    """A simulated GPU in the place of a real one."""
    made = Gpu()
    made.install(monkeypatch)
    return made


@pytest.fixture
def backend(gpu: Gpu) -> Any:
    """PyTorch, which takes the simulated GPU's time."""
    made: Any = open_backend("torch", "cpu").unwrap()
    made._beside = gpu.stream
    return made


def test_short_calls_are_timed_without_their_launches(gpu: Gpu, backend: Any) -> None:
    """Once launched to see how long it takes, then replayed from one graph as often as was asked for."""
    job = backend._by_events(gpu.call, PRODUCT)

    assert job(1) == pytest.approx(LAUNCH_S)
    assert job(50) == pytest.approx(KERNEL_S)
    assert job(50) == pytest.approx(KERNEL_S)
    assert gpu.captured == [128]
    assert gpu.replayed >= 100


def test_more_calls_than_a_graph_holds_replay_it_several_times(gpu: Gpu, backend: Any) -> None:
    """1,000 calls are eight replays of 128."""
    job = backend._by_events(gpu.call, PRODUCT)

    assert job(1000) == pytest.approx(KERNEL_S)
    assert gpu.replayed == 8 * 128


def test_what_cannot_be_captured_is_launched(gpu: Gpu, backend: Any) -> None:
    """The failure is remembered for cases of the same sort, and no others."""
    gpu.captures = False
    job, again = backend._by_events(gpu.call, PRODUCT), backend._by_events(gpu.call, PRODUCT)
    other = backend._by_events(gpu.call, Gemm(precision="fp8", m=1, n=64, k=64))

    assert job(50) == pytest.approx(LAUNCH_S)
    assert again(50) == pytest.approx(LAUNCH_S)
    assert len(gpu.captured) == 1
    assert other(50) == pytest.approx(LAUNCH_S)
    assert len(gpu.captured) == 2


def test_long_calls_and_backward_passes_are_launched(gpu: Gpu, backend: Any) -> None:
    """A call that makes a sample by itself has no use for a graph; autograd cannot be captured."""
    training = Attention(
        precision="bf16", batch=1, heads=1, kv_heads=1, head_dim=8, length=8, queries=8,
        causal=True, backward=True,
    )  # fmt: skip

    assert backend._by_events(gpu.call, PRODUCT)(1) == pytest.approx(LAUNCH_S)
    assert backend._by_events(gpu.call, training)(50) == pytest.approx(LAUNCH_S)
    assert gpu.captured == []
