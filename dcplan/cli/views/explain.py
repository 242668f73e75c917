"""How a decision is explained: the parts of each number, the memory, and the alternatives."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from io import StringIO
from typing import TYPE_CHECKING

import click

from dcplan.cli.views.plan import WIDTH, percent
from dcplan.cli.views.width import width, wrapped
from dcplan.sharding.types import Candidate, ServeEstimate, TrainEstimate
from dcplan.units import format_bytes, format_duration, format_usd_per_h

if TYPE_CHECKING:
    from dcplan.basis import Estimate
    from dcplan.perf.types import Memory
    from dcplan.plan.types import PlacedWorkload
    from dcplan.sharding.why_not import WhyNot
    from dcplan.workflow.types import Decided

TABLE = 142
"""Width of the table of alternatives, where there is room."""
SHOWN = 10
"""Alternatives that are listed, cheapest first."""


def as_text(placed: PlacedWorkload, decided: Decided, against: Sequence[WhyNot]) -> str:
    """One workload, explained."""
    candidate = placed.candidate
    blocks = [
        click.style(placed.name, bold=True) + f"  {placed.kind} {placed.model}",
        "\n".join(
            [
                wrapped(f"Wanted: {placed.demand}", WIDTH, indent="  "),
                wrapped(f"Chosen: {described(candidate)}", WIDTH, indent="  "),
                *_quality(candidate),
                wrapped(f"Layouts: {placed.search}", WIDTH, indent="  "),
            ]
        ),
    ]
    if isinstance(candidate.estimate, ServeEstimate):
        blocks += [
            parts_text(
                f"{p.metric.value.upper()} p{p.quantile * 100:g}: {format_duration(p.estimate.seconds)} "
                f"of {format_duration(p.bound_s)} allowed",
                p.estimate,
            )
            for p in candidate.estimate.predicted
        ]
    else:
        blocks.append(
            parts_text(f"Step: {format_duration(candidate.estimate.step.seconds)}", candidate.estimate.step)
        )
    blocks += [wrapped(text, WIDTH, indent="  ") for text in trust(candidate.estimate)]
    blocks += [memory_text(candidate.estimate.memory), _alternatives(placed, decided)]
    if against:
        blocks.append(_against(against))
    return "\n\n".join(blocks)


def trust(estimate: ServeEstimate | TrainEstimate) -> list[str]:
    """How far predictions are trusted: the margin on each bound, and what they go beyond."""
    if isinstance(estimate, TrainEstimate):
        return [f"Note: {note}" for note in estimate.notes]
    margins = [
        f"Margin on {p.metric.value.upper()} p{p.quantile * 100:g}: {p.margin}"
        for p in estimate.predicted
        if p.margin is not None
    ]
    return [*margins, *dict.fromkeys(f"Note: {note}" for p in estimate.predicted for note in p.notes)]


def _quality(candidate: Candidate) -> list[str]:
    """What is kept of the model's quality, where it is known."""
    if candidate.quality is None:
        return []
    return [wrapped(f"Quality: {candidate.quality}", WIDTH, indent="  ")]


def _against(against: Sequence[WhyNot]) -> str:
    """What has no candidate: one line for each reason, accelerators that share it together."""
    lines: dict[tuple[str, str], list[str]] = {}
    for one in against:
        lines.setdefault((one.accelerator, one.reason), []).append(one.way)
    shown = [
        wrapped(f"{chip}, {' or '.join(ways)}: {reason}", WIDTH, first="  ", indent="    ")
        for (chip, reason), ways in lines.items()
    ]
    return "Not among them, and why\n" + "\n".join(shown)


def described(candidate: Candidate) -> str:
    """``6 replicas of TP4, fp8, on h100x8``."""
    devices = f"{candidate.devices} x {candidate.accelerator} ({candidate.machine})"
    shape = counted(candidate) if candidate.replicas > 1 else candidate.shape
    return f"{shape}, {candidate.way}, on {devices}"


def counted(candidate: Candidate) -> str:
    """``6 x TP4``, or ``3 x (2P TP2 + 1D TP4)`` for units."""
    shape = candidate.shape if candidate.prefill is None else f"({candidate.shape})"
    return f"{candidate.replicas} x {shape}"


