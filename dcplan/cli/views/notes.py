"""How moves, forgettings, imports and notes look: what changes in the state alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from dcplan.cli.views.width import marked
from dcplan.diag import agreeing, plural
from dcplan.resources import Action, Change
from dcplan.units import format_usd_per_h

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.plan.types import Condition, Overlap

NOTE_SIGNS = {
    Action.MOVE: ("->", "cyan"),
    Action.FORGET: (".", "cyan"),
    Action.IMPORT: ("<-", "cyan"),
    Action.RECORD: ("=", "cyan"),
}
FOLD = 12
"""More notes of one sort than this are told as one line."""


def notes_lines(changes: Sequence[Change]) -> list[str]:
    """The lines of a plan's changes of the state alone, in the order in which they are told."""
    groups: dict[tuple[Action, str], list[Change]] = defaultdict(list)
    for change in changes:
        groups[change.action, f"{change.address.provider}.{change.address.kind}"].append(change)
    lines = []
    for action, (sign, colour) in NOTE_SIGNS.items():
        for (its, _), members in groups.items():
            if its is action and len(members) > FOLD:
                first, last = members[0].address, members[-1].address
                text = f"{first} ... {last.name}  {plural(len(members), 'resource')}"
                lines.append(marked(f"  {sign:>3} {text}", f"  ({members[0].reason.value})", colour))
            elif its is action:
                lines += [marked(f"  {sign:>3} {m.address}", _told(m), colour) for m in members]
    return lines


def _told(change: Change) -> str:
    if change.previous_address is not None:
        return f"  was {change.previous_address}"
    if change.action is Action.FORGET:
        return f"  stays as it is, no longer managed  ({change.reason.value})"
    if change.action is Action.IMPORT and change.after is not None:
        return f"  is {change.after.outputs.get('id')}"
    return f"  ({change.reason.value}{_flags(change)})"


def _flags(change: Change) -> str:
    """Which lifecycle rules the state learns of."""
    before, after = change.before, change.after
    if before is None or after is None:
        return ""
    said = []
    if before.protect != after.protect:
        said.append("protected" if after.protect else "not protected any more")
    if before.on_remove != after.on_remove:
        said.append(f"on_remove: {after.on_remove}")
    return f": {', '.join(said)}" if said else ""


def overlap_lines(overlaps: Sequence[Overlap]) -> list[str]:
    """What is needed besides for as long as an apply takes."""
    return [
        f"Meanwhile: {o.machines:,} more {o.machine} in {o.pool}, {format_usd_per_h(o.usd_per_h)} "
        "(create_before_destroy)."
        for o in overlaps
    ]


def condition_lines(conditions: Sequence[Condition]) -> list[str]:
    """How the document's conditions were answered; what failed is told as a diagnostic."""
    if not conditions:
        return []
    counts = Counter[str](one.verdict for one in conditions)
    words = {"holds": "hold", "fails": "fail", "unknown": "not known yet", "wrong": "without an answer"}
    told = [
        f"{counts[verdict]:,} {agreeing(counts[verdict], word)}"
        for verdict, word in words.items()
        if counts[verdict]
    ]
    lines = [f"Conditions: {', '.join(told)}."]
    open_ = [one for one in conditions if one.verdict == "unknown"]
    return lines + [f"  {one.name or one.workload}: {one.condition}  ({one.why})" for one in open_]
