"""Queueing: how long requests wait, and quantiles of what varies."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from dcplan.perf.numbers import Num, larger, root, smaller

if TYPE_CHECKING:
    from dcplan.demand.types import Lengths

FULL_LOAD = 0.999999
"""Beyond this a queue has no steady state; its formulas are cut off here.  Numerical guard."""


MOST_ELASTIC = 0.9
"""Elasticity of the time per token beyond which the linear picture breaks down.  Numerical guard: the
variance stays below ten times that of independent requests."""


def normal_score(quantile: float) -> float:
    """How many standard deviations above the mean this quantile lies: ``Phi^-1(quantile)``.

    Source: definition of the normal distribution.
    """
    return NormalDist().inv_cdf(min(max(quantile, 1e-6), 1 - 1e-6))


def length_at(lengths: Lengths, quantile: float) -> Num:
    """The length at a quantile, from p50, p95 and p99.

    ``exp(ln x0 + (ln x1 - ln x0) (z - z0) / (z1 - z0))``, z being normal scores: between two of them the
    logarithm is taken as linear in the normal score, as in a lognormal distribution,
    which token counts resemble; beyond p99 it goes on with the last slope, below
    p50 it is p50.  Source: own form; exact for a lognormal.
    """
    known = [(0.5, lengths.p50), (0.95, lengths.p95), (0.99, lengths.p99)]
    points = [(normal_score(q), np.log(larger(value, 1.0))) for q, value in known]
    at = max(normal_score(quantile), points[0][0])
    left, right = (points[0], points[1]) if at <= points[1][0] else (points[1], points[2])
    slope = (right[1] - left[1]) / (right[0] - left[0])
    out: Num = np.exp(left[1] + slope * (at - left[0]))
    return out


def variation_of(lengths: Lengths) -> Num:
    """Squared coefficient of variation of a lognormal with these p50 and p95.

    ``exp(sigma^2) - 1``, ``sigma = ln(p95 / p50) / 1.645``.  Source: definition of the lognormal
    distribution.
    """
    ratio = larger(lengths.p95, 1.0) / larger(lengths.p50, 1.0)
    sigma = np.log(larger(ratio, 1.0)) / normal_score(0.95)
    out: Num = np.exp(sigma * sigma) - 1
    return out


def mean_wait_s(load: Num, service_s: Num, arrival_cv2: float, service_cv2: Num) -> Num:
    """Mean time in the queue of one server, seconds.

    ``load / (1 - load) x service x (ca2 + cs2) / 2``.  Source: Kingman 1961 (doi
    10.1017/S0305004100036094), exact for M/G/1 (Pollaczek-Khinchine) and the
    case of one server of Allen and Cunneen (Allen 1990, Probability, Statistics, and Queueing Theory).
    """
    busy = smaller(load, FULL_LOAD)
    return busy / (1 - busy) * service_s * (arrival_cv2 + service_cv2) / 2


def wait_at_s(load: Num, mean_s: Num, quantile: float) -> Num:
    """The quantile of the time in the queue, seconds.

    ``mean / load x ln(load / (1 - quantile))``, at least 0: the chance of waiting at all is ``load`` and
    the tail is exponential.  Source: exact for M/M/1, otherwise Kingman's heavy-traffic limit (1961, doi
    10.1017/S0305004100036094).
    """
    busy = larger(smaller(load, FULL_LOAD), 1e-12)
    waiting = np.log(larger(busy / (1 - quantile), 1.0))
    out: Num = mean_s / busy * waiting
    return out


def batch_at(mean: Num, quantile: float, arrival_cv2: float, elasticity: Num = 0.0) -> Num:
    """The quantile of the number of requests that are decoded together.

    Requests do not wait for one another to be decoded, so that their number is that of an infinite-server
    queue: variance over mean is the peakedness ``1 + (ca2 - 1) / 2`` for exponential stays, and the quantile
    is ``mean + z sqrt(mean x peakedness)``. Source: Whitt 1984, Heavy-traffic approximations for service
    systems with blocking.  Where each request slows the others, fluctuations die away slower: linearised
    around the mean, the variance grows by ``1 / (1 - elasticity)``, elasticity being that of the time per
    token to the number of requests.  Normal approximation; never below the mean.
    """
    peakedness = max(1 + (arrival_cv2 - 1) / 2, 0.0) / (1 - smaller(elasticity, MOST_ELASTIC))
    return mean + max(normal_score(quantile), 0.0) * root(mean * peakedness)


def gated_step_s(step_s: Num, load: Num, work_s: Num, arrival_cv2: float, work_cv2: Num) -> tuple[Num, Num]:
    """Variance of the length of steps, and mean length of the step that an arrival falls into.

    A step computes all prompts that arrived during the one before (gated
    service), so that a long step makes the next one long:
    ``V = w rho s (ca2 + cs2) + rho^2 V``.  Arrivals fall into long steps more
    often: ``s + V / s``.  Source: Takagi 1986, Analysis of Polling Systems, section 4.
    """
    busy = smaller(load, FULL_LOAD)
    variance = work_s * busy * step_s * (arrival_cv2 + work_cv2) / (1 - busy * busy)
    return variance, step_s + variance / step_s


def lognormal_at(mean: Num, variance: Num, quantile: float) -> Num:
    """The quantile of a lognormal distribution with this mean and variance.

    ``mean x exp(z s - s^2 / 2)``, ``s^2 = ln(1 + variance / mean^2)``.  Source: definition of the lognormal
    distribution.
    """
    square: Num = np.log(1 + variance / larger(mean * mean, 1e-300))
    out: Num = mean * np.exp(normal_score(quantile) * root(square) - square / 2)
    return out


def sum_excess(*excesses: Num) -> Num:
    """How far the quantile of a sum of independent times lies above the sum of their means.

    ``sqrt(a^2 + b^2 + ...)``; an excess below 0 counts as 0.  Source: definition, exact for normal times.
    """
    squares: Num = 0.0
    for excess in excesses:
        positive = larger(excess, 0.0)
        squares = squares + positive * positive
    return root(squares)
