"""Serving options of units: prefill and decode workers on machines of one type, sized so that rates match."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from dcplan.demand.types import Metric
from dcplan.perf.disaggregated_load import bound_parts, met_batch, prompts_held
from dcplan.perf.numbers import row
from dcplan.perf.serving import cached_bytes
from dcplan.perf.serving_memory import serving_memory
from dcplan.sharding import units as pairing
from dcplan.sharding.legal import tensor_chain
from dcplan.sharding.load import CACHE_QUANTILE
from dcplan.sharding.names import candidate_id
from dcplan.sharding.options import Option, needed_for, whole_machines
from dcplan.sharding.serve import predicted
from dcplan.sharding.split_checks import decodes, hands_over
from dcplan.sharding.split_load import decoded_at
from dcplan.sharding.types import Candidate, PrefillWorkers, ServeEstimate, unit_text
from dcplan.sharding.units import Space, Units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.demand.types import ServeDemand
    from dcplan.perf.disaggregated import Disaggregated
    from dcplan.perf.numbers import Array
    from dcplan.perf.types import Memory
    from dcplan.sharding.legal import Mask
    from dcplan.sharding.tally import Tally
    from dcplan.sharding.trials import ServeTrial
    from dcplan.sharding.types import MachineClass
    from dcplan.sharding.units import Sides

MOST_MACHINES = 16
"""Of one unit."""

PAIRS = 6
"""Pairs of splits of each size that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    """Units with what they take at most and at the planned load."""

    trials: Sequence[ServeTrial]
    sides: Sides
    units: Units
    most: Array
    """Requests/s at the most that the SLA allows."""
    planned: Array
    """Requests/s of one unit."""
    batch: Array
    """On each decode worker at the planned rate."""


def options_of(
    trials: Sequence[ServeTrial], rows: Sequence[Mask], demand: ServeDemand, tally: Tally
) -> list[Option]:
    """Units of these rows of each trial, which must be legal and fit; none where they make no sense.

    A unit has a part of a machine that tiles it, or whole machines.
    """
    able = [mask & hands_over(demand.software, one.machines) for one, mask in zip(trials, rows, strict=True)]
    sides = pairing.sides_of(trials, able, demand) if decodes(demand) else None
    if sides is None:
        return []
    spaces = []
    for at, trial in enumerate(trials):
        own = sides.of(at)
        if len(own):
            spaces.append(Space(prefill=own, decode=own, sizes=unit_sizes(trial.machines)))
    units = pairing.joined([pairing.units_in(sides, space, PAIRS) for space in spaces])
    options = _options(trials, sides, units, demand)
    tally.pairs(len(units), len(options))
    return options


def option_like(candidate: Candidate, trial: ServeTrial, rows: Mask, demand: ServeDemand) -> Option | None:
    """The very unit of a candidate on the machines of a trial; None where it does not hold there."""
    sides = pairing.sides_of([trial], [rows], demand)
    if sides is None or candidate.prefill is None:
        return None
    unit = candidate.prefill
    places = {sides.replicas.layouts.one(at): at for at in range(len(sides.trial))}
    if unit.layout not in places or candidate.layout not in places:
        return None
    units = Units(
        prefill=np.array([places[unit.layout]]),
        decode=np.array([places[candidate.layout]]),
        prefill_workers=np.array([float(unit.workers)]),
        decode_workers=np.array([float(unit.decode_workers)]),
        devices=np.array([float(candidate.devices)]),
    )
    return next(iter(_options([trial], sides, units, demand)), None)


def _options(trials: Sequence[ServeTrial], sides: Sides, units: Units, demand: ServeDemand) -> list[Option]:
    """Those of the units that keep the SLA for anything."""
    if not len(units):
        return []
    most = pairing.most_of(sides, units, demand)
    units, most = units.take(most > 0), most[most > 0]
    if not len(units):
        return []
    needed = needed_for(demand, most)
    planned = demand.requests_per_s / needed
    batch = decoded_at(pairing.deployment(sides, units), planned)
    loaded = _Loaded(trials=trials, sides=sides, units=units, most=most, planned=planned, batch=batch)
    return [
        Option(
            trial=trials[sides.trial[units.prefill[at]]],
            devices=int(units.devices[at]),
            needed=int(needed[at]),
            most=float(most[at]),
            candidate=partial(_candidate, loaded, at, int(needed[at]), demand),
        )
        for at in range(len(units))
    ]


