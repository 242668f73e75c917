"""Quantiles under open load against a simulation of the same replica, step by step."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from dcplan.basis import Basis
from dcplan.catalog import load_accelerators, load_catalog_model
from dcplan.catalog.efficiency import load_efficiencies
from dcplan.demand.types import Lengths
from dcplan.perf import Layout, Replicas, device_of, engine_of, layouts_of, parameters_of, wires_of
from dcplan.perf.numbers import row, total
from dcplan.perf.serving import rate_at, tpot_parts, ttft_parts
from dcplan.topology.types import Link, PoolLinks
from serving_simulation import simulate


def lengths(median: float, spread: float) -> Lengths:
    """A lognormal whose p95 is ``spread`` medians."""
    sigma = math.log(spread) / 1.6448536
    p99 = median * math.exp(2.3263479 * sigma)
    return Lengths(mean=median * math.exp(sigma * sigma / 2), p50=median, p95=median * spread, p99=p99)


def replica(cv2: float, spread: float) -> Replicas:
    """Llama 8B on one H100, whose steps with prompts save nothing of the decode step."""
    model, chip = load_catalog_model("llama-3.1-8b"), load_accelerators()["H100"]
    assert model is not None
    efficiency = load_efficiencies().of(chip)
    link = Link(bytes_per_s=450e9, latency_s=1e-6, basis=Basis.ASSUMED)
    device = device_of(chip, "bf16", efficiency)
    assert device is not None
    engine = replace(engine_of(efficiency), mixed=0.0, first_s=0.0, token_s=0.0, poll_factor=0.5)
    return Replicas(
        parameters=parameters_of(model),
        layouts=layouts_of(Layout()),
        device=device,
        wires=wires_of(PoolLinks(pool="p", scale_up_domain=8, scale_up=link, scale_out=link), efficiency),
        engine=engine,
        prompt=lengths(1000, spread),
        output=lengths(200, spread),
        arrival_cv2=cv2,
    )


@pytest.mark.parametrize("batch", [4.0, 32.0, 64.0])
@pytest.mark.parametrize(("cv2", "spread"), [(1.0, 1.0), (1.0, 4.0), (4.0, 1.0)])
def test_ninety_five_per_cent_are_as_fast_as_promised(batch: float, cv2: float, spread: float) -> None:
    """The 95 % quantiles of both times are within 30 % of those of the simulation."""
    r = replica(cv2, spread)
    seen = simulate(r, row(rate_at(r, batch), 0), 2500, seed=3)
    ttft, tpot = (row(total(parts(r, batch, 0.95)), 0) for parts in (ttft_parts, tpot_parts))

    assert ttft == pytest.approx(float(np.quantile(seen.ttft_s, 0.95)), rel=0.3)
    assert tpot == pytest.approx(float(np.quantile(seen.tpot_s, 0.95)), rel=0.3)


def test_littles_law_holds_in_the_simulation() -> None:
    """The rate that belongs to a batch makes that batch."""
    r = replica(1.0, 1.0)
    seen = simulate(r, row(rate_at(r, 32.0), 0), 2500)

    assert float(seen.batch.mean()) == pytest.approx(32.0, rel=0.12)
