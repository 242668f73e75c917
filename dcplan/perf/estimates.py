"""From arrays of parts to the estimates of single layouts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.basis import Basis, Estimate, Part
from dcplan.perf.numbers import Parts, row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.perf.device import Device, Wires
    from dcplan.perf.engine import Engine
    from dcplan.perf.framework import Framework


def bases(device: Device, wires: Wires, software: Framework | Engine, *, outside: bool) -> dict[str, Basis]:
    """How well each part is known.  ``outside``: collectives leave the scale-up domain."""
    wire = Basis.weakest([wires.basis, wires.out_basis]) if outside else wires.basis
    gemm = Basis.weakest([device.gemm_basis, device.memory_basis])
    known = {
        "elementwise": device.memory_basis,
        "kv cache": device.memory_basis,
        "optimizer": device.memory_basis,
        "attention": device.attention_basis,
        "linear mixers": Basis.weakest([device.attention_basis, device.memory_basis]),
        "overhead": software.basis,
    }
    known.update(dict.fromkeys(("clocks and gaps", "launches", "expert launches"), software.basis))
    known.update(dict.fromkeys(("step overhead", "stragglers"), software.basis))
    known["routing"] = Basis.weakest([device.memory_basis, software.basis])
    known.update(dict.fromkeys(("projections", "mlp", "experts", "head", "router"), gemm))
    communication = (
        "tensor parallel",
        "pipeline",
        "expert all-to-all",
        "context ring",
        "data parallel",
    )
    known.update(dict.fromkeys(communication, wire))
    return known


def estimate(parts: Parts, index: int, known: Mapping[str, Basis]) -> Estimate:
    """The estimate of one layout; parts that take no time there are left out.

    A part that follows from the others (queueing, bubbles) is known as well as
    the weakest of them.
    """
    times = {name: row(seconds, index) for name, seconds in parts.items()}
    kept = {name: seconds for name, seconds in times.items() if seconds > 0}
    derived = Basis.weakest([known[name] for name in kept if name in known])
    listed = tuple(
        Part(name=name, seconds=seconds, basis=known.get(name, derived)) for name, seconds in kept.items()
    )
    return Estimate(
        seconds=sum(part.seconds for part in listed),
        parts=listed,
        basis=Basis.weakest([part.basis for part in listed]),
    )
