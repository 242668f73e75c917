"""Rows are judged by fits that have not seen them, and errors are what they are called."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from dcplan.calibrate.judge import by_slice, errors_of, fold_of, folds_of, held_out, source_out

Index = npt.NDArray[np.intp]
Array = npt.NDArray[np.float64]


def test_a_group_is_never_fitted_and_judged_at_once() -> None:
    """Whatever the fold, no group is on both sides, and each row is judged exactly once."""
    keys = [f"model-{i % 40}" for i in range(400)]
    judged = np.zeros(400)

    def trial(train: Index, test: Index) -> Array:
        judged[test] += 1
        assert not {keys[i] for i in train} & {keys[i] for i in test}
        assert len(train) + len(test) == 400
        return np.ones(len(test))

    held_out(trial, keys)

    assert (judged == 1).all()


def test_the_key_alone_decides_the_fold() -> None:
    """A fold is the same today and tomorrow, and whatever other groups are there."""
    keys = [f"llama|H100|{i}" for i in range(50)]
    all_of_them, fewer = folds_of(keys), folds_of(keys[:30])

    assert [fold_of(key) for key in ("llama|H100", "qwen|B200", "dbrx|A100")] == [0, 4, 4]
    assert all_of_them[:30].tolist() == fewer.tolist()
    assert set(all_of_them.tolist()) == {0, 1, 2, 3, 4}


def test_a_handful_of_groups_are_left_out_one_by_one() -> None:
    """With few groups each is a fold; with one nothing can be kept apart, and nothing is claimed."""
    assert folds_of(["b", "a", "b", "c"]).tolist() == [1, 0, 1, 2]
    assert np.isnan(held_out(lambda _, test: np.ones(len(test)), ["a", "a"])).all()


def test_whole_sources_are_left_out() -> None:
    """A source is predicted by the others; one with a few rows is not judged by itself."""
    sources = ["x"] * 10 + ["y"] * 8 + ["z"] * 2
    level = np.array([1.0] * 10 + [2.0] * 8 + [3.0] * 2)
    out = source_out(lambda train, test: np.full(len(test), level[train].max()), sources)

    assert out[:18].tolist() == [3.0] * 18
    assert np.isnan(out[18:]).all()


def test_errors_are_shares_of_the_measured_time() -> None:
    """Median, quantiles, bias and margin of a small example that can be checked by hand."""
    measured = np.full(5, 10.0)
    errors = errors_of(np.array([10.0, 10.5, 12.0, 8.0, np.nan]), measured, ["a", "a", "b", "c", "d"])

    assert errors is not None
    assert (errors.rows, errors.groups) == (4, 3)
    assert errors.median == pytest.approx(0.125)
    assert errors.mean == pytest.approx(0.1125)
    assert errors.bias == pytest.approx(0.025)
    assert (errors.within_10, errors.within_20) == (0.5, 1.0)
    assert errors.slow80 == pytest.approx(np.quantile([1, 1 / 1.05, 1 / 1.2, 1.25], 0.8))
    assert errors_of(np.array([np.nan]), np.array([1.0])) is None


def test_slices_have_errors_of_their_own() -> None:
    """Each label is judged by its own rows, and one without predictions is not there."""
    found = by_slice(np.array([1.1, 2.0, np.nan]), np.ones(3), ["a", "b", "c"])

    assert list(found) == ["a", "b"]
    assert found["a"].median == pytest.approx(0.1)
    assert found["b"].median == pytest.approx(1.0)
