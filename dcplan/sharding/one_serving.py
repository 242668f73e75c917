"""One serving layout of one model: what it does, whether a search would choose it or not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dcplan.catalog.formats import formats
from dcplan.diag import Diagnostic, Result, error, plural, warning
from dcplan.perf.device import device_of
from dcplan.perf.layouts import layouts_of
from dcplan.perf.parameters import parameters_of
from dcplan.perf.serving import cache_room
from dcplan.sharding.enumerate_serving import splits_evenly
from dcplan.sharding.facts import missing_fact, unknown_format
from dcplan.sharding.filling import ServingLayout, filled_with, layout_of
from dcplan.sharding.serving_question import ServingQuestion, demand_of, questionable
from dcplan.sharding.trials import trial_of
from dcplan.sharding.ways import ways_of
from dcplan.units import format_bytes

if TYPE_CHECKING:
    from dcplan.catalog.efficiency import Efficiencies
    from dcplan.catalog.types import Model
    from dcplan.perf.types import Layout
    from dcplan.sharding.types import MachineClass


def one_serving_layout(  # noqa: PLR0913, PLR0917 - what is asked, of what, and with which figures
    model: Model,
    machines: MachineClass,
    layout: Layout,
    concurrency: int,
    question: ServingQuestion,
    table: Efficiencies,
) -> Result[ServingLayout]:
    """``concurrency`` requests at a time on one replica in this layout and the question's first format.

    Bounds of the question are shown beside what is predicted, and may be
    missed.  Errors: ``unknown-engine``, ``unknown-precision``,
    ``missing-hardware-fact``, ``engine-unsupported``, ``context-too-short``,
    ``no-layout`` (not legal, does not fit); a warning where requests wait for
    room in the cache.
    """
    name = (question.formats or ("bf16",))[0]
    wrong = _unanswerable(model, machines, layout, name, question, table)
    if wrong:
        return Result(None, wrong)
    demand = demand_of(model, replace(question, formats=(name,), floor=None))
    layouts = layouts_of(layout)
    trial = trial_of(demand, machines, ways_of(demand, model, {}).unwrap().allowed[0], table, layouts)
    if trial.replicas is None:
        return Result(None, (_unsupported(question, name, machines),))
    room = np.atleast_1d(np.asarray(cache_room(trial.replicas), dtype=np.float64))
    if room[0] < 1:
        return Result(None, (_does_not_fit(model, machines, layout, name),))
    done = filled_with(trial, trial.replicas, np.array([float(concurrency)]), room)
    found = layout_of(done, 0, demand, int(layouts.devices[0]))
    waiting = (_waiting(concurrency, room[0]),) if model.causal and concurrency > room[0] else ()
    return Result(found, waiting)


def _unanswerable(  # noqa: PLR0913, PLR0917 - all that the question is about
    model: Model,
    machines: MachineClass,
    layout: Layout,
    name: str,
    question: ServingQuestion,
    table: Efficiencies,
) -> tuple[Diagnostic, ...]:
    """What keeps the question from being answered, all at once."""
    strange = unknown_format(name)
    wrong = [*questionable(question, model, table), *((strange,) if strange else ())]
    if wrong:
        return tuple(wrong)
    form, chip = formats()[name], machines.accelerator
    efficiency = table.of(chip, question.engine)
    if device_of(chip, form, efficiency) is None:
        wrong.append(missing_fact(chip, name, efficiency))
    if not splits_evenly(model, layouts_of(layout), form)[0]:
        wrong.append(_not_legal(model, layout, name))
    return tuple(wrong)


def _not_legal(model: Model, layout: Layout, name: str) -> Diagnostic:
    p = parameters_of(model)
    detail = (
        f"{layout} does not split {model.name} evenly: it has {model.heads} heads, {model.kv_heads} of keys "
        f"and values, {model.layers} layers"
    )
    if model.experts:
        detail += f", {model.experts} experts of width {model.expert_ffn}"
    detail += f" and MLPs of width {p.ffn:,.0f}"
    if formats()[name].mlp.block > 1:
        detail += f", and {name} keeps blocks of {formats()[name].mlp.block} weights whole"
    return error("no-layout", "The layout is not legal", f"{detail}. Choose sizes that divide them.")


def _does_not_fit(model: Model, machines: MachineClass, layout: Layout, name: str) -> Diagnostic:
    memory = format_bytes(machines.accelerator.memory_bytes)
    return error(
        "no-layout",
        "The model does not fit",
        f"{model.name} in {name} as {layout} leaves no room for one request in the {memory} of "
        f"{machines.accelerator.name}. Split it further, or choose a format with fewer bits.",
    )


def _unsupported(question: ServingQuestion, name: str, machines: MachineClass) -> Diagnostic:
    return error(
        "engine-unsupported",
        "The engine does not run this",
        f"{question.engine} is not known to run {name} on {machines.accelerator.name}. Choose another "
        "format or another engine.",
    )


def _waiting(concurrency: int, room: float) -> Diagnostic:
    return warning(
        "requests-wait",
        "Requests wait for room in the cache",
        f"The cache has room for {plural(int(room), 'request')} at a time, and {concurrency:,} are sent: the "
        f"others wait, which the TTFT below holds, and the memory is that of {int(room):,}. Split the model "
        "further or ask for fewer.",
    )
