"""Constants are found again, priors hold where there is no data, and outliers do not pull."""

from __future__ import annotations

import importlib.util

import numpy as np
import numpy.typing as npt
import pytest

from dcplan.calibrate.fit import Fit, Kind, Parameter, fit

Array = npt.NDArray[np.float64]

WORK = np.geomspace(1.0, 100.0, 60)
SIZE = np.geomspace(100.0, 1.0, 60)
SHARE = Parameter(name="share", start=0.6, prior_sigma=0.3)
FIXED_S = Parameter(name="fixed_s", start=1.0, prior_sigma=1.0, kind=Kind.POSITIVE)
UNSEEN = Parameter(name="unseen", start=0.4, prior_sigma=0.3)


def seconds(values: Array) -> Array:
    """Work at a share of a peak, and a fixed cost; the third constant takes no part."""
    return WORK / values[0] + SIZE * values[1]


def found(
    measured: Array,
    parameters: tuple[Parameter, ...] = (SHARE, FIXED_S, UNSEEN),
    touches: npt.NDArray[np.bool_] | None = None,
) -> Fit:
    """The fit of the formula above."""
    return fit(seconds, measured, parameters, touches=touches).unwrap()


def noisy(values: Array, sigma: float = 0.02) -> Array:
    """Measurements of the formula with some noise."""
    noise: Array = np.exp(np.random.default_rng(1).normal(0, sigma, len(WORK)))
    return seconds(values) * noise


def test_known_constants_are_found_again() -> None:
    """Rows made with other constants than the start give those back, with a spread that covers them."""
    done = found(noisy(np.array([0.8, 0.3, 0.4])))
    share, fixed, _ = done.fitted

    assert done.converged
    assert share.value == pytest.approx(0.8, rel=0.03)
    assert fixed.value == pytest.approx(0.3, rel=0.03)
    assert share.low < 0.8 < share.high
    assert (share.moved, fixed.moved, share.rows) == (True, True, len(WORK))
    assert done.predicted_s == pytest.approx(seconds(done.values))


def test_a_constant_without_rows_stays_at_its_prior() -> None:
    """What no row depends on keeps its start and is marked so, with the prior's own spread."""
    unseen = found(noisy(np.array([0.8, 0.3, 0.4]))).fitted[2]

    assert unseen.value == pytest.approx(0.4)
    assert (unseen.rows, unseen.moved) == (0, False)
    assert unseen.low < 0.4 / 1.2
    assert unseen.high > 0.4 * 1.2


def test_few_poor_rows_move_a_constant_little() -> None:
    """One row that says twice as fast moves a well-believed constant less than half of the way."""
    believed = Parameter(name="share", start=0.4, prior_sigma=0.02)
    done = fit(lambda values: np.array([1.0]) / values[0], np.array([1.25]), (believed,)).unwrap()

    assert 0.4 < done.fitted[0].value < 0.6
    assert not done.fitted[0].moved


def test_outliers_do_not_pull() -> None:
    """A tenth of the rows ten times too slow shifts the share by a few percent only."""
    measured = noisy(np.array([0.8, 0.3, 0.4]))
    measured[::10] *= 10

    assert found(measured).fitted[0].value == pytest.approx(0.8, rel=0.06)


def test_constants_that_share_no_row_are_moved_together() -> None:
    """Telling which rows a constant touches gives the same fit with fewer predictions."""
    peaks = tuple(Parameter(name=f"peak-{i}", start=0.5, prior_sigma=0.5) for i in range(10))
    owner = np.arange(60) % 10
    truth = np.linspace(0.3, 0.8, 10)
    asked = []

    def predict(values: Array) -> Array:
        asked.append(1)
        return WORK / values[owner]

    touches = owner[:, None] == np.arange(10)
    plain = fit(predict, WORK / truth[owner], peaks).unwrap()
    without = len(asked)
    asked.clear()
    together = fit(predict, WORK / truth[owner], peaks, touches=touches).unwrap()

    assert together.values == pytest.approx(plain.values)
    assert together.values == pytest.approx(truth, rel=0.02)
    assert len(asked) < without / 4
    assert (together.depends == touches).all()


def test_weights_say_whom_to_believe() -> None:
    """Of two sources that contradict each other, the one with the weight is followed."""
    measured = np.concatenate([np.full(30, 1 / 0.5), np.full(30, 1 / 0.8)])
    weights = np.concatenate([np.full(30, 1.0), np.full(30, 0.05)])
    done = fit(lambda v: np.full(60, 1 / v[0]), measured, (SHARE,), weights=weights).unwrap()

    assert done.fitted[0].value == pytest.approx(0.5, rel=0.05)


def test_bounds_are_kept() -> None:
    """A positive constant ends at its bound when the rows want it beyond."""
    bounded = Parameter(name="x_s", start=1.0, prior_sigma=2.0, kind=Kind.POSITIVE, low=0.5, high=2.0)
    done = fit(lambda v: np.full(40, v[0]), np.full(40, 9.0), (bounded,)).unwrap()

    assert done.fitted[0].value == pytest.approx(2.0, rel=1e-3)


def test_rows_without_a_prediction_are_our_bug() -> None:
    """A formula that gives no time for a row is found at once and not fitted around."""
    with pytest.raises(ValueError, match=r"rows \[1\] have no predicted time at the start"):
        fit(lambda v: np.array([1.0, np.inf]) * v[0], np.ones(2), (SHARE,))


def test_a_missing_solver_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without SciPy there is an error with the command that brings it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    result = fit(seconds, WORK, (SHARE,))
    (told,) = result.diagnostics

    assert result.value is None
    assert told.code == "no-scipy"
    assert "pip install 'dcplan[calibrate]'" in told.detail
