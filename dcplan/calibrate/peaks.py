"""Measurements that cannot be: faster than the datasheet of their hardware, whatever software ran there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.calibrate.types import (
    AttentionRow,
    CollectiveRow,
    GemmRow,
    MemoryRow,
    Row,
    Rows,
    ServeRow,
    TrainRow,
)
from dcplan.catalog import load_accelerators, load_catalog_model
from dcplan.catalog.formats import formats
from dcplan.diag import Diagnostic, Result, SourceRange, agreeing, listed, plural, warning
from dcplan.perf.device import peak_flops
from dcplan.perf.numbers import row as number
from dcplan.perf.parameters import parameters_of, training_flops_per_token

if TYPE_CHECKING:
    from dcplan.catalog import Accelerator

BELIEVED = 1.05
"""Times the datasheet's peak that a measurement may reach: clocks run a little above those that datasheets
count with, and timers err."""

SHOWN = 8
"""Rows that a message names; the others are counted."""

BACKWARD = 2.0
"""Backward over forward FLOPs of attention, nothing recomputed: the least that any kernel does."""


def believable(rows: Rows) -> Result[Rows]:
    """The rows without those that beat their hardware's datasheet, and a warning that names these.

    A row that is ``BELIEVED`` times faster than the datasheet's peak would make figures above 1, which mean
    nothing.  The peak is reckoned with the fewest FLOPs or bytes that the work can be done with, so that no
    clever kernel is turned away.
    """
    excess = [(row, excess_of(row)) for row in rows.rows]
    wrong = [(row, times) for row, times in excess if times > BELIEVED]
    if not wrong:
        return Result(rows)
    kept = replace(rows, rows=tuple(row for row, times in excess if times <= BELIEVED))
    return Result(kept, (_too_fast(wrong, rows.file),))


def excess_of(row: Row) -> float:
    """How many times faster than the datasheet allows; at most 1 for what can be, 0 where nothing tells."""
    chip = load_accelerators()[row.accelerator]
    if isinstance(row, ServeRow):
        return _of_serving(row, chip)
    least_s = _least_s(row, chip)
    return least_s / row.time_s if least_s and isinstance(row, _Timed) else 0.0


_Timed = GemmRow | MemoryRow | AttentionRow | CollectiveRow | TrainRow


def _least_s(row: Row, chip: Accelerator) -> float:
    """Seconds at the datasheet's peak; 0 where it does not tell."""
    if isinstance(row, MemoryRow):
        return row.bytes / chip.memory_bytes_per_s
    if isinstance(row, CollectiveRow):
        return _least_sent_s(row, chip)
    peak = _peak(chip, row.precision)
    return _flops(row) / peak if peak else 0.0


def _flops(row: Row) -> float:
    """The fewest FLOPs on one device; 0 where nobody knows."""
    if isinstance(row, GemmRow):
        return 2.0 * row.m * row.n * row.k
    if isinstance(row, AttentionRow):
        pairs = row.length * row.length * (0.5 if row.causal else 1.0)
        passes = 1 + BACKWARD * (row.direction == "both")
        return 4.0 * row.batch * row.heads * row.head_dim * pairs * passes
    model = load_catalog_model(row.model) if isinstance(row, TrainRow) else None
    if not isinstance(row, TrainRow) or model is None:
        return 0.0
    of_token = number(training_flops_per_token(parameters_of(model), row.sequence_tokens), 0)
    return of_token * row.sequence_tokens * row.global_batch_sequences / row.devices


def _least_sent_s(row: CollectiveRow, chip: Accelerator) -> float:
    """What must come into one rank, or one machine, over its links, seconds.

    Of n parts each holder lacks ``(n - 1) / n`` of the buffer; of a sum everything goes out once and comes in
    once even where switches add, and the ring's ``2 (n - 1) / n`` is no less.  Source: definition of the
    operations; Chan et al. 2007, Collective communication, section 3, for the bounds.
    """
    apart = row.machines > 1 and row.network_bytes_per_s is not None
    n, rate = row.ranks, chip.scale_up_bytes_per_s
    if apart and row.network_bytes_per_s is not None:
        n, rate = row.machines, row.network_bytes_per_s
    if n < 2 or rate <= 0:  # noqa: PLR2004 - one alone sends nothing
        return 0.0
    size = float(row.bytes)
    if row.operation == "all_to_all" and apart:
        size *= row.ranks // row.machines
    return size / rate * (1.0 if row.operation in {"all_reduce", "send"} else (n - 1) / n)


def _of_serving(row: ServeRow, chip: Accelerator) -> float:
    """The same of TTFT, TPOT and, where both are there, of all tokens that the clients get.

    A prompt takes 2 FLOPs a parameter and token; a step reads the parameters of one token at least; all
    requests together take FLOPs for all their tokens.
    """
    model, peak, form = (
        load_catalog_model(row.model),
        _peak(chip, row.precision),
        formats().get(row.precision),
    )
    if model is None or not peak or form is None:
        return 0.0
    p = parameters_of(model)
    flops, devices = 2.0 * number(p.matmul_active, 0), row.devices
    seconds = [] if row.ttft_s is None else [(row.prompt_tokens * flops / (devices * peak), row.ttft_s)]
    if row.tpot_s is not None:
        bits = min(part.bytes for part in form.parts)
        read = number(p.linear_total + p.moe_layers * p.per_token * p.expert, 0) * bits
        seconds.append((read / (devices * chip.memory_bytes_per_s * (row.drafts + 1)), row.tpot_s))
    if row.ttft_s is not None and row.tpot_s is not None:
        work = row.concurrency * (row.prompt_tokens + row.output_tokens - 1) * flops / (devices * peak)
        seconds.append((work, row.ttft_s + (row.output_tokens - 1) * row.tpot_s))
    return max((least / told for least, told in seconds), default=0.0)


def _peak(chip: Accelerator, precision: str) -> float:
    """The highest dense peak that any part of the format runs at, FLOP/s; 0 where it is not known."""
    form = formats().get(precision or "bf16")
    return max((peak_flops(chip, part.name) or 0.0 for part in form.parts), default=0.0) if form else 0.0


def _too_fast(wrong: list[tuple[Row, float]], file: str) -> Diagnostic:
    """A warning for rows that are set aside."""
    told = [f"line {row.line} ({row.kind}, {times:.3g} times the peak)" for row, times in wrong[:SHOWN]]
    more = [f"{len(wrong) - SHOWN:,} more"] if len(wrong) > SHOWN else []
    detail = (
        f"{plural(len(wrong), 'row')} of {file} {agreeing(len(wrong), 'beat')} the datasheet of the hardware "
        f"and {agreeing(len(wrong), 'are')} not fitted: {listed([*told, *more])}. "
        "Times are in seconds and peaks are dense. Look whether the clock waited for the device, "
        "whether the accelerator, its count and the precision are right, whether a sweep of memory "
        "stayed in a cache, or prompts in a prefix cache."
    )
    found = warning("faster-than-hardware", "Some measurements are faster than their hardware", detail)
    return replace(found, range=SourceRange(file=file, line=wrong[0][0].line, column=1))
