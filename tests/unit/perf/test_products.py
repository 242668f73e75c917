"""Times of matrix products against published measurements and against simple cases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcplan.catalog import load_accelerators, load_catalog_model
from dcplan.catalog.efficiency import load_efficiencies
from dcplan.catalog.formats import formats
from dcplan.perf.compute import bent, experts_s, gemm_s, mlp_s
from dcplan.perf.device import Device, Gemm, device_of, form_on, peak_flops
from dcplan.perf.parameters import Parameters, parameters_of


def device(name: str, precision: str) -> Device:
    """A chip of the catalogue at a precision."""
    chip = load_accelerators()[name]
    made = device_of(chip, precision, load_efficiencies().of(chip))
    assert made is not None
    return made


def product(name: str, precision: str) -> Gemm:
    """Its products of MLPs."""
    return device(name, precision).mlp


def parameters(name: str) -> Parameters:
    """A model of the catalogue."""
    model = load_catalog_model(name)
    assert model is not None
    return parameters_of(model)


@pytest.mark.parametrize(("side", "reached"), [(16384, 0.83), (2048, 0.59), (1024, 0.30)])
def test_a_chip_of_another_maker_loses_as_much_on_small_products(side: int, reached: float) -> None:
    """The shares of half a TPU7x on squares of three sizes, of which the figures know the largest only.

    Google tpu-recipes, GEMM benchmark: 956 of 1154 TFLOP/s a device, of which a chip has two, at 16k.
    """
    whole, peak = product("TPU7x", "bf16"), load_accelerators()["TPU7x"].bf16_flops
    half = replace(whole, flops=whole.flops / 2, stream_bytes_per_s=whole.stream_bytes_per_s / 2)
    seconds = float(gemm_s(side, side * side, side, half))

    assert peak is not None
    assert 2 * side**3 / seconds / (peak / 2) == pytest.approx(reached, rel=0.15)


@pytest.mark.parametrize(
    ("chip", "precision", "rows", "columns", "depth", "measured_us"),
    [
        # Medians of AIConfigurator's tables at the middle of their lists of N and K.
        ("H100", "bf16", 8192, 4096, 5120, 443.6),
        ("H100", "bf16", 1, 4096, 5120, 17.8),
        ("H100", "fp8", 4096, 12288, 51200, 3852.0),
        ("A100-80", "int4", 8192, 4096, 5120, 1358.9),
        ("B200", "fp4", 8192, 12288, 51200, 2550.0),
    ],
)
def test_products_are_near_the_measured_tables(  # noqa: PLR0917 - a row of a table
    chip: str, precision: str, rows: int, columns: int, depth: int, measured_us: float
) -> None:
    """A product of a size that was measured takes within 25 % of what was measured."""
    seconds = float(gemm_s(rows, columns * depth, columns, product(chip, precision)))

    assert seconds * 1e6 == pytest.approx(measured_us, rel=0.25)


def test_a_precision_has_its_own_figures_and_else_those_of_its_peak() -> None:
    """fp8 in blocks has figures of its own, MXFP8 those of fp8, and MXFP4, unpacked to 16 bits, bf16's."""
    plain, blocks, scaled = (product("B200", name) for name in ("fp8", "fp8-block", "mxfp8"))
    unpacked, wide = product("H100", "mxfp4"), product("H100", "bf16")

    assert blocks.half_columns != plain.half_columns
    assert (scaled.flops, scaled.half_columns) == (plain.flops, plain.half_columns)
    assert (unpacked.flops, unpacked.half_columns) == (wide.flops, wide.half_columns)
    assert unpacked.weight_bytes < wide.weight_bytes


def test_weight_only_formats_pay_for_few_rows_only() -> None:
    """int4 weights are read faster than bf16's and multiplied no faster."""
    narrow, wide = product("A100-80", "int4"), product("A100-80", "bf16")
    size = (16384 * 16384, 16384)

    assert float(gemm_s(8, *size, narrow)) < 0.5 * float(gemm_s(8, *size, wide))
    assert float(gemm_s(8192, *size, narrow)) > 0.95 * float(gemm_s(8192, *size, wide))


def test_a_model_without_experts_spends_no_time_on_them() -> None:
    """A dense model has no time of experts, a sparse one has, and both have MLPs or shared experts."""
    chip = device("H100", "bf16")
    dense, sparse = parameters("llama-3.1-8b"), parameters("deepseek-v3")

    assert float(experts_s(dense, 100.0, 1.0, 1.0, chip)) == 0
    assert float(experts_s(sparse, 100.0, 8.0, 1.0, chip)) > 0
    assert float(mlp_s(sparse, 100.0, 1.0, chip)) > 0


def test_cutting_experts_saves_less_than_the_ranks_it_takes() -> None:
    """Experts in two pieces on twice the ranks take longer than half the time, for pieces are narrow."""
    chip, sparse = device("H100", "bf16"), parameters("mixtral-8x7b")
    whole = float(experts_s(sparse, 8192.0, 4.0, 1.0, chip))
    cut = float(experts_s(sparse, 8192.0, 8.0, 2.0, chip))

    assert whole / 2 < cut < whole


def test_the_roofline_is_round_at_its_corner() -> None:
    """Where both bounds are far apart the longer one counts; where they meet, a quarter more."""
    assert float(bent(1.0, 0.01)) == pytest.approx(1.0, rel=1e-5)
    assert float(bent(1.0, 1.0)) == pytest.approx(2 ** (1 / 3))


def test_slower_memory_is_felt_by_few_rows_only() -> None:
    """Half of the streaming speed doubles the time of one row, and not that of ten thousand."""
    gemm = product("H100", "bf16")
    slow = replace(gemm, stream_bytes_per_s=gemm.stream_bytes_per_s / 2)
    size = (16384 * 16384, 16384)

    assert float(gemm_s(1, *size, slow)) == pytest.approx(2 * float(gemm_s(1, *size, gemm)), rel=0.05)
    assert float(gemm_s(10_000, *size, slow)) == pytest.approx(float(gemm_s(10_000, *size, gemm)), rel=0.01)


def test_4_bit_mx_weights_are_multiplied_natively_where_engines_can() -> None:
    """On B200 in the kernels of fp4, with their own bytes; on H100 unpacked to 16 bits."""
    form = formats()["mxfp4-experts"]
    new, old = (form_on(load_accelerators()[name], form) for name in ("B200", "H100"))

    assert new.experts.name == "fp4"
    assert new.experts.bytes == form.experts.bytes
    assert new.projections == form.projections
    assert old == form


def test_native_products_have_their_own_peak() -> None:
    """A weight-only format computes at the bf16 peak, the same format natively at that of its kernels."""
    chips = load_accelerators()

    assert peak_flops(chips["B200"], "mxfp4") == chips["B200"].fp4_flops
    assert peak_flops(chips["H100"], "mxfp4") == chips["H100"].bf16_flops
