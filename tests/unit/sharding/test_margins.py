"""Margins: predictions are slowed by what was seen to be missed, and say where they were never checked."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from asked import CHIPS, eight, training_jobs
from dcplan.catalog.efficiency import Efficiencies, Profile
from dcplan.catalog.types import Source
from dcplan.perf.types import Layout
from dcplan.sharding.margins import (
    NEVER_CHECKED,
    margin_of,
    not_covered,
    profile_for,
    spread_of,
    step_notes,
)


def judged(
    accelerator: str = "H100", software: str = "vllm", slow80: float = 1.2, median: float = 0.1
) -> Profile:
    """A judgement of predicted TPOT."""
    return Profile(
        accelerator=accelerator,
        software=software,
        precision="any",
        metric="tpot",
        date="2026-11-20",
        rows=120,
        groups=7,
        median=median,
        p90=0.3,
        bias=0.0,
        slow80=slow80,
        range={"devices": (1.0, 16.0), "prompt_tokens": (128.0, 8192.0)},
        source=Source(name="ours", date="2026-11-20"),
    )


def test_a_margin_is_what_eight_of_ten_stay_below() -> None:
    """The factor is the profile's own quantile where that is the larger, and its reason counts the runs."""
    margin = margin_of(judged(slow80=1.2))

    assert margin.factor == 1.2
    assert "120 runs of 7 kinds on H100 with vllm" in margin.reason


def test_a_margin_of_one_kind_is_told_in_the_singular() -> None:
    """The reason says 1 kind, not 1 kinds."""
    margin = margin_of(replace(judged(slow80=1.2), groups=1))

    assert "120 runs of 1 kind on H100 with vllm" in margin.reason


def test_a_margin_is_as_wide_as_half_of_the_errors_at_least() -> None:
    """A quantile that is small by chance is not trusted: half of the errors tell a width, too."""
    spread = spread_of(judged(median=0.1))
    margin = margin_of(judged(slow80=1.01, median=0.1))

    assert spread == pytest.approx(0.1 / 0.6745, rel=1e-4)
    assert margin.factor == pytest.approx(math.exp(0.8416 * spread), rel=1e-4)


def test_a_margin_never_makes_a_prediction_faster() -> None:
    """Where predictions are too slow, nothing is taken off."""
    assert margin_of(judged(slow80=0.8, median=0.0)).factor == 1.0


def test_without_a_profile_no_number_is_made_up() -> None:
    """The factor is 1, and the reason says that nobody checked."""
    margin = margin_of(None)

    assert margin.factor == 1.0
    assert "never checked" in margin.reason


def test_the_nearest_profile_is_taken() -> None:
    """The hardware's own, else the software's over all hardware, else any software's."""
    own, all_hardware, anything = judged(), judged("any"), judged("any", "any")
    table = Efficiencies(rows={}, profiles=(own, all_hardware, anything))

    assert profile_for(table, "H100", "vllm", "fp8", "tpot") is own
    assert profile_for(table, "B200", "vllm", "fp8", "tpot") is all_hardware
    assert profile_for(table, "B200", "sglang", "fp8", "tpot") is anything
    assert profile_for(table, "B200", "sglang", "fp8", "ttft") is None


def test_what_a_profile_does_not_cover_is_said() -> None:
    """Each number outside its range is named with the range; what is inside or unknown is not."""
    notes = not_covered(judged(), {"devices": 64.0, "prompt_tokens": 1000.0, "concurrency": 1e9})

    assert notes == ("outside what the profile covers: devices 64 (1 to 16 measured)",)
    assert not_covered(None, {"devices": 64.0}) == ()


def test_a_step_that_nobody_checked_says_so() -> None:
    """Without a profile a training layout is noted as never checked, not as if all were well."""
    job = training_jobs("llama-3.1-8b", CHIPS["H100"], eight(CHIPS["H100"]), Layout(data=8))

    assert step_notes(None, job) == (NEVER_CHECKED,)


def test_a_step_outside_its_profile_names_what_lies_outside() -> None:
    """Only the devices are told: tensor parallelism of 1 lies inside."""
    job = training_jobs("llama-3.1-8b", CHIPS["H100"], eight(CHIPS["H100"]), Layout(data=8))
    profile = replace(judged(), metric="step", range={"devices": (1.0, 4.0), "tensor": (1.0, 8.0)})

    assert step_notes(profile, job) == ("outside what the profile covers: devices 8 (1 to 4 measured)",)
