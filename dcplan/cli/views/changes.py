"""How the changes of a plan look: a line each, with the values that change; many alike as one line."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from dcplan.cli.views import values
from dcplan.cli.views.notes import NOTE_SIGNS, notes_lines
from dcplan.cli.views.width import marked
from dcplan.diag import plural
from dcplan.plan.data_loss import fate_of
from dcplan.provider.storage import ON_DELETE
from dcplan.resources import Action, Change, Reason
from dcplan.resources.machines import is_group, members_of
from dcplan.units import format_usd

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.plan.types import Plan
    from dcplan.resources import JsonValue, Resource

SIGNS = {
    Action.CREATE: ("+", "green"),
    Action.UPDATE: ("~", "yellow"),
    Action.REPLACE: ("-/+", "magenta"),
    Action.DELETE: ("-", "red"),
    **NOTE_SIGNS,
}
FOLD = 12
"""More equal changes than this are told as one line."""
FORCES = "forces replacement"
PLAIN = frozenset({Reason.NEW, Reason.NOT_WANTED, Reason.CHANGED, Reason.CANNOT_UPDATE})
"""Reasons that the sign and the values below tell already."""


def changes_text(plan: Plan) -> str:
    """What is made, changed and deleted; many alike become one line."""
    if not plan.changes and not plan.state_changes and plan.mode == "destroy":
        return "Nothing to destroy: the state holds no resources."
    if not plan.changes and plan.partial is not None and plan.partial.left:
        return "Nothing to change of what this plan is confined to."
    if not plan.changes and not plan.state_changes:
        return "Nothing to change: what runs is what is wanted."
    groups: dict[tuple[Action, str, Reason, tuple[str, ...]], list[Change]] = defaultdict(list)
    for change in plan.changes:
        groups[change.action, _family(change), change.reason, change.changed].append(change)
    lines = ["Changes", *notes_lines(plan.state_changes)]
    for action in (Action.DELETE, Action.REPLACE, Action.UPDATE, Action.CREATE):
        for (its, _, _, _), members in groups.items():
            if its is action:
                lines += _folded(members) if len(members) > FOLD else _each(members)
    return "\n".join(lines)


def _family(change: Change) -> str:
    a = change.address
    return f"{a.provider}.{a.kind}.{a.name.rstrip('0123456789')}"


def _each(members: list[Change]) -> list[str]:
    """A line a change, and below it what changes of it."""
    lines = []
    for change in members:
        sign, colour = SIGNS[change.action]
        found = _values(change)
        why = "" if change.reason in PLAIN else f"  ({change.reason.value})"
        lines.append(marked(f"  {sign:>3} {change.address}", f"{_detail(change)}{why}", colour))
        lines += values.lines(found, dict.fromkeys(change.forced_by, FORCES))
    return lines


def _folded(members: list[Change]) -> list[str]:
    """One line for all, and below it what is the same in all."""
    one = members[0]
    sign, colour = SIGNS[one.action]
    text = f"  {sign:>3} {one.address} ... {members[-1].address.name}"
    same = [name for name in one.changed if all(_sides(name, m) == _sides(name, one) for m in members)]
    others = [name for name in one.changed if name not in same and name != "needs"]
    told = [] if one.reason in PLAIN else [one.reason.value]
    if others:
        forcing = any(name in one.forced_by for name in others)
        told.append(f"each its own {', '.join(others)}{f', which {FORCES}' if forcing else ''}")
    why = f"  ({'; '.join(told)})" if told else ""
    line = marked(text, f"  {plural(len(members), 'resource')}{why}", colour)
    found = {name: pairs for name, pairs in _values(one).items() if name in same}
    return [line, *values.lines(found, dict.fromkeys(one.forced_by, FORCES))]


def _values(change: Change) -> dict[str, list[values.Pair]]:
    """What changes of it, old to new, as text."""
    sides = {name: (old, new) for name, (old, new) in sides_of(change).items() if old != new}
    return values.pairs(
        sides,
        {name: old for name, (old, _) in sides.items()},
        {name: new for name, (_, new) in sides.items()},
    )


def sides_of(change: Change) -> dict[str, tuple[JsonValue, JsonValue]]:
    """What changes of something that stays, or is made anew: before, as its provider has it, and after."""
    if change.before is None or change.after is None:
        return {}
    return {name: _sides(name, change) for name in change.changed}


def _sides(name: str, change: Change) -> tuple[JsonValue, JsonValue]:
    """One attribute, before and after."""
    old = change.drifted[name] if name in change.drifted else _side(name, change.before)
    return old, _side(name, change.after)


def _side(name: str, resource: Resource | None) -> JsonValue:
    if resource is None:
        return None
    return [*map(str, sorted(resource.needs))] if name == "needs" else resource.attributes.get(name)


def _detail(change: Change) -> str:
    shown = change.after or change.before
    if shown is None or ON_DELETE in shown.attributes:
        return "" if shown is None else _stored(change, shown)
    if "machine" in shown.attributes and "zone" in shown.attributes:
        count = len(members_of(shown.attributes))
        many = f"{count:,} x " if is_group(shown.attributes) else ""
        return f"  {many}{shown.attributes['machine']} in {shown.attributes['zone']}"
    if (bought := _purchase(change, shown.attributes)) is not None:
        return bought
    machines = shown.attributes.get("machines")
    if isinstance(machines, list | tuple) and machines:
        prompts = shown.attributes.get("prefill_machines")
        beside = f", prompts on {_first(prompts)}" if isinstance(prompts, list | tuple) and prompts else ""
        return f"  on {_first(machines)}{beside}"
    return _hourly(shown.attributes, gone=change.action is Action.DELETE)


def _hourly(attributes: Mapping[str, JsonValue], *, gone: bool) -> str:
    """What is no machine and is paid by the hour all the same."""
    machines, kept = attributes.get("machines"), attributes.get("machine_type")
    if isinstance(machines, int) and isinstance(kept, str):
        # Capacity that is ordered: what it costs in sum stands under what is paid anyway.
        paid = "" if gone else ", paid by the hour, used or not"
        return f"  keeps {machines:,} x {kept} in {attributes.get('zone')}{paid}"
    if attributes.get("nat") is True:
        return "  with a NAT gateway" + (
            "" if gone else ", paid by the hour in each zone in use and by the byte"
        )
    return ""


def _purchase(change: Change, about: Mapping[str, JsonValue]) -> str | None:
    """What a purchase costs, and what deleting it gives back; None for what is none."""
    buys, gone = change.action in {Action.CREATE, Action.REPLACE}, change.action is Action.DELETE
    if isinstance(usd := about.get("most_usd"), int | float):
        price = f"  bought for at most {format_usd(usd)}, paid at once" if buys else ""
        return "  stays paid for" if gone else price
    if isinstance(usd := about.get("expected_usd"), int | float):
        # Ordered at a price that its cloud does not name, and given back only as long as the cloud lets one.
        price = f"  for {format_usd(usd)}, says the document: its cloud names no price" if buys else ""
        return "  stays paid for, if it is locked" if gone else price
    return None


def _stored(change: Change, shown: Resource) -> str:
    """How much is stored how fast, or what becomes of the data.

    Nobody tells what storage costs, so that the plan's cost is without it.
    """
    if change.action is not Action.CREATE:
        fate = fate_of(change)
        return f"  {fate}" if fate else ""
    size_gib, throughput = shown.attributes.get("size_gib"), shown.attributes.get("throughput")
    size = f"{size_gib:,} GiB at {throughput} MB/s a TiB, " if isinstance(size_gib, int) else ""
    return f"  {size}price unknown"


def _first(machines: list[JsonValue] | tuple[JsonValue, ...]) -> str:
    more = f" and {len(machines) - 1} more" if len(machines) > 1 else ""
    return f"{machines[0]}{more}"
