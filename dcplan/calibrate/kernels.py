"""Kernel figures of an accelerator, fitted with the formulas that plans are made with.

A trial value of a figure is put into the accelerator's table, and the table is
read by ``device_of`` and ``wires_of`` as every plan reads it; what these formulas
predict for a row is held against what was measured.  So a figure means here
exactly what it means there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from dcplan.basis import Basis
from dcplan.calibrate.calibration import Calibration, calibration_of
from dcplan.calibrate.fit import Kind, Parameter
from dcplan.calibrate.links import collective_block
from dcplan.calibrate.study import Question, study
from dcplan.calibrate.types import KERNELS, AttentionRow, CollectiveRow, GemmRow, MemoryRow, Row, Rows
from dcplan.catalog import AttentionKind, Model, Source, load_accelerators
from dcplan.catalog.efficiency import ANY, UNITS, Efficiencies, Efficiency, Figure
from dcplan.catalog.formats import SIXTEEN_BITS, formats, precisions
from dcplan.diag import Diagnostic, Result, plural, warning
from dcplan.perf import Parameters, device_of, parameters_of
from dcplan.perf.arrays import stack
from dcplan.perf.compute import attention_prefill_s, gemm_s
from dcplan.perf.training import ATTENTION_BACKWARD

if TYPE_CHECKING:
    from dcplan.catalog import Accelerator

Array: TypeAlias = npt.NDArray[np.float64]
Block: TypeAlias = Callable[[Efficiency], Array]
"""From a table of figures to the seconds of some rows."""

FIGURES: Mapping[str, tuple[str, ...]] = {
    "gemm": ("gemm", "gemm_half_rows", "gemm_half_columns", "memory", "kernel_s"),
    "memory": ("memory",),
    "attention": ("attention",),
    "collective": (
        "allreduce",
        "allgather",
        "alltoall",
        "switch_reduce",
        "scale_out",
        "own_share",
        "crowding_factor",
        "ramp_s",
        "ramp_bytes",
        "out_ramp_bytes",
        "launch_s",
        "hop_s",
    ),
}
"""Figures that rows of a kind can tell, where the table has them; it may have one a precision or fabric."""

BELIEF = {Basis.MEASURED: 0.3, Basis.CALIBRATED: 0.3, Basis.ROOFLINE: 0.5, Basis.ASSUMED: 0.5}
"""Relative width of the prior of a figure by what it rested on: others' hardware of the same name is near."""

UNIT_BELIEF = 1.0
"""The same for times and sizes, which differ between software by factors."""

NEARLY_ALL = 0.995
"""A share that is believed to be 1 starts here, so that it can move."""

START = Parameter(name="start_s", start=2e-6, prior_sigma=1.5, kind=Kind.POSITIVE)
"""What a kernel measured by itself costs before it works.  It shows in small shapes, and without a name of
its own it would be taken for slow memory.  In plans ``kernel_s``, ``layer_s`` and ``step_s`` stand for it, so
that it is fitted here and goes nowhere."""

METHOD = "soft-L1 least squares with priors, one start cost for all kernels; errors are 5-fold, by shape"


def calibrate_kernels(rows: Rows, table: Efficiencies) -> Result[tuple[Calibration, ...]]:
    """The kernel figures of each accelerator in ``rows``, and how well they predict held-out shapes.

    ``table`` gives what is believed before.  Rows that the accelerator's facts do
    not cover (a precision without a peak, several machines without a network) are
    left out with a warning; an error only where SciPy is not installed.
    """
    known = load_accelerators()
    found: list[Calibration] = []
    said: list[Diagnostic] = []
    chosen = [row for row in rows.rows if row.kind in KERNELS]
    for name in sorted({row.accelerator for row in chosen}):
        mine = [row for row in chosen if row.accelerator == name]
        kernels = _Kernels.of(known[name], table.of(known[name]), mine, rows.file)
        said += kernels.diagnostics
        if kernels.value is None:
            continue
        question, used = kernels.value.question(), kernels.value.rows
        done = study(question)
        if done.value is None:
            return Result(None, (*said, *done.diagnostics))
        found.append(calibration_of(name, ANY, done.value, used, kernels.value.efficiency, method=METHOD))
    return Result(tuple(found), tuple(said))


def predicted_s(rows: Sequence[Row], table: Efficiencies) -> Array:
    """Seconds that ``table`` predicts for kernel rows of one accelerator, without a start cost.

    Raises where a row cannot be predicted: whoever asks has chosen them.
    """
    accelerator = load_accelerators()[rows[0].accelerator]
    kernels = _Kernels.of(accelerator, table.of(accelerator), rows, "rows").unwrap()
    place = {id(row): index for index, row in enumerate(kernels.rows)}
    return kernels.seconds(kernels.efficiency, 0.0)[[place[id(row)] for row in rows]]


