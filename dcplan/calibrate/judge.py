"""Judge predictions by rows that were not fitted: folds by group, whole sources, error statistics.

Which fold a group belongs to is a hash of its key, so that it is the same
tomorrow, on every machine, and whatever other rows are there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
Index: TypeAlias = npt.NDArray[np.intp]

Trial: TypeAlias = Callable[[Index, Index], Array]
"""Fit to the rows of the first indices, give the predicted seconds of those of the second."""

FOLDS = 5

LEAST_ROWS = 6
"""Sources with fewer rows are not judged by themselves: their median would be chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """How far predictions were from measurements, as shares of the measured time."""

    rows: int
    groups: int
    median: float
    """Of the absolute errors, as are ``mean``, ``p80`` and ``p90``."""
    mean: float
    p80: float
    p90: float
    bias: float
    """Median of predicted over measured, less 1: above 0 predictions are too slow."""
    slow80: float
    """Measured over predicted that eight in ten rows stay below: the margin that keeps a promise."""
    within_10: float
    """Share of the rows predicted to 10 %."""
    within_20: float


def errors_of(predicted_s: Array, measured_s: Array, groups: Sequence[str] = ()) -> Errors | None:
    """Statistics over the rows that have a prediction (NaN is none); None when there is no such row."""
    there = np.isfinite(predicted_s)
    if not there.any():
        return None
    ratio = predicted_s[there] / measured_s[there]
    off = np.abs(ratio - 1)
    named = {groups[i] for i in np.flatnonzero(there).tolist()} if len(groups) else set[str]()
    return Errors(
        rows=int(there.sum()),
        groups=len(named),
        median=float(np.median(off)),
        mean=float(off.mean()),
        p80=float(np.quantile(off, 0.8)),
        p90=float(np.quantile(off, 0.9)),
        bias=float(np.median(ratio) - 1),
        slow80=float(np.quantile(1 / ratio, 0.8)),
        within_10=float((off <= 0.1).mean()),  # noqa: PLR2004 - as the name says
        within_20=float((off <= 0.2).mean()),  # noqa: PLR2004 - as the name says
    )


def by_slice(
    predicted_s: Array, measured_s: Array, labels: Sequence[str], groups: Sequence[str] = ()
) -> Mapping[str, Errors]:
    """The same for the rows of each label, in the labels' order; a label without predictions is left out."""
    out: dict[str, Errors] = {}
    names = np.asarray(labels, dtype=object)
    for label in sorted(set(labels)):
        rows = np.flatnonzero(names == label)
        found = errors_of(
            predicted_s[rows], measured_s[rows], [groups[i] for i in rows.tolist()] if len(groups) else ()
        )
        if found is not None:
            out[label] = found
    return out


def fold_of(key: str, folds: int = FOLDS) -> int:
    """The fold of a group: SHA-256 of its key, so that nothing but the key decides."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % folds


def folds_of(keys: Sequence[str], folds: int = FOLDS) -> npt.NDArray[np.intp]:
    """The fold of each row's group.

    With fewer than two groups a fold, each group is a fold of its own: hashing a
    handful into five would leave some folds empty and others with most of them.
    """
    groups = sorted(set(keys))
    if len(groups) < 2 * folds:
        return np.array([groups.index(key) for key in keys], dtype=np.intp)
    fold = {key: fold_of(key, folds) for key in groups}
    return np.array([fold[key] for key in keys], dtype=np.intp)


def held_out(trial: Trial, keys: Sequence[str], folds: int = FOLDS) -> Array:
    """Predictions of every row by a fit that has not seen its group (k-fold cross-validation).

    NaN for all rows where there is only one group: then nothing can be kept apart.
    """
    fold = folds_of(keys, folds)
    out = np.full(len(keys), np.nan)
    if len(set(keys)) > 1:
        for one in np.unique(fold):
            test = np.flatnonzero(fold == one)
            out[test] = trial(np.flatnonzero(fold != one), test)
    return out


def source_out(trial: Trial, sources: Sequence[str], least_rows: int = LEAST_ROWS) -> Array:
    """Predictions of every row by a fit that has not seen its whole source; NaN for sources with few rows."""
    names = np.asarray(sources, dtype=object)
    out = np.full(len(names), np.nan)
    for source in sorted(set(sources)):
        test = np.flatnonzero(names == source)
        train = np.flatnonzero(names != source)
        if len(test) >= least_rows and len(train):
            out[test] = trial(train, test)
    return out
