"""Fit a few constants of formulas to many measured times: robust least squares with priors.

The sum that is made small is, over rows and constants,

    sum_i rho((log(predicted_i / measured_i) / noise)^2) + sum_j ((x_j - start_j) / sigma_j)^2

with the soft-L1 loss ``rho(z) = 2 (sqrt(1 + z) - 1)`` (Charbonnier et al. 1997, doi 10.1109/83.551699),
so that a row that no formula explains pulls like its distance and not like its square.  The second sum is a
Gaussian prior on each constant in its own scale (log-odds of a share, logarithm of a positive quantity): a
constant that few rows speak of stays where it was, and is told apart from one that the rows moved.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from dcplan.diag import Diagnostics, Result, error

Array: TypeAlias = npt.NDArray[np.float64]

Predict: TypeAlias = Callable[[Array], Array]
"""From the constants in their natural units to the predicted seconds of all rows."""

NOISE = 0.1
"""Relative error below which a row counts by its square, and above by its distance."""

STEP = 1e-4
"""Step of finite differences, in widths of the prior."""

FARTHEST = 30.0
"""Logarithm of a ratio beyond which a row is only very wrong: keeps infinities out of the sums."""

WIDEST = 2.0
"""Widest prior of a share in log-odds: near 0 and 1 a relative width would be no prior at all."""

MOVED = 0.7
"""A constant whose spread after the fit is below this part of its prior's was moved by rows."""


ROUNDING = 1e-9
"""A derivative below this is none."""


