"""Disaggregated serving without a document: the best units of prefill and decode workers."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dcplan.catalog.efficiency import Efficiencies, load_efficiencies
from dcplan.diag import Diagnostic, Result, agreeing, error
from dcplan.sharding import units as pairing
from dcplan.sharding.filling_units import filled_units, unit_layout_of
from dcplan.sharding.serving_question import demand_of, questionable, without_places
from dcplan.sharding.split_checks import hands_over_checked
from dcplan.sharding.tally import MISS, NO_ROOM, NOT_LEGAL, NOT_RUN, Tally, fitting
from dcplan.sharding.trials import try_classes
from dcplan.sharding.units import Space
from dcplan.sharding.ways import ways_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.catalog.types import Model
    from dcplan.demand.types import ServeDemand
    from dcplan.sharding.filling_units import DisaggregatedLayout, FilledUnits
    from dcplan.sharding.legal import Mask
    from dcplan.sharding.serving_question import ServingQuestion
    from dcplan.sharding.trials import ServeTrial
    from dcplan.sharding.types import MachineClass, Search

POISSON = 1.0
"""Squared variation of the gaps between prompts while numbers of workers are matched: requests end, and so
begin, independently."""

NO_PAIR = "leave nothing to the other phase"

PAIRS = 40
"""Pairs of splits of each size and format that are filled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DisaggregatedSearch:
    """The best units first, and where splits of either phase went."""

    layouts: tuple[DisaggregatedLayout, ...]
    search: Search


def best_disaggregated_layouts(  # noqa: PLR0913 - two kinds of machines, and what is asked of them
    model: Model,
    prefill: MachineClass,
    decode: MachineClass,
    devices: int,
    question: ServingQuestion,
    *,
    top: int = 10,
    table: Efficiencies | None = None,
) -> Result[DisaggregatedSearch]:
    """The units with the most output tokens/s on ``devices`` accelerators, within the SLA.

    ``prefill`` and ``decode`` may be the same class, or different ones, whose
    accelerators are then shared out in one unit.  Errors: those of
    ``best_serving_layouts``, ``not-disaggregated`` and ``no-layout``.
    """
    started = time.perf_counter()
    table = table or load_efficiencies()
    wrong = questionable(question, model, table)
    demand = replace(demand_of(model, question), arrival_cv2=POISSON)
    wrong = wrong or hands_over_checked(demand, (prefill, decode))
    if wrong:
        return Result(None, without_places(wrong))
    ways = ways_of(demand, model, {})
    if ways.value is None:
        return Result(None, without_places(ways.diagnostics))
    tally = Tally(NOT_RUN, NOT_LEGAL, NO_ROOM, NO_PAIR, MISS)
    classes = (prefill,) if prefill is decode else (prefill, decode)
    trials = try_classes(demand, [(one, way) for way in ways.value.allowed for one in classes], table)
    rows = [_sound(tally, trial, devices) for trial in trials]
    filled = _filled(trials, rows, len(classes), demand, devices)
    if filled is None or not filled.ranked:
        return Result(None, (_nothing(model, prefill, decode, tally),))
    tally.pairs(len(filled.units), int((filled.rate > 0).sum()))
    layouts = tuple(unit_layout_of(filled, at, demand, devices) for at in filled.ranked[:top])
    report = replace(tally.search(model.name, len(layouts), started), ruled_out=ways.value.ruled_out)
    return Result(DisaggregatedSearch(layouts=layouts, search=replace(report, floor=question.floor)))


def _sound(tally: Tally, trial: ServeTrial, devices: int) -> Mask:
    """Layouts of a trial that hold the model and leave devices to the other phase; the others are counted."""
    tally.considered += trial.count
    rows = fitting(tally, trial, np.ones(trial.count, dtype=bool))
    if trial.replicas is not None:
        rows = tally.keep(NO_PAIR, rows, trial.replicas.layouts.devices < devices)
    tally.remain += int(rows.sum())
    return rows


def _filled(
    trials: Sequence[ServeTrial], rows: Sequence[Mask], classes: int, demand: ServeDemand, devices: int
) -> FilledUnits | None:
    """Units of each way to keep the model, whose trials follow one another: ``classes`` for each way."""
    sides = pairing.sides_of(trials, rows, demand)
    if sides is None:
        return None
    places = [
        Space(
            prefill=sides.of(at),
            decode=sides.of(at + classes - 1),
            sizes=(size,),
            # Of two kinds of machines each unit has its share.
            most_prefill=_most(trials[at].machines, devices) * size / devices,
            most_decode=_most(trials[at + classes - 1].machines, devices) * size / devices,
        )
        for at in range(0, len(trials), classes)
        for size in (_sizes(trials[at].machines, devices) if classes == 1 else _halves(devices))
    ]
    units = pairing.joined([pairing.units_in(sides, place, PAIRS) for place in places])
    if not len(units):
        return None
    return filled_units(trials, sides, units, demand, devices)


def _sizes(machines: MachineClass, devices: int) -> tuple[int, ...]:
    """Sizes of units that fill the devices and machines: parts of one, whole ones, or all there is."""
    of_machine = machines.machine.devices
    tiling = (
        size
        for size in range(2, devices + 1)
        if devices % size == 0 and (of_machine % size == 0 or size % of_machine == 0)
    )
    return tuple(dict.fromkeys((*tiling, devices)))


def _halves(devices: int) -> list[int]:
    """Sizes of units that take machines of two kinds: all devices, half of them, and so on."""
    sizes = [devices]
    while sizes[-1] % 2 == 0 and sizes[-1] > 2:  # noqa: PLR2004 - one worker of each kind
        sizes.append(sizes[-1] // 2)
    return sizes


def _most(machines: MachineClass, devices: int) -> float:
    """Devices of a class that there are, of those asked for."""
    there = np.inf if machines.machines is None else machines.machines * machines.machine.devices
    return float(min(devices, there))


def _nothing(model: Model, prefill: MachineClass, decode: MachineClass, tally: Tally) -> Diagnostic:
    """No unit at all."""
    fell = ", ".join(
        f"{count:,} {agreeing(count, reason)}" for reason, count in tally.counts.items() if count
    )
    where = prefill.name if prefill.name == decode.name else f"{prefill.name} and {decode.name}"
    return error(
        "no-layout",
        "No pair of layouts keeps the SLA",
        f"On {where} no workers for prompts and for tokens of {model.name} can be paired: of "
        f"{tally.considered:,} splits {fell or 'each fits, but none together with another'}. "
        "Relax ttft or tpot, or ask for more accelerators.",
    )