def unit_sizes(machines: MachineClass) -> tuple[int, ...]:
    """Devices that a unit can have: at least two, parts that tile a machine, or whole machines."""
    of_machine = machines.machine.devices
    count = MOST_MACHINES if machines.machines is None else min(MOST_MACHINES, machines.machines)
    parts = [size for size in tensor_chain(of_machine) if 1 < size < of_machine]
    return tuple(size for size in (*parts, *(n * of_machine for n in range(1, count + 1))) if size > 1)


def _candidate(loaded: _Loaded, at: int, needed: int, demand: ServeDemand, spares: int) -> Candidate:
    """One unit as a candidate; ``needed`` of them carry the load."""
    units, sides = loaded.units, loaded.sides
    trial, first = pairing.own_row(loaded.trials, sides, int(units.prefill[at]))
    _, second = pairing.own_row(loaded.trials, sides, int(units.decode[at]))
    workers = int(units.prefill_workers[at]), int(units.decode_workers[at])
    prompt, layout = first.layouts.one(0), second.layouts.one(0)
    machines, devices = trial.machines, int(units.devices[at])
    shape = unit_text(workers[0], prompt, workers[1], layout)
    return Candidate(
        id=candidate_id(demand.name, machines, shape, trial.way.name, devices),
        workload=demand.name,
        machine=machines.machine.name,
        accelerator=machines.accelerator.name,
        layout=layout,
        precision=trial.way.form.name,
        devices=devices,
        machines=whole_machines(machines, devices),
        replicas=needed + spares,
        spares=spares,
        estimate=_estimate(loaded, at, demand),
        pools=machines.pools,
        variant=trial.way.variant,
        model=trial.way.named if trial.way.named != demand.model else "",
        quality=trial.way.quality,
        prefill=PrefillWorkers(
            layout=prompt,
            devices=int(first.layouts.devices[0]),
            workers=workers[0],
            decode_workers=workers[1],
            decode_devices=int(second.layouts.devices[0]),
        ),
    )


def _estimate(loaded: _Loaded, at: int, demand: ServeDemand) -> ServeEstimate:
    """What one unit does at its planned load."""
    units, sides = loaded.units, loaded.sides
    trial, first = pairing.own_row(loaded.trials, sides, int(units.prefill[at]))
    _, second = pairing.own_row(loaded.trials, sides, int(units.decode[at]))
    one = pairing.alone(sides, units, at, first, second)
    planned, most, batch = float(loaded.planned[at]), float(loaded.most[at]), float(loaded.batch[at])
    known = pairing.known_of(one, int(units.devices[at]))
    told = []
    for which, bound in enumerate(demand.bounds):
        side, r = (0, first) if bound.metric is Metric.TTFT else (1, second)
        parts = bound_parts(one, planned, batch, bound)
        told.append(predicted(trial, r, batch, which, bound, known[side], parts))
    fullest = float(decoded_at(one, np.array([most]))[0])
    length = second.prompt.mean + second.output.mean
    return ServeEstimate(
        batch=max(1, math.ceil(batch)),
        max_batch=max(1, math.ceil(batch), math.ceil(fullest)),
        requests_per_s=planned,
        max_requests_per_s=most,
        output_tokens_per_s=planned * demand.output_tokens.mean,
        predicted=tuple(told),
        memory=_memory(one, planned, batch),
        kv_capacity_tokens=int(sides.room[units.decode[at]] * length * float(units.decode_workers[at])),
        utilisation=min(1.0, planned / most),
    )


def _memory(one: Disaggregated, planned: float, batch: float) -> Memory:
    """Of the fullest device of either side, with the caches that stand there at a high quantile."""
    held = (
        (one.prefill, prompts_held(one, planned), 0.0),
        (one.decode, met_batch(one.decode, batch, CACHE_QUANTILE), one.decode.output.mean),
    )
    sides = [
        serving_memory(
            r.parameters,
            r.layouts,
            r.device,
            r.engine,
            row(requests, 0) * cached_bytes(r, r.prompt.mean + more),
        ).one(0)
        for r, requests, more in held
    ]
    return max(sides, key=lambda memory: memory.total_bytes)
