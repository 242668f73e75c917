"""Figures of serving engines, fitted to measured times per token and to the first token.

All engines and accelerators are fitted at once, with the formulas that plans
are made with (see ``serving_figures`` for what they share).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from dcplan.basis import Basis
from dcplan.calibrate.calibration import Calibration, Change, Judged, range_of, rounded, source_of
from dcplan.calibrate.judge import errors_of
from dcplan.calibrate.serving_figures import COMPUTING, PRIORS, Believed, Figures
from dcplan.calibrate.study import Question, Study, study
from dcplan.calibrate.types import Rows, ServeRow
from dcplan.catalog import load_accelerators, load_catalog_model
from dcplan.catalog.efficiency import ANY, Efficiencies, Figure
from dcplan.catalog.formats import Format, formats, precisions
from dcplan.catalog.types import Accelerator, Source
from dcplan.demand.types import Lengths
from dcplan.diag import Diagnostic, Result, plural, warning
from dcplan.perf import (
    Layout,
    Parameters,
    Speculation,
    device_of,
    form_on,
    layouts_of,
    parameters_of,
    stack,
    take,
    wires_of,
)
from dcplan.perf.closed_loop import closed_loop_s
from dcplan.perf.engine import Engine, engine_of
from dcplan.perf.replicas import Replicas
from dcplan.perf.serving import cache_room
from dcplan.topology import Link, PoolLinks

Array: TypeAlias = npt.NDArray[np.float64]

FIRST_TOKEN_WEIGHT = 0.35
"""Weight of a time to first token over one per output token: it varies more from run to run."""

ROWS_OF_GROUP = 1.0
"""A model on one chip under one engine counts as so many rows, however many it has.

Errors that all its rows share are as large as the noise of the loss, and their number says nothing of
those: one row it is (Gelman and Hill 2007, chapter 12)."""

OWN_ROWS_OF_GROUP = 16.0
"""The same on top of an earlier fit: what its rows share is then what is asked for."""

METHOD = (
    "soft-L1 least squares over all engines at once, figures shared between engines and chips by priors; "
    "errors are held out by model and accelerator, about ten folds"
)

FOLDS = 10

METRICS = ("tpot", "ttft")


@dataclass(frozen=True, slots=True)
class Case:
    """Rows as replicas: what they are of, and how the closed loop that measured them was run."""

    replicas: Replicas
    clients: Array
    room: Array
    varies: npt.NDArray[np.bool_]

    def predicted_s(self, burst: Array | float, together: Array | float) -> tuple[Array, Array]:
        """Mean TPOT and TTFT of each row, seconds."""
        tpot, ttft = closed_loop_s(self.replicas, self.clients, self.room, together=together, burst=burst)
        return np.asarray(tpot, dtype=np.float64), np.asarray(ttft, dtype=np.float64)


def form_of(row: ServeRow) -> Format:
    """The format of a row's model; caches in the precision that the row tells."""
    form = formats()[row.precision or "bf16"]
    return replace(form, kv=precisions()[row.kv_precision]) if row.kv_precision else form


def links_of(chip: Accelerator) -> PoolLinks:
    """Links of a replica inside one scale-up domain, which is where all rows are."""
    link = Link(bytes_per_s=chip.scale_up_bytes_per_s, latency_s=1e-6, basis=Basis.ASSUMED)
    return PoolLinks(pool="rows", scale_up_domain=chip.scale_up_domain, scale_up=link, scale_out=link)


