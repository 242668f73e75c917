"""Queueing formulas against cases that are known exactly."""

from __future__ import annotations

import math

import pytest

from dcplan.demand.types import Lengths
from dcplan.perf.queueing import batch_at, length_at, mean_wait_s, variation_of, wait_at_s

LENGTHS = Lengths(mean=1200, p50=800, p95=4000, p99=7000)


def test_the_mean_wait_of_a_poisson_queue_is_exact() -> None:
    """M/M/1 at half load waits as long as one service on average, M/D/1 half as long."""
    assert mean_wait_s(0.5, 2.0, 1.0, 1.0) == pytest.approx(2.0)
    assert mean_wait_s(0.5, 2.0, 1.0, 0.0) == pytest.approx(1.0)


def test_the_tail_of_a_poisson_queue_is_exact() -> None:
    """M/M/1: P(wait > t) = load x exp(-(1 - load) t / service)."""
    wait = wait_at_s(0.5, mean_wait_s(0.5, 2.0, 1.0, 1.0), 0.95)

    assert 0.5 * math.exp(-0.5 * float(wait) / 2.0) == pytest.approx(0.05)


def test_most_requests_do_not_wait_in_an_idle_queue() -> None:
    """At one per cent load, 95 % of the requests wait not at all."""
    assert float(wait_at_s(0.01, mean_wait_s(0.01, 2.0, 1.0, 1.0), 0.95)) == 0


def test_lengths_go_through_their_quantiles() -> None:
    """Given quantiles are met, those between lie between, those beyond lie beyond."""
    met = [length_at(LENGTHS, q) for q in (0.5, 0.95, 0.99)]

    assert met == pytest.approx([800, 4000, 7000])
    assert 800 < length_at(LENGTHS, 0.9) < 4000
    assert length_at(LENGTHS, 0.999) > 7000


def test_equal_lengths_do_not_vary() -> None:
    """The same length everywhere has no variation; a long tail has."""
    assert variation_of(Lengths(mean=100, p50=100, p95=100, p99=100)) == 0
    assert variation_of(LENGTHS) > 1


def test_bursty_arrivals_meet_larger_batches() -> None:
    """The batch at a quantile grows with the variation of the arrivals and is never below the mean."""
    calm, bursty = batch_at(16.0, 0.95, 1.0), batch_at(16.0, 0.95, 4.0)

    assert 16 < float(calm) < float(bursty)
    assert float(batch_at(16.0, 0.5, 1.0)) == 16
