"""What tests ask a search: models, machines behind their usual links, workloads."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from dcplan.basis import Basis
from dcplan.catalog import load_accelerators, load_catalog_model, load_machines
from dcplan.catalog.efficiency import load_efficiencies
from dcplan.demand.types import Lengths, Limits, Metric, ServeDemand, SlaBound, TrainDemand
from dcplan.perf import Jobs, device_of, framework_of, layouts_of, parameters_of, wires_of
from dcplan.sharding import MachineClass
from dcplan.topology.types import Link, PoolLinks

if TYPE_CHECKING:
    from dcplan.catalog.types import Accelerator, Model
    from dcplan.diag import Diagnostic
    from dcplan.perf import Layout

ORIGIN = ("workloads", "chat")
TABLE = load_efficiencies()
CHIPS = load_accelerators()
MACHINES = {**load_machines("aws"), **load_machines("gcp")}


@cache
def known(name: str) -> Model:
    """A model of the catalogue."""
    model = load_catalog_model(name)
    if model is None:
        raise LookupError(name)
    return model


def machine_class(
    name: str,
    machines: int | None = None,
    *,
    inside_bytes_per_s: float | None = None,
    outside_bytes_per_s: float | None = None,
) -> MachineClass:
    """Machines of one type behind their usual links, or behind others; each figure is of one device."""
    machine = MACHINES[name]
    chip = CHIPS[machine.accelerator]
    inside = inside_bytes_per_s or chip.scale_up_bytes_per_s
    outside = outside_bytes_per_s or machine.network_bytes_per_s / machine.devices
    links = PoolLinks(
        pool=name,
        scale_up_domain=machine.scale_up_domain,
        scale_up=Link(bytes_per_s=inside, latency_s=2e-6, basis=Basis.ASSUMED),
        scale_out=Link(bytes_per_s=outside, latency_s=2e-5, basis=Basis.ASSUMED),
    )
    return MachineClass(
        machine=machine, accelerator=chip, links=links, pools=(f"zone/{name}",), machines=machines
    )


def eight(chip: Accelerator, *, inside: float = 1.0, outside_bytes_per_s: float = 50e9) -> PoolLinks:
    """Links of machines with eight such chips, ``inside`` times as wide as usual; outside of one chip."""
    return PoolLinks(
        pool="p",
        scale_up_domain=8,
        scale_up=Link(bytes_per_s=chip.scale_up_bytes_per_s * inside, latency_s=1e-6, basis=Basis.ASSUMED),
        scale_out=Link(bytes_per_s=outside_bytes_per_s, latency_s=1e-5, basis=Basis.ASSUMED),
    )


def training_jobs(
    name: str,
    chip: Accelerator,
    links: PoolLinks,
    *layouts: Layout,
    framework: str = "any",
    global_batch: int = 512,
) -> Jobs:
    """Jobs in bf16 that train a model on sequences of 4096 tokens."""
    efficiency = TABLE.of(chip, framework)
    device = device_of(chip, "bf16", efficiency)
    assert device is not None
    return Jobs(
        parameters=parameters_of(known(name)),
        layouts=layouts_of(*layouts),
        device=device,
        wires=wires_of(links, efficiency),
        framework=framework_of(efficiency, "bf16"),
        sequence=4096,
        global_batch=global_batch,
    )


def chat(*, ttft_s: float = 0.5, tpot_s: float = 0.05, rate: float = 20.0, **more: Any) -> ServeDemand:
    """A chat workload with bounds at 95%; ``more`` sets other fields."""
    bounds = (
        SlaBound(metric=Metric.TTFT, quantile=0.95, bound_s=ttft_s, origin=(*ORIGIN, "sla", "ttft_p95")),
        SlaBound(metric=Metric.TPOT, quantile=0.95, bound_s=tpot_s, origin=(*ORIGIN, "sla", "tpot_p95")),
    )
    demand = ServeDemand(
        name="chat",
        model="m",
        requests_per_s=rate,
        mean_requests_per_s=rate / 2,
        prompt_tokens=Lengths(mean=1000, p50=800, p95=2500, p99=4000),
        output_tokens=Lengths(mean=250, p50=200, p95=600, p99=900),
        arrival_cv2=1.0,
        bounds=bounds,
        availability=0.999,
        basis="declared",
        limits=Limits(),
        origin=ORIGIN,
    )
    return replace(demand, **more)


def pretrain(*, deadline_s: float | None = 30 * 86400.0, **more: Any) -> TrainDemand:
    """A training workload; ``more`` sets other fields."""
    demand = TrainDemand(
        name="pretrain",
        model="m",
        tokens=2e11,
        sequence_tokens=8192,
        global_batch_sequences=512,
        deadline_s=deadline_s,
        deadline_origin=("workloads", "pretrain", "deadline"),
        limits=Limits(),
        origin=("workloads", "pretrain"),
    )
    return replace(demand, **more)


def only_error(diagnostics: tuple[Diagnostic, ...]) -> Diagnostic:
    """The one diagnostic there is."""
    assert len(diagnostics) == 1
    return diagnostics[0]
