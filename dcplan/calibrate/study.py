"""One fit and its judgement: all rows fitted, each row predicted by fits that had not seen it.

What fits kernels, training steps and serving alike: whoever has formulas that
predict rows from constants hands them over as a ``Question``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from dcplan.calibrate.fit import NOISE, Fit, Parameter, Predict, fit, solver_missing
from dcplan.calibrate.judge import FOLDS, Errors, by_slice, errors_of, held_out, source_out
from dcplan.diag import Result

Array: TypeAlias = npt.NDArray[np.float64]
Index: TypeAlias = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Rows, the constants to find, and how the one follows from the other.  Sequences have an entry a row."""

    predict: Predict
    measured_s: Array
    parameters: tuple[Parameter, ...]
    groups: Sequence[str]
    """Rows with the same key are never fitted and judged at once."""
    slices: Sequence[str]
    """What errors are told by: gemm/bf16, vllm fp8..."""
    sources: Sequence[str]
    weights: Array | None = None
    touches: npt.NDArray[np.bool_] | None = None
    """See ``fit``."""
    noise: float = NOISE


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What a question came to."""

    question: Question
    fit: Fit
    """To all rows."""
    held_out_s: Array
    """Each row by a fit without its group; NaN where there is only one group."""
    source_out_s: Array
    """Each row by a fit without its source; NaN for sources of a few rows and where there is only one."""

    @property
    def errors(self) -> Mapping[str, Errors]:
        """Held-out errors by slice."""
        return by_slice(self.held_out_s, self.question.measured_s, self.question.slices, self.question.groups)

    @property
    def source_errors(self) -> Mapping[str, Errors]:
        """Leave-one-source-out errors by slice."""
        return by_slice(
            self.source_out_s, self.question.measured_s, self.question.slices, self.question.groups
        )

    def errors_where(self, rows: npt.NDArray[np.bool_]) -> Errors | None:
        """Held-out errors over some of the rows; None where nothing could be kept apart."""
        chosen = np.flatnonzero(rows)
        groups = [self.question.groups[i] for i in chosen.tolist()]
        return errors_of(self.held_out_s[chosen], self.question.measured_s[chosen], groups)

    def part(self, rows: Sequence[int]) -> Study:
        """The same fit seen from some of the rows only: one accelerator's, one framework's."""
        index = np.array(rows, dtype=np.intp)
        whole = self.question
        question = replace(
            whole,
            predict=lambda values: whole.predict(values)[index],
            measured_s=whole.measured_s[index],
            groups=[whole.groups[i] for i in rows],
            slices=[whole.slices[i] for i in rows],
            sources=[whole.sources[i] for i in rows],
            weights=None if whole.weights is None else whole.weights[index],
            touches=None if whole.touches is None else whole.touches[index],
        )
        fit = replace(self.fit, predicted_s=self.fit.predicted_s[index], depends=self.fit.depends[index])
        return Study(
            question=question,
            fit=fit,
            held_out_s=self.held_out_s[index],
            source_out_s=self.source_out_s[index],
        )


def study(question: Question, folds: int = FOLDS) -> Result[Study]:
    """Fit to all rows, then to all but each fold and all but each source, and predict what was left out."""
    missing = solver_missing()
    if missing:
        return Result(None, missing)

    def trial(train: Index, test: Index) -> Array:
        return question.predict(_fitted(question, train).values)[test]

    return Result(
        Study(
            question=question,
            fit=_fitted(question, np.arange(len(question.measured_s))),
            held_out_s=held_out(trial, question.groups, folds),
            source_out_s=source_out(trial, question.sources),
        )
    )


def _fitted(question: Question, rows: Index) -> Fit:
    """A fit to these rows only."""
    found = fit(
        lambda values: question.predict(values)[rows],
        question.measured_s[rows],
        question.parameters,
        weights=None if question.weights is None else question.weights[rows],
        touches=None if question.touches is None else question.touches[rows],
        noise=question.noise,
    )
    return found.unwrap()