class Kind(StrEnum):
    """In which scale a constant is looked for."""

    SHARE = "share"
    """Between ``low`` and ``high``, in log-odds."""
    POSITIVE = "positive"
    """Above 0, in logarithms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One constant to be fitted, with what was believed of it before."""

    name: str
    start: float
    """Where the search begins, and the middle of the prior; in natural units, as are the bounds."""
    prior_sigma: float
    """Relative width of the prior at ``start``: 0.3 for a value believed to about 30 %."""
    kind: Kind = Kind.SHARE
    low: float = 0.0
    high: float = math.inf
    """1 for a share where nothing else is said."""

    def __post_init__(self) -> None:
        top = self.top
        if not (0 <= self.low < self.start < top and self.prior_sigma > 0):
            msg = f"{self.name} cannot start at {self.start} ({self.low} to {top}). This is a bug in dcplan."
            raise ValueError(msg)

    @property
    def top(self) -> float:
        """The upper bound."""
        return 1.0 if self.kind is Kind.SHARE and math.isinf(self.high) else self.high

    @property
    def width(self) -> float:
        """Width of the prior in the scale of the search."""
        if self.kind is Kind.POSITIVE:
            return self.prior_sigma
        slope = self.start * (self.top - self.low) / ((self.start - self.low) * (self.top - self.start))
        return min(self.prior_sigma * slope, WIDEST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """One constant after the fit."""

    parameter: Parameter
    value: float
    low: float
    high: float
    """One standard deviation of the posterior to either side of ``value``."""
    rows: int
    """Measurements whose prediction depends on it."""
    moved: bool
    """Whether the rows say more of it than the prior did; if not, its value is the prior's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """All constants after the fit, and what they predict."""

    fitted: tuple[Fitted, ...]
    predicted_s: Array
    depends: npt.NDArray[np.bool_]
    """Whether the prediction of a row (first axis) depends on a constant (second axis), at the result."""
    converged: bool
    evaluations: int
    """How often ``predict`` was asked."""

    @property
    def values(self) -> Array:
        """The constants in the order of the parameters."""
        return np.array([one.value for one in self.fitted])

    @property
    def named(self) -> Mapping[str, float]:
        """The constants by name."""
        return {one.parameter.name: one.value for one in self.fitted}


def solver_missing() -> Diagnostics:
    """An error that says how to install what fits; nothing where it is there."""
    if importlib.util.find_spec("scipy") is not None:
        return ()
    detail = (
        "Fitting needs SciPy, which dcplan installs only when it is asked to: "
        "python -m pip install 'dcplan[calibrate]', or python -m pip install scipy."
    )
    return (error("no-scipy", "Something that calibration needs is not installed", detail),)


def fit(  # noqa: PLR0913 - what shapes a fit
    predict: Predict,
    measured_s: Array,
    parameters: Sequence[Parameter],
    *,
    weights: Array | None = None,
    touches: npt.NDArray[np.bool_] | None = None,
    noise: float = NOISE,
    most_steps: int = 100,
) -> Result[Fit]:
    """The constants with which ``predict`` comes nearest to ``measured_s``.

    ``weights`` multiply the rows' relative errors (1 each), so that a source with
    thousands of rows need not drown another.  ``touches[row, parameter]`` may say
    which rows depend on which constant: constants that share no row are then moved
    together, which makes the derivative of 80 of them cost a dozen predictions.
    Gives a diagnostic where SciPy is not installed.  Raises ValueError for rows
    that cannot be predicted or measured times that are none: both are our bugs.
    """
    missing = solver_missing()
    if missing:
        return Result(None, missing)
    problem = _Problem(predict, measured_s, parameters, weights, touches, noise)
    from scipy.optimize import least_squares  # noqa: PLC0415 - an extra, and slow to import

    low, high = problem.bounds()
    found = least_squares(
        problem.residuals,
        np.zeros(len(parameters)),
        jac=problem.jacobian,
        bounds=(low, high),
        loss=problem.loss,
        max_nfev=most_steps,
        xtol=1e-6,
        ftol=1e-7,
    )
    return Result(problem.told(np.asarray(found.x, dtype=np.float64), converged=bool(found.status > 0)))


class _Problem:
    """The sum to be made small, over ``u``: constants in widths of their priors away from their starts."""

    def __init__(  # noqa: PLR0917, PLR0913 - the arguments of fit
        self,
        predict: Predict,
        measured_s: Array,
        parameters: Sequence[Parameter],
        weights: Array | None,
        touches: npt.NDArray[np.bool_] | None,
        noise: float,
    ) -> None:
        self.predict, self.parameters, self.noise = predict, tuple(parameters), noise
        if not (np.isfinite(measured_s) & (measured_s > 0)).all():
            msg = "a measured time is no time. This is a bug in dcplan."
            raise ValueError(msg)
        self.measured = np.log(measured_s)
        self.weights = np.ones(len(measured_s)) if weights is None else weights
        self.share = np.array([p.kind is Kind.SHARE for p in parameters])
        self.low = np.array([p.low for p in parameters])
        self.top = np.array([p.top if p.kind is Kind.SHARE else 1.0 for p in parameters])
        self.width = np.array([p.width for p in parameters])
        self.origin = self._scaled(np.array([p.start for p in parameters]))
        self.touches = touches
        self.together = _together(touches, len(parameters))
        self.evaluations = 0
        self.last: tuple[bytes, Array] | None = None
        start = self.predict(self.natural(np.zeros(len(parameters))))
        bad = np.flatnonzero(~(np.isfinite(start) & (start > 0)))
        if len(bad) or start.shape != measured_s.shape:
            msg = f"rows {bad[:5].tolist()} have no predicted time at the start. This is a bug in dcplan."
            raise ValueError(msg)

    def _scaled(self, values: Array) -> Array:
        """Natural units to the scale of the search: log-odds or logarithms."""
        inside = np.where(self.share, (values - self.low) / (self.top - self.low), 0.5)
        out: Array = np.where(self.share, np.log(inside / (1 - inside)), np.log(values))
        return out

    def natural(self, u: Array) -> Array:
        """The constants themselves."""
        x = self.origin + u * self.width
        odds = 1 / (1 + np.exp(-np.clip(x, -500, 500)))
        out: Array = np.where(
            self.share, self.low + (self.top - self.low) * odds, np.exp(np.clip(x, -500, 500))
        )
        return out

    def bounds(self) -> tuple[Array, Array]:
        """Bounds on ``u``; shares keep theirs by themselves."""
        low, high = np.full(len(self.parameters), -np.inf), np.full(len(self.parameters), np.inf)
        for i, one in enumerate(self.parameters):
            if one.kind is Kind.POSITIVE:
                low[i] = (math.log(one.low) - self.origin[i]) / self.width[i] if one.low else -np.inf
                high[i] = (math.log(one.high) - self.origin[i]) / self.width[i]
        return low, high

    def errors(self, u: Array) -> Array:
        """Logarithm of predicted over measured, each row."""
        key = u.tobytes()
        if self.last is None or self.last[0] != key:
            self.evaluations += 1
            with np.errstate(all="ignore"):
                ratio = np.log(self.predict(self.natural(u))) - self.measured
            self.last = key, np.clip(np.nan_to_num(ratio, nan=FARTHEST), -FARTHEST, FARTHEST)
        return self.last[1]

    def residuals(self, u: Array) -> Array:
        """Rows in units of the noise, then constants in widths of their priors."""
        return np.concatenate([self.errors(u) * self.weights / self.noise, u])

    def jacobian(self, u: Array) -> Array:
        """Derivative of the residuals, by differences forward; constants that share no row move together."""
        base = self.errors(u)
        out = np.zeros((len(base), len(self.parameters)))
        upper = self.bounds()[1]
        for group in self.together:
            moved = u.copy()
            steps = np.where(u[group] + STEP > upper[group], -STEP, STEP)
            moved[group] += steps
            change = self.errors(moved) - base
            for index, step in zip(group, steps, strict=True):
                own = change if self.touches is None else np.where(self.touches[:, index], change, 0.0)
                out[:, index] = own / step
        # The base is asked for again by whoever looks at the residuals next.
        self.last = u.tobytes(), base
        return np.concatenate([out * (self.weights / self.noise)[:, None], np.eye(len(u))])

    def loss(self, z: Array) -> Array:
        """Soft L1 for rows, plain squares for priors: value, first and second derivative."""
        rows = len(self.measured)
        out = np.empty((3, len(z)))
        out[0], out[1], out[2] = z, 1.0, 0.0
        root = np.sqrt(1 + z[:rows])
        out[0, :rows], out[1, :rows], out[2, :rows] = 2 * (root - 1), 1 / root, -0.5 / root**3
        return out

    def told(self, u: Array, *, converged: bool) -> Fit:
        """The fit as a value, with how far each constant is known.

        The spread is that of the posterior's Gaussian approximation at its top, the
        inverse of ``J' W J / s^2 + 1`` with the rows' own scatter ``s`` where that
        is larger than the noise that was expected.
        """
        errors = self.errors(u)
        jacobian = self.jacobian(u)[: len(errors)]
        residual = errors * self.weights / self.noise
        weight = 1 / np.sqrt(1 + residual**2)
        scatter = max(1.0, 1.4826 * float(np.median(np.abs(residual)))) if len(errors) else 1.0
        information = (jacobian.T * weight) @ jacobian / scatter**2
        spread = np.sqrt(np.diag(np.linalg.inv(information + np.eye(len(u)))))
        value, low, high = self.natural(u), self.natural(u - spread), self.natural(u + spread)
        depends = np.abs(jacobian) > ROUNDING
        rows = depends.sum(axis=0)
        return Fit(
            fitted=tuple(
                Fitted(
                    parameter=one,
                    value=float(value[i]),
                    low=float(low[i]),
                    high=float(high[i]),
                    rows=int(rows[i]),
                    moved=bool(spread[i] < MOVED),
                )
                for i, one in enumerate(self.parameters)
            ),
            predicted_s=np.exp(errors + self.measured),
            depends=depends,
            converged=converged,
            evaluations=self.evaluations,
        )


def _together(touches: npt.NDArray[np.bool_] | None, count: int) -> list[npt.NDArray[np.intp]]:
    """Constants in groups that share no row, so that one prediction gives all their derivatives.

    Greedy colouring of columns: Curtis, Powell and Reid 1974 (doi 10.1093/imamat/13.1.117).
    """
    if touches is None:
        return [np.array([index]) for index in range(count)]
    groups: list[list[int]] = []
    taken: list[npt.NDArray[np.bool_]] = []
    for index in range(count):
        rows = touches[:, index]
        free = next((i for i, used in enumerate(taken) if not (used & rows).any()), None)
        if free is None:
            groups.append([index])
            taken.append(rows.copy())
        else:
            groups[free].append(index)
            taken[free] |= rows
    return [np.array(members) for members in groups]
