"""Derive the demand from the document: rates, lengths, bounds and limits in base units."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dcplan.demand.goals import goals_of, moves_of, pins_of, stay_of
from dcplan.demand.limits import survive_of
from dcplan.demand.places import carbon_of, egress_of, network_of, power_of, users_of
from dcplan.demand.trace import read_trace, summarise
from dcplan.demand.types import (
    Affinity,
    Allowed,
    Budget,
    Demand,
    Disaggregated,
    Floor,
    Lengths,
    Limits,
    Metric,
    Pruned,
    ServeDemand,
    SlaBound,
    Speculative,
    Spread,
    TrainDemand,
    Variant,
    WorkloadDemand,
)
from dcplan.diag import ConfigPath, Diagnostic, Result, has_errors

if TYPE_CHECKING:
    from dcplan.config.document import (
        Document,
        LengthsSpec,
        Quantiles,
        ServeWorkload,
        Traffic,
        TrainWorkload,
    )
    from dcplan.config.limits import Constraints

LOG_NORMAL_SIGMA = 1.0
"""Spread of log token counts when only a mean is given.

Between the prompt (1.1) and output (1.0) counts of the Azure LLM inference
trace 2023, conversations (CC-BY-4.0); assumed, and said so in the basis.
"""

NORMAL_QUANTILES = {"p50": 0.0, "p95": 1.6449, "p99": 2.3263}


def derive(document: Document, root: Path) -> Result[Demand]:
    """The demand of a checked document; trace paths start from ``root``."""
    diagnostics: list[Diagnostic] = []
    workloads: list[WorkloadDemand] = []
    for name, workload in document.workloads.items():
        limits = _limits(document.constraints, workload.constraints, name)
        if workload.kind == "serve":
            served = _serve(name, workload, limits, root)
            diagnostics.extend(served.diagnostics)
            if served.value is not None:
                workloads.append(served.value)
        else:
            workloads.append(_train(name, workload, limits))
    if has_errors(tuple(diagnostics)):
        return Result(None, tuple(diagnostics))
    budget = document.constraints.budget
    return Result(
        Demand(
            project=document.project,
            workloads=tuple(workloads),
            budget=None if budget is None else Budget(usd_per_h=budget, origin=("constraints", "budget")),
            carbon=carbon_of(document),
            power=power_of(document),
            horizon_s=document.objective.horizon,
            goals=goals_of(document),
            max_moves=moves_of(document),
        ),
        tuple(diagnostics),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Load:
    """Arrivals and lengths, from a trace or from numbers."""

    peak: float
    mean: float
    cv2: float
    prompt: Lengths
    output: Lengths
    basis: str


def _serve(name: str, workload: ServeWorkload, limits: Limits, root: Path) -> Result[ServeDemand]:
    origin: ConfigPath = ("workloads", name)
    traffic = workload.traffic
    loaded = (
        _declared(traffic) if traffic.trace is None else _traced(traffic, root, (*origin, "traffic", "trace"))
    )
    if loaded.value is None:
        return Result(None, loaded.diagnostics)
    load = loaded.value
    sla = (*origin, "sla")
    demand = ServeDemand(
        name=name,
        model=workload.model,
        requests_per_s=load.peak * traffic.scale * (1 + traffic.headroom),
        mean_requests_per_s=load.mean * traffic.scale,
        prompt_tokens=load.prompt,
        output_tokens=load.output,
        arrival_cv2=load.cv2,
        bounds=(
            *_bounds(Metric.TTFT, workload.sla.ttft, sla),
            *_bounds(Metric.TPOT, workload.sla.tpot, sla),
        ),
        availability=workload.sla.availability,
        basis=load.basis + _adjusted(traffic),
        limits=limits,
        origin=origin,
        software=workload.engine,
        floor=_floor(workload, origin),
        variants=tuple(_variant(workload, key, origin) for key in workload.variants),
        prefix_hit_rate=0.0 if workload.prefix_cache is None else workload.prefix_cache.hit_rate,
        speculative=_speculative(workload, origin),
        disaggregated=Disaggregated(workload.disaggregated),
        mixed=workload.mixed == "auto",
        users=users_of(workload, origin),
        network=network_of(workload, origin),
        egress=egress_of(workload, origin, load.mean * traffic.scale),
        required=workload.required,
        priority=workload.priority,
    )
    return Result(demand, loaded.diagnostics)


def _floor(workload: ServeWorkload, origin: ConfigPath) -> Floor | None:
    """The quality that must be kept."""
    if workload.quality is None:
        return None
    return Floor(kept=workload.quality.floor, origin=(*origin, "quality", "floor"))


def _variant(workload: ServeWorkload, key: str, origin: ConfigPath) -> Variant:
    """One of the workload's variants; what it leaves out is as in the workload."""
    spec = workload.variants[key]
    pruned = spec.pruned
    return Variant(
        name=key,
        model=spec.model or workload.model,
        format=spec.format,
        pruned=None
        if pruned is None
        else Pruned(pattern=pruned.pattern, ratio=pruned.ratio or 0.0, of=pruned.of),
        kept=spec.quality,
        origin=(*origin, "variants", key),
    )


def _speculative(workload: ServeWorkload, origin: ConfigPath) -> Speculative | None:
    """The draft model and how well it guesses."""
    spec = workload.speculative
    if spec is None:
        return None
    return Speculative(
        draft=spec.draft, tokens=spec.tokens, acceptance=spec.acceptance, origin=(*origin, "speculative")
    )