def case_of(rows: Sequence[ServeRow], table: Efficiencies) -> Case:
    """Rows as one value whose numbers are arrays, with the figures of ``table``.

    Raises where the catalogue lacks a model or an accelerator a peak: rows are checked when they are read.
    """
    chips = load_accelerators()
    models = {row.model: _counted(row.model) for row in rows}
    kinds = sorted({(row.accelerator, row.software, row.precision, row.kv_precision) for row in rows})
    at = np.array(
        [kinds.index((row.accelerator, row.software, row.precision, row.kv_precision)) for row in rows]
    )
    first = [
        next(r for r in rows if (r.accelerator, r.software, r.precision, r.kv_precision) == k) for k in kinds
    ]
    looked = [
        (chip, table.of(chip, r.software), form_on(chip, form_of(r)))
        for chip, r in ((chips[r.accelerator], r) for r in first)
    ]
    devices = [device_of(chip, form, efficiency) for chip, efficiency, form in looked]
    prompt, output = (
        np.array([getattr(r, n) for r in rows], dtype=float) for n in ("prompt_tokens", "output_tokens")
    )
    replicas = Replicas(
        parameters=stack([models[row.model] for row in rows]),
        layouts=layouts_of(*[layout_of(row) for row in rows]),
        device=take(stack(devices), at),  # type: ignore[arg-type]  # None would have been refused
        wires=take(stack([wires_of(links_of(chip), efficiency) for chip, efficiency, _ in looked]), at),
        engine=take(stack([engine_of(efficiency, form) for _, efficiency, form in looked]), at),
        prompt=_same(prompt),
        output=_same(output),
        arrival_cv2=1.0,
        speculation=_speculation(rows, table),
    )
    return Case(
        replicas,
        np.array([row.concurrency for row in rows], dtype=float),
        np.asarray(cache_room(replicas)),
        np.array([row.lengths_vary for row in rows]),
    )


def _counted(name: str) -> Parameters:
    """What a model of the catalogue counts."""
    model = load_catalog_model(name)
    if model is None:
        msg = f'no model "{name}" in the catalogue. This is a bug in dcplan.'
        raise ValueError(msg)
    return parameters_of(model)


def layout_of(row: ServeRow) -> Layout:
    """The layout of a row; what ranks of experts leave of the devices cuts each expert."""
    pieces = row.tensor * row.attention_data // row.expert
    return Layout(
        tensor=row.tensor,
        pipeline=row.pipeline,
        data=row.attention_data,
        expert=row.expert,
        expert_tensor=pieces if row.expert > 1 or pieces > 1 else 1,
    )


def _same(mean: Array) -> Lengths:
    """Lengths that do not vary much: all quantiles are the mean."""
    return Lengths(mean=mean, p50=mean, p95=mean, p99=mean)  # type: ignore[arg-type]  # one number a row


def _speculation(rows: Sequence[ServeRow], table: Efficiencies) -> Speculation:
    """Drafts of each row, accepted as often as the table says of the engine."""
    chips = load_accelerators()
    found = [table.of(chips[row.accelerator], row.software) for row in rows]
    return Speculation(
        drafts=np.array([row.drafts for row in rows], dtype=float),
        acceptance=np.array([one["acceptance"].value for one in found]),
        draft_share=np.array([one["draft_share"].value for one in found]),
    )


def predicted_s(rows: Sequence[ServeRow], table: Efficiencies) -> tuple[Array, Array]:
    """TPOT and TTFT that ``table`` predicts for each row, seconds."""
    case = case_of(rows, table)
    chips = load_accelerators()
    found = [table.of(chips[row.accelerator], row.software) for row in rows]
    burst = np.array([one["burst"].value for one in found])
    kinds = ["varied" if row.lengths_vary else "fixed" for row in rows]
    together = np.array([one.narrow("together", kind).value for one, kind in zip(found, kinds, strict=True)])
    return case.predicted_s(burst, together)