class _Kernels:
    """The usable rows of one accelerator in blocks that one call of a formula predicts."""

    def __init__(
        self,
        accelerator: Accelerator,
        efficiency: Efficiency,
        rows: list[Row],
        blocks: list[tuple[list[int], Block]],
    ) -> None:
        self.accelerator, self.efficiency, self.rows = accelerator, efficiency, rows
        self.blocks = [(np.array(indices, dtype=np.intp), block) for indices, block in blocks]
        told = efficiency.get("kernel_s") is not None
        self.alone = np.array(
            [not isinstance(row, CollectiveRow) and not (told and isinstance(row, GemmRow)) for row in rows]
        )
        self.parameters = (*_parameters(accelerator, efficiency, rows), START)

    @staticmethod
    def of(
        accelerator: Accelerator, efficiency: Efficiency, rows: Sequence[Row], file: str
    ) -> Result[_Kernels]:
        """The rows that can be predicted, in blocks; what is left out is told."""
        blocks: dict[tuple[object, ...], list[Row]] = {}
        for row in rows:
            blocks.setdefault(_block_key(row), []).append(row)
        usable: list[Row] = []
        made: list[tuple[list[int], Block]] = []
        said: list[Diagnostic] = []
        for members in blocks.values():
            told = _block(accelerator, efficiency, members, file)
            said += told.diagnostics
            if told.value is not None:
                made.append((list(range(len(usable), len(usable) + len(members))), told.value))
                usable += members
        kernels = _Kernels(accelerator, efficiency, usable, made) if usable else None
        return Result(kernels, tuple(said))

    def predict(self, values: Array) -> Array:
        """Seconds of all rows with these values of the figures, and of the start cost at the end."""
        figures = dict(self.efficiency.figures)
        for one, value in zip(self.parameters[:-1], values[:-1].tolist(), strict=True):
            figures[one.name] = replace(figures[one.name], value=value)
        return self.seconds(replace(self.efficiency, figures=figures), float(values[-1]))

    def seconds(self, efficiency: Efficiency, start_s: float) -> Array:
        """Seconds of all rows with these figures; what has a start cost among its figures gets no other."""
        out = np.where(self.alone, start_s, 0.0)
        for indices, block in self.blocks:
            out[indices] += block(efficiency)
        return out

    def question(self) -> Question:
        """What is to be fitted."""
        return Question(
            predict=self.predict,
            measured_s=np.array([row.time_s for row in self.rows]),  # type: ignore[attr-defined]  # kernels have one
            parameters=self.parameters,
            groups=[_group(row) for row in self.rows],
            slices=[slice_of(row) for row in self.rows],
            sources=[row.source for row in self.rows],
        )


def slice_of(row: Row) -> str:
    """What a kernel's errors are told by: ``gemm/bf16``, ``memory``, ``all_reduce``."""
    if isinstance(row, GemmRow):
        return f"gemm/{row.precision}"
    return row.operation if isinstance(row, CollectiveRow) else row.kind


def _group(row: Row) -> str:
    """Measurements of the same shape belong together: one tells what the other is."""
    if isinstance(row, GemmRow):
        return f"{row.precision}|{row.m}|{row.n}|{row.k}"
    if isinstance(row, MemoryRow):
        return f"memory|{row.bytes}"
    if isinstance(row, AttentionRow):
        return f"attention|{row.heads}|{row.kv_heads}|{row.head_dim}|{row.batch}|{row.length}"
    if isinstance(row, CollectiveRow):
        return f"{row.operation}|{row.ranks}|{row.machines}|{row.bytes}"
    msg = f"{row.kind} is no kernel. This is a bug in dcplan."
    raise TypeError(msg)


def _block_key(row: Row) -> tuple[object, ...]:
    """Rows with the same key go through one call of one formula."""
    if isinstance(row, CollectiveRow):
        return (row.operation, row.ranks, row.machines, row.network_bytes_per_s, row.fabric)
    return (row.kind, row.precision if isinstance(row, GemmRow | AttentionRow) else "")


def _block(accelerator: Accelerator, efficiency: Efficiency, rows: list[Row], file: str) -> Result[Block]:
    """What predicts these rows, all of one key."""
    first = rows[0]
    if isinstance(first, CollectiveRow):
        return collective_block(accelerator, [row for row in rows if isinstance(row, CollectiveRow)], file)
    form = first.precision if isinstance(first, GemmRow) else "bf16"
    if device_of(accelerator, form, efficiency) is None:
        detail = (
            f"{plural(len(rows), 'row')} of {file}, the first in line {first.line}: the catalogue has no "
            f"dense peak of {accelerator.name} for {form}, so nobody can tell what share of it was reached."
        )
        return Result(None, (warning("no-peak", "Some measurements are left out", detail),))
    if isinstance(first, GemmRow):
        return Result(_gemm_block(accelerator, form, [row for row in rows if isinstance(row, GemmRow)]))
    if isinstance(first, MemoryRow):
        return Result(_memory_block(accelerator, [row for row in rows if isinstance(row, MemoryRow)]))
    return _attention_block(accelerator, [row for row in rows if isinstance(row, AttentionRow)], file)


