"""How a plan looks: what each workload gets and why that keeps its SLA, then what changes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from dcplan.cli.views.anew import next_best_lines
from dcplan.cli.views.bought import paid_text, spares_text, survives_text
from dcplan.cli.views.changes import SIGNS, changes_text
from dcplan.cli.views.fallbacks import fallback_lines
from dcplan.cli.views.fleets import kind_text, mix_text
from dcplan.cli.views.notes import condition_lines, overlap_lines
from dcplan.cli.views.parts import percent
from dcplan.cli.views.places import footprint_text, trips_text
from dcplan.cli.views.prices import price_source_lines
from dcplan.cli.views.proofs import report_text
from dcplan.cli.views.ranks import ranks_text
from dcplan.cli.views.scope import partial_cost, partial_text, refresh_text, unrefreshed_text
from dcplan.cli.views.width import wrapped
from dcplan.diag import agreeing, plural
from dcplan.sharding.types import ServeEstimate
from dcplan.units import (
    format_bytes,
    format_count,
    format_duration,
    format_usd,
    format_usd_per_h,
)

if TYPE_CHECKING:
    from dcplan.basis import Estimate
    from dcplan.placement.aims import LeftOut
    from dcplan.placement.types import Allotment
    from dcplan.plan.types import PlacedWorkload, Plan
    from dcplan.sharding.types import TrainEstimate
    from dcplan.workflow.types import StateView

WIDTH = 100
"""Longer texts go on in the next line."""
NAMES = 10
"""Width of the column of names."""


def as_text(plan: Plan, *, concise: bool = False) -> str:
    """The whole plan for people; ``concise``: without what is told of workloads."""
    parts = []
    if plan.interrupted:
        parts.append(_open(plan))
    if plan.mode == "refresh-only":
        return "\n\n".join([*parts, refresh_text(plan)])
    if not concise:
        parts += [workload_text(w) for w in plan.workloads]
        parts += [left_out_text(one) for one in plan.left_out]
    parts.append(changes_text(plan))
    parts.append(summary_text(plan))
    parts += [text for text in (unrefreshed_text(plan), partial_text(plan)) if text]
    return "\n\n".join(parts)


def _open(seen: Plan | StateView) -> str:
    """The operations that have not come to their end, and who brings them there."""
    if seen.held_by:
        count = plural(len(seen.interrupted), "operation")
        told = (
            f"{count} in flight, held by {seen.held_by}. What is told here is the state amid that: look "
            "again once it has ended."
        )
    else:
        count = plural(len(seen.interrupted), "interrupted operation")
        told = f"{count} will be finished first, by dcplan apply or dcplan recover:"
    head = click.style(wrapped(told, WIDTH), fg="yellow")
    return "\n".join([head, *(f"  {operation}" for operation in seen.interrupted)])


def workload_text(placed: PlacedWorkload) -> str:
    """One workload: where and how it runs, what is predicted against what is promised, what it costs."""
    candidate = placed.candidate
    rows = [("runs as", mix_text(placed.mix) if placed.mix else _runs_as(placed)), ("in", _places(placed))]
    rows += _network_rows(placed)
    if placed.bought:
        rows.append(("bought", placed.bought))
    if placed.survives:
        rows.append(("survives", survives_text(placed.survives)))
    if candidate.quality is not None and (candidate.quality.kept < 1 or candidate.variant):
        rows.append(("quality", str(candidate.quality)))
    if placed.mix:
        for kind in placed.mix.kinds:
            rows.append(("kind", kind_text(kind)))
            if isinstance(kind.candidate.estimate, ServeEstimate):
                rows += _serve_rows(kind.candidate.estimate, apart=kind.candidate.prefill is not None)
    elif isinstance(candidate.estimate, ServeEstimate):
        rows += _serve_rows(candidate.estimate, apart=candidate.prefill is not None)
    else:
        rows += _train_rows(candidate.estimate)
    if placed.users:
        rows.append(("users", trips_text(placed.users)))
    rows.append(("costs", _cost(placed)))
    rows.append(("layouts", placed.search))
    title = click.style(placed.name, bold=True) + f"  {placed.kind} {placed.model}"
    return "\n".join([title, *(_row(name, text) for name, text in [("for", placed.demand), *rows])])


def _network_rows(placed: PlacedWorkload) -> list[tuple[str, str]]:
    """What joins the machines of a gang, and which of its ranks are where."""
    rows = [("network", placed.network)] if placed.network else []
    return rows if placed.ranks is None else [*rows, ("ranks", ranks_text(placed.ranks))]


def left_out_text(one: LeftOut) -> str:
    """A workload that does not run: its priority, and what is short."""
    title = click.style(one.workload, bold=True) + f"  left out, priority {one.priority}"
    rows = [("why", one.why)]
    if one.replicas_today:
        n = one.replicas_today
        told = f"{plural(n, 'replica')} of it {agreeing(n, 'run')} and {agreeing(n, 'are')} destroyed"
        rows.append(("today", told))
    return "\n".join([title, *(_row(name, text) for name, text in rows)])


def _row(name: str, text: str) -> str:
    """A name and what is said of it, the next lines under the first."""
    return wrapped(f"  {name:<{NAMES}}{text}", WIDTH, indent=" " * (NAMES + 2))


def _runs_as(placed: PlacedWorkload) -> str:
    candidate = placed.candidate
    word = "replica" if candidate.prefill is None else "unit"
    unit = plural(candidate.replicas, word) + spares_text(placed) if placed.kind == "serve" else "one job"
    devices = f"{candidate.devices} x {candidate.accelerator}"
    if candidate.beside is not None:
        devices = f"{candidate.beside.devices} x {candidate.beside.accelerator} + {devices}"
    by = f", {plural(candidate.standby, 'machine')} standing by" if candidate.standby else ""
    return f"{unit} of {candidate.shape}, {candidate.way}, on {devices}{by}"


def _places(placed: PlacedWorkload) -> str:
    def listed(allotments: tuple[Allotment, ...]) -> str:
        return ", ".join(f"{a.pool} ({a.replicas})" if len(allotments) > 1 else a.pool for a in allotments)

    where = listed(placed.allotments)
    if placed.beside and not placed.candidate.standby:
        where = f"prompts in {listed(placed.beside)}; tokens in {where}"
    return f"{', '.join(placed.regions)}: {where}"


def _serve_rows(estimate: ServeEstimate, *, apart: bool) -> list[tuple[str, str]]:
    rows = []
    for p in estimate.predicted:
        seconds, bound = format_duration(p.estimate.seconds), format_duration(p.bound_s)
        name = f"{p.metric.value.upper()} p{p.quantile * 100:g}"
        rows.append((name, f"{seconds} of {bound} allowed  [{largest_parts(p.estimate)}]"))
    word = "unit" if apart else "replica"
    rates = f"{estimate.requests_per_s:,.2f} of {estimate.max_requests_per_s:,.2f} requests/s a {word}"
    used = f"{percent(estimate.utilisation)} used, {plural(estimate.batch, 'sequence')} at once"
    used += " on each decode worker" if apart else ""
    memory = estimate.memory
    split = f"weights {format_bytes(memory.weights_bytes)}, KV cache {format_bytes(memory.kv_cache_bytes)}"
    rows += [("note", note) for note in dict.fromkeys(n for p in estimate.predicted for n in p.notes)]
    rows.append(("load", f"{rates}: {used}"))
    rows.append(("memory", f"{format_bytes(memory.total_bytes)} a device, {split}"))
    return rows


def _train_rows(estimate: TrainEstimate) -> list[tuple[str, str]]:
    pace = f"{estimate.steps:,} steps, {format_count(estimate.tokens_per_s)} tokens/s"
    used = f"MFU {percent(estimate.model_flops_utilisation)}"
    allowed = "" if estimate.deadline_s is None else f" of {format_duration(estimate.deadline_s)} allowed"
    return [
        ("step", f"{format_duration(estimate.step.seconds)}  [{largest_parts(estimate.step)}]"),
        ("done in", f"{format_duration(estimate.duration_s)}{allowed}: {pace}, {used}"),
        ("memory", f"{format_bytes(estimate.memory.total_bytes)} a device"),
        *(("note", note) for note in estimate.notes),
    ]


def largest_parts(estimate: Estimate) -> str:
    """``calibrated: queueing 223ms, mlp 192ms``: how well it is known, and its three largest parts."""
    largest = sorted(estimate.parts, key=lambda part: -part.seconds)[:3]
    parts = ", ".join(f"{part.name} {format_duration(part.seconds)}" for part in largest if part.seconds > 0)
    return f"{estimate.basis.value}: {parts}"


def _cost(placed: PlacedWorkload) -> str:
    if placed.usd_per_h is None or placed.usd_per_month is None:
        return "unknown"
    cost = f"{format_usd_per_h(placed.usd_per_h)}, {format_usd(placed.usd_per_month)} a month"
    if placed.egress_usd_per_h:
        cost += f", and {format_usd_per_h(placed.egress_usd_per_h)} for traffic"
    return (
        cost if placed.usd_for_job is None else f"{cost}, {format_usd(placed.usd_for_job)} for the whole job"
    )


def summary_text(plan: Plan) -> str:
    """The last lines: counts, cost before and after, and how good the plan is."""
    counts = Counter(c.action for c in (*plan.state_changes, *plan.changes))
    words = [f"{counts[a]:,} to {a.value}" for a in SIGNS if a in counts] or ["no changes"]
    lines = [click.style("Plan: ", bold=True) + ", ".join(words) + f"; {plan.unchanged:,} unchanged."]
    if plan.usd_per_h is not None:
        before = "" if plan.before_usd_per_h is None else f", now {format_usd_per_h(plan.before_usd_per_h)}"
        sent = f", and {format_usd_per_h(plan.egress_usd_per_h)} for traffic" if plan.egress_usd_per_h else ""
        whole = " once all is done" if plan.partial is not None and plan.partial.left else ""
        lines.append(f"Cost: {format_usd_per_h(plan.usd_per_h)}{whole}{sent}{before}.")
    lines += price_source_lines(plan)
    if partial := partial_cost(plan):
        lines.append(partial)
    lines += overlap_lines(plan.overlaps)
    lines += condition_lines(plan.conditions)
    lines += [*fallback_lines(plan), *next_best_lines(plan)]
    lines += paid_text(plan.bought_ahead)
    if plan.footprint is not None and plan.pools:
        lines.append(wrapped(footprint_text(plan.footprint), WIDTH))
    if plan.solver is not None:
        lines.append(report_text(plan.solver))
    return "\n".join(lines)


def deployment_text(view: StateView) -> str:
    """What runs, by the state."""
    from dcplan.plan.codec import workloads_of  # noqa: PLC0415 - only ``show`` reads deployments

    state = view.state
    if not state.resources:
        if view.interrupted:
            following = "" if view.held_by else " Next: dcplan recover"
            return f"The state holds no resources.{following}\n\n{_open(view)}"
        empty = "The state holds no resources." if state.serial else "Nothing has been applied yet."
        return f"{empty} Next: dcplan plan"
    parts = [workload_text(w) for w in workloads_of(state.deployment)]
    kinds = Counter(f"{a.provider}.{a.kind}" for a in state.resources)
    counts = ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))
    cost = state.deployment.get("usd_per_h")
    price = f" {format_usd_per_h(cost)}." if isinstance(cost, int | float) else ""
    when = state.deployment.get("applied_at")
    since = f" Applied {when}." if isinstance(when, str) else ""
    total = f"{plural(len(state.resources), 'resource')}: {counts}."
    if state.deployment.get("partial"):
        since += " That was a partial plan: dcplan plan shows what is left."
    parts.append(wrapped(f"{total}{price}{since} Serial {state.serial}.", WIDTH))
    if view.interrupted:
        parts.append(_open(view))
    return "\n\n".join(parts)
