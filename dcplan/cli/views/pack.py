"""How a packing is shown: a few lines for people, all seats as JSON for programs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from dcplan.cli.views.width import wrapped
from dcplan.diag import agreeing, plural
from dcplan.placement.pack import Packing

WIDTH = 100

SHOWN = 8
"""Reasons that are told to people; JSON and the CSV have a line for each job."""


def as_data(packing: Packing, out: Path | None) -> dict[str, object]:
    """For JSON."""
    jobs, nodes = packing.jobs, packing.nodes
    return {
        "devices": packing.devices,
        "allocated_devices": packing.allocated,
        "bound_devices": round(packing.bound, 6),
        "unallocated_share": _rounded(packing.unallocated_share),
        "unallocated_share_bound": _rounded(packing.unallocated_share_bound),
        "jobs": len(jobs),
        "staying_jobs": len(packing.staying),
        "moved_parts": packing.moved,
        "seats": [
            {"job": jobs[s.job].name, "part": s.part, "node": nodes[s.node].name, "devices": list(s.devices)}
            for s in packing.seats
        ],
        "refused": [
            {"job": jobs[r.job].name, "cause": r.cause, "resource": r.resource, "says": r.says}
            for r in packing.refused
        ],
        "counters": dict(packing.counters),
        "out": None if out is None else str(out),
    }


def as_text(packing: Packing, out: Path | None) -> str:
    """For people: what is placed, how near that is to the best, and what is refused for which reason."""
    placed = len(packing.jobs) - len(packing.refused)
    lines = [
        f"{placed:,} of {plural(len(packing.jobs), 'job')} placed on {plural(len(packing.nodes), 'machine')}."
    ]
    if packing.staying:
        count = len(packing.staying)
        stay = "stay where they are" if count > 1 else "stays where it is"
        lines.append(f"{plural(count, 'job')} of them {agreeing(count, 'run')} already and {stay}.")
    if packing.moved:
        lines.append(f"{plural(packing.moved, 'part')} of jobs that run today would move.")
    share, bound = packing.unallocated_share, packing.unallocated_share_bound
    around = "around what runs " if packing.staying else ""
    if share is not None and bound is not None:
        lines += [
            f"Accelerators given out   {packing.allocated:,.2f} of {packing.devices:,}",
            f"Not given out            {share:.3%}; no packing {around}leaves less than {bound:.3%} (proven)",
        ]
    if packing.refused:
        lines += ["", "Refused:", *_reasons(packing)]
    if out is not None:
        lines += ["", f"Wrote the assignment to {out}."]
    return "\n".join(lines)


def _reasons(packing: Packing) -> list[str]:
    """A line for each reason, the most frequent first, with the first job that has it."""
    often = Counter(r.says for r in packing.refused)
    first: dict[str, str] = {}
    for refusal in packing.refused:
        first.setdefault(refusal.says, packing.jobs[refusal.job].name)
    lines = [_reason(count, says, first[says]) for says, count in often.most_common(SHOWN)]
    if len(often) > SHOWN:
        lines.append(
            f"          and {plural(len(often) - SHOWN, 'further reason')}; -out or -json has them all."
        )
    return lines


def _reason(count: int, says: str, job: str) -> str:
    """How many jobs a reason holds for, the reason, and the first of the jobs."""
    others = f" and {count - 1:,} more" if count > 1 else ""
    return wrapped(f"  {count:>6,}  {says} ({job}{others})", WIDTH, indent=" " * 10)


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 8)
