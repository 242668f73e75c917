"""Whether a saved plan still speaks of the state that is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, Diagnostics, Related, error, listed, plural, warning
from dcplan.plan.begun import is_first, was_begun
from dcplan.plan.remaining import superseded
from dcplan.plan.sold_out import never_applied
from dcplan.resources import Address, digest_of
from dcplan.state import Tries
from dcplan.units import format_duration

if TYPE_CHECKING:
    from dcplan.plan.types import Plan, ReadEntry
    from dcplan.resources import Resource
    from dcplan.state import State

MAX_AGE_S = 24 * 3600.0
"""Age at which prices and free machines are called old, unless somebody says another."""
_SHOWN = 8
"""Addresses named in one message."""
_DIFFERENCES = 3
"""Differences told of one address."""
_LONGEST = 40
"""Characters of a value in a message."""


def check_fresh(plan: Plan, state: State) -> Diagnostics:
    """Errors when the plan was made for another state, or for resources that have changed since.

    Only what the plan read counts (its ``read_set``): a change elsewhere does
    not make it stale.  A plan made before anything was applied fits only a
    state that nothing was applied to.
    """
    if plan.inputs.lineage and plan.inputs.lineage != state.lineage:
        detail = (
            "The plan was made from another state (another project, or one that was set up anew since). "
            "Nothing was changed. Plan again."
        )
        return (error("plan-foreign", "The plan belongs to another state", detail),)
    changed = [
        entry
        for entry in plan.read_set
        if digest_of(state.resources.get(Address.parse(entry.address))) != entry.digest
    ]
    if changed:
        names = _names([entry.address for entry in changed])
        return (_stale(f"{names} changed since the plan was made.", _notes(plan, state, changed)),)
    if is_first(plan) and state.serial > 0 and not never_applied(state):
        return (_stale("Something was applied since the plan was made; it was the first plan of all."),)
    return ()


def check_first(plan: Plan, left: Plan, state: State) -> Diagnostics:
    """An error when ``plan`` saw nothing applied, and another plan was begun since.

    ``left`` is what ``state`` still lacks of it.  Two first plans may well
    want some things alike; what one made is no reason to add the other's rest.
    """
    if is_first(plan) and left.changes and state.deployment.get("applied_at"):
        return (_stale("Another plan was applied since the plan was made; it was the first plan of all."),)
    if left.changes and not was_begun(plan, state):
        return (_stale("Another plan was begun since the plan was made; it was the first plan of all."),)
    return ()


def check_made_since(left: Plan, state: State, tries: Mapping[Address, Tries]) -> Diagnostics:
    """An error when another plan was applied since that took away again what ``left`` would make.

    Such an address is as the plan found it, and yet the plan is of another time: applied once more, after a
    later one, a saved plan would make again what nobody wants any more.
    """
    since = [
        entry.address
        for entry in left.read_set
        if entry.digest is None
        and tries.get(Address.parse(entry.address), Tries()).generation > entry.generation
    ]
    if not since or not superseded(left, state):
        return ()
    return (_stale(f"{_names(since)} {_were(since)} made since the plan was made, and deleted again."),)


def _were(names: Sequence[str]) -> str:
    return "was" if len(names) == 1 else "were"


def check_age(plan: Plan, now_s: float, max_age_s: float = MAX_AGE_S) -> Diagnostics:
    """A warning when prices and availability were asked for longer ago than ``max_age_s``.

    ``now_s`` is Unix time.  A plan to destroy buys nothing and does not age.
    """
    if plan.mode == "destroy":
        return ()
    try:
        age_s = now_s - datetime.fromisoformat(plan.created_at).timestamp()
    except ValueError:
        return ()
    if age_s <= max_age_s:
        return ()
    detail = (
        f"The plan was made {format_duration(age_s)} ago ({plan.created_at}). Prices may have moved since, "
        "and machines that were free may be gone. Plan again, or accept a greater age with -max-age."
    )
    return (warning("offers-old", "The plan's prices and free machines are old", detail),)


def _stale(why: str, related: tuple[Related, ...] = ()) -> Diagnostic:
    detail = f"{why} Applied now, it could undo that. Nothing was changed. Plan again."
    return error("plan-stale", "The plan is out of date", detail, related=related)


def _names(addresses: list[str]) -> str:
    more = len(addresses) - _SHOWN
    return listed([*addresses[:_SHOWN], f"{more} more"] if more > 0 else addresses)


def _notes(plan: Plan, state: State, changed: list[ReadEntry]) -> tuple[Related, ...]:
    """What became of each address: was, and is."""
    before = {str(c.address): c.before for c in plan.changes if c.before is not None}
    before |= {str(d.address): d.before for d in plan.drift}
    return tuple(
        Related(note=f"{entry.address} {_became(entry, entry.found or before.get(entry.address), state)}")
        for entry in changed[:_SHOWN]
    )


def _became(entry: ReadEntry, was: Resource | None, state: State) -> str:
    now = state.resources.get(Address.parse(entry.address))
    if now is None:
        return "was there, and is gone"
    if entry.digest is None:
        return "was not there, and is now"
    if was is None:
        return "is not as it was"
    told = list(_differences(was, now))
    more = len(told) - _DIFFERENCES
    return listed([*told[:_DIFFERENCES], plural(more, "other difference")] if more > 0 else told)


def _differences(was: Resource, now: Resource) -> Iterator[str]:
    """Each difference of two resources: name, was and is."""
    yield from _values("", was.attributes, now.attributes)
    yield from _values("output ", was.outputs, now.outputs)
    gone = [str(a) for a in was.needs if a not in now.needs]
    come = [str(a) for a in now.needs if a not in was.needs]
    told = (("no longer needs", gone), ("now needs", come))
    yield from (f"{verb} {_names(addresses)}" for verb, addresses in told if addresses)
    if was.protect != now.protect:
        yield f"protect was {_text(was.protect)} and is {_text(now.protect)}"


def _values(prefix: str, was: Mapping[str, object], now: Mapping[str, object]) -> Iterator[str]:
    """Each value that differs, also inside of mappings."""
    for name in sorted(was.keys() | now.keys()):
        one, other = was.get(name), now.get(name)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from _values(f"{prefix}{name}.", one, other)
            continue
        old, new = (_text(values[name]) if name in values else "not set" for values in (was, now))
        if old != new:
            yield f"{prefix}{name} was {_short(old, new)} and is {_short(new, old)}"


def _text(value: object) -> str:
    import json  # noqa: PLC0415 - only for a plan that is refused

    return json.dumps(value)


def _short(text: str, other: str) -> str:
    """A text that is not too long, with what tells it from the other in it."""
    if len(text) <= _LONGEST:
        return text
    same = next((i for i, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), len(other))
    start = max(0, min(same - _LONGEST // 4, len(text) - _LONGEST))
    end = start + _LONGEST
    return f"{'...' if start else ''}{text[start:end]}{'...' if end < len(text) else ''}"
