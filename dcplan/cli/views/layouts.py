"""How answers about layouts are shown: tables of the best, and one in all its parts."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any

import click

from dcplan.basis import Basis
from dcplan.cli.views.parts import memory_text, parts_text, percent
from dcplan.cli.views.width import width, wrapped
from dcplan.diag import plural
from dcplan.sharding.spelling import spelled
from dcplan.units import format_bytes, format_bytes_per_s, format_count, format_duration
from dcplan.workflow.searching import FRAMEWORK

if TYPE_CHECKING:
    from dcplan.sharding.filling import ServingLayout
    from dcplan.sharding.filling_units import DisaggregatedLayout
    from dcplan.sharding.rank_serving import ServingRanking
    from dcplan.sharding.rank_training import RankedLayout, TrainingRanking
    from dcplan.sharding.types import MachineClass, Predicted
    from dcplan.workflow.asking import Asked
    from dcplan.workflow.searching import Answer, Serving, Training

TABLE = 142
"""Width of the tables, where there is room."""

WIDTH = 100


def training_text(answer: Answer[TrainingRanking], asking: Training) -> str:
    """The fastest training layouts."""
    found = answer.found
    rows = [
        (
            str(one.layout),
            options_of(one),
            format_duration(one.step.step.seconds),
            format_count(one.step.tokens_per_s / one.devices),
            percent(one.step.model_flops_utilisation),
            f"{format_bytes(one.step.memory.total_bytes)} ({percent(one.memory_share)})",
            one.step.step.basis.value,
        )
        for one in found.best
    ]
    columns = ("layout", "with", "step", "tokens/s each", "MFU", "memory", "basis")
    return "\n\n".join(
        [
            _title(
                answer.asked, found.best[0].devices, f"training in {asking.precision}, {answer.framework}"
            ),
            wrapped(f"Layouts: {found.search}", WIDTH, indent="  "),
            "Fastest first, each split with the best of its options\n" + table_text(columns, rows),
            *_notes("Notes on the first", (*_assumed(answer, asking), *found.best[0].notes)),
            _next("train", asking, found.best[0]),
        ]
    )


def serving_text(answer: Answer[ServingRanking], asking: Serving, devices: int) -> str:
    """The serving layouts with the most throughput, of replicas and of units of two kinds of workers."""
    found = answer.found
    rows = [
        (
            one.kind,
            _counted(one, devices),
            one.precision,
            str(one.concurrency),
            format_duration(one.ttft.estimate.seconds),
            "-" if one.tpot is None else format_duration(one.tpot.estimate.seconds),
            format_count(one.output_tokens_per_s_per_device),
            format_bytes(one.memory.total_bytes),
            Basis.weakest([said.estimate.basis for said in one.predicted]).value,
        )
        for one in found.layouts
    ]
    answers = _answers(found.layouts[0])
    each = answers.split()[-1]
    columns = ("kind", "layout", "format", "at a time", "TTFT", "TPOT", f"{each}/s each", "memory", "basis")
    searches = {"Aggregated": found.aggregated, "Disaggregated": found.disaggregated}
    told = [wrapped(f"{name}: {one}", WIDTH, indent="  ") for name, one in searches.items() if one]
    heading = f"Most {answers} an accelerator first; requests at a time are of one replica or unit"
    if any(one.kind == "disaggregated" for one in found.layouts):
        heading += ", in which P workers compute prompts and D workers decode"
    return "\n\n".join(
        [
            _title(answer.asked, devices, f"serving with {asking.engine}", answer.prefill),
            "\n".join(told),
            wrapped(heading, WIDTH) + "\n" + table_text(columns, rows),
            *_notes("Notes on the first", found.layouts[0].notes),
        ]
    )


def _answers(one: ServingLayout | DisaggregatedLayout) -> str:
    """What comes out: tokens, of an encoder one answer a request."""
    return "output tokens" if one.tpot is not None else "answers"


def _counted(one: ServingLayout | DisaggregatedLayout, devices: int) -> str:
    """``2 x TP4``, or ``3 x (2P TP2 + 1D TP4)`` with the accelerators that are left over."""
    if one.kind == "aggregated":
        return f"{one.replicas} x {one.shape}"
    used = one.replicas * one.used
    return f"{one.replicas} x ({one.shape})" + (f", {devices - used} idle" if used < devices else "")


def one_training_text(answer: Answer[RankedLayout], asking: Training) -> str:
    """One training layout, part by part."""
    one = answer.found
    about = f"{one.layout}, {options_of(one)}, {asking.precision}, {answer.framework}"
    rate = format_count(one.step.tokens_per_s)
    each = format_count(one.step.tokens_per_s / one.devices)
    return "\n\n".join(
        [
            _title(answer.asked, one.devices, about),
            parts_text(f"Step: {format_duration(one.step.step.seconds)}", one.step.step),
            (
                f"{rate} tokens/s, {each} an accelerator; MFU "
                f"{percent(one.step.model_flops_utilisation)} (attention as it is masked, recomputing not)"
            ),
            memory_text(one.step.memory) + f"\n  {percent(one.memory_share)} of the device's",
            *_notes("Notes", (*_assumed(answer, asking), *one.notes)),
        ]
    )


def one_serving_text(answer: Answer[ServingLayout]) -> str:
    """One serving layout, part by part."""
    one = answer.found
    about = f"{one.layout}, {one.precision}, {one.engine}, {plural(one.concurrency, 'request')} at a time"
    times = [
        parts_text(f"{one_of.metric.value.upper()}: {_against(one_of)}", one_of.estimate)
        for one_of in one.predicted
    ]
    each = format_count(one.output_tokens_per_s_per_device)
    return "\n\n".join(
        [
            _title(answer.asked, one.devices, about),
            *times,
            f"{format_count(one.output_tokens_per_s)} {_answers(one)}/s, {each} an accelerator",
            memory_text(one.memory) + f"\n  {_room(one)}",
            *_notes("Notes", one.notes),
        ]
    )


def _assumed(answer: Answer[Any], asking: Training) -> tuple[str, ...]:
    """Which framework was taken where none was named and it is not the usual one."""
    if asking.framework or answer.framework == FRAMEWORK:
        return ()
    chip = answer.asked.machines.accelerator.name
    return (f"no framework was named, and {FRAMEWORK} does not run on {chip}: {answer.framework} was taken",)


def _notes(head: str, notes: Sequence[str]) -> list[str]:
    """All notes under one heading, or nothing."""
    lines = [wrapped(note, WIDTH, first="  ", indent="    ") for note in notes]
    return ["\n".join([head, *lines])] if lines else []


def _room(one: ServingLayout) -> str:
    """What memory is left."""
    return f"{format_bytes(one.memory_slack_bytes)} of the device's are left"


def _against(predicted: Predicted) -> str:
    """The predicted time, and the bound where there is one."""
    seconds = predicted.estimate.seconds
    if math.isinf(predicted.bound_s):
        return format_duration(seconds)
    missed = ", missed" if seconds > predicted.bound_s else ""
    return f"{format_duration(seconds)} of {format_duration(predicted.bound_s)} allowed{missed}"


def as_data(answer: Answer[Any]) -> dict[str, object]:
    """The same for programs."""
    from pydantic import TypeAdapter  # noqa: PLC0415 - only for programs

    data: dict[str, Any] = {"machine": answer.asked.machines, "found": answer.found}
    if answer.prefill is not None:
        data["prefill_machine"] = answer.prefill
    if answer.framework:
        data["framework"] = answer.framework
    plain: dict[str, object] = TypeAdapter(dict[str, Any]).dump_python(data, mode="json")
    return plain


def options_of(one: RankedLayout) -> str:
    """What a layout has beside its split: micro-batch, schedule, recomputing."""
    layout = one.layout
    words = [f"micro-batch {layout.micro_batch}"]
    if layout.pipeline > 1:
        deep = f" x {layout.virtual_stages}" if layout.virtual_stages > 1 else ""
        words.append(f"{layout.schedule}{deep}")
    if layout.recompute != "none":
        words.append(f"{layout.recompute} recompute")
    return ", ".join(words)


def table_text(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; the last column of numbers goes on below on a narrow terminal."""
    from rich.console import Console  # noqa: PLC0415 - only where a table is drawn
    from rich.table import Table  # noqa: PLC0415 - as above

    room = width(TABLE)
    table = Table(box=None, pad_edge=False)
    for name in columns:
        # A narrow table goes on below, in words too: what is cut off cannot be looked up.
        table.add_column(name, no_wrap=room == TABLE, overflow="fold")
    for row in rows:
        table.add_row(*row)
    out = StringIO()
    Console(file=out, width=room - 2, no_color=True).print(table)
    return "\n".join(f"  {line.rstrip()}" for line in out.getvalue().splitlines())


