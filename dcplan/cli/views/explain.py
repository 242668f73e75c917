"""How a decision is explained: the parts of each number, the memory, and the alternatives."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import TYPE_CHECKING, TypeAlias

import click

from dcplan.cli.views.fleets import kind_text
from dcplan.cli.views.parts import memory_text, parts_text
from dcplan.cli.views.plan import WIDTH
from dcplan.cli.views.width import width, wrapped
from dcplan.sharding.types import Candidate, PrefillMachines, ServeEstimate, TrainEstimate
from dcplan.units import format_bytes, format_duration, format_usd_per_h
from dcplan.workflow.explaining import front_of

if TYPE_CHECKING:
    from dcplan.plan.types import PlacedWorkload
    from dcplan.sharding.why_not import WhyNot
    from dcplan.workflow.types import Decided

TABLE = 142
"""Width of the table of alternatives, where there is room."""
SHOWN = 10
"""Alternatives that are listed, cheapest first."""
ALTERNATIVES = (
    "Layouts that keep the promise, cheapest first; * none is better in cost, time and memory at once"
)

Priced: TypeAlias = "list[tuple[Candidate, float]]"
"""Candidates with dollars per hour."""


def as_text(placed: PlacedWorkload, decided: Decided, against: Sequence[WhyNot]) -> str:
    """One workload, explained."""
    candidate = placed.candidate
    blocks = [
        click.style(placed.name, bold=True) + f"  {placed.kind} {placed.model}",
        "\n".join(
            [
                wrapped(f"Wanted: {placed.demand}", WIDTH, indent="  "),
                *(wrapped(f"Chosen: {text}", WIDTH, indent="  ") for text in chosen(placed)),
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


def chosen(placed: PlacedWorkload) -> list[str]:
    """What runs: one line, or one for each kind of a mixed fleet; the first is explained."""
    if placed.mix is None:
        return [described(placed.candidate)]
    return [kind_text(kind) for kind in placed.mix.kinds]


def described(candidate: Candidate) -> str:
    """``6 replicas of TP4, fp8, on h100x8``."""
    shape = counted(candidate) if candidate.replicas > 1 else candidate.shape
    return f"{shape}, {candidate.way}, on {candidate.hardware}"


def counted(candidate: Candidate) -> str:
    """``6 x TP4``, or ``3 x (2P TP2 + 1D TP4)`` for units."""
    shape = candidate.shape if candidate.prefill is None else f"({candidate.shape})"
    return f"{candidate.replicas} x {shape}"


def _alternatives(placed: PlacedWorkload, decided: Decided) -> str:
    from rich.console import Console  # noqa: PLC0415 - only where a table is drawn
    from rich.table import Table  # noqa: PLC0415 - as above

    ranked = alternatives(placed.name, decided)
    front = front_of(ranked)
    shown = _shown(ranked, front)
    taken = {a.choice for a in placed.allotments}
    room = width(TABLE)
    table = Table(box=None, pad_edge=False, title=None)
    for name in ("", "layout", "on", "predicted", "memory left", "costs at least"):
        # On a narrow terminal cells go on below; elsewhere a row is a line.
        table.add_column(name, no_wrap=room == TABLE)
    for candidate, cost in shown:
        mark = ("->" if candidate.id in taken else "") + ("*" if candidate.id in front else "")
        table.add_row(
            mark,
            f"{counted(candidate)}, {candidate.way}",
            candidate.hardware,
            predicted(candidate),
            "" if candidate.memory_slack_bytes is None else format_bytes(candidate.memory_slack_bytes),
            f"{format_usd_per_h(cost)}{_for(candidate)}",
        )
    out = StringIO()
    Console(file=out, width=room - 2, no_color=True).print(table)
    more = f"\n  and {len(ranked) - len(shown)} more" if len(ranked) > len(shown) else ""
    rows = "\n".join(f"  {line.rstrip()}" for line in out.getvalue().splitlines())
    return f"{wrapped(ALTERNATIVES, WIDTH)}\n{rows}{more}"


def _shown(ranked: Priced, front: frozenset[str]) -> Priced:
    """The cheapest, and with them those of the front that are fastest and that leave most memory."""
    ends = [one for one, _ in ranked if one.id in front]
    wanted = {one.id for one, _ in ranked[:SHOWN]}
    if ends:
        wanted.add(min(ends, key=lambda one: one.time_s or one.sla_share or 0.0).id)
        wanted.add(max(ends, key=lambda one: one.memory_slack_bytes or 0.0).id)
    return [(one, cost) for one, cost in ranked if one.id in wanted]


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


def alternatives(workload: str, decided: Decided) -> Priced:
    """The candidates of a workload with what each would cost per hour in its cheapest pool, cheapest first.

    Training is ranked by the cost of the whole job.
    """
    priced = []
    for candidate in decided.candidates:
        if candidate.workload != workload:
            continue
        parts = (candidate, candidate.apart) if candidate.apart else (candidate,)
        costs = [_least_usd_per_h(part, candidate.replicas, decided) for part in parts]
        if None not in costs:
            priced.append((candidate, sum(cost for cost in costs if cost is not None)))
    return sorted(priced, key=lambda pair: (pair[1] * (pair[0].hours or 1.0), pair[0].id))


def _least_usd_per_h(part: Candidate | PrefillMachines, replicas: int, decided: Decided) -> float | None:
    """What the machines of one type cost in their cheapest pool; None where there is no pool."""
    pools = [decided.pools[p] for p in part.pools if p in decided.pools]
    if not pools:
        return None
    machines = part.machines * replicas or math.ceil(part.devices * replicas / pools[0].devices)
    return machines * min(pool.usd_per_h for pool in pools)


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
                    {
                        "candidate": c,
                        "usd_per_h": cost,
                        "time_s": c.time_s,
                        "sla_share": c.sla_share,
                        "time_basis": c.time_basis,
                        "memory_slack_bytes": c.memory_slack_bytes,
                        "on_front": c.id in front,
                    }
                    for ranked in [alternatives(w.name, decided)]
                    for front in [front_of(ranked)]
                    for c, cost in ranked
                ],
                "why_not": list(against[w.name]),
            }
            for w in placed
        ],
    }
    plain: dict[str, object] = TypeAdapter(dict[str, Any]).dump_python(data, mode="json")
    return plain