class Engines:
    """Serving rows as a question for the fit."""

    def __init__(self, rows: Sequence[ServeRow], table: Efficiencies) -> None:
        self.rows, self.case = list(rows), case_of(rows, table)
        known = load_accelerators()
        forms = [form_on(known[row.accelerator], form_of(row)) for row in rows]
        kinds = {
            "experts": [form.experts.name for form in forms],
            "mlp": [form.mlp.name for form in forms],
            "projections": [form.projections.name for form in forms],
            "wide": ["bf16" for _ in forms],
            "kv": [form.kv.name for form in forms],
            "lengths": ["varied" if row.lengths_vary else "fixed" for row in rows],
        }
        engines, chips = [row.software for row in rows], [row.accelerator for row in rows]
        self.figures = Figures(engines, chips, kinds, believed_of(engines, table))
        self.told = np.array([[row.tpot_s or np.nan for row in rows], [row.ttft_s or np.nan for row in rows]])
        self.there = np.isfinite(self.told)

    def engine(self, values: Array) -> Engine:
        """The engine of each row under these constants."""
        of = self.figures.of_rows
        parts = {part: of(values, "compute_factor", part) for part in COMPUTING}
        plain: dict[str, Any] = {
            name: of(values, name)
            for name in PRIORS
            if name in Engine.__dataclass_fields__ and name != "compute_factor"
        }
        return replace(
            self.case.replicas.engine,
            **plain,
            mlp_factor=parts["mlp"],
            projections_factor=parts["projections"],
            wide_factor=parts["wide"],
            expert_factor=parts["experts"] * of(values, "grouped_factor"),
        )

    def seconds(self, values: Array) -> Array:
        """TPOT of the rows that have one, then TTFT alike."""
        of, case = self.figures.of_rows, self.case
        drafts = replace(
            case.replicas.speculation,
            acceptance=of(values, "acceptance"),
            draft_share=of(values, "draft_share"),
        )
        trial = replace(case, replicas=replace(case.replicas, engine=self.engine(values), speculation=drafts))
        both = np.array(trial.predicted_s(of(values, "burst"), of(values, "together")))
        out: Array = both[self.there]
        return out

    def question(self) -> Question:
        """The rows as ``study`` takes them."""
        groups = [f"{row.model} on {row.accelerator}" for row in self.rows]
        own = [f"{row.model} {row.accelerator} {row.software} {row.precision}" for row in self.rows]
        count = {name: own.count(name) for name in set(own)}
        most = ROWS_OF_GROUP if self.figures.believed is None else OWN_ROWS_OF_GROUP
        share = np.array([np.sqrt(most / max(count[name], most)) for name in own])
        weights = np.array([share, share * FIRST_TOKEN_WEIGHT])
        return Question(
            predict=self.seconds,
            measured_s=self.told[self.there],
            parameters=tuple(self.figures.parameters),
            groups=self._both(groups, groups),
            slices=self._both([f"tpot {n}" for n in own], [f"ttft {n}" for n in own]),
            sources=self._both(*[[row.source for row in self.rows]] * 2),
            weights=weights[self.there],
            touches=np.concatenate([self.figures.touches[mask] for mask in self.there]),
        )

    def _both(self, first: Sequence[str], second: Sequence[str]) -> list[str]:
        """Labels of the rows with a TPOT, then of those with a TTFT."""
        labels = np.array([first, second], dtype=object)
        return [str(label) for label in labels[self.there]]


def believed_of(engines: Sequence[str], table: Efficiencies) -> Believed | None:
    """Figures of these engines in the table; None where it lacks one of them."""
    if any("layer_s" not in table.rows.get((ANY, engine), {}) for engine in engines):
        return None
    chips = load_accelerators()

    def believed(name: str, engine: str, chip: str, kind: str) -> float:
        return table.of(chips[chip], engine).narrow(name, kind).value

    return believed


def fit_serving(rows: Rows, table: Efficiencies) -> Result[tuple[Calibration, ...]]:
    """The serving rows of a file, as ``calibrate`` hands them over.

    Rows whose accelerator has no peak for their format, or whose devices their
    layout does not fill, are left out with a warning.
    """
    chips = load_accelerators()
    good: list[ServeRow] = []
    bad: list[ServeRow] = []
    for one in rows.of(ServeRow):
        whole = one.tensor * one.attention_data * one.pipeline == one.devices
        even = (one.tensor * one.attention_data) % one.expert == 0
        form = formats().get(one.precision or "bf16")
        device = form and device_of(chips[one.accelerator], form, table.of(chips[one.accelerator]))
        (good if whole and even and device is not None else bad).append(one)
    said = tuple(_left_out(rows.file, bad))
    if not good:
        return Result((), said)
    found = calibrate_serving(good, table)
    return Result(found.value, (*said, *found.diagnostics))


