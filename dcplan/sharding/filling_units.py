"""Units of prefill and decode workers in a closed loop: how many requests the SLA lets through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dcplan.demand.types import Metric
from dcplan.perf.disaggregated import closed_loop_s, prefill_rate, rate, tpot_parts, transfer_s
from dcplan.perf.disaggregated_load import prompts_held
from dcplan.perf.numbers import row, total
from dcplan.perf.prefill import prefill_parts
from dcplan.perf.serving import cached_bytes
from dcplan.perf.serving_memory import serving_memory
from dcplan.sharding import units as pairing
from dcplan.sharding.filling import FilledLayout
from dcplan.sharding.load import largest, most_sequences
from dcplan.sharding.serve import predicted
from dcplan.sharding.types import unit_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.demand.types import ServeDemand
    from dcplan.perf.disaggregated import Disaggregated
    from dcplan.perf.numbers import Array, Parts
    from dcplan.perf.replicas import Replicas
    from dcplan.perf.types import Layout, Memory
    from dcplan.sharding.legal import Mask
    from dcplan.sharding.trials import ServeTrial
    from dcplan.sharding.units import Sides, Units


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerGroup:
    """Equal workers of one phase in one unit."""

    machine: str
    accelerator: str
    layout: Layout
    devices: int
    """Of one worker."""
    workers: int
    busy: float
    """Share of its largest rate that it carries, 0 to 1."""
    memory: Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class DisaggregatedLayout(FilledLayout):
    """Equal units of prefill and decode workers, filled with as many requests as the SLA lets through."""

    kind: str = "disaggregated"
    prefill: WorkerGroup
    decode: WorkerGroup

    @property
    def memory(self) -> Memory:
        """Of the fullest device of either side."""
        return max((self.prefill.memory, self.decode.memory), key=lambda memory: memory.total_bytes)

    @property
    def shape(self) -> str:
        """One unit in words: ``2P TP2 + 1D TP4``."""
        first, second = self.prefill, self.decode
        if first.accelerator != second.accelerator:
            return unit_text(
                first.workers,
                f"{first.layout} on {first.accelerator}",
                second.workers,
                f"{second.layout} on {second.accelerator}",
            )
        return unit_text(first.workers, first.layout, second.workers, second.layout)

    @property
    def used(self) -> int:
        """Devices of one unit that have work."""
        return sum(group.workers * group.devices for group in (self.prefill, self.decode))


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledUnits:
    """Units of several pairs of splits, each filled with as many requests as hold."""

    trials: Sequence[ServeTrial]
    sides: Sides
    units: Units
    clients: Array
    """Requests at a time in one unit, whole; 0 where none holds."""
    ttft_s: Array
    tpot_s: Array
    """Without margins."""
    each: Array
    """Requests/s of one unit."""
    count: Array
    """Units that the devices are enough for."""
    held: tuple[Array, Array]
    """Requests whose caches a worker of either phase keeps at a time."""
    busy: tuple[Array, Array]
    """Share of the most that either phase takes."""

    @property
    def rate(self) -> Array:
        """Requests/s of all units together; 0 where the SLA is kept for no request."""
        return np.where(self.clients >= 1, self.each * self.count, 0.0)

    @property
    def ranked(self) -> list[int]:
        """The best unit of each pair of splits, best first; of equal ones that with fewer devices."""
        used = self.count * self.units.devices
        order = np.lexsort((used, -self.rate))
        seen: dict[tuple[int, int], int] = {}
        for at in order[self.rate[order] > 0]:
            seen.setdefault((int(self.units.prefill[at]), int(self.units.decode[at])), int(at))
        return list(seen.values())


def filled_units(
    trials: Sequence[ServeTrial], sides: Sides, units: Units, demand: ServeDemand, devices: int
) -> FilledUnits:
    """Units with as many requests at a time as hold, as many units as ``devices`` are enough for."""
    d = pairing.deployment(sides, units)
    clients = _clients(d, sides, units, demand)
    tpot, ttft = (
        np.broadcast_to(np.asarray(seconds), clients.shape) for seconds in closed_loop_s(d, clients)
    )
    loop = clients / (ttft + (d.decode.output.mean - 1) * tpot)
    each = np.minimum(loop, np.asarray(rate(d, clients / d.decode_workers)))
    return FilledUnits(
        trials=trials,
        sides=sides,
        units=units,
        clients=clients,
        ttft_s=ttft,
        tpot_s=tpot,
        each=each,
        count=np.floor(devices / units.devices),
        held=(np.asarray(prompts_held(d, each)), clients / units.decode_workers),
        busy=(each / prefill_rate(d), each / (units.decode_workers * sides.decode_rate[units.decode])),
    )


def _clients(d: Disaggregated, sides: Sides, units: Units, demand: ServeDemand) -> Array:
    """As many requests at a time as caches and bounds let through; 0 where not even one holds."""
    grid, workers = d.take(np.s_[:, None]), np.asarray(d.decode_workers)
    room = (sides.room[units.decode] * workers)[:, None]
    cells = sides.room[units.prefill][:, None]
    allowed = {
        bound.metric: seconds[units.prefill if bound.metric is Metric.TTFT else units.decode][:, None]
        for bound, seconds in zip(demand.bounds, sides.allowed, strict=True)
    }

    def holds(clients: Array) -> Mask:
        tpot, ttft = closed_loop_s(grid, clients)
        going = clients / (ttft + (grid.decode.output.mean - 1) * tpot)
        # Beyond what prefill workers keep up with, more requests only wait longer.
        out: Mask = (clients <= room) & (prompts_held(grid, going) <= cells) & (going <= prefill_rate(grid))
        return out & (tpot <= allowed[Metric.TPOT]) & (ttft <= allowed[Metric.TTFT])

    found = np.floor(largest(holds, most_sequences(d.decode) * workers) * (1 + 1e-9))
    # Where none holds, ``largest`` gives the least that it looks at.
    return np.where(found >= 1, found, 0.0)


def unit_layout_of(filled: FilledUnits, at: int, demand: ServeDemand, devices: int) -> DisaggregatedLayout:
    """One unit with what is predicted for it."""
    units, sides = filled.units, filled.sides
    trials, replicas = zip(*(_own(filled, rows[at]) for rows in (units.prefill, units.decode)), strict=True)
    rate_s, clients = float(filled.each[at]), float(filled.clients[at])
    workers = float(units.prefill_workers[at]), float(units.decode_workers[at])
    one = pairing.alone(sides, units, at, replicas[0], replicas[1])
    seconds = {Metric.TTFT: float(filled.ttft_s[at]), Metric.TPOT: float(filled.tpot_s[at])}
    decoding = max(clients - rate_s * seconds[Metric.TTFT], 1e-6) / workers[1]
    parts = _parts(one, decoding, seconds)
    known = pairing.known_of(one, sides, units, at)
    predictions = {
        bound.metric: predicted(
            trials[side],
            replicas[side],
            float(np.ceil(clients / workers[side])),
            which,
            bound,
            known[side],
            parts[bound.metric],
        )
        for which, bound in enumerate(demand.bounds)
        for side in [0 if bound.metric is Metric.TTFT else 1]
    }
    groups = [_group(filled, at, side, trials[side], replicas[side]) for side in (0, 1)]
    total_rate = float(filled.rate[at])
    tokens = total_rate * demand.output_tokens.mean
    return DisaggregatedLayout(
        prefill=groups[0],
        decode=groups[1],
        precision=trials[1].way.form.name,
        quality=trials[1].way.quality,
        engine=demand.software,
        devices=int(units.devices[at]),
        replicas=int(filled.count[at]),
        concurrency=int(clients),
        ttft=predictions[Metric.TTFT],
        tpot=predictions[Metric.TPOT],
        requests_per_s=total_rate,
        output_tokens_per_s=tokens,
        output_tokens_per_s_per_device=tokens / devices,
        request_s=clients / rate_s,
        memory_slack_bytes=min(
            row(r.device.memory_bytes, 0) - group.memory.total_bytes
            for r, group in zip(replicas, groups, strict=True)
        ),
    )


def _own(filled: FilledUnits, index: int) -> tuple[ServeTrial, Replicas]:
    """The trial of a row of either phase, and its replicas: what is known of them is their own."""
    return pairing.own_row(filled.trials, filled.sides, index)


def _parts(one: Disaggregated, decoding: float, seconds: dict[Metric, float]) -> dict[Metric, Parts]:
    """Parts of what a closed loop takes: the work of a request alone, moving its caches, waiting."""
    r = one.prefill
    first = prefill_parts(r, r.new_tokens)
    first["overhead"] = first["overhead"] + r.engine.first_s + r.engine.token_s * r.prompt.mean
    first["cache transfer"] = transfer_s(one, r.prompt.mean)
    first["queueing"] = max(seconds[Metric.TTFT] - row(total(first), 0), 0.0)
    token = tpot_parts(one, decoding)
    # The number that decodes settles in a few rounds, so that the parts may be a hair off.
    scale = seconds[Metric.TPOT] / row(total(token), 0)
    return {Metric.TTFT: first, Metric.TPOT: {name: value * scale for name, value in token.items()}}


def _group(filled: FilledUnits, at: int, side: int, trial: ServeTrial, r: Replicas) -> WorkerGroup:
    """One side of a unit: 0 for prefill, 1 for decode."""
    units = filled.units
    workers = (units.prefill_workers, units.decode_workers)[side]
    cached = float(filled.held[side][at]) * cached_bytes(r, r.prompt.mean + (r.output.mean if side else 0.0))
    return WorkerGroup(
        machine=trial.machines.name,
        accelerator=trial.machines.accelerator.name,
        layout=r.layouts.one(0),
        devices=int(r.layouts.devices[0]),
        workers=int(workers[at]),
        busy=min(1.0, float(filled.busy[side][at])),
        memory=serving_memory(r.parameters, r.layouts, r.device, r.engine, cached).one(0),
    )
