"""Replicas filled with requests in a closed loop: how many the SLA lets through, and what each then does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dcplan.demand.types import Metric
from dcplan.perf.closed_loop import closed_loop_s
from dcplan.perf.decode import decode_parts
from dcplan.perf.encoding import encoder_loop_s
from dcplan.perf.numbers import Num, Parts, row, total
from dcplan.perf.prefill import prefill_parts
from dcplan.perf.serving import cached_bytes
from dcplan.perf.serving_memory import serving_memory
from dcplan.sharding import serve
from dcplan.sharding.load import largest, most_sequences

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.demand.types import ServeDemand
    from dcplan.perf.memory import MemoryOf
    from dcplan.perf.numbers import Array
    from dcplan.perf.replicas import Replicas
    from dcplan.perf.types import Layout, Memory
    from dcplan.sharding.legal import Mask
    from dcplan.sharding.tally import Tally
    from dcplan.sharding.trials import ServeTrial
    from dcplan.sharding.types import Predicted, Quality

NO_REQUEST = "keep the SLA for no request"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledLayout:
    """Equal replicas, or units of workers, filled with as many requests as the SLA lets through."""

    kind: str
    """aggregated or disaggregated."""
    precision: str
    quality: Quality | None
    engine: str
    devices: int
    """Of one replica or unit; some of a unit may be left over."""
    replicas: int
    """Replicas or units that all devices are enough for."""
    concurrency: int
    """Requests that one replica or unit answers at a time."""
    ttft: Predicted
    tpot: Predicted | None
    """None for an encoder, which answers with one pass over the prompt."""
    requests_per_s: float
    """Of all replicas or units together."""
    output_tokens_per_s: float
    """Of all replicas or units together."""
    output_tokens_per_s_per_device: float
    """Over all devices that were asked for, idle ones as well; an encoder's answer counts as one token."""
    request_s: float
    """What a request takes on average, from its arrival to its last token: concurrency over rate."""
    memory_slack_bytes: float
    """What is left of the fullest device's memory."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the predictions go beyond, each once."""
        return tuple(dict.fromkeys(note for one in self.predicted for note in one.notes))

    @property
    def predicted(self) -> tuple[Predicted, ...]:
        """Time to first token, and per further one where there are any."""
        return (self.ttft,) if self.tpot is None else (self.ttft, self.tpot)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingLayout(FilledLayout):
    """One layout, filled with as many requests as the SLA lets through."""

    kind: str = "aggregated"
    machine: str
    accelerator: str
    layout: Layout
    memory: Memory
    """Of the fullest device, with the caches of ``concurrency`` requests."""
    on_front: bool
    """Whether no other layout is better in throughput, time of a request and memory slack all at once."""

    @property
    def used(self) -> int:
        """Devices of one replica that have work: all."""
        return self.devices

    @property
    def shape(self) -> str:
        """One replica in words: ``TP4``."""
        return str(self.layout)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """Layouts of one trial, each with as many requests as hold."""

    trial: ServeTrial
    replicas: Replicas
    clients: Array
    """Requests at a time, whole."""
    ttft_s: Array
    tpot_s: Array
    """Without margins."""
    rate: Array
    """Requests/s of one replica."""
    memory: MemoryOf

    @property
    def per_device(self) -> Array:
        """Requests/s of one device."""
        return self.rate / self.replicas.layouts.devices

    @property
    def request_s(self) -> Array:
        """What a request takes from its arrival to its last token (Little 1961: clients / rate)."""
        return self.clients / self.rate

    @property
    def slack(self) -> Array:
        """Bytes that are left on the fullest device."""
        free = self.replicas.device.memory_bytes - self.memory.total_bytes
        return np.broadcast_to(np.asarray(free, dtype=np.float64), self.clients.shape)


