"""How a defragmentation is shown: what it frees, the moves in their order, and what is proven."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from dcplan.cli.views.layouts import table_text
from dcplan.cli.views.width import wrapped
from dcplan.diag import listed, plural
from dcplan.units import format_percent

if TYPE_CHECKING:
    from pathlib import Path

    from dcplan.placement.defrag import Defragmentation, Move

WIDTH = 100

SHOWN = 40
"""Moves that are told on a terminal; a file has all."""

NAMED = 12
"""Free machines that are told by name; JSON has all."""


def as_text(plan: Defragmentation, out: Path | None, jobs_out: Path | None = None) -> str:
    """Everything, and what to do next."""
    blocks = [click.style(_title(plan), bold=True), wrapped(_proof(plan), WIDTH, indent="  ")]
    if plan.slices:
        blocks.append(wrapped(f"Free then: {_free(plan)}", WIDTH, indent="  "))
    if plan.moves:
        blocks.append(_moves(plan.moves))
    if out is not None:
        blocks.append(f"Wrote {plural(len(plan.moves), 'move')} to {out}.")
    elif len(plan.moves) > SHOWN:
        blocks.append("All moves are written with: -o moves.csv")
    if jobs_out is not None:
        blocks.append(f"Wrote what runs where after them to {jobs_out}.")
    return "\n\n".join(blocks)


def as_data(plan: Defragmentation, out: Path | None, jobs_out: Path | None = None) -> dict[str, object]:
    """The same for programs."""
    return {
        "asked": plan.asked,
        "slices_before": plan.slices_before,
        "slices": [asdict(one) for one in plan.slices],
        "moves": [asdict(move) for move in plan.moves],
        "bound": plan.bound,
        "proven": plan.proven,
        "written": None if out is None else str(out),
        "jobs_written": None if jobs_out is None else str(jobs_out),
    }


def _title(plan: Defragmentation) -> str:
    """What comes of it, in a line."""
    size = sorted({len(one.nodes) for one in plan.slices})
    of = f" of {listed([f'{one:,}' for one in size], last='or')} machines" if size else ""
    return (
        f"{plural(len(plan.slices), 'slice')}{of} free after {plural(len(plan.moves), 'move')}; "
        f"{plan.slices_before:,} today"
    )


def _proof(plan: Defragmentation) -> str:
    """How good that is."""
    if not plan.moves:
        return "Nothing has to move."
    if plan.proven:
        return "Proven: no plan has fewer moves."
    return (
        f"No plan has fewer than {plural(plan.bound, 'move')}; this one is within {format_percent(plan.gap)}."
    )


def _free(plan: Defragmentation) -> str:
    """The domains that give slices, each with how many, or with the machines where these are few."""
    if sum(len(one.nodes) for one in plan.slices) <= NAMED:
        return listed([f"{one.domain} ({', '.join(one.nodes)})" for one in plan.slices])
    counts = Counter(one.domain for one in plan.slices)
    return listed([name if count == 1 else f"{count} in {name}" for name, count in counts.items()])


def _moves(moves: Sequence[Move]) -> str:
    """The moves in their order; of a gang the first machine, and how many more."""
    rows = [
        (
            str(step),
            move.job,
            _machines(move.source),
            _machines(move.target),
            "for a while" if move.temporary else "",
        )
        for step, move in enumerate(moves[:SHOWN], start=1)
    ]
    table = table_text(("step", "job", "from", "to", ""), rows)
    more = len(moves) - SHOWN
    return f"Moves, in this order\n{table}" + (f"\n  and {plural(more, 'further move')}" if more > 0 else "")


def _machines(names: Sequence[str]) -> str:
    """One machine, or the first and how many more."""
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
