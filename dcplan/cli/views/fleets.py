"""How a mixed fleet looks: its kinds, and how much of the load each carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.diag import plural
from dcplan.units import format_percent

if TYPE_CHECKING:
    from dcplan.plan.types import Mix, PlacedKind


def mix_text(mix: Mix) -> str:
    """``9 replicas of 2 kinds (1 spare for availability)``."""
    spares = f" ({plural(mix.spares, 'spare')} for availability)" if mix.spares else ""
    count = sum(kind.replicas for kind in mix.kinds)
    return f"a mixed fleet of {plural(count, 'replica')}, {plural(len(mix.kinds), 'kind')}{spares}"


def kind_text(kind: PlacedKind) -> str:
    """``8 x TP8, fp8, on 8 x H100 (h100x8): 92.3% of the requests, weight 12 each``."""
    one = kind.candidate
    load = format_percent(round(kind.load, 3))
    on = f"{kind.replicas:,} x {one.shape}, {one.way}, on {one.hardware}"
    return f"{on}: {load} of the requests, weight {kind.weight:,}{' each' if kind.replicas > 1 else ''}"
