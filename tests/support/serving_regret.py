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
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dcplan.calibrate import ServeRow

Array = npt.NDArray[np.float64]
SLAS = (0.3, 0.5, 0.7)
FORGIVEN = 1.1
LEAST_CONFIGURATIONS = 4
LEAST_OTHERS = 30
"""Rows of other groups from which a margin can be told."""


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


def margins(rows: Sequence[ServeRow], predicted_s: Array, measured_s: Array, quantile: float = 0.8) -> Array:
    """For each row what to multiply a prediction with: a quantile of measured over predicted of other groups.

    Of its engine on its accelerator where there are rows of other models, else of its engine.
    """
    group = np.array([f"{row.model} {row.accelerator}" for row in rows])
    engine = np.array([row.software for row in rows])
    chip = np.array([f"{row.software} {row.accelerator}" for row in rows])
    ratio = measured_s / predicted_s
    known: dict[tuple[str, str], float] = {}
    out = np.ones(len(rows))
    for i in range(len(rows)):
        key = (group[i], chip[i])
        if key not in known:
            near = (chip == chip[i]) & (group != group[i])
            far = (engine == engine[i]) & (group != group[i])
            known[key] = float(np.quantile(ratio[near if near.sum() >= LEAST_OTHERS else far], quantile))
        out[i] = max(1.0, known[key])
    return out


def regret(rows: Sequence[ServeRow], predicted: tuple[Array, Array], margin: Array | float = 1.0) -> Regret:
    """Regret of choosing by ``predicted`` TPOT and TTFT, where the TPOT keeps the SLA with a margin."""
    tpot = np.array([row.tpot_s for row in rows], dtype=float)
    ttft = np.array([row.ttft_s for row in rows], dtype=float)
    measured, promised = speed(rows, tpot, ttft), speed(rows, *predicted)
    planned = predicted[0] * margin
    groups: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        key = (row.model, row.accelerator, row.software, row.precision, row.prompt_tokens, row.output_tokens)
        groups[key].append(i)
    lost, broken, used = [], [], 0
    for members in groups.values():
        own = np.array(members)
        if len(own) < LEAST_CONFIGURATIONS or len({rows[i].tensor for i in members}) == 1:
            continue
        used += 1
        for sla in np.quantile(tpot[own], SLAS):
            best = measured[own][tpot[own] <= sla].max()
            keeps = own[planned[own] <= sla]
            keeps = keeps if len(keeps) else own[[np.argmin(planned[own])]]
            pick = keeps[np.argmax(promised[keeps])]
            kept = tpot[pick] <= FORGIVEN * sla
            broken.append(not kept)
            lost.append(min(1.0, max(0.0, 1 - measured[pick] / best)) if kept else 1.0)
    return Regret(len(lost), used, float(np.mean(lost)), float(np.median(lost)), float(np.mean(broken)))
