"""What formulas must know of an accelerator and of the links around it: peaks times efficiency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.basis import Basis
from dcplan.catalog.formats import SIXTEEN_BITS, formats, precisions
from dcplan.perf.numbers import Num

if TYPE_CHECKING:
    from dcplan.catalog.efficiency import Efficiency
    from dcplan.catalog.formats import Format, Precision
    from dcplan.catalog.types import Accelerator
    from dcplan.topology.types import PoolLinks


@dataclass(frozen=True, slots=True, kw_only=True)
class Gemm:
    """Matrix products with weights of one precision: what an accelerator reaches on large ones."""

    flops: Num
    weight_bytes: Num
    """Of one weight."""
    half_columns: Num
    """Columns on a device at which a product reaches half of ``flops``."""
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One accelerator and one format: what it reaches, not what its datasheet says."""

    memory_bytes: Num
    peak_flops: Num
    """Dense peak of the format's products in MLPs and experts, for utilisation."""
    mlp: Gemm
    experts: Gemm
    projections: Gemm
    wide: Gemm
    """Products in 16 bits: the head, routers."""
    grouped_share: Num
    """Of ``experts.flops``, in the products of many experts at once."""
    attention_flops: Num
    stream_bytes_per_s: Num
    kv_bytes: Num
    """Of one number in the cache."""
    attention_basis: Basis
    memory_basis: Basis

    @property
    def gemm_basis(self) -> Basis:
        """How well products with weights are known."""
        return Basis.weakest([one.basis for one in (self.mlp, self.experts, self.projections, self.wide)])


def peak_flops(accelerator: Accelerator, precision: str) -> float | None:
    """Dense peak for weights of this precision, FLOP/s; None when it lacks it or nobody knows it."""
    peaks = {
        "bf16": accelerator.bf16_flops,
        "fp8": accelerator.fp8_flops,
        "int8": accelerator.int8_flops,
        "fp4": accelerator.fp4_flops,
    }
    known = precisions().get(precision)
    return None if known is None else peaks.get(known.peak)


def device_of(accelerator: Accelerator, numbers: str | Format, efficiency: Efficiency) -> Device | None:
    """The accelerator with a model in this format, or None when a fact that is needed is missing.

    Attention and the head stay in bf16, so that an accelerator without a bf16
    peak runs nothing here; that is never extrapolated from another peak.
    """
    form = formats().get(numbers) if isinstance(numbers, str) else numbers
    if form is None or accelerator.bf16_flops is None:
        return None
    parts = {
        name: _gemm(accelerator, precision, efficiency)
        for name, precision in (
            ("mlp", form.mlp),
            ("experts", form.experts),
            ("projections", form.projections),
            ("wide", precisions()["bf16"]),
        )
    }
    if None in parts.values():
        return None
    attention, memory = efficiency["attention"], efficiency["memory"]
    return Device(
        memory_bytes=accelerator.memory_bytes,
        peak_flops=max(peak_flops(accelerator, one.name) or 0.0 for one in (form.mlp, form.experts)),
        **parts,  # type: ignore[arg-type]  # None was turned away above
        grouped_share=efficiency["grouped_gemm"].value,
        attention_flops=accelerator.bf16_flops * attention.value,
        stream_bytes_per_s=accelerator.memory_bytes_per_s * memory.value,
        kv_bytes=form.kv.bytes,
        attention_basis=attention.basis,
        memory_basis=memory.basis,
    )


def _gemm(accelerator: Accelerator, precision: Precision, efficiency: Efficiency) -> Gemm | None:
    """Products at a precision, or None when the accelerator has no such peak or no figure for it."""
    peak = peak_flops(accelerator, precision.name)
    figure = efficiency.get(f"gemm/{precision.name}") or efficiency.get(f"gemm/{precision.peak}")
    if peak is None or figure is None:
        return None
    return Gemm(
        flops=peak * figure.value,
        weight_bytes=precision.bytes,
        half_columns=efficiency["gemm_half_columns"].value,
        basis=figure.basis,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wires:
    """What collectives reach: bytes/s per device and direction, seconds per hop."""

    domain: Num
    """Devices joined by scale-up links."""
    allreduce_bytes_per_s: Num
    allgather_bytes_per_s: Num
    alltoall_bytes_per_s: Num
    out_bytes_per_s: Num
    hop_s: Num
    out_hop_s: Num
    launch_s: Num
    ramp_bytes: Num
    out_ramp_bytes: Num
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


__all__ = ["SIXTEEN_BITS", "Device", "Gemm", "Wires", "device_of", "peak_flops", "wires_of"]
