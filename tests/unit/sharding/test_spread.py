"""Replicas that must be spread are at least as many as the places to spread them over."""

from __future__ import annotations

from dataclasses import replace

from dcplan.basis import Basis
from dcplan.catalog import load_accelerators, load_catalog_model, load_machines
from dcplan.catalog.efficiency import load_efficiencies
from dcplan.demand.types import Lengths, Limits, Metric, ServeDemand, SlaBound, Spread
from dcplan.sharding.search import search
from dcplan.sharding.types import MachineClass
from dcplan.topology.types import Link, PoolLinks

MACHINE = load_machines("aws")["p5.48xlarge"]
CHIP = load_accelerators()[MACHINE.accelerator]
LINK = Link(bytes_per_s=CHIP.scale_up_bytes_per_s, latency_s=2e-6, basis=Basis.ASSUMED)
CLASS = MachineClass(
    machine=MACHINE,
    accelerator=CHIP,
    links=PoolLinks(pool="p", scale_up_domain=8, scale_up=LINK, scale_out=LINK),
    pools=("p",),
    machines=None,
)
LENGTHS = Lengths(mean=200.0, p50=150.0, p95=400.0, p99=600.0)
QUIET = ServeDemand(
    name="chat",
    model="llama-3.1-8b",
    requests_per_s=0.01,
    mean_requests_per_s=0.01,
    prompt_tokens=LENGTHS,
    output_tokens=LENGTHS,
    arrival_cv2=1.0,
    bounds=(SlaBound(metric=Metric.TTFT, quantile=0.95, bound_s=2.0, origin=("sla",)),),
    availability=None,
    basis="declared",
    limits=Limits(),
    origin=("workloads", "chat"),
)


def replicas_of(demand: ServeDemand) -> set[int]:
    """How many replicas the candidates have."""
    model = load_catalog_model("llama-3.1-8b")
    if model is None:
        raise LookupError(demand.model)
    candidates, _ = search(demand, model, [CLASS], load_efficiencies()).unwrap()
    return {c.replicas for c in candidates}


def test_a_quiet_service_runs_once_unless_it_must_be_spread() -> None:
    """One replica carries it; three zones need three, the further two as spares."""
    spread = (Spread(over="zone", at_least=3, origin=("constraints", "spread")),)

    assert replicas_of(QUIET) == {1}
    assert replicas_of(replace(QUIET, limits=Limits(spread=spread))) == {3}
