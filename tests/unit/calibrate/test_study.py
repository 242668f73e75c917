"""A study fits all rows, judges each by fits that have not seen it, and can be seen from a part of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from dcplan.calibrate.fit import Parameter
from dcplan.calibrate.study import Question, Study, study

Array = npt.NDArray[np.float64]

OWNER = np.arange(80) % 2
WORK = np.geomspace(1.0, 50.0, 80)
TRUTH = np.array([0.4, 0.8])


def done() -> Study:
    """Two accelerators with a share each; the rows of one source are three times as slow as the formula."""
    slow = np.where(np.arange(80) >= 60, 3.0, 1.0)
    names = [f"chip-{owner}" for owner in OWNER]
    question = Question(
        predict=lambda values: WORK / values[OWNER],
        measured_s=WORK / TRUTH[OWNER] * slow,
        parameters=tuple(Parameter(name=f"share-{i}", start=0.6, prior_sigma=0.5) for i in range(2)),
        groups=[f"group-{i // 4}" for i in range(80)],
        slices=names,
        sources=["theirs" if i >= 60 else "ours" for i in range(80)],
        touches=OWNER[:, None] == np.arange(2),
    )
    return study(question).unwrap()


def test_every_row_is_judged() -> None:
    """Each row has a prediction by a fit without its group, and one by a fit without its source."""
    found = done()

    assert found.fit.values == pytest.approx(TRUTH, rel=0.15)
    assert np.isfinite(found.held_out_s).all()
    assert np.isfinite(found.source_out_s).all()
    assert {label: errors.rows for label, errors in found.errors.items()} == {"chip-0": 40, "chip-1": 40}
    assert found.source_out_s[60:] / found.question.measured_s[60:] == pytest.approx(1 / 3, rel=0.05)


def test_a_part_is_judged_by_itself() -> None:
    """Seen from the rows of one accelerator, the errors are those of its rows in the whole."""
    found = done()
    part = found.part(np.flatnonzero(OWNER == 1).tolist())

    assert part.errors == {"chip-1": found.errors["chip-1"]}
    assert part.source_errors == {"chip-1": found.source_errors["chip-1"]}
    assert part.fit.depends.any(axis=0).tolist() == [False, True]
    assert part.question.predict(TRUTH) == pytest.approx(WORK[OWNER == 1] / 0.8)
    assert part.errors_where(part.fit.depends[:, 1]) == found.errors["chip-1"]