def parts_text(title: str, estimate: Estimate) -> str:
    """The parts of a time under its title, largest first, each with its basis."""
    lines = [title]
    for part in sorted(estimate.parts, key=lambda p: -p.seconds):
        if part.seconds > 0:
            share = part.seconds / estimate.seconds if estimate.seconds else 0.0
            lines.append(
                f"  {part.name:<28}{format_duration(part.seconds):>10}{percent(share):>8}  {part.basis.value}"
            )
    return "\n".join(lines)


def memory_text(memory: Memory) -> str:
    """What the memory of the fullest device goes to."""
    lines = [f"Memory of the fullest device: {format_bytes(memory.total_bytes)}"]
    for name, value in asdict(memory).items():
        if value:
            word = name.removesuffix("_bytes").replace("_", " ")
            lines.append(f"  {word:<28}{format_bytes(value):>10}")
    return "\n".join(lines)


def _alternatives(placed: PlacedWorkload, decided: Decided) -> str:
    from rich.console import Console  # noqa: PLC0415 - only where a table is drawn
    from rich.table import Table  # noqa: PLC0415 - as above

    ranked = alternatives(placed.name, decided)
    room = width(TABLE)
    table = Table(box=None, pad_edge=False, title=None)
    for name in ("", "layout", "on", "predicted", "costs at least"):
        # On a narrow terminal cells go on below; elsewhere a row is a line.
        table.add_column(name, no_wrap=room == TABLE)
    for candidate, cost in ranked[:SHOWN]:
        mark = "->" if candidate.id == placed.candidate.id else ""
        table.add_row(
            mark,
            f"{counted(candidate)}, {candidate.way}",
            f"{candidate.devices} x {candidate.accelerator} ({candidate.machine})",
            predicted(candidate),
            f"{format_usd_per_h(cost)}{_for(candidate)}",
        )
    out = StringIO()
    Console(file=out, width=room - 2, no_color=True).print(table)
    more = f"\n  and {len(ranked) - SHOWN} more" if len(ranked) > SHOWN else ""
    rows = "\n".join(f"  {line.rstrip()}" for line in out.getvalue().splitlines())
    return f"Layouts that keep the promise, cheapest first\n{rows}{more}"


def predicted(candidate: Candidate) -> str:
    """What is promised and predicted, short."""
    estimate = candidate.estimate
    if isinstance(estimate, ServeEstimate):
        return ", ".join(
            f"{p.metric.value.upper()} p{p.quantile * 100:g} {format_duration(p.estimate.seconds)}"
            for p in estimate.predicted
        )
    return f"{format_duration(estimate.duration_s)}, step {format_duration(estimate.step.seconds)}"


def _for(candidate: Candidate) -> str:
    return "" if candidate.hours is None else f" for {format_duration(candidate.hours * 3600)}"


def alternatives(workload: str, decided: Decided) -> list[tuple[Candidate, float]]:
    """The candidates of a workload with what each would cost per hour in its cheapest pool, cheapest first.

    Training is ranked by the cost of the whole job.
    """
    priced = []
    for candidate in decided.candidates:
        if candidate.workload != workload:
            continue
        prices = [decided.pools[p].usd_per_h for p in candidate.pools if p in decided.pools]
        if not prices:
            continue
        devices = next(decided.pools[p].devices for p in candidate.pools if p in decided.pools)
        machines = candidate.machines * candidate.replicas or math.ceil(
            candidate.devices * candidate.replicas / devices
        )
        priced.append((candidate, machines * min(prices)))
    return sorted(priced, key=lambda pair: (pair[1] * (pair[0].hours or 1.0), pair[0].id))


def as_data(
    placed: Sequence[PlacedWorkload], decided: Decided, against: Mapping[str, Sequence[WhyNot]]
) -> dict[str, object]:
    """The same for programs."""
    from typing import Any  # noqa: PLC0415 - as below

    from pydantic import TypeAdapter  # noqa: PLC0415 - only for programs

    data: dict[str, Any] = {
        "workloads": [
            {
                "chosen": w,
                "alternatives": [
                    {"candidate": c, "usd_per_h": cost} for c, cost in alternatives(w.name, decided)
                ],
                "why_not": list(against[w.name]),
            }
            for w in placed
        ],
    }
    plain: dict[str, object] = TypeAdapter(dict[str, Any]).dump_python(data, mode="json")
    return plain
