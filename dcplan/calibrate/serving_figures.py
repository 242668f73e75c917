"""What a serving engine adds to hardware, as constants: one for all, times what an engine or a chip changes.

A figure of an engine on a chip is a product: what holds everywhere, what the
engine makes of it, what the chip does, each believed within a width.  A model
on one chip then tells something of the same engine on all others, and figures
of few rows stay near those of many (Gelman and Hill 2007, Data Analysis Using
Regression and Multilevel Models, chapter 12).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from dcplan.calibrate.fit import Fit, Kind, Parameter

Array: TypeAlias = npt.NDArray[np.float64]
Indices: TypeAlias = npt.NDArray[np.intp]

EVERYWHERE, ENGINE, CHIP, NUMBERS, CHIP_NUMBERS = "everywhere", "engine", "chip", "numbers", "chip numbers"
"""What a factor of a figure belongs to."""

SHARES = frozenset({"spread", "imbalance", "mixed", "acceptance", "draft_share", "burst", "together"})
"""Figures that cannot be above 1."""

ALMOST_ALL = 0.98

Believed: TypeAlias = Callable[[str, str, str, str], float]
"""From a figure, an engine, a chip and a precision ("" for any) to the value of an earlier fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """One figure before the fit."""

    start: float
    width: float
    """Relative width of what is believed of it everywhere."""
    widths: Mapping[str, float]
    """The same of what an engine, a chip, a precision changes."""
    part: str = ""
    """The part of a model whose precision a figure may depend on: experts, projections, mlp, wide, kv."""


WIDTHS = {ENGINE: 0.15, CHIP: 0.1}

PRIORS: Mapping[str, Prior] = {
    "step_s": Prior(start=0.5e-3, width=0.7, widths={ENGINE: 1.0}),
    "sequence_s": Prior(start=10e-6, width=0.7, widths={ENGINE: 0.25}),
    "layer_s": Prior(start=15e-6, width=0.5, widths={ENGINE: 0.2, CHIP: 0.12}),
    "routing_s": Prior(
        start=12e-6, width=0.5, widths={ENGINE: 0.15, CHIP: 0.12, NUMBERS: 0.5}, part="experts"
    ),
    "latent_s": Prior(start=10e-6, width=0.6, widths={ENGINE: 0.15}),
    "index_s": Prior(start=60e-6, width=0.7, widths={}),
    "reduce_s": Prior(start=10e-6, width=0.5, widths=WIDTHS),
    "eager_layer_s": Prior(start=0.4e-3, width=0.5, widths={ENGINE: 0.2}),
    "eager_routing_s": Prior(start=0.4e-3, width=0.5, widths={ENGINE: 0.2}),
    "eager_latent_s": Prior(start=0.4e-3, width=0.5, widths={ENGINE: 0.2}),
    "stream_factor": Prior(start=0.95, width=0.1, widths={ENGINE: 0.04, CHIP: 0.04}),
    "expert_stream_factor": Prior(
        start=0.9, width=0.2, widths={NUMBERS: 0.15, CHIP_NUMBERS: 0.2}, part="experts"
    ),
    "cache_factor": Prior(start=0.9, width=0.25, widths={ENGINE: 0.1, NUMBERS: 0.15}, part="kv"),
    "compute_factor": Prior(start=0.95, width=0.2, widths={ENGINE: 0.08, CHIP: 0.08, NUMBERS: 0.12}),
    "grouped_factor": Prior(start=0.9, width=0.3, widths={ENGINE: 0.1}),
    "wire_factor": Prior(start=0.9, width=0.2, widths={ENGINE: 0.1}),
    "spread": Prior(start=0.7, width=0.3, widths={}),
    "imbalance": Prior(start=0.6, width=0.5, widths={}),
    "mixed": Prior(start=0.5, width=0.3, widths={ENGINE: 0.2}),
    "poll_factor": Prior(start=1.0, width=0.5, widths={ENGINE: 0.7}),
    "queue_factor": Prior(start=1.0, width=0.3, widths={ENGINE: 0.2}),
    "first_s": Prior(start=10e-3, width=0.5, widths={ENGINE: 0.2}),
    "token_s": Prior(start=2e-6, width=0.5, widths={ENGINE: 0.25}),
    "acceptance": Prior(start=0.7, width=0.15, widths={}),
    "draft_share": Prior(start=0.03, width=0.5, widths={}),
    "burst": Prior(start=0.07, width=0.5, widths={ENGINE: 0.25}),
    "together": Prior(start=0.12, width=0.7, widths={NUMBERS: 0.6}, part="lengths"),
}
"""``acceptance`` and ``draft_share`` are of a model's own head for drafts; ``burst`` and ``together`` are of
clients that all start at once (see ``closed_loop_s``) and of no use to plans."""

COMPUTING = ("mlp", "experts", "projections", "wide")
"""Parts whose products each go at the speed of their own precision."""


