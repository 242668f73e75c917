"""The figures of training frameworks that ship with dcplan, as constants of one fit to all published steps.

Few and physical: a share of kernels' speed for each accelerator and precision,
and what is the framework's own, shared by all of them.  Starts are round numbers
from before the fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files

from dcplan.calibrate.fit import Kind, Parameter
from dcplan.calibrate.steps import Knob, Step, Steps
from dcplan.calibrate.study import Question
from dcplan.catalog.efficiency import ANY, Efficiencies, Place, parse_efficiencies

NOISE = 0.07
"""Relative error that repeats of one recipe across releases show, and what formulas leave out."""

HOPPER = ("H100", "H200")
BLACKWELL = ("B200", "B300", "GB200", "GB300")
NVL = ("GB200", "GB300")
ALL = ("H100", "B200", "B300", "GB200", "GB300")


def bare_table() -> Efficiencies:
    """The table of hardware by itself, without any profile that was fitted to what is to be judged."""
    root = files("dcplan.catalog").joinpath("data")
    return parse_efficiencies(root.joinpath("efficiency.yaml").read_text(encoding="utf-8"))


def training_knobs(steps: Sequence[Step], table: Efficiencies) -> tuple[Knob, ...]:
    """All constants."""
    return (*_per_accelerator(steps, table), *_shared(), *_releases())


def training_question(steps: Sequence[Step], table: Efficiencies) -> Question:
    """The fit of all constants to all steps."""
    return Steps(steps).question(table, training_knobs(steps, table), NOISE)


def _share(figure: str, start: float, sigma: float, *places: Place) -> Knob:
    name = f"{figure} {places[0][0]} {places[0][1]}"
    return Knob(parameter=Parameter(name=name, start=start, prior_sigma=sigma), figure=figure, places=places)


def _positive(figure: str, start: float, sigma: float, *places: Place) -> Knob:
    name = f"{figure} {places[0][0]} {places[0][1]}"
    parameter = Parameter(name=name, start=start, prior_sigma=sigma, kind=Kind.POSITIVE)
    return Knob(parameter=parameter, figure=figure, places=places)


def _per_accelerator(steps: Sequence[Step], table: Efficiencies) -> Iterator[Knob]:
    """What each accelerator keeps of its kernels' speed; on TPUs, of its peak, for lack of kernel tables."""
    chips = {step.accelerator.name: step.accelerator for step in steps}
    kinds = sorted({(step.accelerator.name, step.framework, step.precision) for step in steps})
    for name, framework, precision in kinds:
        if framework == "maxtext":
            gemm = table.of(chips[name]).get(f"gemm/{precision}")
            if gemm is not None:
                yield _share(f"gemm/{precision}", gemm.value, 0.2, (name, framework))
        elif framework != "deepspeed":
            yield _share(f"sustained/{precision}", 0.85, 0.1, (name, framework))


def _shared() -> Iterator[Knob]:
    """What belongs to a framework wherever it runs."""
    for framework in ("megatron", "fsdp", "maxtext"):
        yield _positive("elementwise_factor", 1.3, 0.4, (ANY, framework))
        yield _positive("train_step_s", 20e-3, 1.0, (ANY, framework))
        yield _share("data_shows", 0.2, 0.5, (ANY, framework))
    for framework in ("megatron", "maxtext"):
        yield _share("tensor_shows", 0.5, 0.4, (ANY, framework))
    yield _share("sustained", 0.95, 0.05, (ANY, "maxtext"))
    yield _share("expert_shows", 0.4, 0.5, (ANY, "megatron"))
    yield _positive("mixer_factor", 2.0, 0.6, (ANY, "megatron"))
    for precision in ("bf16", "fp8", "mxfp8", "fp4"):
        yield _share(f"grouped_gemm/{precision}", 0.5, 0.4, (ANY, "megatron"))
    yield _share("grouped_gemm", 0.5, 0.4, (ANY, "maxtext"))
    yield _share("attention", 0.5, 0.3, *((chip, "megatron") for chip in HOPPER))
    yield _share("attention", 0.5, 0.3, *((chip, "megatron") for chip in BLACKWELL))
    for chip, start in (("H100", 0.4), ("A100-80", 0.5), ("A100-40", 0.5)):
        yield _share("attention", start, 0.3, (chip, "fsdp"))
    yield _share("attention", 0.4, 0.3, (ANY, "maxtext"))
    # ZeRO-3 gathered one small parameter after the other from all ranks.
    yield _positive("data_factor", 3.0, 1.0, (ANY, "deepspeed"))


def _releases() -> Iterator[Knob]:
    """How long experts keep a device waiting for its host, by release of Megatron-Bridge.

    With capacity limits (25.09) sizes are known beforehand.  Since 26.02 recipes
    for NVL72 run parts of a layer as CUDA graphs, since 26.06 whole steps.
    """
    started = {"25.09": 5e-3, "25.11": 8e-3}
    for release, start in started.items():
        yield _positive("expert_layer_s", start, 0.7, *((chip, f"megatron@{release}") for chip in ALL))
    for release, others, nvl in (("26.02", 6e-3, 4e-3), ("26.04", 5e-3, 3e-3)):
        plain = (chip for chip in ALL if chip not in NVL)
        yield _positive("expert_layer_s", others, 0.7, *((chip, f"megatron@{release}") for chip in plain))
        yield _positive("expert_layer_s", nvl, 0.7, *((chip, f"megatron@{release}") for chip in NVL))
    yield _positive("expert_layer_s", 3e-3, 0.7, (ANY, "megatron"))
    yield _positive("expert_layer_s", 1e-3, 0.7, *((chip, "megatron") for chip in NVL))