def filled(trial: ServeTrial, rows: Mask, demand: ServeDemand, tally: Tally) -> list[Filled]:
    """The layouts in ``rows`` with as many requests as hold; nothing where not even one does."""
    if trial.replicas is None or not rows.any():
        return []
    r, room = trial.replicas.take(rows), trial.room[rows]
    grid, cells = r.take(np.s_[:, None]), room[:, None]
    allowed = {
        bound.metric: bound.bound_s / margin.factor
        for bound, margin in zip(demand.bounds, trial.margins, strict=True)
    }

    def holds(clients: Array) -> Mask:
        per_token, first = _loop_s(trial, grid, clients, cells)
        fits: Mask = (
            (clients <= cells)
            & (per_token <= allowed.get(Metric.TPOT, math.inf))
            & (first <= allowed[Metric.TTFT])
        )
        return fits

    clients = np.floor(largest(holds, most_sequences(r)) * (1 + 1e-9))
    some = clients >= 1
    tally.counts[NO_REQUEST] += int((~some).sum())
    tally.remain -= int((~some).sum())
    if not some.any():
        return []
    return [filled_with(trial, r.take(some), clients[some], room[some])]


def _loop_s(trial: ServeTrial, r: Replicas, clients: Array, room: Array) -> tuple[Num, Num]:
    """Time per further token, of which an encoder has none, and to the first one, seconds."""
    if trial.way.model.causal:
        return closed_loop_s(r, clients, room)
    return 0.0, encoder_loop_s(r, clients)


def filled_with(trial: ServeTrial, r: Replicas, clients: Array, room: Array) -> Filled:
    """Layouts with so many requests at a time each, whether the SLA holds then or not.

    ``room``: how many the caches hold; more of them wait.
    """
    per_token, first = _loop_s(trial, r, clients, room)
    # Each client sends its next request when it has the last answer.
    rate = clients / (first + (r.output.mean - 1) * np.asarray(per_token))
    # Who finds no room waits outside, so that caches never take more than there is.
    cached = np.minimum(clients, np.floor(room)) * cached_bytes(r, r.prompt.mean + r.output.mean)
    memory = serving_memory(r.parameters, r.layouts, r.device, r.engine, cached)
    return Filled(
        trial=trial,
        replicas=r,
        clients=clients,
        ttft_s=np.asarray(first),
        tpot_s=np.broadcast_to(np.asarray(per_token, dtype=np.float64), np.shape(clients)),
        rate=np.asarray(rate),
        memory=memory,
    )


def _parts(r: Replicas, clients: float, rate: float, seconds: Mapping[Metric, float]) -> dict[Metric, Parts]:
    """Parts of what a closed loop takes: the work of a request alone, and what it waits for others."""
    decoding = min(clients, max(rate * r.output.mean * seconds[Metric.TPOT], 1e-6))
    alone = {
        Metric.TTFT: (prefill_parts(r, r.new_tokens), "queueing"),
        Metric.TPOT: (decode_parts(r, decoding), "prefill interference"),
    }
    out = {}
    for metric, (parts, waiting) in alone.items():
        rest = seconds[metric] - row(total(parts), 0)
        # The number that decodes settles in a few rounds, so that the parts may be a hair too long.
        scale = min(1.0, seconds[metric] / row(total(parts), 0))
        out[metric] = {**{name: value * scale for name, value in parts.items()}, waiting: max(rest, 0.0)}
    return out


def layout_of(
    one: Filled, index: int, demand: ServeDemand, devices: int, *, front: bool = True
) -> ServingLayout:
    """One row as a layout of its own, with what is predicted for it."""
    r, trial, clients = one.replicas.take([index]), one.trial, float(one.clients[index])
    size = int(r.layouts.devices[0])
    known = serve.known_bases(r)
    seconds = {Metric.TTFT: float(one.ttft_s[index]), Metric.TPOT: float(one.tpot_s[index])}
    parts = _parts(r, clients, float(one.rate[index]), seconds)
    said = {
        bound.metric: serve.predicted(trial, r, clients, which, bound, known, parts[bound.metric])
        for which, bound in enumerate(demand.bounds)
    }
    requests = float(one.rate[index]) * (devices // size)
    tokens = requests * demand.output_tokens.mean
    return ServingLayout(
        machine=trial.machines.name,
        accelerator=trial.machines.accelerator.name,
        layout=r.layouts.one(0),
        precision=trial.way.form.name,
        quality=trial.way.quality,
        engine=demand.software,
        devices=size,
        replicas=devices // size,
        concurrency=int(clients),
        ttft=said[Metric.TTFT],
        tpot=said.get(Metric.TPOT),
        requests_per_s=requests,
        output_tokens_per_s=tokens,
        output_tokens_per_s_per_device=tokens / devices,
        request_s=float(one.request_s[index]),
        memory=one.memory.one(index),
        memory_slack_bytes=float(one.slack[index]),
        on_front=front,
    )
