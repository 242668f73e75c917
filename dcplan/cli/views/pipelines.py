"""How a pipeline over unlike machines is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dcplan.cli.views.layouts import WIDTH, table_text
from dcplan.cli.views.parts import percent
from dcplan.cli.views.width import wrapped
from dcplan.diag import listed, plural
from dcplan.units import format_count, format_duration

if TYPE_CHECKING:
    from dcplan.placement.layers import Stage
    from dcplan.workflow.pipelines import Asking, Pipeline

SAME = 1.01
"""Less than this many times as much is nothing gained."""


def pipeline_text(found: Pipeline, asking: Asking) -> str:
    """The stages, what they carry together, and how good that is."""
    plan = found.found.plan
    machines = listed([f"{one.machines} x {one.name} (as {one.machine})" for one in found.machines])
    title = f"{found.layers} layers over {machines}; {asking.precision}, {asking.engine}"
    head = click.style(found.model, bold=True) + "\n" + wrapped(title, WIDTH, first="  ", indent="  ")
    columns = ("stage", "layers", "machines", "tokens/s", "of them used", "pass")
    rows = [
        (
            str(number),
            _layers(stage),
            " + ".join(f"{share.machines} x {share.kind}" for share in stage.shares),
            format_count(stage.tokens_per_s),
            percent(plan.tokens_per_s / stage.tokens_per_s),
            format_duration(stage.pass_s),
        )
        for number, stage in enumerate(plan.stages, start=1)
    ]
    parts = [head, table_text(columns, rows), _sum(found), _notes(found)]
    return "\n\n".join(part for part in parts if part)


def _layers(stage: Stage) -> str:
    """``0-39``, as engines count them."""
    last = stage.first + stage.layers - 1
    return str(stage.first) if last == stage.first else f"{stage.first}-{last}"


def _sum(found: Pipeline) -> str:
    """What comes out at the end, and the bounds."""
    one, plan = found.found, found.found.plan
    tokens, bound = format_count(plan.tokens_per_s), format_count(one.bound_tokens_per_s)
    gap = max(0.0, 1 - plan.tokens_per_s / one.bound_tokens_per_s)
    serves = (
        f"{tokens} output tokens/s with {plural(one.requests, 'request')} at a time, TPOT "
        f"{format_duration(plan.latency_s)} ({found.basis.value})"
    )
    proof = (
        f"No pipeline of stages carries more than {bound} at the batches and TPOTs looked at "
        f"(within {percent(gap)}; {plural(one.tried, 'TPOT')}); no placement at all carries more than "
        f"{format_count(plan.any_bound_tokens_per_s)} at this one."
    )
    lines = [serves, proof]
    if plan.idle:
        idle = listed([f"{count} x {name}" for name, count in plan.idle])
        lines.append(f"Left over: {idle}, which would not help.")
    return "\n".join(wrapped(line, WIDTH, indent="  ") for line in lines)


def _notes(found: Pipeline) -> str:
    """Whether mixing pays."""
    if not found.apart:
        return ""
    each = [
        f"{one.kind} {'cannot' if one.tokens_per_s is None else format_count(one.tokens_per_s)}"
        for one in found.apart
    ]
    apart, together = found.apart_tokens_per_s, found.found.plan.tokens_per_s
    text = f"Each kind by itself, tokens/s: {listed(each)}"
    if apart > together:
        text += f"; together {format_count(apart)}, more than in one pipeline. Keep them apart."
    elif apart > 0 and together < SAME * apart:
        text += f"; together {format_count(apart)}, which is the same. Keep them apart: it is simpler."
    elif apart > 0:
        text += (
            f"; together {format_count(apart)}. One pipeline carries {together / apart:.3g} times as much."
        )
    else:
        text += ": only together they serve."
    return wrapped(text, WIDTH, indent="  ")


def as_data(found: Pipeline) -> dict[str, Any]:
    """The same for programs; of the machines only what names them."""
    from pydantic import TypeAdapter  # noqa: PLC0415 - only for programs

    plan = TypeAdapter(Any).dump_python(found.found, mode="json")
    return {
        "model": found.model,
        "layers": found.layers,
        "machines": [
            {
                "name": one.name,
                "machines": one.machines,
                "devices": one.devices,
                "accelerator": one.accelerator,
                "machine": one.machine,
                "most_layers": len(one.room),
                "basis": one.basis.value,
            }
            for one in found.machines
        ],
        "found": plan,
        "requests": found.found.requests,
        "apart": {one.kind: one.tokens_per_s for one in found.apart},
        "basis": found.basis.value,
    }
