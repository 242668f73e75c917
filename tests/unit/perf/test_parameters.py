"""Counts of parameters and FLOPs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dcplan.catalog import load_catalog_model
from dcplan.perf.parameters import parameters_of, seen_pairs, seen_tokens, training_flops_per_token

if TYPE_CHECKING:
    from dcplan.catalog.types import Model


def known(name: str) -> Model:
    """A model of the catalogue."""
    model = load_catalog_model(name)
    assert model is not None
    return model


@pytest.mark.parametrize(
    ("name", "total"),
    [
        ("llama-3.1-8b", 8.03e9),
        ("llama-3.1-70b", 70.6e9),
        ("llama-3.1-405b", 405.9e9),
        ("deepseek-v3", 671e9),
        ("mixtral-8x7b", 46.7e9),
        ("qwen3-235b-a22b", 235e9),
    ],
)
def test_totals_are_the_published_ones(name: str, total: float) -> None:
    """The parameters counted from an architecture are those that its makers state."""
    assert parameters_of(known(name)).total == pytest.approx(total, rel=0.005)


@pytest.mark.parametrize(("name", "active"), [("deepseek-v3", 37e9), ("mixtral-8x7b", 12.9e9)])
def test_active_parameters_are_the_published_ones(name: str, active: float) -> None:
    """A mixture of experts uses as many parameters for one token as its makers state."""
    assert parameters_of(known(name)).active == pytest.approx(active, rel=0.03)


def test_a_dense_model_uses_all_its_parameters() -> None:
    """Without experts, active and total parameters are the same."""
    p = parameters_of(known("llama-3.1-8b"))

    assert p.total == p.active


def test_training_flops_are_six_times_the_parameters_and_attention() -> None:
    """A token costs 6 FLOPs a parameter that it is multiplied with, and causal attention on top."""
    p = parameters_of(known("llama-3.1-8b"))
    without_table = 8.03e9 - 128_256 * 4096
    causal = 6 * 32 * 32 * 128 * 8192

    assert training_flops_per_token(p, 8192.0) == pytest.approx(6 * without_table + causal, rel=0.001)


def test_a_sliding_window_caps_what_is_seen() -> None:
    """Layers with a window see no more than it, so that a long context costs less than without."""
    model = known("gemma-3-27b")
    assert model.sliding_window is not None
    p = parameters_of(model)

    assert seen_tokens(p, 100_000.0) < model.layers * 100_000
    assert seen_tokens(p, 10.0) == model.layers * 10
    assert seen_pairs(p, 100_000.0) < model.layers * 100_000**2 / 2
