"""The table of measured efficiencies."""

from __future__ import annotations

import pytest

from dcplan.basis import Basis
from dcplan.catalog import AcceleratorKind, load_accelerators
from dcplan.catalog.efficiency import load_efficiencies, parse_efficiencies
from dcplan.perf.device import device_of

ROWS = """
sources: {here: {name: a table, date: "2025"}}
rows:
"""


def test_measured_accelerators_have_their_own_figures() -> None:
    """An H100's matrix products stand with what was measured, and with where."""
    figure = load_efficiencies().of(load_accelerators()["H100"])["gemm/bf16"]

    assert figure.value == 0.90
    assert figure.basis is Basis.CALIBRATED
    assert "AIConfigurator" in figure.source.name


def test_unmeasured_accelerators_fall_back_to_their_family() -> None:
    """An accelerator without measurements takes the assumed figures of its family."""
    figure = load_efficiencies().of(load_accelerators()["MI300X"])["gemm/bf16"]

    assert figure.basis is Basis.ASSUMED


def test_every_name_in_the_table_is_an_accelerator_or_a_family() -> None:
    """No row of the table is lost to a name that nothing has."""
    known = {"any", *AcceleratorKind, *load_accelerators()}

    assert {of for of, _ in load_efficiencies().rows} - known == set()


def test_a_missing_peak_makes_a_precision_illegal() -> None:
    """An A100 has no fp8, and that is not made up from its other peaks."""
    chip = load_accelerators()["A100-80"]
    efficiency = load_efficiencies().of(chip)

    assert device_of(chip, "fp8", efficiency) is None
    assert device_of(chip, "bf16", efficiency) is not None


@pytest.mark.parametrize(
    "rows",
    [
        "  - {of: X, figure: memory, value: 1.5, basis: measured, from: here}",
        "  - {of: X, figure: memory, value: 0, basis: measured, from: here}",
        (
            "  - {of: X, figure: memory, value: 0.5, basis: measured, from: here}\n"
            "  - {of: X, figure: memory, value: 0.6, basis: measured, from: here}"
        ),
    ],
)
def test_a_table_that_cannot_be_true_is_refused(rows: str) -> None:
    """A share above 1 or of 0, and the same figure twice, are faults of our own."""
    with pytest.raises(ValueError, match="This is a bug in dcplan"):
        parse_efficiencies(ROWS + rows)
