"""Kernel figures that made synthetic measurements are found again with the formulas that made them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from dcplan.basis import Basis
from dcplan.calibrate import (
    AttentionRow,
    Calibration,
    CollectiveRow,
    GemmRow,
    MemoryRow,
    Row,
    Rows,
    TrainRow,
    calibrate,
    calibrate_kernels,
)
from dcplan.calibrate.dispatch import Calibrator
from dcplan.calibrate.kernels import predicted_s
from dcplan.calibrate.types import KERNELS
from dcplan.catalog import load_accelerators
from dcplan.catalog.efficiency import ANY, Efficiencies, Figure, load_efficiencies
from dcplan.diag import Result

TABLE = load_efficiencies()
TRUTH: Mapping[str, float] = {
    "gemm/bf16": 0.65,
    "memory": 0.7,
    "attention": 0.45,
    "allgather": 0.55,
    "scale_out": 0.6,
    "launch_s": 9e-6,
}
"""Figures of the machine that "measured"; all others are those of the table."""


def made(noun: type[Row], **cells: Any) -> Row:
    """A row of an H100 whose time is still to be filled in."""
    common = {"line": 2, "accelerator": "H100", "source": "lab", "date": "2026-05-01", "time_s": 1.0}
    return noun(**{**common, **cells})


def shapes() -> list[Row]:
    """Matrix products, sweeps, attention and collectives as a short benchmark measures them."""
    rows = [
        made(GemmRow, m=m, n=n, k=4096, precision="bf16")
        for m in (1, 64, 1024, 4096, 8192)
        for n in (512, 2048, 8192, 16384)
    ]
    rows += [made(MemoryRow, bytes=2**power) for power in range(26, 33)]
    rows += [
        made(AttentionRow, batch=2, heads=32, kv_heads=8, head_dim=128, length=length, precision="bf16",
             causal=causal, direction=direction)
        for length in (1024, 4096, 16384)
        for causal in (True, False)
        for direction in ("forward", "both")
    ]  # fmt: skip
    rows += [
        made(CollectiveRow, operation="all_gather", ranks=ranks, machines=machines, bytes=2**power,
             network_bytes_per_s=400e9 if machines > 1 else None)
        for ranks, machines in ((2, 1), (8, 1), (32, 4))
        for power in range(12, 34, 2)
    ]  # fmt: skip
    return rows


def measured(rows: list[Row], truth: Mapping[str, float], seed: int = 0, sigma: float = 0.02) -> Rows:
    """The rows with the times that a machine with these figures shows, and a little noise."""
    own = {
        name: Figure(value=value, basis=Basis.MEASURED, source=TABLE.rows[ANY, ANY]["memory"].source)
        for name, value in truth.items()
    }
    times = predicted_s(rows, TABLE.with_figures({("H100", ANY): own}))
    noise = np.exp(np.random.default_rng(seed).normal(0, sigma, len(rows)))
    timed = (times * noise).tolist()
    return Rows(file="rows.csv", rows=tuple(replace(r, time_s=t) for r, t in zip(rows, timed, strict=True)))


def seconds_of(row: Row) -> float:
    """The time of a kernel's row."""
    seconds: float = asdict(row)["time_s"]
    return seconds


def only(rows: Rows) -> Calibration:
    """The calibration of the one accelerator."""
    (one,) = calibrate_kernels(rows, TABLE).unwrap()
    return one


@pytest.fixture(scope="module")
def done() -> Calibration:
    """All kinds of rows together."""
    return only(measured(shapes(), TRUTH))


@pytest.mark.parametrize("figure", list(TRUTH))
def test_figures_are_found_again(done: Calibration, figure: str) -> None:
    """Each figure comes out within a few percent of the one that made the rows."""
    (change,) = [c for c in done.changes if c.figure == figure]

    assert change.before == TABLE.of(load_accelerators()["H100"])[figure]
    assert change.after == pytest.approx(TRUTH[figure], rel=0.06)
    assert change.moved


def test_held_out_errors_are_those_of_the_noise(done: Calibration) -> None:
    """Rows of true formulas with 2 % noise are predicted to a few percent when they are kept apart."""
    assert {one.metric for one in done.judged} == {"gemm", "memory", "attention", "all_gather"}
    for one in done.judged:
        assert 0.002 < one.errors.median < 0.05
        assert one.source_errors is None


def test_a_start_cost_is_not_taken_for_slow_memory() -> None:
    """Rows with 5 us before each kernel works give the same bandwidth as rows without."""
    rows = measured(shapes(), TRUTH)
    late = tuple(
        row if isinstance(row, CollectiveRow) else replace(row, time_s=seconds_of(row) + 5e-6)
        for row in rows.rows
    )
    figures = {change.figure: change.after for change in only(Rows(file="rows.csv", rows=late)).changes}

    assert figures["memory"] == pytest.approx(TRUTH["memory"], rel=0.06)
    assert "start_s" not in figures


def test_ranges_tell_what_was_covered(done: Calibration) -> None:
    """A profile says between which sizes its rows lie."""
    ranges = {one.metric: one.range for one in done.profiles}

    assert ranges["gemm"] == {"m": (1, 8192), "n": (512, 16384), "k": (4096, 4096)}
    assert ranges["all_gather"]["ranks"] == (2, 32)