def _declared(traffic: Traffic) -> Result[_Load]:
    """Load from numbers; ``config`` has checked that they are all there."""
    if traffic.requests_per_s is None or traffic.prompt_tokens is None or traffic.output_tokens is None:
        msg = "traffic without a trace and without numbers. This is a bug in dcplan."
        raise ValueError(msg)
    return Result(
        _Load(
            peak=traffic.requests_per_s,
            mean=traffic.requests_per_s,
            cv2=traffic.burstiness or 1.0,
            prompt=spread_lengths(traffic.prompt_tokens),
            output=spread_lengths(traffic.output_tokens),
            basis="declared",
        )
    )


def _traced(traffic: Traffic, root: Path, origin: ConfigPath) -> Result[_Load]:
    read = read_trace(root / (traffic.trace or ""), origin)
    if read.value is None:
        return Result(None, read.diagnostics)
    seen = summarise(read.value)
    return Result(
        _Load(
            peak=seen.peak_requests_per_s,
            mean=seen.mean_requests_per_s,
            cv2=traffic.burstiness or max(seen.arrival_cv2, 0.0),
            prompt=seen.prompt_tokens,
            output=seen.output_tokens,
            basis=f"busiest minute of {Path(traffic.trace or '').name} "
            f"({seen.requests:,} requests in {seen.duration_s / 60:.0f} min)",
        ),
        read.diagnostics,
    )


def _adjusted(traffic: Traffic) -> str:
    words = ""
    if traffic.scale != 1:
        words += f", times {traffic.scale:g}"
    if traffic.headroom:
        words += f", plus {traffic.headroom:.0%} headroom"
    return words


def spread_lengths(given: float | LengthsSpec) -> Lengths:
    """Lengths from a mean, and quantiles where the user gave them.

    What is left out follows a log-normal of that mean: exp(mu + z*sigma) with
    mu = ln(mean) - sigma^2/2 (any textbook); its sigma is assumed.
    """
    mean = given if isinstance(given, float | int) else given.mean
    mu = math.log(mean) - LOG_NORMAL_SIGMA**2 / 2
    known = {q: None if isinstance(given, float | int) else getattr(given, q) for q in NORMAL_QUANTILES}
    floor = 0.0
    values: dict[str, float] = {}
    for quantile, z in NORMAL_QUANTILES.items():
        value = known[quantile]
        values[quantile] = value if value is not None else max(math.exp(mu + z * LOG_NORMAL_SIGMA), floor)
        floor = values[quantile]
    return Lengths(mean=float(mean), p50=values["p50"], p95=values["p95"], p99=values["p99"])


def _bounds(metric: Metric, quantiles: Quantiles | None, sla: ConfigPath) -> tuple[SlaBound, ...]:
    if quantiles is None:
        return ()
    return tuple(
        SlaBound(
            metric=metric, quantile=int(name[1:]) / 100, bound_s=bound, origin=(*sla, metric.value, name)
        )
        for name in ("p50", "p90", "p95", "p99")
        if (bound := getattr(quantiles, name)) is not None
    )


def _train(name: str, workload: TrainWorkload, limits: Limits) -> TrainDemand:
    origin: ConfigPath = ("workloads", name)
    tokens = workload.tokens
    if tokens is None:
        tokens = (workload.samples or 0.0) * workload.sequence_length
    return TrainDemand(
        name=name,
        model=workload.model,
        tokens=tokens,
        sequence_tokens=workload.sequence_length,
        global_batch_sequences=workload.global_batch,
        deadline_s=workload.deadline,
        deadline_origin=None if workload.deadline is None else (*origin, "deadline"),
        limits=limits,
        origin=origin,
        software=workload.framework,
        spares=workload.spares,
        availability=workload.availability,
        egress=egress_of(workload, origin),
        required=workload.required,
        priority=workload.priority,
    )


def _limits(everywhere: Constraints, here: Constraints, name: str) -> Limits:
    """The limits of one workload: its own where it sets them, else the project's."""
    own: ConfigPath = ("workloads", name, "constraints")

    def allowed(key: str) -> Allowed | None:
        for constraints, path in ((here, own), (everywhere, ("constraints",))):
            names = getattr(constraints, key)
            if names is not None:
                return Allowed(names=tuple(names), origin=(*path, key))
        return None

    spread = here.spread or everywhere.spread
    spread_path: ConfigPath = (*own, "spread") if here.spread else ("constraints", "spread")
    spot_path: ConfigPath = (
        (*own, "spot_share") if here.spot_share is not None else ("constraints", "spot_share")
    )
    spot = here.spot_share if here.spot_share is not None else everywhere.spot_share
    return Limits(
        providers=allowed("providers"),
        regions=allowed("regions"),
        zones=allowed("zones"),
        residency=allowed("residency"),
        accelerators=allowed("accelerators"),
        precisions=allowed("precisions"),
        spread=(Spread(over=spread.over, at_least=spread.at_least, origin=spread_path),) if spread else (),
        affinity=tuple(
            Affinity(workload=a.workload, at=a.at, apart=a.apart, origin=(*path, "affinity", i))
            for path, constraints in ((("constraints",), everywhere), (own, here))
            for i, a in enumerate(constraints.affinity)
            if a.workload != name
        ),
        spot_share=spot,
        spot_origin=spot_path if spot is not None else None,
        purchase=allowed("purchase"),
        survive=survive_of(everywhere, here, own),
        pins=pins_of(everywhere, here, own),
        stay=stay_of(everywhere, here, own),
    )
