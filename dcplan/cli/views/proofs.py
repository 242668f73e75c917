"""How it is told how good a plan is: each goal with its value, bound and gap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.cli.views.width import wrapped
from dcplan.diag import plural
from dcplan.units import format_duration, format_percent, format_usd

if TYPE_CHECKING:
    from dcplan.placement.aims import Proof
    from dcplan.placement.types import SolverReport

WIDTH = 100

BEST = {
    "cost": ("the cheapest", "the least cost"),
    "carbon": ("the least carbon", "the least carbon"),
    "time": ("the shortest training", "the shortest training"),
    "latency": ("the least of the SLA used", "the least of the SLA"),
    "moves": ("the fewest moves", "the fewest moves"),
}
"""What is best in a goal, and what a gap is above."""


def report_text(report: SolverReport) -> str:
    """A sentence for each goal; the later ones hold among what is as good in the earlier ones."""
    how = f"{report.solver}, seed {report.seed}, {format_duration(report.wall_s)}"
    lines = []
    for i, proof in enumerate(report.proofs):
        best, least = BEST.get(proof.goal, (f"the least {proof.goal}", f"the least {proof.goal}"))
        among = " of those that are as good in that" if i else " of the layouts considered"
        if proof.bound is None:
            said, bound = f"Small, but not proven {best}{among}", "no bound is known"
        else:
            gap = proof.gap or 0.0
            said = f"Proven {best}{among}" if gap <= 0 else f"At most {gap:.2%} above {least}{among}"
            bound = f"bound {value_text(proof.goal, proof.bound)}, gap {gap:.2%}"
        over = " over the time paid for" if proof.goal in {"cost", "carbon"} else ""
        last = f" ({how})" if i == len(report.proofs) - 1 else ""
        lines.append(wrapped(f"{said}: {value_text(proof.goal, proof.value)}{over}, {bound}{last}.", WIDTH))
    return "\n".join(lines)


def value_text(goal: str, value: float) -> str:
    """A value of a goal with its unit."""
    if goal == "carbon":
        return f"{value:,.1f} kg CO2e"
    if goal == "time":
        return format_duration(value * 3600)
    if goal == "latency":
        return format_percent(round(value, 3))
    if goal == "moves":
        return plural(round(value), "replica")
    return format_usd(value)


def short_proof(proof: Proof) -> str:
    """``$1,200 (proven)``, or with the gap: a cell of a table."""
    gap = proof.gap
    known = "proven" if gap is not None and gap <= 0 else "no bound" if gap is None else f"gap {gap:.2%}"
    return f"{value_text(proof.goal, proof.value)} ({known})"