def _left_out(file: str, bad: Sequence[ServeRow]) -> Iterator[Diagnostic]:
    """A warning for rows that cannot be as they say."""
    if bad:
        detail = (
            f"{plural(len(bad), 'row')} of {file}, the first in line {bad[0].line}, cannot be as they say. "
            "tensor x attention_data x pipeline must be the devices, expert must divide "
            "tensor x attention_data, and the accelerator must have a peak for the format."
        )
        yield warning("row-left-out", "Some measurements are left out", detail)


def calibrate_serving(
    rows: Sequence[ServeRow], table: Efficiencies, folds: int = FOLDS
) -> Result[tuple[Calibration, ...]]:
    """Figures of each engine, on any accelerator and on those in ``rows``, with held-out errors.

    An error only where SciPy is not installed.
    """
    engines = Engines(rows, table)
    done = study(engines.question(), folds)
    if done.value is None:
        return Result(None, done.diagnostics)
    return Result(calibrations(engines, done.value, table))


def calibrations(engines: Engines, done: Study, table: Efficiencies) -> tuple[Calibration, ...]:
    """A study as one calibration for each engine and one for each engine on each accelerator."""
    out = []
    for software in sorted({row.software for row in engines.rows}):
        names = sorted({row.accelerator for row in engines.rows if row.software == software})
        everywhere = _one(engines, done, table, software, None)
        out.append(everywhere)
        known = {change.figure: change.after for change in everywhere.changes}
        for name in names:
            own = _one(engines, done, table, software, name)
            kept = tuple(change for change in own.changes if change.after != known.get(change.figure))
            out.append(replace(own, changes=kept))
    return tuple(out)


def _one(engines: Engines, done: Study, table: Efficiencies, software: str, chip: str | None) -> Calibration:
    """The calibration of an engine on one accelerator, or on any."""
    mine = np.array([r.software == software and chip in {None, r.accelerator} for r in engines.rows])
    rows = [row for row, own in zip(engines.rows, mine, strict=True) if own]
    before = table.of(load_accelerators()[chip or rows[0].accelerator], software)
    changes = tuple(
        Change(
            figure=name,
            before=before.get(name) or before.get(name.partition("/")[0]) or NEVER,
            after=rounded(value),
            low=rounded(value / np.exp(spread)),
            high=rounded(value * np.exp(spread)),
            rows=len(rows),
            moved=moved or engines.figures.believed is None,  # from nothing, a table needs every figure
            errors=None,
        )
        for name, (value, spread, moved) in engines.figures.named(done.fit, software, chip).items()
    )
    return Calibration(
        accelerator=chip or ANY,
        software=software,
        method=METHOD,
        source=source_of(rows),
        rows=len(rows),
        changes=changes,
        judged=tuple(_judged(engines, done, mine, chip)),
        converged=done.fit.converged,
    )


NEVER = Figure(value=1.0, basis=Basis.ASSUMED, source=Source(name="no measurement", date="undated"))


def _judged(engines: Engines, done: Study, mine: npt.NDArray[np.bool_], chip: str | None) -> list[Judged]:
    """Held-out errors by metric and format, and of all formats together."""
    weights = [form_of(row).weights for row in engines.rows]
    kinds = sorted({w for w, own in zip(weights, mine, strict=True) if own}) if chip is not None else []
    out = []
    for index, metric in enumerate(METRICS):
        for kind in (ANY, *kinds):
            chosen = mine & np.array([kind in {ANY, w} for w in weights])
            errors = [
                errors_of(
                    _spread_out(engines, seconds, index)[chosen],
                    engines.told[index][chosen],
                    [f"{r.model} on {r.accelerator}" for r, c in zip(engines.rows, chosen, strict=True) if c],
                )
                for seconds in (done.held_out_s, done.source_out_s)
            ]
            if errors[0] is not None:
                range_ = range_of([row for row, own in zip(engines.rows, chosen, strict=True) if own])
                out.append(
                    Judged(
                        metric=metric, precision=kind, errors=errors[0], source_errors=errors[1], range=range_
                    )
                )
    return out


def _spread_out(engines: Engines, seconds: Array, index: int) -> Array:
    """One metric of all rows from what a study holds, which has only what was measured."""
    out = np.full(engines.there.shape, np.nan)
    out[engines.there] = seconds
    column: Array = out[index]
    return column