def _gemm_block(accelerator: Accelerator, form: str, rows: list[GemmRow]) -> Block:
    """Matrix products of one precision."""
    m, n, k = (np.array([getattr(row, name) for row in rows], dtype=np.float64) for name in "mnk")

    def block(efficiency: Efficiency) -> Array:
        device = device_of(accelerator, form, efficiency)
        if device is None:
            msg = f"{accelerator.name} lost its peak for {form}. This is a bug in dcplan."
            raise RuntimeError(msg)
        return np.asarray(gemm_s(m, n * k, n, device.mlp))

    return block


def _memory_block(accelerator: Accelerator, rows: list[MemoryRow]) -> Block:
    """Sweeps over memory, at the bandwidth at which weights and caches stream."""
    size = np.array([row.bytes for row in rows], dtype=np.float64)

    def block(efficiency: Efficiency) -> Array:
        return size / (accelerator.memory_bytes_per_s * efficiency["memory"].value)

    return block


def _attention_block(accelerator: Accelerator, rows: list[AttentionRow], file: str) -> Result[Block]:
    """Fused attention in 16 bits; without a mask there are twice the pairs, and backward is a multiple."""
    known = precisions().get(rows[0].precision)
    if known is None or known.bytes != SIXTEEN_BITS:
        detail = (
            f"{plural(len(rows), 'row')} of {file}, the first in line {rows[0].line}: attention is reckoned "
            f"in 16 bits, and these measure it in {rows[0].precision}."
        )
        return Result(None, (warning("not-16-bit", "Some measurements are left out", detail),))
    parameters: Parameters = stack([parameters_of(_one_layer(row)) for row in rows])
    length = np.array([row.length for row in rows], dtype=np.float64)
    times = np.array(
        [
            row.batch * (1.0 if row.causal else 2.0) * (1 + ATTENTION_BACKWARD * (row.direction == "both"))
            for row in rows
        ]
    )

    def block(efficiency: Efficiency) -> Array:
        device = device_of(accelerator, "bf16", efficiency)
        if device is None:
            msg = f"{accelerator.name} lost its bf16 peak. This is a bug in dcplan."
            raise RuntimeError(msg)
        return np.asarray(times * attention_prefill_s(parameters, length, 1.0, device))

    return Result(block)


def _one_layer(row: AttentionRow) -> Model:
    """A model that is nothing but this attention."""
    return Model(
        name="one layer",
        layers=1,
        hidden=row.heads * row.head_dim,
        heads=row.heads,
        kv_heads=row.kv_heads,
        head_dim=row.head_dim,
        ffn=1,
        gated_ffn=False,
        vocab=1,
        tied_embeddings=True,
        max_context=row.length,
        attention=AttentionKind.MHA if row.heads == row.kv_heads else AttentionKind.GQA,
        source=Source(name=row.source, date=row.date),
    )


def _parameters(accelerator: Accelerator, efficiency: Efficiency, rows: list[Row]) -> tuple[Parameter, ...]:
    """The figures that these rows can tell, with what is believed of each."""
    names: dict[str, None] = {}
    for row in rows:
        for stem in FIGURES[row.kind]:
            own = (name for name in _candidates(stem, row) if efficiency.get(name) is not None)
            name = next(own, None)
            if name is not None and not _is_no_factor(name, efficiency[name]):
                names[name] = None
    if not names:
        msg = f"{accelerator.name} has no figures to start from. This is a bug in dcplan."
        raise KeyError(msg)
    return tuple(_parameter(name, efficiency[name]) for name in names)


def _is_no_factor(name: str, figure: Figure) -> bool:
    """Whether a factor is 1, which says that the hardware has nothing for it to act on."""
    return name.endswith("_factor") and figure.value == 1


def _candidates(stem: str, row: Row) -> tuple[str, ...]:
    """The names by which ``device_of`` and ``wires_of`` look a figure up, the narrowest first."""
    if isinstance(row, GemmRow):
        precision = formats()[row.precision].mlp
        return (f"{stem}/{precision.name}", f"{stem}/{precision.peak}", stem)
    if isinstance(row, CollectiveRow) and row.fabric:
        return (f"{stem}/{row.fabric}", stem)
    return (stem,)


def _parameter(name: str, figure: Figure) -> Parameter:
    """How far a figure may be looked for."""
    if name.partition("/")[0].endswith(UNITS):
        low = 1.0 if name.endswith("_factor") else 0.0
        return Parameter(name=name, start=figure.value, prior_sigma=UNIT_BELIEF, kind=Kind.POSITIVE, low=low)
    return Parameter(name=name, start=min(figure.value, NEARLY_ALL), prior_sigma=BELIEF[figure.basis])
