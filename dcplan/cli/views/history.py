"""How the journal of runs looks."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from dcplan.units import format_usd_per_h
from dcplan.workflow.history import BY_HAND, Ended

if TYPE_CHECKING:
    from dcplan.workflow.history import Run

COLOURS = {Ended.DONE: "green", Ended.RUNNING: "cyan", Ended.REFUSED: "yellow", Ended.UNKNOWN: "yellow"}
"""Of how a run ended; red is what needs somebody."""


def as_text(runs: tuple[Run, ...]) -> str:
    """A block a run for people."""
    if not runs:
        return "Nothing has been applied yet, so there is no history."
    return "\n".join(_lines(run) for run in runs)


def _lines(run: Run) -> str:
    ended = Ended(run.ended) if run.ended is not None else Ended.UNKNOWN
    word = click.style(f"{ended.value:<11}", fg=COLOURS.get(ended, "red"))
    partial = " (partial)" if run.partial else ""
    lines = [f"{run.began_at}  {word}  {run.operation}{partial} by {run.who}", f"    {_what(run)}"]
    after = run.after_usd_per_h if ended in {Ended.DONE, Ended.RUNNING} else None
    cost = f"{_price(run.before_usd_per_h)} -> {_price(after)}"
    if run.run_url is not None:
        lines.append(f"    {run.run_url}")
    if run.operation in {"apply", "destroy"} and ended is not Ended.REFUSED and not _made_before(run):
        lines.append(f"    cost {cost}")
    return "\n".join(lines)


def _what(run: Run) -> str:
    """Counts: what was planned and what came of it."""
    planned = ", ".join(f"{count:,} to {action}" for action, count in run.planned.items()) or "no changes"
    came = ", ".join(f"{count:,} {status}" for status, count in run.came.items())
    recovered = f"{run.recovered:,} of an earlier run resolved" if run.recovered else ""
    if run.operation == "recover":
        return recovered or "nothing to resolve"
    if BY_HAND in run.came:
        planned = ""
    if _made_before(run):
        came = "made by an earlier run"
    return "; ".join(part for part in (planned, came, recovered) if part)


def _made_before(run: Run) -> bool:
    """Whether a saved plan was applied once more, so that its prices are of another day."""
    return bool(run.planned) and not run.came and run.ended == Ended.DONE


def _price(usd_per_h: float | None) -> str:
    return "unknown" if usd_per_h is None else format_usd_per_h(usd_per_h)


def as_data(run: Run) -> dict[str, object]:
    """One run for programs."""
    return asdict(run)