def test_what_no_row_tells_is_not_claimed(done: Calibration) -> None:
    """Without a row of it, a figure is not among the results."""
    names = {change.figure for change in done.changes}

    assert not names & {"gemm/fp8", "alltoall", "allreduce", "grouped_gemm"}


def test_sources_that_disagree_are_judged_apart() -> None:
    """Two sources, one half as fast: the error of a source left out shows it, held-out groups hide it."""
    one = measured(shapes()[:20], {"gemm/bf16": 0.8})
    other = measured(shapes()[:20], {"gemm/bf16": 0.4}, seed=1)
    slow = tuple(replace(row, source="other") for row in other.rows)
    (gemm,) = only(Rows(file="rows.csv", rows=one.rows + slow)).judged

    assert gemm.source_errors is not None
    assert gemm.source_errors.rows == 40
    assert gemm.source_errors.median > gemm.errors.median


def left_out(rows: list[Row]) -> tuple[str, str, int]:
    """Code and words of the one warning, and the rows that were used."""
    rows = [replace(row, line=place) for place, row in enumerate(rows, start=2)]
    result = calibrate_kernels(Rows(file="rows.csv", rows=tuple(rows)), TABLE)
    (told,) = result.diagnostics
    return told.code, told.detail, sum(one.rows for one in result.unwrap())


def sweeps() -> list[Row]:
    """Two measurements that nothing is wrong with."""
    return [made(MemoryRow, bytes=2**n, time_s=2**n / 2.5e12) for n in (30, 31)]


def test_a_precision_without_a_peak_is_left_out() -> None:
    """Products in fp4 on a chip that has no fp4 say nothing: a warning, and the other rows count."""
    rows = [*sweeps(), made(GemmRow, m=1, n=8, k=8, precision="fp4")]
    code, detail, used = left_out(rows)

    assert (code, used) == ("no-peak", 2)
    assert "line 4" in detail
    assert "no dense peak of H100 for fp4" in detail


def test_attention_in_8_bits_is_left_out() -> None:
    """Attention is reckoned in 16 bits, so that a measurement in 8 is no measurement of that."""
    rows = [
        *sweeps(),
        made(AttentionRow, batch=1, heads=8, kv_heads=8, head_dim=64, length=512, precision="fp8"),
    ]

    assert left_out(rows)[::2] == ("not-16-bit", 2)


def test_machines_without_a_network_are_left_out() -> None:
    """Between machines the network's width must be told, for a share of nothing is nothing."""
    rows = [*sweeps(), made(CollectiveRow, operation="all_reduce", ranks=16, machines=2, bytes=2**30)]
    code, detail, used = left_out(rows)

    assert (code, used) == ("no-network", 2)
    assert "network_bytes_per_s" in detail


def test_nothing_left_is_an_error() -> None:
    """Where every row is left out there is an error beside the warnings."""
    row = made(GemmRow, m=1, n=8, k=8, precision="fp4")
    result = calibrate(Rows(file="rows.csv", rows=(row,)), TABLE)

    assert result.value is None
    assert [d.code for d in result.diagnostics] == ["no-peak", "nothing-to-fit"]


def test_kinds_that_nobody_fits_are_told() -> None:
    """A kind without somebody who fits it is left out with a warning that names its first line."""
    step = made(
        TrainRow,
        model="llama-3.1-8b",
        devices=8,
        sequence_tokens=4096,
        global_batch_sequences=8,
        precision="bf16",
    )
    rows = Rows(file="rows.csv", rows=(*sweeps(), replace(step, line=9)))
    some = calibrate(rows, TABLE, calibrators=(Calibrator(kinds=KERNELS, fit=calibrate_kernels),))
    nobody = calibrate(rows, TABLE, calibrators=())

    assert some.ok
    assert [d.code for d in some.diagnostics] == ["kind-not-fitted"]
    assert "1 row of rows.csv, the first in line 9" in some.diagnostics[0].detail
    assert [d.code for d in nobody.diagnostics] == ["kind-not-fitted", "nothing-to-fit"]


def test_one_calibrator_believes_what_the_one_before_found() -> None:
    """Figures of the hardware are in the table that whoever fits the software is given."""
    believed: list[float] = []

    def steps(_: Rows, table: Efficiencies) -> Result[tuple[Calibration, ...]]:
        believed.append(table.of(load_accelerators()["H100"])["memory"].value)
        return Result(())

    kernels = Calibrator(kinds=KERNELS, fit=calibrate_kernels)
    after = Calibrator(kinds=("train",), fit=steps)
    step = made(
        TrainRow,
        model="llama-3.1-8b",
        devices=8,
        sequence_tokens=4096,
        global_batch_sequences=8,
        precision="bf16",
    )
    rows = measured(shapes(), TRUTH)
    found = calibrate(replace(rows, rows=(*rows.rows, step)), TABLE, (kernels, after)).unwrap()

    assert believed == [c.after for c in found[0].changes if c.figure == "memory"]
