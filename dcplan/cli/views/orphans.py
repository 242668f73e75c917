"""How orphans look."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from dcplan.diag import listed, plural
from dcplan.units import format_duration, format_usd_per_h

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.plan.orphans import Orphan
    from dcplan.resources import Change
    from dcplan.workflow.orphans import Orphans

_NO_PRICE = ("It has no price of its own.", "They have no price of their own.")
_HEADS = ("provider", "kind", "id", "name", "age", "price")


def orphans_text(found: Orphans, now_s: float, *, whole: bool) -> str:
    """The whole answer for people; ``now_s`` is Unix time, ``whole`` whether everybody could be asked."""
    parts = []
    if found.orphans:
        head = (
            f"{plural(len(found.orphans), 'object')} with this state's owner tag that neither the state nor "
            "an open operation knows"
        )
        parts.append("\n".join([click.style(head, fg="yellow"), *_table(found.orphans, now_s)]))
        parts.append(_cost(found.orphans))
        parts.append(
            "To take into the state: dcplan orphans adopt ID...\n"
            "To delete:              dcplan orphans delete ID..."
        )
    elif found.asked:
        objects = plural(found.objects, "object")
        of = "" if whole else f" of {listed(list(found.asked))}; of the others nothing is known"
        parts.append(f"No orphans{of}: {objects} with this state's owner tag, all accounted for.")
    elif whole:
        parts.append("No orphans: nothing was ever applied here, so nothing can be left over.")
    if found.open:
        parts.append(
            f"{plural(found.open, 'operation')} of an earlier apply did not finish; what came of them is no "
            "orphan. Finish them: dcplan recover"
        )
    return "\n\n".join(parts)


def _table(orphans: Sequence[Orphan], now_s: float) -> list[str]:
    rows = [_HEADS, *(_row(orphan, now_s) for orphan in orphans)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADS))]
    lines = [
        "  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return [click.style(lines[0], dim=True), *lines[1:]]


def _row(orphan: Orphan, now_s: float) -> tuple[str, ...]:
    age_s = _age_s(orphan, now_s)
    price = "with its machines" if orphan.on_machines else "unknown"
    return (
        orphan.provider,
        orphan.address.kind,
        orphan.id,
        orphan.address.name,
        "unknown" if age_s is None else format_duration(round(age_s)),
        price if orphan.usd_per_h is None else format_usd_per_h(orphan.usd_per_h),
    )


def _age_s(orphan: Orphan, now_s: float) -> float | None:
    made_at_s = orphan.found.made_at_s
    return None if made_at_s is None else max(now_s - made_at_s, 0.0)


def _cost(orphans: Sequence[Orphan]) -> str:
    priced = [o for o in orphans if not o.on_machines]
    known = [o.usd_per_h for o in priced if o.usd_per_h is not None]
    unknown = len(priced) - len(known)
    if not known:
        return "What they cost is not known." if unknown else _NO_PRICE[len(orphans) > 1]
    least = "at least " if unknown else ""
    more = f" The price of {plural(unknown, 'object')} is not known." if unknown else ""
    return f"They cost {least}{format_usd_per_h(sum(known))}.{more}"


def orphans_data(found: Orphans, now_s: float) -> dict[str, object]:
    """The whole answer for programs."""
    return {
        "orphans": [_data(orphan, now_s) for orphan in found.orphans],
        "objects": found.objects,
        "asked": list(found.asked),
        "open_operations": found.open,
    }


def _data(orphan: Orphan, now_s: float) -> dict[str, object]:
    made_at_s = orphan.found.made_at_s
    made = None if made_at_s is None else datetime.fromtimestamp(made_at_s, UTC).isoformat(timespec="seconds")
    return {
        "provider": orphan.provider,
        "kind": orphan.address.kind,
        "id": orphan.id,
        "name": orphan.address.name,
        "ready": orphan.found.ready,
        "made_at": made,
        "age_s": _age_s(orphan, now_s),
        "usd_per_h": orphan.usd_per_h,
        "on_machines": orphan.on_machines,
    }


def adoption_text(changes: Sequence[Change]) -> str:
    """What would be taken over."""
    lines = [f"  {_id(change)} becomes {change.address}" for change in changes]
    return "\n".join([f"To be taken into the state: {plural(len(changes), 'object')}", *lines])


def deletion_text(changes: Sequence[Change]) -> str:
    """What would be deleted."""
    lines = [f"  {_id(change)}  ({change.address})" for change in changes]
    return "\n".join([f"To be deleted for good: {plural(len(changes), 'object')}", *lines])


def _id(change: Change) -> str:
    resource = change.after or change.before
    return "" if resource is None else str(resource.outputs.get("id"))
