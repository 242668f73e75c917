"""Training steps: many of them as one evaluation of perf's formulas, and the figures fitted to them.

Steps of different models, accelerators, precisions and frameworks are predicted
together: a trial value of a figure is put into the table, the table is read as
every plan reads it, and all steps are one structure of arrays.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from dcplan.basis import Basis
from dcplan.calibrate.fit import Parameter
from dcplan.calibrate.study import Question
from dcplan.catalog import Accelerator, Model, Source
from dcplan.catalog.efficiency import ANY, Efficiencies, Efficiency, Figure, Place
from dcplan.perf.arrays import stack, take
from dcplan.perf.device import Device, device_of, wires_of
from dcplan.perf.framework import framework_of
from dcplan.perf.layouts import layouts_of
from dcplan.perf.numbers import total
from dcplan.perf.parameters import parameters_of
from dcplan.perf.training import Jobs, step_parts
from dcplan.perf.types import Layout
from dcplan.topology import PoolLinks

Array: TypeAlias = npt.NDArray[np.float64]

METRIC = "step"
"""What profiles of training tell the errors of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One measured training step."""

    name: str
    model: Model
    accelerator: Accelerator
    links: PoolLinks
    fabric: str = ""
    layout: Layout
    precision: str
    software: str
    """Framework, with its release behind an @ where figures of the release are wanted."""
    sequence_tokens: float
    global_batch: float
    """Sequences."""
    time_s: float
    source: str = ""
    date: str = ""

    @property
    def group(self) -> str:
        """Steps of the same group are never fitted and judged at once."""
        return f"{self.model.name}|{self.accelerator.name}"

    @property
    def framework(self) -> str:
        """The software without its release."""
        return self.software.partition("@")[0]

    @property
    def slice(self) -> str:
        """What its error is told by."""
        return f"{METRIC}/{self.precision}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """One constant of a fit, and where in the table its value goes."""

    parameter: Parameter
    figure: str
    places: tuple[Place, ...]

    def turns(self, step: Step) -> bool:
        """Whether the step reads the figure at one of the places; more specific ones may hide it."""
        precision = self.figure.partition("/")[2]
        if precision and precision != step.precision:
            return False
        names = (ANY, str(step.accelerator.kind), step.accelerator.name)
        return any(of in names and with_ in (ANY, step.framework, step.software) for of, with_ in self.places)


class Steps:
    """Steps that the catalogue's facts cover, as one ``Jobs`` value."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = tuple(steps)
        self.measured_s = np.array([step.time_s for step in steps])
        self._parameters = stack([parameters_of(step.model) for step in steps])
        self._layouts = layouts_of(*(step.layout for step in steps))
        self._sequence = np.array([step.sequence_tokens for step in steps], dtype=np.float64)
        self._batch = np.array([step.global_batch for step in steps], dtype=np.float64)
        self._chips, self._chip = _distinct(
            [(s.accelerator.name, s.software, s.precision) for s in steps], self.steps
        )
        self._pools, self._pool = _distinct(
            [(s.accelerator.name, s.software, s.links, s.fabric) for s in steps], self.steps
        )

    def jobs(self, table: Efficiencies) -> Jobs:
        """The steps with the figures of ``table``."""
        known: dict[tuple[str, str], Efficiency] = {}
        for step in (*self._chips, *self._pools):
            key = (step.accelerator.name, step.software)
            known.setdefault(key, table.of(step.accelerator, step.software))
        figures = [known[step.accelerator.name, step.software] for step in self._chips]
        devices = [_device(step, own) for step, own in zip(self._chips, figures, strict=True)]
        frameworks = [
            framework_of(own, step.precision) for step, own in zip(self._chips, figures, strict=True)
        ]
        wires = [
            wires_of(step.links, known[step.accelerator.name, step.software], step.fabric)
            for step in self._pools
        ]
        return Jobs(
            parameters=self._parameters,
            layouts=self._layouts,
            device=take(stack(devices), self._chip),
            wires=take(stack(wires), self._pool),
            framework=take(stack(frameworks), self._chip),
            sequence=self._sequence,
            global_batch=self._batch,
        )

    def predicted_s(self, table: Efficiencies) -> Array:
        """Seconds of each step."""
        return np.asarray(total(step_parts(self.jobs(table))), dtype=np.float64)

    def question(self, table: Efficiencies, knobs: Sequence[Knob], noise: float) -> Question:
        """What is to be fitted: ``knobs`` over ``table``."""
        return Question(
            predict=lambda values: self.predicted_s(table.with_figures(figures_of(knobs, values))),
            measured_s=self.measured_s,
            parameters=tuple(knob.parameter for knob in knobs),
            groups=[step.group for step in self.steps],
            slices=[step.slice for step in self.steps],
            sources=[step.source for step in self.steps],
            touches=np.array([[knob.turns(step) for knob in knobs] for step in self.steps]),
            noise=noise,
        )


TRIAL = Source(name="trial value of a fit", date="undated")


def figures_of(
    knobs: Sequence[Knob], values: Sequence[float] | Array, source: Source = TRIAL
) -> Mapping[Place, Mapping[str, Figure]]:
    """The values of all knobs as rows of a table."""
    rows: dict[Place, dict[str, Figure]] = {}
    for knob, value in zip(knobs, values, strict=True):
        figure = Figure(value=float(value), basis=Basis.CALIBRATED, source=source)
        for place in knob.places:
            rows.setdefault(place, {})[knob.figure] = figure
    return rows


def computable(step: Step, table: Efficiencies) -> bool:
    """Whether the accelerator has all peaks that the step's precision needs."""
    return device_of(step.accelerator, step.precision, table.of(step.accelerator, step.software)) is not None


def _device(step: Step, efficiency: Efficiency) -> Device:
    device = device_of(step.accelerator, step.precision, efficiency)
    if device is None:
        msg = f"{step.accelerator.name} cannot compute in {step.precision}. This is a bug in dcplan."
        raise RuntimeError(msg)
    return device


def _distinct(
    keys: Sequence[Hashable], steps: Sequence[Step]
) -> tuple[tuple[Step, ...], npt.NDArray[np.intp]]:
    """One step for each different key, and for each step the place of its key among them."""
    place: dict[Hashable, int] = {}
    first: list[Step] = []
    for key, step in zip(keys, steps, strict=True):
        if key not in place:
            place[key] = len(first)
            first.append(step)
    return tuple(first), np.array([place[key] for key in keys], dtype=np.intp)
