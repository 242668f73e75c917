"""Times and memory part by part, and shares, for every view that shows them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from dcplan.units import format_bytes, format_duration, format_percent

if TYPE_CHECKING:
    from dcplan.basis import Estimate
    from dcplan.perf.types import Memory


def percent(fraction: float) -> str:
    """``97.3%``: a share that was reckoned, so more digits would say nothing."""
    return format_percent(round(fraction, 3))


def parts_text(title: str, estimate: Estimate) -> str:
    """The parts of a time under its title, largest first, each with its basis."""
    lines = [title]
    for part in sorted(estimate.parts, key=lambda p: -p.seconds):
        if part.seconds > 0:
            share = part.seconds / estimate.seconds if estimate.seconds else 0.0
            lines.append(
                f"  {part.name:<28}{format_duration(part.seconds):>10}{percent(share):>8}  {part.basis.value}"
            )
    return "\n".join(lines)


def memory_text(memory: Memory) -> str:
    """What the memory of the fullest device goes to."""
    lines = [f"Memory of the fullest device: {format_bytes(memory.total_bytes)}"]
    for name, value in asdict(memory).items():
        if value:
            word = name.removesuffix("_bytes").replace("_", " ")
            lines.append(f"  {word:<28}{format_bytes(value):>10}")
    return "\n".join(lines)
