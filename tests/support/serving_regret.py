"""How good configurations chosen by predictions turn out when they are measured.

A group is one model on one accelerator under one engine, in one format, with one pair of lengths, of
which at least four configurations (split and concurrency) with two tensor sizes were measured. For SLAs
at the 30 %, 50 % and 70 % quantiles of the measured times per token, the configuration with the highest
predicted tokens/s of a device is chosen whose predicted time keeps the SLA. Regret is what is lost to
the best measured one that keeps it; all of it where the measured time is above 1.1 x the SLA, which also
counts as a violation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from dcplan.calibrate import ServeRow

Array = npt.NDArray[np.float64]
SLAS = (0.3, 0.5, 0.7)
FORGIVEN = 1.1
LEAST_CONFIGURATIONS = 4
LEAST_OTHERS = 30
"""Rows of other groups from which a margin can be told."""
LEAST_ROWS = 3
DRAWS = 20


@dataclass(frozen=True)
class Regret:
    """What choosing by predictions came to."""

    choices: int
    groups: int
    mean: float
    median: float
    violations: float
    """Share of the choices whose measured time breaks the SLA."""


def speed(rows: Sequence[ServeRow], tpot_s: Array, ttft_s: Array) -> Array:
    """Output tokens/s of a device in a closed loop: clients x tokens over the time of one request."""
    clients = np.array([row.concurrency / row.devices for row in rows])
    tokens = np.array([row.output_tokens for row in rows], dtype=float)
    return clients * tokens / (ttft_s + (tokens - 1) * tpot_s)


Pick = Callable[[Array, float], int]
"""From the rows of a group and an SLA to the one of them that is chosen."""


def profiles(rows: Sequence[ServeRow]) -> Iterator[tuple[Array, Array]]:
    """For each group and engine its rows, and those of other groups that its profile is made of.

    Of its engine on its accelerator where there are rows of other models, else of its engine.
    """
    group = np.array([f"{row.model} {row.accelerator}" for row in rows])
    engine = np.array([row.software for row in rows])
    chip = np.array([f"{row.software} {row.accelerator}" for row in rows])
    for own, place in sorted({(group[i], chip[i]) for i in range(len(rows))}):
        mine, others = (group == own) & (chip == place), group != own
        near, far = others & (chip == place), others & np.isin(engine, engine[mine])
        yield mine, near if near.sum() >= LEAST_OTHERS else far


def spreads(rows: Sequence[ServeRow], predicted_s: Array, measured_s: Array) -> Array:
    """Standard deviation of each row's errors by its profile, as ``dcplan.sharding.margins`` tells it."""
    errors, out = np.abs(predicted_s / measured_s - 1), np.empty(len(rows))
    for mine, known in profiles(rows):
        out[mine] = np.median(errors[known])
    return out / NormalDist().inv_cdf(0.75)


def margins(rows: Sequence[ServeRow], predicted_s: Array, measured_s: Array, quantile: float = 0.8) -> Array:
    """For each row what to multiply a prediction with, as ``dcplan.sharding.margins`` does at p80."""
    out = np.exp(NormalDist().inv_cdf(quantile) * spreads(rows, predicted_s, measured_s))
    for mine, known in profiles(rows):
        seen = np.quantile(measured_s[known] / predicted_s[known], quantile)
        out[mine] = np.maximum(out[mine], seen)
    return out


def groups_of(rows: Sequence[ServeRow]) -> list[Array]:
    """Indices of the rows of each group that a choice can be made in."""
    found: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        key = (row.model, row.accelerator, row.software, row.precision, row.prompt_tokens, row.output_tokens)
        found[key].append(i)
    return [
        np.array(members)
        for members in found.values()
        if len(members) >= LEAST_CONFIGURATIONS and len({rows[i].tensor for i in members}) > 1
    ]


