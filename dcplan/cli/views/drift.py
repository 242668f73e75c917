"""How drift looks: what is not as the state says, old to new, many alike as one line."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from dcplan.cli.views import values
from dcplan.cli.views.width import marked
from dcplan.diag import listed, plural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.plan.types import Drift
    from dcplan.resources import JsonValue
    from dcplan.workflow.drift import Drifted

FOLD = 12
"""More alike than this are told as one line."""


def drifts_text(drifts: tuple[Drift, ...]) -> str:
    """The drifts, grouped: gone, changed, not ready."""
    groups: dict[tuple[str, str, tuple[str, ...]], list[Drift]] = defaultdict(list)
    for drift in drifts:
        family = f"{drift.address.provider}.{drift.address.kind}.{drift.address.name.rstrip('0123456789')}"
        groups[_sort(drift), family, (*drift.attributes, *drift.outputs)].append(drift)
    lines = []
    for sort in ("gone", "changed", "not ready"):
        for (its, _, names), members in groups.items():
            if its == sort:
                lines += _group(sort, names, members)
    return "\n".join(lines)


def _sort(drift: Drift) -> str:
    if drift.after is None:
        return "gone"
    return "changed" if drift.attributes or drift.outputs else "not ready"


def _group(sort: str, names: tuple[str, ...], members: list[Drift]) -> list[str]:
    sign, colour = {"gone": ("-", "red"), "changed": ("~", "yellow"), "not ready": ("!", "yellow")}[sort]
    if len(members) > FOLD:
        first, last = members[0].address, members[-1].address
        told = f"{sort}: {listed(names)}" if names else sort
        text = f"{first} ... {last.name}  {plural(len(members), 'resource')}"
        return [marked(f"  {sign:>3} {text}", f"  ({told})", colour)]
    lines = []
    for drift in members:
        both = " and not ready" if sort == "changed" and not drift.ready else ""
        lines.append(marked(f"  {sign:>3} {drift.address}", f"  ({sort}{both})", colour))
        lines += _values(drift)
    return lines


def _values(drift: Drift) -> list[str]:
    """A line a value: old to new; of a mapping only what differs in it."""
    if drift.after is None:
        return []
    before = {**drift.before.outputs, **drift.before.attributes}
    now = {**drift.after.outputs, **drift.after.attributes}
    return values.lines(values.pairs((*drift.attributes, *drift.outputs), before, now))


def drifted_text(found: Drifted) -> str:
    """The whole answer of ``dcplan drift``."""
    parts = []
    if found.interrupted:
        count = plural(len(found.interrupted), "operation")
        why = f"in flight, held by {found.held_by}" if found.held_by else "of an earlier apply did not finish"
        parts.append(f"{count} {why}; the resources of these are not judged.")
    if not found.looked_at:
        parts.append("Nothing to compare: the state holds no resources that can be judged.")
    elif not found.drifts and not found.ignored:
        parts.append(f"No drift: {plural(found.looked_at, 'resource')} as the state says.")
    elif not found.drifts:
        parts += [
            _ignored(found),
            f"No drift that asks for a change, among {plural(found.looked_at, 'resource')}.",
        ]
    else:
        parts.append(f"Not as the state says\n{drifts_text(found.drifts)}")
        if found.ignored:
            parts.append(_ignored(found))
        parts.append(
            f"Drift: {len(found.drifts):,} of {plural(found.looked_at, 'resource')}. dcplan apply mends it; "
            "dcplan apply -refresh-only takes it over into the state."
        )
    return "\n\n".join(parts)


def _ignored(found: Drifted) -> str:
    """What a workload's rules leave to others."""
    count = plural(len(found.ignored), "resource")
    head = f"Ignored: of {count}, what lifecycle.ignore_changes leaves to others; no plan changes it"
    return f"{head}\n{drifts_text(found.ignored)}"


def drift_data(drift: Drift) -> dict[str, object]:
    """One drift for programs."""
    before, after = drift.before, drift.after
    return {
        "address": str(drift.address),
        "gone": after is None,
        "ready": drift.ready,
        "attributes": _pairs(drift.attributes, before.attributes, after.attributes if after else {}),
        "outputs": _pairs(drift.outputs, before.outputs, after.outputs if after else {}),
    }


def _pairs(
    names: tuple[str, ...], before: Mapping[str, JsonValue], now: Mapping[str, JsonValue]
) -> dict[str, dict[str, JsonValue]]:
    return {name: {"before": before.get(name), "after": now.get(name)} for name in names}


def drifted_data(found: Drifted) -> dict[str, object]:
    """The whole answer for programs."""
    return {
        "drift": [drift_data(drift) for drift in found.drifts],
        "ignored": [drift_data(drift) for drift in found.ignored],
        "compared": found.looked_at,
        "interrupted": list(found.interrupted),
        "held_by": found.held_by,
    }
