"""Serving options of units: prefill and decode workers, sized so that rates match.

Of one type of machine, or of two types that one zone has: see ``mixed_units``.
"""

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
from dcplan.sharding.load import CACHE_QUANTILE
from dcplan.sharding.mixed_units import mixed_units
from dcplan.sharding.names import candidate_id
from dcplan.sharding.options import Option, needed_for, whole_machines
from dcplan.sharding.serve import predicted
from dcplan.sharding.split_checks import decodes, hands_over
from dcplan.sharding.split_load import decoded_at, left_bytes, used_share
from dcplan.sharding.types import Candidate, PrefillMachines, PrefillWorkers, ServeEstimate, unit_text
from dcplan.sharding.unit_sizes import unit_sizes
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
    slack_bytes: Array
    """Left on the fullest device of either side at the planned rate."""


def options_of(
    trials: Sequence[ServeTrial], rows: Sequence[Mask], demand: ServeDemand, tally: Tally
) -> list[Option]:
    """Units of these rows of each trial, which must be legal and fit; none where they make no sense.

    A unit has a part of a machine that tiles it, or whole machines; of two types, of either.
    """
    able = [mask & hands_over(demand.software, one.machines) for one, mask in zip(trials, rows, strict=True)]
    sides = pairing.sides_of(trials, able, demand) if decodes(demand) else None
    if sides is None:
        return []
    spaces = []
    for at, trial in enumerate(trials):
        own = sides.of(at)
        if len(own):
            spaces.append(Space(prefill=own, decode=own, sizes=unit_sizes(trial.machines, least=2)))
    alike = [pairing.units_in(sides, space, PAIRS) for space in spaces]
    units = pairing.joined([*alike, *mixed_units(trials, sides, demand)])
    options = _options(trials, sides, units, demand)
    tally.pairs(len(units), len(options))
    return options


def option_like(candidate: Candidate, trial: ServeTrial, rows: Mask, demand: ServeDemand) -> Option | None:
    """The very unit of a candidate on the machines of a trial; None where it does not hold there.

    A unit on two types of machines holds on none alone.
    """
    sides = pairing.sides_of([trial], [rows], demand)
    if sides is None or candidate.prefill is None or candidate.beside is not None:
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
        apart=np.zeros(1),
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
    d = pairing.deployment(sides, units)
    batch = decoded_at(d, planned)
    limits = [[seconds[rows] for seconds in sides.allowed] for rows in (units.prefill, units.decode)]
    share = used_share(d, demand.bounds, limits[0], limits[1], planned, batch)
    loaded = _Loaded(
        trials=trials,
        sides=sides,
        units=units,
        most=most,
        planned=planned,
        batch=batch,
        slack_bytes=left_bytes(d, planned, batch),
    )
    return [
        Option(
            trial=trials[sides.trial[units.decode[at]]],
            devices=int(units.devices[at]),
            needed=int(needed[at]),
            most=float(most[at]),
            share=float(share[at]),
            slack_bytes=float(loaded.slack_bytes[at]),
            candidate=partial(_candidate, loaded, at, int(needed[at]), demand),
            beside=trials[sides.trial[units.prefill[at]]].machines if units.apart[at] else None,
            apart=int(units.apart[at]),
        )
        for at in range(len(units))
    ]


def _candidate(loaded: _Loaded, at: int, needed: int, demand: ServeDemand, spares: int) -> Candidate:
    """One unit as a candidate; ``needed`` of them carry the load."""
    units, sides = loaded.units, loaded.sides
    other, first = pairing.own_row(loaded.trials, sides, int(units.prefill[at]))
    trial, second = pairing.own_row(loaded.trials, sides, int(units.decode[at]))
    workers = int(units.prefill_workers[at]), int(units.decode_workers[at])
    prompt, layout = first.layouts.one(0), second.layouts.one(0)
    machines, apart = trial.machines, int(units.apart[at])
    devices = int(units.devices[at]) - apart
    on, sizes = (
        (f"{other.machines.name}+{machines.name}", f"{apart}+{devices}")
        if apart
        else (machines.name, str(devices))
    )
    shape = unit_text(workers[0], prompt, workers[1], layout)
    return Candidate(
        id=candidate_id(demand.name, on, shape, trial.way.name, sizes),
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
        memory_slack_bytes=float(loaded.slack_bytes[at]),
        pools=machines.pools,
        within=machines.within,
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
        beside=_prefill_machines(other.machines, apart) if apart else None,
    )


def _prefill_machines(machines: MachineClass, devices: int) -> PrefillMachines:
    """So many devices of machines of another type."""
    return PrefillMachines(
        machine=machines.machine.name,
        accelerator=machines.accelerator.name,
        devices=devices,
        machines=whole_machines(machines, devices),
        pools=machines.pools,
    )


def _estimate(loaded: _Loaded, at: int, demand: ServeDemand) -> ServeEstimate:
    """What one unit does at its planned load."""
    units, sides = loaded.units, loaded.sides
    prompt, first = pairing.own_row(loaded.trials, sides, int(units.prefill[at]))
    token, second = pairing.own_row(loaded.trials, sides, int(units.decode[at]))
    one = pairing.alone(sides, units, at, first, second)
    planned, most, batch = float(loaded.planned[at]), float(loaded.most[at]), float(loaded.batch[at])
    known = pairing.known_of(one, sides, units, at)
    told = []
    for which, bound in enumerate(demand.bounds):
        side, trial, r = (0, prompt, first) if bound.metric is Metric.TTFT else (1, token, second)
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
    # Of two types of machines, devices need not have equal memory.
    room = [row(r.device.memory_bytes, 0) for r, _, _ in held]
    return max(zip(sides, room, strict=True), key=lambda side: side[0].total_bytes / side[1])[0]
