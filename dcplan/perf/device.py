"""What formulas must know of an accelerator and of the links around it: peaks times efficiency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.basis import Basis

if TYPE_CHECKING:
    from dcplan.catalog.efficiency import Efficiency
    from dcplan.catalog.types import Accelerator
    from dcplan.topology.types import PoolLinks

WEIGHT_BYTES = {"bf16": 2.0, "fp8": 1.0, "int8": 1.0, "fp4": 0.5625, "int4": 0.53}
"""Bytes of one weight with its scales: NVFP4 has one byte per 16 weights, int4 2 bytes per 64 or 128."""

SIXTEEN_BITS = 2.0
"""Bytes of activations, caches, embeddings and the head, whatever the weights have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One accelerator at one precision: what it reaches, not what its datasheet says."""

    accelerator: str
    precision: str
    memory_bytes: float
    peak_flops: float
    """Dense peak of the precision, for utilisation."""
    gemm_flops: float
    """Reached by large matrix products at the precision."""
    wide_gemm_flops: float
    """Reached by large matrix products in 16 bits."""
    attention_flops: float
    stream_bytes_per_s: float
    weight_bytes: float
    half_columns: float
    grouped_share: float
    sustained: float
    """Share of isolated kernels' speed that a whole training step keeps."""
    layer_s: float
    step_s: float
    gemm_basis: Basis
    attention_basis: Basis
    memory_basis: Basis
    overhead_basis: Basis
    sustained_basis: Basis


def peak_flops(accelerator: Accelerator, precision: str) -> float | None:
    """Dense peak for weights of this precision, FLOP/s; None when the hardware lacks it.

    int4 weights are unpacked to 16 bits before they are multiplied (Lin et al.
    2023, AWQ, arXiv 2306.00978), so that they need the bf16 peak.
    """
    peaks = {
        "bf16": accelerator.bf16_flops,
        "fp8": accelerator.fp8_flops,
        "int8": accelerator.int8_flops,
        "fp4": accelerator.fp4_flops,
        "int4": accelerator.bf16_flops,
    }
    return peaks.get(precision)


def device_of(accelerator: Accelerator, precision: str, efficiency: Efficiency) -> Device | None:
    """The accelerator at this precision, or None when a fact that is needed is missing.

    Attention and the head stay in bf16, so that an accelerator without a bf16
    peak runs nothing here; that is never extrapolated from another peak.
    """
    peak, wide = peak_flops(accelerator, precision), accelerator.bf16_flops
    gemm = efficiency.get(f"gemm/{precision}")
    if peak is None or wide is None or gemm is None:
        return None
    wide_gemm, attention, memory = (efficiency[name] for name in ("gemm/bf16", "attention", "memory"))
    return Device(
        accelerator=accelerator.name,
        precision=precision,
        memory_bytes=accelerator.memory_bytes,
        peak_flops=peak,
        gemm_flops=peak * gemm.value,
        wide_gemm_flops=wide * wide_gemm.value,
        attention_flops=wide * attention.value,
        stream_bytes_per_s=accelerator.memory_bytes_per_s * memory.value,
        weight_bytes=WEIGHT_BYTES[precision],
        half_columns=efficiency["gemm_half_columns"].value,
        grouped_share=efficiency["grouped_gemm"].value,
        sustained=efficiency["sustained"].value,
        layer_s=efficiency["layer_s"].value,
        step_s=efficiency["step_s"].value,
        gemm_basis=gemm.basis,
        attention_basis=attention.basis,
        memory_basis=memory.basis,
        overhead_basis=efficiency["layer_s"].basis,
        sustained_basis=efficiency["sustained"].basis,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wires:
    """What collectives reach: bytes/s per device and direction, seconds per hop."""

    domain: int
    """Devices joined by scale-up links."""
    allreduce_bytes_per_s: float
    allgather_bytes_per_s: float
    alltoall_bytes_per_s: float
    out_bytes_per_s: float
    hop_s: float
    out_hop_s: float
    launch_s: float
    ramp_bytes: float
    out_ramp_bytes: float
    basis: Basis
    out_basis: Basis


def wires_of(links: PoolLinks, efficiency: Efficiency) -> Wires:
    """Links as collectives find them: bandwidth times the share that collectives reach on it.

    Hops inside a scale-up domain take the time that collectives were measured to
    take there; hops between machines take the latency of the link.
    """
    up, out = links.scale_up.bytes_per_s, links.scale_out.bytes_per_s
    shares = [efficiency[name] for name in ("allreduce", "allgather", "alltoall")]
    scale_out = efficiency["scale_out"]
    return Wires(
        domain=max(1, links.scale_up_domain),
        allreduce_bytes_per_s=up * shares[0].value,
        allgather_bytes_per_s=up * shares[1].value,
        alltoall_bytes_per_s=up * shares[2].value,
        out_bytes_per_s=out * scale_out.value,
        hop_s=efficiency["hop_s"].value,
        out_hop_s=links.scale_out.latency_s,
        launch_s=efficiency["launch_s"].value,
        ramp_bytes=efficiency["ramp_bytes"].value,
        out_ramp_bytes=efficiency["out_ramp_bytes"].value,
        basis=Basis.weakest([links.scale_up.basis, Basis.CALIBRATED, *(s.basis for s in shares)]),
        out_basis=Basis.weakest([links.scale_out.basis, Basis.CALIBRATED, scale_out.basis]),
    )
