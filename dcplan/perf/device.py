"""What formulas must know of an accelerator and of the links around it: peaks times efficiency."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dcplan.basis import Basis
from dcplan.catalog.formats import SIXTEEN_BITS, formats, precisions
from dcplan.perf.numbers import Num, log2

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
    half_rows: Num
    """Rows (tokens) at which a product reaches half of ``flops``."""
    half_columns: Num
    """Columns on a device, and depth alike, at which a product reaches half of ``flops``."""
    stream_bytes_per_s: Num
    """Reached in streaming the weights."""
    kernel_s: Num
    """Fixed cost of one product on the device, quantising its input included."""
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One accelerator and one format: what it reaches, not what its datasheet says."""

    memory_bytes: Num
    reserved_bytes: Num
    """Memory that the driver, libraries and communication take for themselves."""
    fragmentation: Num
    """Share of the memory that allocators leave unused."""
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
    elementwise_bytes: Num
    """Read and written between products of a serving engine, per token and hidden unit of a layer."""
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
    if known is None:
        return None
    native = accelerator.chip in known.native_on
    return peaks.get(known.native if native else known.peak)


def form_on(accelerator: Accelerator, form: Format) -> Format:
    """The format as this accelerator's kernels multiply it: natively where engines can.

    MXFP4 weights are unpacked to 16 bits on most hardware, and go through kernels of the
    family of NVFP4's on some (``Precision.native_on``).  Bytes stay those of the format.
    """

    def on(one: Precision) -> Precision:
        if accelerator.chip not in one.native_on:
            return one
        return replace(precisions()[one.native], bytes=one.bytes, block=one.block)

    return replace(form, mlp=on(form.mlp), experts=on(form.experts), projections=on(form.projections))


def device_of(accelerator: Accelerator, numbers: str | Format, efficiency: Efficiency) -> Device | None:
    """The accelerator with a model in this format, or None when a fact that is needed is missing.

    Each rate is ``peak x figure``: a peak of the catalogue, which names its datasheet, times the efficiency
    figure of its name, which names its measurements.  Attention and the head stay in bf16, so that an
    accelerator without a bf16 peak runs nothing here; that is never extrapolated from another peak.
    """
    form = formats().get(numbers) if isinstance(numbers, str) else numbers
    if form is None or accelerator.bf16_flops is None:
        return None
    form = form_on(accelerator, form)
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
        reserved_bytes=efficiency["reserved_bytes"].value,
        fragmentation=efficiency["fragmentation"].value,
        peak_flops=max(peak_flops(accelerator, one.name) or 0.0 for one in (form.mlp, form.experts)),
        **parts,  # type: ignore[arg-type]  # None was turned away above
        grouped_share=efficiency.narrow("grouped_gemm", form.experts.name).value,
        attention_flops=accelerator.bf16_flops * attention.value,
        stream_bytes_per_s=accelerator.memory_bytes_per_s * memory.value,
        elementwise_bytes=efficiency["elementwise_bytes"].value,
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
        half_rows=_narrow("gemm_half_rows", precision, efficiency),
        half_columns=_narrow("gemm_half_columns", precision, efficiency),
        stream_bytes_per_s=accelerator.memory_bytes_per_s * _narrow("memory", precision, efficiency),
        kernel_s=_narrow("kernel_s", precision, efficiency),
        basis=figure.basis,
    )


def _narrow(figure: str, precision: Precision, efficiency: Efficiency) -> float:
    """The figure for this precision, else for the one whose peak it reaches, else for all."""
    own = efficiency.get(f"{figure}/{precision.name}") or efficiency.get(f"{figure}/{precision.peak}")
    return (own or efficiency[figure]).value


@dataclass(frozen=True, slots=True, kw_only=True)
class Wires:
    """What collectives reach: bytes/s per device and direction, seconds per hop."""

    domain: Num
    """Devices joined by scale-up links."""
    link_bytes_per_s: Num
    """Peak of the scale-up links."""
    allreduce_bytes_per_s: Num
    """In a ring; ``allgather`` and ``alltoall`` alike."""
    allgather_bytes_per_s: Num
    alltoall_bytes_per_s: Num
    dispatch_bytes_per_s: Num
    """Of kernels that bring tokens to experts."""
    switch_bytes_per_s: Num
    """Of links whose switch sums; 0 where none does."""
    own_share: Num
    """Cost of copying a rank's own part of a buffer, over that of sending it."""
    crowding: Num
    """How the rate falls with the ranks of a group, as their power; 0 behind a switch that holds all."""
    torus_axes: Num
    """1 behind a switch."""
    wrap_ranks: Num
    """Devices along an axis of a torus from which on it closes to a ring."""
    out_bytes_per_s: Num
    hop_s: Num
    out_hop_s: Num
    launch_s: Num
    slow_start: Num
    """Extra time of what is sent before the pipeline is full, over that at full speed."""
    ramp_s: Num
    """How long chunks take to fill the pipeline of a ring."""
    out_ramp_bytes: Num
    """The same between machines, in bytes for each device that sends."""
    basis: Basis
    out_basis: Basis


def wires_of(links: PoolLinks, efficiency: Efficiency, fabric: str = "") -> Wires:
    """Links as collectives find them: ``bandwidth x figure``, the share of it that collectives reach.

    Hops inside a scale-up domain take the time that collectives were measured to
    take there; hops between machines take the latency of the link and what the
    network's software adds.  ``fabric`` is what carries traffic between machines
    (EFA, RoCE...), where that is known.
    """
    up, out = links.scale_up.bytes_per_s, links.scale_out.bytes_per_s
    shares = {name: efficiency[name] for name in ("allreduce", "allgather", "alltoall")}
    switch = efficiency.get("switch_reduce")
    scale_out, out_ramp = (efficiency.narrow(name, fabric) for name in ("scale_out", "out_ramp_bytes"))
    software = efficiency.get(f"out_hop_s/{fabric}")
    return Wires(
        domain=max(1, links.scale_up_domain),
        link_bytes_per_s=up,
        allreduce_bytes_per_s=up * shares["allreduce"].value,
        allgather_bytes_per_s=up * shares["allgather"].value,
        alltoall_bytes_per_s=up * shares["alltoall"].value,
        dispatch_bytes_per_s=up * efficiency["dispatch"].value,
        switch_bytes_per_s=0.0 if switch is None else up * switch.value,
        own_share=efficiency["own_share"].value,
        crowding=log2(efficiency["crowding_factor"].value),
        torus_axes=efficiency["torus_axes"].value,
        wrap_ranks=efficiency["wrap_ranks"].value,
        out_bytes_per_s=out * scale_out.value,
        hop_s=efficiency["hop_s"].value,
        out_hop_s=links.scale_out.latency_s + (0.0 if software is None else software.value),
        launch_s=efficiency["launch_s"].value,
        slow_start=efficiency["slow_start_factor"].value,
        ramp_s=efficiency["ramp_s"].value,
        out_ramp_bytes=out_ramp.value,
        basis=Basis.weakest([links.scale_up.basis, Basis.CALIBRATED, *(s.basis for s in shares.values())]),
        out_basis=Basis.weakest([links.scale_out.basis, Basis.CALIBRATED, scale_out.basis]),
    )


__all__ = ["SIXTEEN_BITS", "Device", "Gemm", "Wires", "device_of", "peak_flops", "wires_of"]
