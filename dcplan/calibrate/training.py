"""Figures of a training framework on an accelerator, fitted to a user's own training steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from dcplan.basis import Basis
from dcplan.calibrate.calibration import Calibration, calibration_of
from dcplan.calibrate.fit import NOISE, Kind, Parameter
from dcplan.calibrate.steps import Knob, Step, Steps, computable
from dcplan.calibrate.study import study
from dcplan.calibrate.types import Rows, TrainRow
from dcplan.catalog import Accelerator, AcceleratorKind, load_accelerators, load_catalog_model
from dcplan.catalog.efficiency import UNITS, Efficiencies, Efficiency
from dcplan.diag import Diagnostic, Result, plural, warning
from dcplan.perf.types import Layout
from dcplan.topology import Link, PoolLinks

DEFAULT_SOFTWARE = "megatron"
"""The framework of rows that name none, as of documents."""

METHOD = "soft-L1 least squares with priors; errors are 5-fold, by model"

SHARE_BELIEF = 0.3
"""Relative width of the prior of a share: what others reached with the same software is near."""

TIME_BELIEF = 0.7
"""The same for times and factors."""

NEARLY_ALL = 0.995
"""A share that is believed to be 1 starts here, so that it can move."""

FIGURES = ("sustained", "attention", "elementwise_factor", "train_step_s")
"""Figures that every step tells something of; ``sustained`` is one for each precision."""

SPLIT: Mapping[str, Callable[[Step], bool]] = {
    "tensor_shows": lambda step: step.layout.tensor > 1,
    "data_shows": lambda step: step.layout.data * step.layout.context > 1,
    "expert_shows": lambda step: step.layout.expert > 1,
    "grouped_gemm": lambda step: step.model.experts > 0,
    "expert_layer_s": lambda step: step.model.experts > 0,
    "mixer_factor": lambda step: step.model.linear_layers > 0,
}
"""Figures that only some steps tell something of."""


def calibrate_training(rows: Rows, table: Efficiencies) -> Result[tuple[Calibration, ...]]:
    """The training figures of each accelerator and framework in ``rows``, and how well they predict.

    ``table`` gives what is believed before.  Rows that the catalogue's facts do not
    cover are left out with a warning; an error only where SciPy is not installed.
    """
    said: list[Diagnostic] = []
    found: list[Calibration] = []
    kinds: dict[tuple[str, str], list[tuple[TrainRow, Step]]] = {}
    for row in rows.of(TrainRow):
        step = step_of(row)
        if step is None or not computable(step, table):
            said.append(_left_out(row, rows.file, step))
        else:
            kinds.setdefault((row.accelerator, step.software), []).append((row, step))
    for (name, software), members in sorted(kinds.items()):
        steps = [step for _, step in members]
        efficiency = _narrowed(table.of(steps[0].accelerator, software), steps)
        knobs = _knobs(name, software, steps, efficiency)
        done = study(Steps(steps).question(table, knobs, NOISE))
        if done.value is None:
            return Result(None, (*said, *done.diagnostics))
        used = [row for row, _ in members]
        found.append(calibration_of(name, software, done.value, used, efficiency, method=METHOD))
    return Result(tuple(found), tuple(said))


def step_of(row: TrainRow) -> Step | None:
    """A row with the catalogue's nouns; None where nothing is known of the network between its machines."""
    accelerator, model = load_accelerators()[row.accelerator], load_catalog_model(row.model)
    links = _links(accelerator, row)
    if model is None or links is None:
        return None
    data = row.data or row.devices // (row.tensor * row.pipeline * row.context)
    shard = row.shard or 0
    return Step(
        name=f"line {row.line}",
        model=model,
        accelerator=accelerator,
        links=links,
        fabric=row.fabric,
        layout=Layout(
            tensor=row.tensor,
            pipeline=row.pipeline,
            data=data,
            expert=row.expert,
            context=row.context,
            zero=row.zero,
            shard=shard if 1 < shard < data else 0,
            micro_batch=row.micro_batch or 1,
            virtual_stages=row.virtual_stages,
            recompute=row.recompute,
        ),
        precision=row.precision,
        software=row.software or DEFAULT_SOFTWARE,
        sequence_tokens=row.sequence_tokens,
        global_batch=row.global_batch_sequences,
        time_s=row.time_s,
        source=row.source,
        date=row.date,
    )


def _links(accelerator: Accelerator, row: TrainRow) -> PoolLinks | None:
    """The links of a job, or None where it leaves the scale-up domain and nobody says over what."""
    from dcplan.topology.build import NODE_LATENCY_S  # noqa: PLC0415 - networkx is slow to import

    own = row.devices // row.machines
    network = row.network_bytes_per_s
    if row.machines > 1 and network is not None:
        # NVL72 and its like join machines that have networks of their own, too.
        reach = accelerator.scale_up_domain if accelerator.kind is AcceleratorKind.GPU else own
        domain = min(row.devices, max(own, reach))
    else:
        domain = min(row.devices, accelerator.scale_up_domain)
    if domain < row.devices and network is None:
        return None
    up = accelerator.scale_up_bytes_per_s
    # Where nothing leaves the domain any rate does.
    out = up if network is None else network / own
    return PoolLinks(
        pool="measured",
        scale_up_domain=domain,
        scale_up=Link(bytes_per_s=up, latency_s=0.0, basis=Basis.MEASURED),
        scale_out=Link(bytes_per_s=out, latency_s=NODE_LATENCY_S, basis=Basis.MEASURED),
    )


def _left_out(row: TrainRow, file: str, step: Step | None) -> Diagnostic:
    """Why a row cannot be predicted."""
    if step is not None:
        told = f"the catalogue has no dense peak of {row.accelerator} for {row.precision}"
    else:
        told = (
            f"{plural(row.devices, 'device')} in {plural(row.machines, 'machine')} are more than scale-up "
            "links join, and the column network_bytes_per_s (of one machine, per direction) is empty"
        )
    detail = f"Line {row.line} of {file}: {told}, so nobody can tell what share of it was reached."
    return warning("step-left-out", "Some measurements are left out", detail)


def _narrowed(efficiency: Efficiency, steps: Sequence[Step]) -> Efficiency:
    """The figures before, with one for each precision that is fitted by itself."""
    figures = dict(efficiency.figures)
    for stem in ("sustained", "grouped_gemm"):
        for precision in sorted({step.precision for step in steps}):
            figures[f"{stem}/{precision}"] = efficiency.narrow(stem, precision)
    return replace(efficiency, figures=figures)


def _knobs(name: str, software: str, steps: Sequence[Step], efficiency: Efficiency) -> tuple[Knob, ...]:
    """The figures that these steps can tell."""
    stems = [*FIGURES, *(stem for stem, told in SPLIT.items() if any(told(step) for step in steps))]
    names: list[str] = []
    for stem in stems:
        if stem in {"sustained", "grouped_gemm"}:
            names += [f"{stem}/{precision}" for precision in sorted({step.precision for step in steps})]
        else:
            names.append(stem)
    return tuple(
        Knob(parameter=_parameter(one, efficiency[one].value), figure=one, places=((name, software),))
        for one in names
    )


def _parameter(name: str, value: float) -> Parameter:
    """How far a figure may be looked for."""
    if name.endswith(UNITS):
        return Parameter(name=name, start=value, prior_sigma=TIME_BELIEF, kind=Kind.POSITIVE)
    return Parameter(name=name, start=min(value, NEARLY_ALL), prior_sigma=SHARE_BELIEF)