def _title(asked: Asked, devices: int, how: str, prefill: MachineClass | None = None) -> str:
    """What was asked about, and which machines stand for the hardware."""
    machines = asked.machines
    count = -(-devices // machines.machine.devices)
    on = f"{devices} x {machines.accelerator.name} on {plural(count, 'machine')} of {_linked(machines)}"
    if prefill is not None:
        on = (
            f"{devices} accelerators: {machines.accelerator.name} on machines of {_linked(machines)}; "
            f"for prompts {prefill.accelerator.name} on machines of {_linked(prefill)}"
        )
    return (
        click.style(asked.model.name, bold=True) + f"  {how}\n{wrapped(on, WIDTH, first='  ', indent='    ')}"
    )


def _linked(machines: MachineClass) -> str:
    """A machine type with what its links carry."""
    links = machines.links
    inside = format_bytes_per_s(links.scale_up.bytes_per_s)
    outside = format_bytes_per_s(links.scale_out.bytes_per_s)
    within = f"{inside} within {links.scale_up_domain} devices, {outside} a device beyond"
    within += f" ({machines.machine.transport})"
    return f"{machines.machine.name}: {within}"


def _next(purpose: str, asking: Training, best: RankedLayout) -> str:
    """The command that takes the best one apart."""
    words = ["dcplan", "estimate", purpose, asking.model, "-on", asking.hardware]
    words += ["-layout", spelled(best.layout), "-sequence", str(asking.sequence_tokens)]
    words += ["-batch", str(asking.global_batch_sequences)]
    words += ["-format", asking.precision] if asking.precision != "bf16" else []
    words += ["-framework", asking.framework] if asking.framework else []
    for profile in asking.profiles:
        words += ["-profile", str(profile)]
    return f"All parts of the first: {shlex.join(words)}"
