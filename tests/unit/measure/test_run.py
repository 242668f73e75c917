"""A run keeps what works, passes over what does not, and ends in time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pytest

from dcplan.measure import (
    Attention,
    Case,
    Collective,
    Device,
    Gemm,
    Launch,
    Measured,
    OutOfMemoryError,
    Settings,
    Stream,
    Timing,
    UnsupportedError,
    measure,
    summarise,
)


@dataclass
class Simulated:
    """An H200 on a clock of its own: so many FLOP/s and bytes/s, and a launch."""

    flops: float = 7e14
    bytes_per_s: float = 4e12
    room_bytes: float = 1e12
    lacks: tuple[str, ...] = ()
    devices: int = 1
    now_s: float = 0.0
    software: str = "simulated"
    version: str = "1"

    @property
    def device(self) -> Device:
        """Eight of them have links."""
        return Device(
            name="NVIDIA H200", kind="cuda", count=self.devices, memory_bytes=140 * 10**9, cache_bytes=2**26
        )

    def prepare(self, case: Case) -> Callable[[int], float]:
        """A job that lets the clock run."""
        if isinstance(case, Gemm | Attention) and case.precision in self.lacks:
            raise UnsupportedError("no such cores")
        if isinstance(case, Attention) and "attention" in self.lacks:
            raise UnsupportedError("no such kernel")
        if case.moved_bytes > self.room_bytes:
            raise OutOfMemoryError("full")
        once_s = case.flops / self.flops + case.moved_bytes / self.bytes_per_s + 2e-6

        def job(calls: int) -> float:
            self.now_s += calls * once_s
            return once_s

        return job

    def together(self, cases: Sequence[Collective], budget_s: float) -> Mapping[Collective, Timing]:
        """All at 400 GB/s, but no all_to_all."""
        self.now_s += budget_s
        return {
            c: Timing(seconds=c.full_bytes / 4e11, repeats=5) for c in cases if c.operation != "all_to_all"
        }

    def release(self) -> None:
        """Nothing is kept."""

    def clock(self) -> float:
        """The time."""
        return self.now_s


def run(backend: Simulated, *, total_s: float = 30) -> Measured:
    """What a run finds."""
    result = measure(
        backend, Settings(total_s=total_s), date="2026-01-31", source="a test",
        progress=lambda _: None, clock=backend.clock,
    )  # fmt: skip
    return result.unwrap()


def test_everything_that_works_is_measured() -> None:
    """Products of each precision, copies, attention forward, both ways and decode, and a launch."""
    measured = run(Simulated())
    sorts = {type(row.case) for row in measured.rows}
    attention = [row.case for row in measured.rows if isinstance(row.case, Attention)]

    assert sorts == {Gemm, Stream, Attention, Launch}
    assert {c.precision for row in measured.rows if isinstance(c := row.case, Gemm)} == {
        "bf16", "fp16", "fp32", "fp8", "int8",
    }  # fmt: skip
    assert {(c.decode, c.backward) for c in attention} == {(False, False), (False, True), (True, False)}
    assert (measured.accelerator, measured.date, measured.source) == ("H200", "2026-01-31", "a test")


@pytest.mark.parametrize("flops", [7e14, 1e12, 2e10])
@pytest.mark.parametrize("total_s", [4, 30])
def test_a_run_ends_in_time_on_machines_fast_and_slow(flops: float, total_s: float) -> None:
    """With rows of every sort, however slow; the first try comes on top."""
    backend = Simulated(flops=flops, bytes_per_s=flops / 100)
    measured = run(backend, total_s=total_s)

    assert backend.now_s < 1.3 * total_s + 2
    assert sum(isinstance(row.case, Gemm) for row in measured.rows) > 5
    assert any(isinstance(row.case, Stream) for row in measured.rows)


def test_a_group_of_which_nothing_fits_is_told_of() -> None:
    """A machine so slow that no attention can be timed in a second says so, and how to have it."""
    measured = run(Simulated(flops=1e8, bytes_per_s=1e8), total_s=1)
    said = {one.what: one.why for one in measured.left_out}

    assert "-seconds" in said["training"]


def test_a_machine_that_gets_slower_ends_in_time() -> None:
    """Sizes that cost far more than foreseen are learned from, not waited for."""

    @dataclass
    class Deceiving(Simulated):
        """Fast in a first try, and fifty times slower on everything larger."""

        def prepare(self, case: Case) -> Callable[[int], float]:
            small = case.flops < 1e11 and case.moved_bytes <= 2**24
            self.flops = 1e12 if small else 2e10
            self.bytes_per_s = 1e11 if small else 2e9
            return super().prepare(case)

    backend = Deceiving()
    measured = run(backend)

    assert backend.now_s < 45
    assert any("the time was over" in one.why for one in measured.left_out)


def test_a_missing_precision_is_left_out_with_its_reason() -> None:
    """The reason is the backend's own; the others are measured."""
    measured = run(Simulated(lacks=("fp8", "int8")))
    said = {one.what: one.why for one in measured.left_out}

    assert said["fp8"] == said["int8"] == "no such cores"
    assert {line.what for line in summarise(measured)} >= {"bf16 GEMM", "fp32 GEMM"}
    assert not any(line.what == "fp8 GEMM" for line in summarise(measured))


def test_sizes_without_memory_are_passed_over_with_one_warning() -> None:
    """The rows of the others are kept."""
    backend = Simulated(room_bytes=2**28)
    result = measure(
        backend, Settings(), date="2026-01-31", source="a test", progress=lambda _: None, clock=backend.clock
    )

    assert [d.code for d in result.diagnostics] == ["out-of-memory"]
    assert result.ok
    assert len(result.unwrap().rows) > 100


def test_a_device_that_can_do_nothing_is_an_error() -> None:
    """With the way out."""
    backend = Simulated(lacks=("bf16", "fp16", "fp32", "fp8", "int8"))
    result = measure(
        backend, Settings(), date="2026-01-31", source="a test", progress=lambda _: None, clock=backend.clock
    )

    assert result.value is None
    assert [d.code for d in result.diagnostics] == ["nothing-measured"]
    assert "-device cpu" in result.diagnostics[0].detail


def test_without_attention_the_rest_is_measured() -> None:
    """An old PyTorch without fused attention."""
    measured = run(Simulated(lacks=("attention",)))

    assert not any(isinstance(row.case, Attention) for row in measured.rows)
    assert any(isinstance(row.case, Gemm) for row in measured.rows)


def test_several_devices_are_measured_together() -> None:
    """Each operation that works; one that does not is left out by name."""
    measured = run(Simulated(devices=8))
    found = {row.case.operation for row in measured.rows if isinstance(row.case, Collective)}

    assert found == {"all_reduce", "all_gather", "reduce_scatter", "send"}
    assert "all_to_all" in {one.what for one in measured.left_out}


def test_the_summary_has_the_share_of_the_datasheet() -> None:
    """The best bf16 product is 7e14 FLOP/s at most, of the 989 TFLOP/s of an H200; fp32 has no peak there."""
    lines = {line.what: line for line in summarise(run(Simulated(devices=8)))}

    assert lines["bf16 GEMM"].peak == 989e12
    assert lines["bf16 GEMM"].share == pytest.approx(7e14 / 989e12, rel=0.05)
    assert lines["fp32 GEMM"].share is None
    assert lines["memory copy"].share == pytest.approx(4e12 / 4800e9, rel=0.05)
    assert lines["all_reduce"].value == pytest.approx(2 * 7 / 8 * 4e11)
    assert lines["launch"].value == 2e-6