class Figures:
    """All constants of a set of rows, and how a row's figures follow from them.

    ``engines`` and ``chips`` have an entry a row; ``numbers`` by part of the
    model: the precision it is in.  ``believed`` gives figures to start from, of
    an earlier fit; without it they start where ``PRIORS`` says.
    """

    def __init__(
        self,
        engines: Sequence[str],
        chips: Sequence[str],
        numbers: Mapping[str, Sequence[str]],
        believed: Believed | None = None,
    ) -> None:
        self.rows = len(engines)
        self.engines, self.chips, self.numbers = list(engines), list(chips), numbers
        self.believed = believed
        self.parameters: list[Parameter] = []
        self.members: list[npt.NDArray[np.bool_]] = []
        self.place: dict[tuple[str, str, str], int] = {}
        self.indices: dict[tuple[str, str], list[Indices]] = {}
        for name, prior in PRIORS.items():
            self._add(name, prior)

    def _add(self, name: str, prior: Prior) -> None:
        """One figure's constants: everywhere, then one for each engine, chip and precision among the rows."""
        start = prior.start if self.believed is None else 1.0
        self._one(name, EVERYWHERE, "", start, prior.width, np.ones(self.rows, dtype=bool))
        for level, width in prior.widths.items():
            members: dict[str, npt.NDArray[np.bool_]] = {}
            for part in self._parts(name, prior):
                for label in sorted(set(self._labels(level, part))):
                    rows = np.array([own == label for own in self._labels(level, part)])
                    members[label] = members.get(label, np.zeros(self.rows, dtype=bool)) | rows
            for label, rows in sorted(members.items()):
                self._one(name, level, label, 1.0, width, rows)

    def _one(  # noqa: PLR0913, PLR0917 - what one constant is
        self, name: str, level: str, label: str, start: float, width: float, rows: npt.NDArray[np.bool_]
    ) -> None:
        self.place[name, level, label] = len(self.parameters)
        title = " ".join(word for word in (name, level, label) if word)
        self.parameters.append(Parameter(name=title, start=start, prior_sigma=width, kind=Kind.POSITIVE))
        self.members.append(rows)

    def _parts(self, name: str, prior: Prior) -> tuple[str, ...]:
        return COMPUTING if name == "compute_factor" else (prior.part,)

    def _labels(self, level: str, part: str) -> list[str]:
        """The label of each row at a level."""
        if level == ENGINE:
            return self.engines
        pairs = [f"{engine} {chip}" for engine, chip in zip(self.engines, self.chips, strict=True)]
        if level == CHIP:
            return pairs
        kinds = list(self.numbers[part])
        if level == NUMBERS:
            return kinds
        return [f"{chip} {kind}" for chip, kind in zip(self.chips, kinds, strict=True)]

    @property
    def touches(self) -> npt.NDArray[np.bool_]:
        """Which rows depend on which constant."""
        return np.array(self.members).T

    def of_rows(self, values: Array, name: str, part: str = "") -> Array:
        """A figure for each row."""
        part = part or PRIORS[name].part
        # A fit asks thousands of times, and where a row finds its factors does not change.
        if (name, part) not in self.indices:
            self.indices[name, part] = self._indices(name, part)
        out = np.full(self.rows, values[self.place[name, EVERYWHERE, ""]]) * self._start(name, part)
        for index in self.indices[name, part]:
            out = out * values[index]
        return np.minimum(out, ALMOST_ALL) if name in SHARES else out

    def _indices(self, name: str, part: str) -> list[Indices]:
        """Where each row finds its factors of a figure, level by level."""
        return [
            np.array([self.place[name, level, label] for label in self._labels(level, part)])
            for level in PRIORS[name].widths
        ]

    def _start(self, name: str, part: str) -> Array:
        """What is believed of a figure before the fit, each row; 1 where the constants say it themselves."""
        if self.believed is None:
            return np.ones(self.rows)
        kinds = self.numbers.get(part, [""] * self.rows)
        known = {
            key: self.believed(name, *key) for key in set(zip(self.engines, self.chips, kinds, strict=True))
        }
        return np.array([known[key] for key in zip(self.engines, self.chips, kinds, strict=True)])

    def named(self, fit: Fit, engine: str, chip: str | None) -> dict[str, tuple[float, float, bool]]:
        """Figures of an engine on a chip (None: on any) by their names in the table.

        Each with the logarithm's standard deviation, and whether the rows moved it.
        """
        out = {}
        for name, prior in PRIORS.items():
            for kind in self._kinds(name, prior):
                keys = [(EVERYWHERE, ""), (ENGINE, engine), (NUMBERS, kind)]
                if chip is not None:
                    keys += [(CHIP, f"{engine} {chip}"), (CHIP_NUMBERS, f"{chip} {kind}")]
                used = [fit.fitted[self.place[name, *key]] for key in keys if (name, *key) in self.place]
                value = float(np.prod([one.value for one in used]))
                if self.believed is not None:
                    value *= self.believed(name, engine, chip or self.chips[self.engines.index(engine)], kind)
                spread = float(np.sqrt(sum(np.log(one.high / one.value) ** 2 for one in used)))
                title = f"{name}/{kind}" if kind else name
                value = min(value, ALMOST_ALL) if name in SHARES else value
                out[title] = value, spread, any(one.moved for one in used)
        return out

    def _kinds(self, name: str, prior: Prior) -> list[str]:
        """Precisions that a figure has values for, and none for the figure of all others."""
        if NUMBERS not in prior.widths:
            return [""]
        return ["", *(label for n, level, label in self.place if (n, level) == (name, NUMBERS))]
