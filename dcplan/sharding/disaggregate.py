"""Disaggregated serving: prompts on workers of their own, tokens on others, in numbers that keep pace.

Zhong et al. 2024 (DistServe, arXiv 2401.09670) and Patel et al. 2024
(Splitwise, arXiv 2311.18677): each phase gets the split that suits it, the
caches move from one to the other, and the slower side sets the rate.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dcplan.catalog.efficiency import Efficiencies, load_efficiencies
from dcplan.demand.types import Metric
from dcplan.diag import Diagnostic, Result, error
from dcplan.perf.numbers import Array, Num, Parts, larger, smaller, total
from dcplan.perf.queueing import mean_wait_s
from dcplan.perf.serving import Replicas, cached_bytes, decode_parts, prefill_parts
from dcplan.perf.serving_memory import serving_memory
from dcplan.sharding.load import largest, most_sequences
from dcplan.sharding.serve import known_bases, predicted
from dcplan.sharding.serving_question import demand_of, questionable, without_places
from dcplan.sharding.tally import NO_ROOM, NOT_LEGAL, NOT_RUN, Tally
from dcplan.sharding.trials import ServeTrial, try_classes
from dcplan.sharding.ways import ways_of

if TYPE_CHECKING:
    from dcplan.catalog.types import Model
    from dcplan.demand.types import ServeDemand
    from dcplan.perf.types import Layout, Memory
    from dcplan.sharding.legal import Mask
    from dcplan.sharding.serving_question import ServingQuestion
    from dcplan.sharding.types import MachineClass, Predicted, Quality, Search

BUSIEST = 0.9
"""Share of the time that prefill workers compute at most; beyond it the queue before them has no end in
sight.  Where TTFT is bounded it is the bound that decides, as a rule."""

POISSON = 1.0
"""Squared variation of the gaps between prompts: requests end, and so begin, independently."""

LOOKED_AT = 12
"""Splits of each phase that are paired: those with the fewest devices for a rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerGroup:
    """Equal workers of one phase."""

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
class DisaggregatedLayout:
    """Prefill and decode workers that keep pace with each other."""

    prefill: WorkerGroup
    decode: WorkerGroup
    precision: str
    quality: Quality | None
    engine: str
    concurrency: int
    """Requests that one decode worker answers at a time."""
    ttft: Predicted
    tpot: Predicted
    requests_per_s: float
    output_tokens_per_s: float
    output_tokens_per_s_per_device: float
    """Over all devices that were asked for, idle ones as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DisaggregatedSearch:
    """The best pairs first, and where splits of either phase went."""

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
    """The pairs of splits with the most output tokens/s on ``devices`` accelerators, within the SLA.

    ``prefill`` and ``decode`` may be the same class or different ones.  Errors:
    those of ``best_serving_layouts``, and ``no-layout``.
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
    tally = Tally(NOT_RUN, NOT_LEGAL, NO_ROOM, "miss TTFT", "miss TPOT")
    found: list[_Pair] = []
    for way in ways.value.allowed:
        phases = []
        for machines, rated in ((prefill, _prefill), (decode, _decode)):
            (trial,) = try_classes(demand, [(machines, way)], table)
            phases.append(rated(trial, _sound(tally, trial, devices), demand, tally))
        found += _pairs(phases[0], phases[1], devices)
    if not found:
        return Result(None, (_nothing(model, prefill, decode, tally),))
    found.sort(key=lambda pair: (-pair.rate, pair.used))
    layouts = tuple(_layout(pair, demand, devices) for pair in found[:top])
    tally.remain = max(tally.remain, len(layouts))
    report = replace(tally.search(model.name, len(layouts), started), ruled_out=ways.value.ruled_out)
    return Result(DisaggregatedSearch(layouts=layouts, search=replace(report, floor=question.floor)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phase:
    """Splits of one phase: how many requests/s a worker takes, and what it holds at a time."""

    trial: ServeTrial
    replicas: Replicas | None
    rate: Array
    """The most requests/s of one worker."""
    batch: Array
    """Requests at a time: in decoding together, in prefill one after the other."""

    @property
    def devices(self) -> Array:
        """Devices of one worker."""
        return np.zeros(0) if self.replicas is None else self.replicas.layouts.devices

    def best(self) -> list[int]:
        """Rows with the fewest devices for a rate, best first."""
        return [int(i) for i in np.argsort(self.devices / np.maximum(self.rate, 1e-12))[:LOOKED_AT]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """Workers of both phases, counted so that they keep pace."""

    prefill: _Phase
    decode: _Phase
    rows: tuple[int, int]
    workers: tuple[int, int]
    rate: float
    used: int
    """Devices."""


def _sound(tally: Tally, trial: ServeTrial, devices: int) -> Mask:
    """Layouts of a trial that run, are legal and hold the model; the others are counted."""
    tally.considered += trial.count
    rows = np.ones(trial.count, dtype=bool)
    rows = tally.keep(NOT_RUN, rows, np.full(trial.count, trial.replicas is not None))
    rows = tally.keep(NOT_LEGAL, rows, trial.legal)
    small = np.zeros(trial.count, dtype=bool)
    if trial.replicas is not None:
        small = trial.replicas.layouts.devices < devices
    return tally.keep(NO_ROOM, rows, trial.fits & small)


def transfer_s(r: Replicas) -> Num:
    """Move the caches of one mean prompt to another worker, seconds.

    Each device of the data rank that computed it sends its part.
    """
    held = cached_bytes(r, r.prompt.mean) * r.layouts.data
    return held / r.wires.out_bytes_per_s + r.wires.out_hop_s


def _allowed_s(trial: ServeTrial, demand: ServeDemand, metric: Metric) -> float:
    """What the bound of a metric leaves to a prediction without its margin."""
    places = zip(demand.bounds, trial.margins, strict=True)
    return min(bound.bound_s / margin.factor for bound, margin in places if bound.metric is metric)


def _prefill(trial: ServeTrial, rows: Mask, demand: ServeDemand, tally: Tally) -> _Phase:
    """Prompts/s of each split: as many as its queue lets through within TTFT.

    ``W = load / (1 - load) x S / 2`` (Pollaczek-Khinchine with equal prompts)
    solved for the load at which computing, moving the caches and waiting take
    the bound.
    """
    if trial.replicas is None or not rows.any():
        return _Phase(trial=trial, replicas=None, rate=np.zeros(0), batch=np.zeros(0))
    r = trial.replicas.take(rows)
    alone = np.broadcast_to(np.asarray(total(prefill_parts(r, r.new_tokens))), len(r.layouts))
    spare = _allowed_s(trial, demand, Metric.TTFT) - alone - np.asarray(transfer_s(r))
    # Data ranks take prompts in turns, as one server that is so many times as fast.
    service = alone / r.layouts.data
    # Without a bound the queue may be as long as it likes.
    ratio = np.where(np.isinf(spare), np.inf, 2 * larger(spare, 0.0) / service)
    load = np.where(
        np.isinf(ratio), BUSIEST, smaller(ratio / (1 + np.where(np.isinf(ratio), 0, ratio)), BUSIEST)
    )
    fast = tally.keep("miss TTFT", np.ones(len(load), dtype=bool), load > 0)
    tally.remain += int(fast.sum())
    rate = (load / service)[fast]
    return _Phase(trial=trial, replicas=r.take(fast), rate=rate, batch=np.ones(int(fast.sum())))


def _decode(trial: ServeTrial, rows: Mask, demand: ServeDemand, tally: Tally) -> _Phase:
    """Requests/s of each split: as many together as memory and TPOT let through, without prompts between."""
    if trial.replicas is None or not rows.any():
        return _Phase(trial=trial, replicas=None, rate=np.zeros(0), batch=np.zeros(0))
    r, room = trial.replicas.take(rows), trial.room[rows]
    grid, cells = r.take(np.s_[:, None]), room[:, None]
    allowed = _allowed_s(trial, demand, Metric.TPOT)

    def holds(batch: Array) -> Mask:
        out: Mask = (batch <= cells) & (total(decode_parts(grid, batch)) <= allowed)
        return out

    batch = np.floor(largest(holds, most_sequences(r)) * (1 + 1e-9))
    some = tally.keep("miss TPOT", np.ones(len(batch), dtype=bool), batch >= 1)
    tally.remain += int(some.sum())
    r, batch = r.take(some), batch[some]
    rate = batch / (r.output.mean * np.asarray(total(decode_parts(r, batch))))
    return _Phase(trial=trial, replicas=r, rate=np.broadcast_to(rate, batch.shape), batch=batch)


def _pairs(prefill: _Phase, decode: _Phase, devices: int) -> list[_Pair]:
    """The best count of workers for each pair of splits: what the slower side lets through is the rate."""
    out = []
    for first in prefill.best():
        for second in decode.best():
            sizes = int(prefill.devices[first]), int(decode.devices[second])
            pair = _counted(sizes, (prefill.rate[first], decode.rate[second]), devices, prefill, decode)
            if pair is not None:
                workers, rate = pair
                used = workers[0] * sizes[0] + workers[1] * sizes[1]
                out.append(
                    _Pair(
                        prefill=prefill,
                        decode=decode,
                        rows=(first, second),
                        workers=workers,
                        rate=rate,
                        used=used,
                    )
                )
    return out


def _counted(
    sizes: tuple[int, int], rates: tuple[float, float], devices: int, prefill: _Phase, decode: _Phase
) -> tuple[tuple[int, int], float] | None:
    """(prefill workers, decode workers) and the rate that both keep; None where one of each does not fit."""
    most = [
        _most(phase.trial.machines, devices) // size
        for phase, size in zip((prefill, decode), sizes, strict=True)
    ]
    first = np.arange(1, most[0] + 1)
    second = np.minimum((devices - first * sizes[0]) // sizes[1], most[1])
    possible = second >= 1
    if not possible.any():
        return None
    first, second = first[possible], second[possible]
    rate = np.minimum(first * rates[0], second * rates[1])
    best = int(np.argmax(rate))
    # No more workers than the other side can feed.
    workers = tuple(max(1, int(np.ceil(rate[best] / one - 1e-9))) for one in rates)
    return (workers[0], workers[1]), float(rate[best])


def _most(machines: MachineClass, devices: int) -> int:
    """Devices of a class that there are, of those asked for."""
    return (
        devices if machines.machines is None else min(devices, machines.machines * machines.machine.devices)
    )


def _layout(pair: _Pair, demand: ServeDemand, devices: int) -> DisaggregatedLayout:
    """A pair with what is predicted for it."""
    sides = zip((pair.prefill, pair.decode), pair.rows, strict=True)
    first, second = (phase.replicas.take([at]) for phase, at in sides if phase.replicas is not None)
    batch = float(pair.decode.batch[pair.rows[1]])
    load = pair.rate / pair.workers[0]
    tokens = pair.rate * demand.output_tokens.mean
    bounds = {bound.metric: (which, bound) for which, bound in enumerate(demand.bounds)}
    (to_first, ttft), (per_token, tpot) = bounds[Metric.TTFT], bounds[Metric.TPOT]
    return DisaggregatedLayout(
        prefill=_group(pair.prefill, pair, 0, first, 1.0),
        decode=_group(pair.decode, pair, 1, second, batch),
        precision=pair.decode.trial.way.form.name,
        quality=pair.decode.trial.way.quality,
        engine=demand.software,
        concurrency=int(batch),
        ttft=predicted(
            pair.prefill.trial, first, 1.0, to_first, ttft, known_bases(first), first_token_parts(first, load)
        ),
        tpot=predicted(
            pair.decode.trial,
            second,
            batch,
            per_token,
            tpot,
            known_bases(second),
            decode_parts(second, batch),
        ),
        requests_per_s=pair.rate,
        output_tokens_per_s=tokens,
        output_tokens_per_s_per_device=tokens / devices,
    )


def first_token_parts(r: Replicas, rate: float) -> Parts:
    """TTFT of the mean prompt on a prefill worker that takes ``rate`` of them, caches moved, seconds."""
    parts = prefill_parts(r, r.new_tokens)
    service = total(parts) / r.layouts.data
    parts["queueing"] = mean_wait_s(rate * service, service, POISSON, 0.0)
    parts["cache transfer"] = transfer_s(r)
    return parts


def _group(phase: _Phase, pair: _Pair, side: int, r: Replicas, held: float) -> WorkerGroup:
    """One side of a pair; ``held``: requests whose caches a worker keeps at a time."""
    at, workers = pair.rows[side], pair.workers[side]
    cached = held * cached_bytes(r, r.prompt.mean + (r.output.mean if side else 0.0))
    return WorkerGroup(
        machine=phase.trial.machines.name,
        accelerator=phase.trial.machines.accelerator.name,
        layout=r.layouts.one(0),
        devices=int(phase.devices[at]),
        workers=workers,
        busy=min(1.0, pair.rate / (workers * float(phase.rate[at]))),
        memory=serving_memory(r.parameters, r.layouts, r.device, r.engine, cached).one(0),
    )


def _nothing(model: Model, prefill: MachineClass, decode: MachineClass, tally: Tally) -> Diagnostic:
    """No pair at all."""
    fell = ", ".join(f"{count:,} {reason}" for reason, count in tally.counts.items() if count)
    where = prefill.name if prefill.name == decode.name else f"{prefill.name} and {decode.name}"
    return error(
        "no-layout",
        "No pair of layouts keeps the SLA",
        f"On {where} no workers for prompts and for tokens of {model.name} can be paired: of "
        f"{tally.considered:,} splits of either phase {fell or 'none fits together with another'}. "
        "Relax ttft or tpot, or ask for more accelerators.",
    )
