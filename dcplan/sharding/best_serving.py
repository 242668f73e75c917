"""The best serving layouts on so many accelerators: a question without a document."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dcplan.catalog.efficiency import ANY, Efficiencies, load_efficiencies
from dcplan.catalog.formats import engines
from dcplan.demand.types import Allowed, Floor, Lengths, Limits, Metric, ServeDemand, SlaBound
from dcplan.diag import Diagnostic, Result, did_you_mean, error, listed
from dcplan.perf.closed_loop import closed_loop_s
from dcplan.perf.numbers import Parts, row, total
from dcplan.perf.serving import cached_bytes, decode_parts, prefill_parts
from dcplan.perf.serving_memory import serving_memory
from dcplan.sharding import serve
from dcplan.sharding.explain import explain_serve
from dcplan.sharding.load import largest, most_sequences
from dcplan.sharding.tally import SERVING_REASONS, Tally, sifted
from dcplan.sharding.trials import try_classes
from dcplan.sharding.ways import ways_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dcplan.catalog.types import Model
    from dcplan.perf.memory import MemoryOf
    from dcplan.perf.numbers import Array
    from dcplan.perf.serving import Replicas
    from dcplan.perf.types import Layout, Memory
    from dcplan.sharding.legal import Mask
    from dcplan.sharding.trials import ServeTrial
    from dcplan.sharding.types import MachineClass, Predicted, Quality, Search

MEDIAN = 0.5
"""In a closed loop of equal requests the median is the mean."""

NO_BOUND = float("inf")

NO_REQUEST = "keep the SLA for no request"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingQuestion:
    """What is asked: equal requests, as many at a time as the SLA lets through."""

    prompt_tokens: float
    output_tokens: float
    ttft_s: float | None = None
    """None: any."""
    tpot_s: float | None = None
    formats: tuple[str, ...] | None = None
    """Number formats to look at; None: bf16, or with a floor all that reach it."""
    floor: float | None = None
    """Share of the model's score that must be kept."""
    engine: str = "vllm"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingLayout:
    """One layout, filled with as many requests as the SLA lets through."""

    machine: str
    accelerator: str
    layout: Layout
    precision: str
    quality: Quality | None
    engine: str
    devices: int
    """Of one replica."""
    replicas: int
    """That fill all devices."""
    concurrency: int
    """Requests that one replica answers at a time."""
    ttft: Predicted
    tpot: Predicted
    requests_per_s: float
    """Of all replicas together."""
    output_tokens_per_s: float
    """Of all replicas together."""
    output_tokens_per_s_per_device: float
    memory: Memory
    """Of the fullest device, with the caches of ``concurrency`` requests."""
    memory_slack_bytes: float
    """What is left of a device's memory."""
    on_front: bool
    """Whether no other layout is better in throughput, size of a replica and memory slack all at once."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the predictions go beyond, each once."""
        return tuple(dict.fromkeys((*self.ttft.notes, *self.tpot.notes)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingSearch:
    """The answer: best layouts first, and where all the others went."""

    layouts: tuple[ServingLayout, ...]
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
    filled = []
    for trial in trials:
        tally.considered += trial.count
        rows = sifted(tally, trial, np.ones(trial.count, dtype=bool), demand)
        filled += _filled(trial, rows, demand, tally)
    if not filled and tally.counts[NO_REQUEST]:
        return Result(None, (_not_one(model, machines),))
    if not filled:
        told = explain_serve(demand, ways.value, [machines], table)
        return Result(None, without_places([told]))
    best = _best(filled, demand, devices, top)
    report = tally.search(model.name, len(best), started)
    report = replace(report, floor=question.floor, ruled_out=ways.value.ruled_out)
    return Result(ServingSearch(layouts=best, search=report))


def demand_of(model: Model, question: ServingQuestion) -> ServeDemand:
    """The question as a workload: requests of one length, in a closed loop."""
    prompt, output = (
        Lengths(mean=tokens, p50=tokens, p95=tokens, p99=tokens)
        for tokens in (question.prompt_tokens, question.output_tokens)
    )
    wanted = ((Metric.TTFT, question.ttft_s), (Metric.TPOT, question.tpot_s))
    formats = question.formats
    return ServeDemand(
        name=model.name,
        model=model.name,
        requests_per_s=1.0,
        mean_requests_per_s=1.0,
        prompt_tokens=prompt,
        output_tokens=output,
        arrival_cv2=0.0,
        bounds=tuple(
            SlaBound(
                metric=metric,
                quantile=MEDIAN,
                bound_s=NO_BOUND if bound is None else bound,
                origin=(metric.value,),
            )
            for metric, bound in wanted
        ),
        availability=None,
        basis="asked",
        limits=Limits(precisions=None if formats is None else Allowed(names=formats, origin=("formats",))),
        origin=(),
        software=question.engine,
        floor=None if question.floor is None else Floor(kept=question.floor, origin=("floor",)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Filled:
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
    def slack(self) -> Array:
        """Bytes that are left on the fullest device."""
        free = self.replicas.device.memory_bytes - self.memory.total_bytes
        return np.broadcast_to(np.asarray(free, dtype=np.float64), self.clients.shape)


def _filled(trial: ServeTrial, rows: Mask, demand: ServeDemand, tally: Tally) -> list[_Filled]:
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
        per_token, first = closed_loop_s(grid, clients, cells)
        fits: Mask = (
            (clients <= cells) & (per_token <= allowed[Metric.TPOT]) & (first <= allowed[Metric.TTFT])
        )
        return fits

    clients = np.floor(largest(holds, most_sequences(r)) * (1 + 1e-9))
    some = clients >= 1
    tally.counts[NO_REQUEST] += int((~some).sum())
    tally.remain -= int((~some).sum())
    if not some.any():
        return []
    r, clients, room = r.take(some), clients[some], room[some]
    per_token, first = closed_loop_s(r, clients, room)
    # Each client sends its next request when it has the last answer.
    rate = clients / (first + (r.output.mean - 1) * np.asarray(per_token))
    cached = clients * cached_bytes(r, r.prompt.mean + r.output.mean)
    memory = serving_memory(r.parameters, r.layouts, r.device, r.engine, cached)
    return [
        _Filled(
            trial=trial,
            replicas=r,
            clients=clients,
            ttft_s=np.asarray(first),
            tpot_s=np.asarray(per_token),
            rate=np.asarray(rate),
            memory=memory,
        )
    ]


def _best(filled: list[_Filled], demand: ServeDemand, devices: int, top: int) -> tuple[ServingLayout, ...]:
    """The ``top`` layouts with the most throughput of a device; of equal ones the smaller replica."""
    speed = np.concatenate([one.per_device for one in filled])
    size = np.concatenate([one.replicas.layouts.devices for one in filled])
    slack = np.concatenate([one.slack for one in filled])
    place = [(one, index) for one in filled for index in range(len(one.clients))]
    front = on_front(speed, -size, slack)
    order = np.lexsort((-slack, size, -speed))[:top]
    return tuple(_layout(place[i][0], place[i][1], demand, devices, front=bool(front[i])) for i in order)


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


def on_front(*goods: Array) -> Mask:
    """Rows that no other is as good as in everything and better in something; larger is better.

    Rows are compared with those kept so far, best in the first good first, so
    that it takes rows x front.
    """
    table = np.stack(goods, axis=1)
    out = np.zeros(len(table), dtype=bool)
    kept: list[int] = []
    for index in np.lexsort([-column for column in reversed(goods)]):
        others = table[kept]
        beaten = (others >= table[index]).all(axis=1) & (others > table[index]).any(axis=1)
        if not beaten.any():
            out[index] = True
            kept.append(int(index))
    return out


def _layout(one: _Filled, index: int, demand: ServeDemand, devices: int, *, front: bool) -> ServingLayout:
    """One row as a layout of its own, with what is predicted for it."""
    r, trial, clients = one.replicas.take([index]), one.trial, float(one.clients[index])
    size = int(r.layouts.devices[0])
    known = serve.known_bases(r)
    seconds = {Metric.TTFT: float(one.ttft_s[index]), Metric.TPOT: float(one.tpot_s[index])}
    parts = _parts(r, clients, float(one.rate[index]), seconds)
    ttft, tpot = (
        serve.predicted(trial, r, clients, which, bound, known, parts[bound.metric])
        for which, bound in enumerate(demand.bounds)
    )
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
        ttft=ttft,
        tpot=tpot,
        requests_per_s=requests,
        output_tokens_per_s=tokens,
        output_tokens_per_s_per_device=tokens / devices,
        memory=one.memory.one(index),
        memory_slack_bytes=float(one.slack[index]),
        on_front=front,
    )


def questionable(question: ServingQuestion, model: Model, table: Efficiencies) -> tuple[Diagnostic, ...]:
    """What keeps a question from being answered, before anything is searched."""
    return (*_unknown_engine(question, table), *_too_long(question, model))


def _unknown_engine(question: ServingQuestion, table: Efficiencies) -> tuple[Diagnostic, ...]:
    """An engine that neither the catalogue nor a profile knows."""
    known = sorted({*engines(), *(profile.software for profile in table.profiles)} - {ANY})
    if question.engine in known:
        return ()
    hint = did_you_mean(question.engine, known)
    detail = f'dcplan does not know the engine "{question.engine}". {hint} Known are {listed(known)}.'
    return (error("unknown-engine", "Unknown engine", detail.replace("  ", " ")),)


def _too_long(question: ServingQuestion, model: Model) -> tuple[Diagnostic, ...]:
    """Requests that the model cannot take."""
    tokens = question.prompt_tokens + question.output_tokens
    if tokens <= model.max_context:
        return ()
    detail = (
        f"Prompt and output have {tokens:,.0f} tokens together; {model.name} takes {model.max_context:,}. "
        "Ask for shorter requests, or for a model with a longer context."
    )
    return (error("context-too-short", "The model's context is too short", detail),)


def _not_one(model: Model, machines: MachineClass) -> Diagnostic:
    """Layouts keep the bounds as long as hardly anything runs, and miss them with a request."""
    return error(
        "no-layout",
        "No layout is fast enough",
        f"On {machines.name} some layouts of {model.name} come within a hair of the bounds, but none keeps "
        "them while it answers a request. Relax ttft or tpot a little.",
    )


def without_places(told: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Diagnostics of a question that no document asked: they point at no line."""
    return tuple(replace(one, path=None, related=()) for one in told)
