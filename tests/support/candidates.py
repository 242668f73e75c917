"""Ways to run a workload, of which only the shape matters."""

from __future__ import annotations

from dcplan.basis import Basis, Estimate
from dcplan.perf.types import Layout, Memory
from dcplan.sharding.types import Candidate, ServeEstimate, TrainEstimate

POOL = "z/b/h100x8"
MEMORY = Memory(weights_bytes=1.0, activations_bytes=1.0)
STEP = Estimate(seconds=1.0, parts=(), basis=Basis.ASSUMED)


def a_candidate(
    workload: str, *, devices: int, machines: int, replicas: int, hours: float | None
) -> Candidate:
    """A way to run ``workload``."""
    serve = ServeEstimate(
        batch=20,
        max_batch=30,
        requests_per_s=1.0,
        max_requests_per_s=2.0,
        output_tokens_per_s=10.0,
        predicted=(),
        memory=MEMORY,
        kv_capacity_tokens=1000,
        utilisation=0.5,
    )
    train = TrainEstimate(
        step=STEP,
        steps=10,
        duration_s=(hours or 0.0) * 3600,
        deadline_s=None,
        tokens_per_s=1.0,
        model_flops_utilisation=0.4,
        memory=MEMORY,
    )
    return Candidate(
        id=f"{workload}/a",
        workload=workload,
        machine="h100x8",
        accelerator="H100",
        layout=Layout(tensor=2),
        precision="bf16",
        devices=devices,
        machines=machines,
        replicas=replicas,
        spares=0,
        estimate=serve if hours is None else train,
        pools=(POOL,),
    )
