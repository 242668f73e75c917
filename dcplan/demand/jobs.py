"""The nouns of a job list: what shall run, or runs, on machines that already stand somewhere."""

from __future__ import annotations

from dataclasses import dataclass

WHOLE_DEVICE_MILLI = 1000
"""Thousandths of one accelerator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """``parts`` equal parts, each of which needs so much of one machine."""

    name: str
    cpu_milli: int
    """Thousandths of a core, of each part."""
    memory_mib: int
    devices: int
    """Accelerators of each part; 0: none, or a share of one."""
    share_milli: int = 0
    """Thousandths of one accelerator that a part shares with others; 0: none, or whole ones."""
    models: tuple[str, ...] = ()
    """Accelerator models it may run on; empty: any."""
    parts: int = 1
    """More than one is a gang: all of them or none."""
    priority: int = 0
    """Higher goes first."""
    on: tuple[str, ...] = ()
    """Machine of each part today; empty: it does not run yet."""
