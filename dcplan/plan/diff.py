"""Compare what is with what should be: a pure function of values."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dcplan.resources import Action, Address, Change, Reason, Resource, ResourceGraph

if TYPE_CHECKING:
    from dcplan.provider.types import Found, Kind
    from dcplan.resources import JsonValue

Kinds = Mapping[tuple[str, str], "Kind"]
"""Kinds by (provider name, kind name)."""


def by_address(address: Address) -> tuple[str, str, str, int]:
    """Addresses as people count: chat-9 before chat-10."""
    stem, _, number = address.name.rpartition("-")
    if number.isdecimal():
        return (address.provider, address.kind, stem, int(number))
    return (address.provider, address.kind, address.name, -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """All changes in order of address, without the no-ops, which are only counted."""

    changes: tuple[Change, ...]
    unchanged: int


def diff(  # noqa: PLR0913, PLR0917 - what is, what shall be, and what is known of both
    prior: Mapping[Address, Resource],
    desired: ResourceGraph,
    kinds: Kinds,
    found: Mapping[Address, Found | None] | None = None,
    left_out: Container[str] = (),
    replaced: Collection[Address] = (),
) -> Diff:
    """The changes that turn ``prior`` into ``desired``.

    ``found`` is what the providers have for each prior resource (None: gone);
    without it the state is believed.  What differs from the *cloud* is changed,
    so drift is mended by the same words as an edit.  What is deleted of the
    workloads in ``left_out`` is so because others come first.  What is wanted
    of ``replaced`` is made anew, because somebody asked for it.
    """
    changes: dict[Address, Change] = {}
    for address in sorted(prior.keys() | desired.resources.keys(), key=by_address):
        before = prior.get(address)
        gone = before is not None and found is not None and address in found and found[address] is None
        there = found.get(address) if found is not None else None
        change = _change(address, before, desired.resources.get(address), kinds, gone=gone, there=there)
        if change is not None:
            changes[address] = change
    _replace_asked(changes, prior, desired, replaced)
    _follow_replacements(changes, prior, desired, kinds)
    _preempt(changes, prior, left_out)
    unchanged = sum(1 for a in desired.resources if a not in changes)
    return Diff(changes=tuple(changes[a] for a in sorted(changes, key=by_address)), unchanged=unchanged)


def _change(  # noqa: PLR0913 - the three values to compare, and what is known of the first
    address: Address,
    before: Resource | None,
    after: Resource | None,
    kinds: Kinds,
    *,
    gone: bool,
    there: Found | None,
) -> Change | None:
    if before is None:
        return Change(address=address, action=Action.CREATE, before=None, after=after, reason=Reason.NEW)
    if after is None:
        reason = Reason.GONE if gone else Reason.NOT_WANTED
        return Change(address=address, action=Action.DELETE, before=before, after=None, reason=reason)
    if gone:
        return Change(address=address, action=Action.CREATE, before=None, after=after, reason=Reason.GONE)
    kind = kinds.get((address.provider, address.kind))
    anew, after = after, _as_made(after, before, kind)
    recorded = differing(before.attributes, after.attributes)
    drifted = () if there is None else differing(there.attributes, after.attributes)
    changed = tuple(sorted({*recorded, *drifted}))
    if not changed and set(before.needs) == set(after.needs):
        return None
    forced_by = () if kind is None else tuple(name for name in changed if name in kind.replace_on)
    in_place = Reason.CHANGED if recorded or not drifted else Reason.DRIFTED
    return Change(
        address=address,
        action=Action.REPLACE if forced_by else Action.UPDATE,
        before=before,
        after=anew if forced_by else replace(after, outputs=before.outputs),
        changed=changed or ("needs",),
        forced_by=forced_by,
        drifted={} if there is None else _drifted(drifted, before, there),
        reason=Reason.CANNOT_UPDATE if forced_by else in_place,
    )


def _as_made(after: Resource, before: Resource, kind: Kind | None) -> Resource:
    """What is wanted of something that is there: what tells how it was made stays as it is."""
    kept = () if kind is None else kind.kept
    if all(after.attributes.get(name) == before.attributes.get(name) for name in kept):
        return after
    own = {name: before.attributes[name] for name in kept if name in before.attributes}
    others = {name: value for name, value in after.attributes.items() if name not in kept}
    return replace(after, attributes={**others, **own})


def _drifted(names: Iterable[str], before: Resource, there: Found) -> dict[str, JsonValue]:
    """What the provider has of these attributes, as far as the state says something else."""
    other = differing(before.attributes, there.attributes)
    return {name: there.attributes.get(name) for name in names if name in other}


def differing(one: Mapping[str, object], other: Mapping[str, object]) -> tuple[str, ...]:
    """Names whose values differ; a list and a tuple of the same items are the same."""
    return tuple(
        sorted(
            name
            for name in one.keys() | other.keys()
            if one.get(name) != other.get(name) and _plain(one.get(name)) != _plain(other.get(name))
        )
    )


def same_attributes(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """Whether two sets of attributes are the same, as far as JSON can tell."""
    return not differing(one, other)


def _plain(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return value


def _replace_asked(
    changes: dict[Address, Change],
    prior: Mapping[Address, Resource],
    desired: ResourceGraph,
    asked: Collection[Address],
) -> None:
    """Make anew what is there, is wanted, and would have stayed."""
    for address in asked:
        before, wanted, change = prior.get(address), desired.resources.get(address), changes.get(address)
        if before is None or wanted is None or (change is not None and change.action is not Action.UPDATE):
            continue
        changes[address] = Change(
            address=address,
            action=Action.REPLACE,
            before=before,
            after=replace(wanted, outputs={}),
            changed=() if change is None else change.changed,
            drifted={} if change is None else change.drifted,
            reason=Reason.ASKED,
        )


def _follow_replacements(
    changes: dict[Address, Change],
    prior: Mapping[Address, Resource],
    desired: ResourceGraph,
    kinds: Kinds,
) -> None:
    """What stands on something that is replaced is replaced, too: it cannot outlive its ground."""
    dependants: dict[Address, list[Address]] = {}
    for address, resource in desired.resources.items():
        for need in resource.needs:
            dependants.setdefault(need, []).append(address)
    # A create may be of ground that was lost before: the state has no row of it, but things that need it.
    lost = {a for a, c in changes.items() if c.action is Action.CREATE and c.reason is not Reason.GONE}
    todo = [a for a, c in changes.items() if c.action in {Action.REPLACE, Action.CREATE}]
    while todo:
        ground = todo.pop()
        for address in dependants.get(ground, ()):
            before, change = prior.get(address), changes.get(address)
            if before is None or _only_points(kinds, address):
                continue
            if ground in lost and ground not in before.needs:
                continue
            if change is not None and change.action is not Action.UPDATE:
                continue
            changes[address] = Change(
                address=address,
                action=Action.REPLACE,
                before=before,
                after=replace(desired.resources[address], outputs={}),
                changed=(
                    *(change.changed if change is not None and change.changed != ("needs",) else ()),
                    "needs",
                ),
                drifted={} if change is None else change.drifted,
                reason=Reason.GROUND,
            )
            todo.append(address)


def _preempt(
    changes: dict[Address, Change], prior: Mapping[Address, Resource], left_out: Container[str]
) -> None:
    """Say why replicas of workloads that are left out go, and the machines that they had to themselves."""
    workload_of = {a.name: r.attributes["workload"] for a, r in prior.items() if "workload" in r.attributes}
    for address, change in changes.items():
        if change.reason is Reason.NOT_WANTED and change.before is not None:
            attributes = change.before.attributes
            owner = workload_of.get(str(attributes.get("exclusive_to")))
            if attributes.get("workload", owner) in left_out:
                changes[address] = replace(change, reason=Reason.PREEMPTED)


def _only_points(kinds: Kinds, address: Address) -> bool:
    """Whether it names what it needs and goes on naming it when that is made anew (an endpoint)."""
    kind = kinds.get((address.provider, address.kind))
    return kind is not None and kind.points_only


def touched(changes: Iterable[Change], prior: Mapping[Address, Resource]) -> tuple[Address, ...]:
    """The addresses whose state the changes rest on: their own, and what they need."""
    seen: set[Address] = set()
    for change in changes:
        seen.add(change.address)
        if change.after is not None:
            seen.update(n for n in change.after.needs if n in prior)
    return tuple(sorted(seen, key=by_address))
