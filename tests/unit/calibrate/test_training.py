"""Figures of a framework that made synthetic training steps are found again, and odd rows are told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dcplan.basis import Basis
from dcplan.calibrate import Rows, TrainRow, calibrate
from dcplan.calibrate.steps import Steps
from dcplan.calibrate.training import calibrate_training, step_of
from dcplan.catalog.efficiency import Figure, load_efficiencies
from dcplan.catalog.types import Source

TABLE = load_efficiencies()
TRUTH = {"sustained/bf16": 0.62, "train_step_s": 0.5}


def step(**cells: Any) -> TrainRow:
    """A step of Llama 8B on 16 H100 in two machines."""
    common: dict[str, Any] = {
        "line": 2,
        "accelerator": "H100",
        "precision": "bf16",
        "software": "fsdp",
        "source": "lab",
        "model": "llama-3.1-8b",
        "devices": 16,
        "machines": 2,
        "network_bytes_per_s": 400e9,
        "sequence_tokens": 4096,
        "global_batch_sequences": 64,
        "zero": 3,
        "time_s": 1.0,
    }
    return TrainRow(**{**common, **cells})


def measured(seed: int = 0) -> Rows:
    """Steps of several models as a machine with other figures shows them, with 2 % of noise."""
    rows = [
        step(model=model, micro_batch=size, sequence_tokens=length, line=line)
        for line, (model, size, length) in enumerate(
            (
                (model, size, length)
                for model in ("llama-3.1-8b", "mpt-7b", "mpt-1b", "qwen3-8b", "llama-3.2-3b", "mistral-7b")
                for size in (1, 4)
                for length in (2048, 8192)
            ),
            start=2,
        )
    ]
    source = Source(name="truth", date="2026")
    figures = {name: Figure(value=v, basis=Basis.MEASURED, source=source) for name, v in TRUTH.items()}
    steps = [found for found in map(step_of, rows) if found is not None]
    times = Steps(steps).predicted_s(TABLE.with_figures({("H100", "fsdp"): figures}))
    noise = np.exp(np.random.default_rng(seed).normal(0, 0.02, len(times)))
    made = tuple(replace(row, time_s=float(t)) for row, t in zip(rows, times * noise, strict=True))
    return Rows(file="rows.csv", rows=made)


def test_figures_that_made_the_steps_are_found_again() -> None:
    """The share of kernels' speed and the fixed cost of a step come out of 24 steps."""
    (found,) = calibrate_training(measured(), TABLE).unwrap()
    after = {change.figure: change.after for change in found.changes}

    assert (found.accelerator, found.software, found.rows) == ("H100", "fsdp", 24)
    assert after["sustained/bf16"] == pytest.approx(0.62, rel=0.05)
    assert after["train_step_s"] == pytest.approx(0.5, rel=0.15)


def test_models_that_were_left_out_are_predicted() -> None:
    """The profile tells the error over models that the fit had not seen."""
    (found,) = calibrate_training(measured(), TABLE).unwrap()
    (profile,) = found.profiles

    assert (profile.metric, profile.precision, profile.groups) == ("step", "bf16", 6)
    assert profile.median < 0.05


def test_a_job_without_its_network_is_left_out_and_told() -> None:
    """Sixteen H100 are more than NVLink joins; without the network nothing can be said."""
    rows = measured()
    odd = step(network_bytes_per_s=None, line=99)
    told = calibrate(replace(rows, rows=(*rows.rows, odd)), TABLE)

    assert told.value is not None
    assert told.value[0].rows == 24
    assert [(d.code, "Line 99" in d.detail) for d in told.diagnostics] == [("step-left-out", True)]


def test_a_precision_without_a_peak_is_left_out_and_told() -> None:
    """An A100 has no fp8."""
    told = calibrate_training(
        Rows(file="rows.csv", rows=(step(accelerator="A100-80", precision="fp8"),)), TABLE
    )

    assert told.value == ()
    assert [d.code for d in told.diagnostics] == ["step-left-out"]


def test_a_machine_alone_needs_no_network() -> None:
    """Eight H100 in one machine are joined by NVLink."""
    assert step_of(step(devices=8, machines=1, network_bytes_per_s=None)) is not None