def regret(rows: Sequence[ServeRow], predicted: tuple[Array, Array], margin: Array | float = 1.0) -> Regret:
    """Regret of choosing by ``predicted`` TPOT and TTFT, where the TPOT keeps the SLA with a margin."""
    promised, planned = speed(rows, *predicted), predicted[0] * margin

    def pick(own: Array, sla: float) -> int:
        keeps = own[planned[own] <= sla]
        keeps = keeps if len(keeps) else own[[np.argmin(planned[own])]]
        return int(keeps[np.argmax(promised[keeps])])

    return regret_of(rows, pick)


def expected_regret(
    rows: Sequence[ServeRow], predicted: tuple[Array, Array], spread: Array | float
) -> Regret:
    """Regret of choosing the most tokens/s times the chance that the TPOT keeps the SLA."""
    promised, spread = speed(rows, *predicted), np.broadcast_to(spread, len(rows))

    def pick(own: Array, sla: float) -> int:
        far = np.log(sla / predicted[0][own]) / spread[own]
        chance = np.array([NormalDist().cdf(one) for one in far])
        return int(own[np.argmax(promised[own] * chance)])

    return regret_of(rows, pick)


def regret_of(rows: Sequence[ServeRow], pick: Pick) -> Regret:
    """Regret of a rule."""
    tpot = np.array([row.tpot_s for row in rows], dtype=float)
    ttft = np.array([row.ttft_s for row in rows], dtype=float)
    measured, groups = speed(rows, tpot, ttft), groups_of(rows)
    lost, broken = [], []
    for own in groups:
        for sla in np.quantile(tpot[own], SLAS):
            best = measured[own][tpot[own] <= sla].max()
            chosen = pick(own, float(sla))
            kept = tpot[chosen] <= FORGIVEN * sla
            broken.append(not kept)
            lost.append(min(1.0, max(0.0, 1 - measured[chosen] / best)) if kept else 1.0)
    return Regret(
        len(lost), len(groups), float(np.mean(lost)), float(np.median(lost)), float(np.mean(broken))
    )


def floors(rows: Sequence[ServeRow], held: Array) -> Iterator[tuple[str, Regret]]:
    """What choices would cost if predictions erred in a known way: the least that any model can reach."""
    tpot, ttft = (np.array([getattr(row, name) for row in rows]) for name in ("tpot_s", "ttft_s"))
    for margin in (1.05, 1.1, 1.2):
        yield f"the truth with a margin of {margin}", regret(rows, (tpot, ttft), margin)
    for noise in (0.07, 0.1, 0.13):
        draws = np.exp(noise * np.random.default_rng(1).standard_normal((DRAWS, len(rows))))
        careful = np.exp(NormalDist().inv_cdf(0.8) * noise)
        for label, margin in (("", 1.0), (" and a p80 margin", careful)):
            yield (
                f"the truth with noise of {noise:.0%}{label}",
                mean_of([regret(rows, (tpot * one, ttft), margin) for one in draws]),
            )
    known = scaled(rows, held, np.array([tpot, ttft]))
    yield "one factor a group, from its other lengths", regret(rows, (known[0], known[1]))
    careful = margins(rows, known[0], tpot)
    yield "one factor a group and a p80 margin", regret(rows, (known[0], known[1]), careful)


def mean_of(several: Sequence[Regret]) -> Regret:
    """The mean of what several draws came to."""
    means = [
        float(np.mean([getattr(one, name) for one in several])) for name in ("mean", "median", "violations")
    ]
    return Regret(several[0].choices, several[0].groups, *means)


def scaled(rows: Sequence[ServeRow], predicted: Array, measured: Array) -> Array:
    """Predictions of each row times the factor that rows of the same group with other lengths show."""
    group = np.array([f"{row.model} {row.accelerator} {row.software} {row.precision}" for row in rows])
    lengths = np.array([f"{row.prompt_tokens} {row.output_tokens}" for row in rows])
    out = predicted.copy()
    for own, length in set(zip(group.tolist(), lengths.tolist(), strict=True)):
        mine, others = (group == own) & (lengths == length), (group == own) & (lengths != length)
        if others.sum() >= LEAST_ROWS:
            factor = np.median(measured[:, others] / predicted[:, others], axis=1)
            out[:, mine] = predicted[:, mine] * factor[:, None]
    return out
