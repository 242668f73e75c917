"""Machines that hold some layers of a model: the working points at which each can serve."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dcplan.basis import Basis
from dcplan.catalog.formats import formats
from dcplan.diag import Diagnostic, Result, error, listed
from dcplan.perf.device import device_of
from dcplan.perf.layouts import layouts_of
from dcplan.perf.numbers import row
from dcplan.perf.parameters import parameters_of
from dcplan.perf.stages import head_pass_s, stage_pass_s, stage_room, stage_tokens_per_s
from dcplan.perf.types import Layout
from dcplan.sharding.enumerate_serving import splits_evenly
from dcplan.sharding.facts import missing_fact, unknown_format
from dcplan.sharding.serve import known_bases
from dcplan.sharding.serving_question import ServingQuestion, demand_of, questionable
from dcplan.sharding.trials import trial_of
from dcplan.sharding.ways import ways_of

if TYPE_CHECKING:
    from dcplan.catalog.efficiency import Efficiencies
    from dcplan.catalog.types import Model
    from dcplan.perf.replicas import Replicas
    from dcplan.sharding.types import MachineClass

MOST_TOGETHER = 512
"""Requests of one pass at the most; powers of two up to it are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One machine with so many layers and so many requests going together."""

    layers: int
    requests: int
    tokens_per_s: float
    pass_s: float
    """Of a token through these layers, with the way to the next machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageMachine:
    """A kind of machine, and all that one of it can do as a stage or part of one."""

    name: str
    machines: int
    devices: int
    """Of one machine, all of which share each layer (tensor parallel)."""
    accelerator: str
    machine: str
    """The machine type whose links it is predicted with."""
    points: tuple[Point, ...]
    room: tuple[float, ...]
    """``room[n - 1]``: requests for whose caches there is room beside n layers; as many as fit."""
    head_s: float
    """Of one token, on the stage that has the head."""
    basis: Basis
    """The weakest of all that the times rest on."""


def stage_machine(  # noqa: PLR0913 - what is asked, of what, and with which figures
    name: str,
    model: Model,
    machines: MachineClass,
    question: ServingQuestion,
    table: Efficiencies,
    *,
    count: int,
    devices: int,
) -> Result[StageMachine]:
    """What one of ``count`` machines of ``devices`` accelerators does with any number of layers.

    Weights are kept in the question's first format.  Errors: those of a serving
    layout (``unknown-engine``, ``unknown-precision``, ``missing-hardware-fact``,
    ``engine-unsupported``, ``context-too-short``, ``no-layout``), and
    ``layers-do-not-fit`` where not even one layer fits.
    """
    form = (question.formats or ("bf16",))[0]
    wrong = _unanswerable(name, model, machines, question, table, devices)
    if wrong:
        return Result(None, wrong)
    demand = demand_of(model, replace(question, formats=(form,), floor=None))
    way = ways_of(demand, model, {}).unwrap().allowed[0]
    r = trial_of(demand, machines, way, table, layouts_of(Layout(tensor=devices))).replicas
    if r is None:
        detail = (
            f"{question.engine} is not known to run {form} on {machines.accelerator.name}. Choose another "
            "format or another engine."
        )
        return Result(None, (error("engine-unsupported", "The engine does not run this", detail),))
    room = np.asarray(stage_room(r, np.arange(1.0, model.layers + 1)), dtype=np.float64)
    fit = int((room >= 1).sum())
    if fit == 0:
        detail = (
            f"Not one layer of {model.name} in {form} fits in {name} with room for a request. Take machines "
            "with more devices or memory, or a format with fewer bits."
        )
        return Result(None, (error("layers-do-not-fit", "The model does not fit on these machines", detail),))
    return Result(
        StageMachine(
            name=name,
            machines=count,
            devices=devices,
            accelerator=machines.accelerator.name,
            machine=machines.machine.name,
            points=_points(r, room[:fit]),
            room=tuple(room[:fit].tolist()),
            head_s=row(head_pass_s(r, float(min(MOST_TOGETHER, room[0]))), 0),
            basis=Basis.weakest(list(known_bases(r).values())),
        )
    )


def _points(r: Replicas, room: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[Point, ...]:
    """All layers that fit by all numbers of requests that have room."""
    layers = np.arange(1.0, len(room) + 1)[:, None]
    powers = range(MOST_TOGETHER.bit_length())
    together = np.array([[2.0**power for power in powers]], dtype=np.float64)
    rate = np.broadcast_to(np.asarray(stage_tokens_per_s(r, layers, together)), (len(room), together.size))
    time = np.broadcast_to(np.asarray(stage_pass_s(r, layers, together)), rate.shape)
    return tuple(
        Point(
            layers=int(n) + 1,
            requests=int(together[0, b]),
            tokens_per_s=float(rate[n, b]),
            pass_s=float(time[n, b]),
        )
        for n, b in np.argwhere(together <= room[:, None]).tolist()
    )


def _unanswerable(  # noqa: PLR0913, PLR0917 - all that the question is about
    name: str,
    model: Model,
    machines: MachineClass,
    question: ServingQuestion,
    table: Efficiencies,
    devices: int,
) -> tuple[Diagnostic, ...]:
    """What keeps the question from being answered, all at once."""
    form = (question.formats or ("bf16",))[0]
    strange = unknown_format(form)
    wrong = [*questionable(question, model, table), *((strange,) if strange else ())]
    if wrong:
        return tuple(wrong)
    chip = machines.accelerator
    efficiency = table.of(chip, question.engine)
    if device_of(chip, formats()[form], efficiency) is None:
        wrong.append(missing_fact(chip, form, efficiency))
    if not splits_evenly(model, layouts_of(Layout(tensor=devices)), formats()[form])[0]:
        good = [
            str(n)
            for n in (1, 2, 4, 8, 16)
            if n <= machines.machine.devices
            and splits_evenly(model, layouts_of(Layout(tensor=n)), formats()[form])[0]
        ]
        detail = (
            f"{name} shares each layer over {devices} devices, which does not split {model.name} evenly: it "
            f"has {model.heads} heads, {model.kv_heads} of keys and values, and MLPs of width "
            f"{parameters_of(model).ffn:,.0f}. Take {listed(good, last='or')} devices a machine."
        )
        wrong.append(error("no-layout", "The layout is not legal", detail))
    return tuple(wrong)
