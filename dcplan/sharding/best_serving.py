"""The best serving layouts on so many accelerators: a question without a document."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dcplan.catalog.efficiency import Efficiencies, load_efficiencies
from dcplan.demand.types import ServeDemand
from dcplan.diag import Diagnostic, Result, error, listed
from dcplan.sharding.explain import explain_serve
from dcplan.sharding.filling import NO_REQUEST, Filled, filled, layout_of
from dcplan.sharding.front import front_rows, on_front, thinned
from dcplan.sharding.serving_question import ServingQuestion, demand_of, questionable, without_places
from dcplan.sharding.tally import SERVING_REASONS, Tally, fitting, sifted
from dcplan.sharding.trials import try_classes
from dcplan.sharding.ways import ways_of

if TYPE_CHECKING:
    from dcplan.catalog.types import Model
    from dcplan.sharding.filling import ServingLayout
    from dcplan.sharding.types import MachineClass, Search
    from dcplan.sharding.ways import Ways


FRONT = 6
"""Layouts of the front that are told: the three best, and as many between them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingSearch:
    """The answer: best layouts first, and where all the others went."""

    layouts: tuple[ServingLayout, ...]
    front: tuple[ServingLayout, ...]
    """What no other beats in throughput, time of a request and memory slack at once, most throughput first.

    At most ``FRONT``, the best in each among them.
    """
    search: Search


def best_serving_layouts(  # noqa: PLR0913 - what is asked, of what, and with which figures
    model: Model,
    machines: MachineClass,
    devices: int,
    question: ServingQuestion,
    *,
    top: int = 10,
    table: Efficiencies | None = None,
) -> Result[ServingSearch]:
    """The layouts with the most output tokens/s per accelerator on ``devices`` of them, within the SLA.

    All formats and splits into equal replicas are looked at, each at the
    largest number of requests at a time at which memory and bounds hold.
    Errors: ``unknown-engine``, ``unknown-precision``, ``floor-unreachable``,
    ``context-too-short``, ``engine-unsupported``, ``no-layout``.
    """
    started = time.perf_counter()
    table = table or load_efficiencies()
    wrong = questionable(question, model, table)
    if wrong:
        return Result(None, wrong)
    demand = demand_of(model, question)
    ways = ways_of(demand, model, {})
    if ways.value is None:
        return Result(None, without_places(ways.diagnostics))
    tally = Tally(*SERVING_REASONS, NO_REQUEST)
    trials = try_classes(demand, [(machines, way) for way in ways.value.allowed], table, devices)
    full: list[Filled] = []
    for trial in trials:
        tally.considered += trial.count
        rows = sifted(tally, trial, fitting(tally, trial, np.ones(trial.count, dtype=bool)), demand)
        full += filled(trial, rows, demand, tally)
    if not full and tally.counts[NO_REQUEST]:
        return Result(None, (_not_one(model, machines),))
    if not full:
        return Result(None, _none_fills(demand, ways.value, machines, devices, table))
    best, front = _best(full, demand, devices, top)
    report = tally.search(model.name, len(best), started)
    report = replace(report, floor=question.floor, ruled_out=ways.value.ruled_out)
    return Result(ServingSearch(layouts=best, front=front, search=report))


def _none_fills(
    demand: ServeDemand, ways: Ways, machines: MachineClass, devices: int, table: Efficiencies
) -> tuple[Diagnostic, ...]:
    """Why no equal replicas fill ``devices`` and keep the bounds, or which would on other counts."""
    pairs = [(machines, way) for way in ways.allowed]
    sizes: set[int] = set()
    for trial in try_classes(demand, pairs, table):
        good = trial.legal & trial.fits
        for bound, idle_s in zip(demand.bounds, trial.idle_s, strict=True):
            good = good & (idle_s <= bound.bound_s)
        if trial.replicas is not None:
            sizes |= {int(size) for size in trial.replicas.layouts.devices[good]}
    if not sizes:
        return without_places([explain_serve(demand, ways, [machines], table)])
    possible = listed([f"{size:,}" for size in sorted(sizes)[:6]], last="or")
    detail = (
        f"Equal replicas must fill all of {devices:,} {machines.accelerator.name}, and those that run "
        f"{demand.model} within the bounds take {possible} of them. Ask for a multiple of one of these."
    )
    return (error("no-layout", "No equal replicas fill the accelerators", detail),)


def _best(
    full: list[Filled], demand: ServeDemand, devices: int, top: int
) -> tuple[tuple[ServingLayout, ...], tuple[ServingLayout, ...]]:
    """The ``top`` layouts with the most throughput of a device, smaller ones first of equals; the front."""
    speed = np.concatenate([one.per_device for one in full])
    size = np.concatenate([one.replicas.layouts.devices for one in full])
    slack = np.concatenate([one.slack for one in full])
    goods = [speed, -np.concatenate([one.request_s for one in full]), slack]
    place = [(one, index) for one in full for index in range(len(one.clients))]
    front = on_front(*goods)

    def told(row: int) -> ServingLayout:
        return layout_of(*place[row], demand, devices, front=bool(front[row]))

    rows = front_rows(*goods)
    few = rows[thinned(FRONT, *(column[rows] for column in goods), first=np.zeros(0, dtype=np.intp))]
    order = np.lexsort((-slack, size, -speed))[:top]
    few = few[np.argsort(-speed[few], kind="stable")]
    return tuple(told(int(row)) for row in order), tuple(told(int(row)) for row in few)


def _not_one(model: Model, machines: MachineClass) -> Diagnostic:
    """Layouts keep the bounds as long as hardly anything runs, and miss them with a request."""
    return error(
        "no-layout",
        "No layout is fast enough",
        f"On {machines.name} some layouts of {model.name} come within a hair of the bounds, but none keeps "
        "them while it answers a request. Relax ttft or tpot a little.",
    )
