"""Rows that beat the datasheet of their hardware are set aside, with their line and by how much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dcplan.calibrate import (
    AttentionRow,
    CollectiveRow,
    GemmRow,
    MemoryRow,
    Row,
    Rows,
    ServeRow,
    TrainRow,
    calibrate,
)
from dcplan.calibrate.peaks import believable, excess_of
from dcplan.catalog import load_accelerators
from dcplan.catalog.efficiency import load_efficiencies

H100 = load_accelerators()["H100"]
BF16 = H100.bf16_flops or 0.0


def made(noun: type[Row], **cells: Any) -> Row:
    """A row of an H100."""
    return noun(**{"line": 7, "accelerator": "H100", "precision": "bf16", **cells})


TRAINED: Mapping[str, Any] = {
    "model": "llama-3.1-8b",
    "devices": 8,
    "sequence_tokens": 8192,
    "global_batch_sequences": 32,
}
SERVED: Mapping[str, Any] = {
    "model": "llama-3.1-8b",
    "devices": 1,
    "prompt_tokens": 1000,
    "output_tokens": 101,
    "concurrency": 64,
}
AT_PEAK = {
    "gemm": made(GemmRow, m=8192, n=8192, k=8192, time_s=2 * 8192**3 / BF16),
    "memory": made(MemoryRow, bytes=2**32, time_s=2**32 / H100.memory_bytes_per_s),
    "attention": made(
        AttentionRow, batch=2, heads=32, kv_heads=8, head_dim=128, length=8192, direction="both",
        time_s=3 * 4 * 2 * 32 * 128 * 8192**2 / 2 / BF16,
    ),
    "all_gather": made(
        CollectiveRow, operation="all_gather", ranks=8, bytes=2**30,
        time_s=2**30 * 7 / 8 / H100.scale_up_bytes_per_s,
    ),
    "all_reduce": made(
        CollectiveRow, operation="all_reduce", ranks=8, bytes=2**30,
        time_s=2**30 / H100.scale_up_bytes_per_s,
    ),
    "network": made(
        CollectiveRow, operation="all_to_all", ranks=16, machines=2, bytes=2**30, network_bytes_per_s=400e9,
        time_s=8 * 2**30 / 2 / 400e9,
    ),
}  # fmt: skip
"""What the datasheet allows and no more, worked out by hand."""


@pytest.mark.parametrize("kind", AT_PEAK)
def test_the_peak_itself_is_what_can_be_reached(kind: str) -> None:
    """Work done at the datasheet's rate counts as once the peak, whatever the work is."""
    assert excess_of(AT_PEAK[kind]) == pytest.approx(1)


def test_parameters_of_a_model_bound_steps_and_answers() -> None:
    """A training step is bound by 6 FLOPs a parameter and token, a decode step by reading the parameters."""
    step = made(TrainRow, **TRAINED, time_s=6 * 7.5e9 * 8192 * 32 / (8 * BF16))
    token = made(ServeRow, **SERVED, tpot_s=2 * 7e9 / H100.memory_bytes_per_s)
    first = made(ServeRow, **SERVED, ttft_s=2 * 7.5e9 * 1000 / BF16)

    assert 1 < excess_of(step) < 1.3
    assert 0.9 < excess_of(token) < 1.1
    assert 0.9 < excess_of(first) < 1.1


def test_clients_together_cannot_get_more_than_the_peak() -> None:
    """Each time alone may be possible where all tokens of all clients together are not."""
    both = made(ServeRow, **{**SERVED, "concurrency": 4096}, ttft_s=0.2, tpot_s=0.02)
    apart = [made(ServeRow, **SERVED, **one) for one in ({"ttft_s": 0.2}, {"tpot_s": 0.02})]

    assert all(excess_of(one) < 1 for one in apart)
    assert excess_of(both) > 10


def test_rows_that_beat_the_peak_are_set_aside_by_line_and_factor() -> None:
    """Clocks may run five percent above the datasheet; what is faster is named and not fitted."""
    shape = {"m": 8192, "n": 8192, "k": 8192}
    least = 2 * 8192**3 / BF16
    rows = Rows(
        file="mine.csv",
        rows=(
            made(GemmRow, **shape, line=2, time_s=least / 0.7),
            made(GemmRow, **shape, line=3, time_s=least / 1.04),
            made(GemmRow, **shape, line=4, time_s=least / 1.5),
        ),
    )

    found = believable(rows)

    assert [row.line for row in found.unwrap().rows] == [2, 3]
    assert [(d.code, str(d.range)) for d in found.diagnostics] == [("faster-than-hardware", "mine.csv:4:1")]
    assert "line 4 (gemm, 1.5 times the peak)" in found.diagnostics[0].detail


def test_calibration_without_a_possible_row_is_an_error() -> None:
    """A file that only beats the datasheet leaves nothing to fit, and the warning says which lines."""
    rows = Rows(file="mine.csv", rows=(made(MemoryRow, line=2, bytes=2**32, time_s=1e-4),))

    found = calibrate(rows, load_efficiencies())

    assert found.value is None
    assert [d.code for d in found.diagnostics] == ["faster-than-hardware", "nothing-to-fit"]


def test_unknown_peaks_turn_nothing_away() -> None:
    """Where the catalogue has no peak nobody can say that it was beaten."""
    assert excess_of(made(GemmRow, m=8192, n=8192, k=8192, precision="fp32", time_s=1e-9)) == 0
