"""Changes of the state alone, beside the others of a plan: what they mean for capacity, names and age."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, error
from dcplan.plan.diff import by_address, differing
from dcplan.plan.types import ReadEntry
from dcplan.resources import Action, Address, Change, Reason, Resource, digest_of
from dcplan.resources.machines import machines_in

if TYPE_CHECKING:
    from dcplan.plan.diff import Diff
    from dcplan.plan.refactor import Refactored
    from dcplan.plan.types import Plan
    from dcplan.provider.types import Found
    from dcplan.resources import ResourceGraph


def held_otherwise(refactored: Refactored) -> Counter[str]:
    """By pool, how many more of its machines are this state's to use than its provider thinks."""
    counts: Counter[str] = Counter()
    for change in refactored.changes:
        gone, come = change.action is Action.FORGET, change.address in refactored.taken_over
        resource = change.before if gone else change.after if come else None
        pool = None if resource is None else resource.attributes.get("pool")
        if isinstance(pool, str):
            counts[pool] += machines_in(resource) * (-1 if gone else 1)
    return counts


def import_needed(changes: Iterable[Change], made: Iterable[Change]) -> list[Diagnostic]:
    """Errors for imports that the plan would delete at once; ``made`` are the plan's own changes."""
    deleted = {c.address for c in made if c.action is Action.DELETE}
    return [
        error(
            "import-unwanted",
            "What is imported would be destroyed",
            f"No workload needs {c.address}, so taken over it would be deleted at once. Import it once a "
            "workload runs on it, or leave it out.",
            address=str(c.address),
            path=("import",),
        )
        for c in changes
        if c.action is Action.IMPORT and c.address in deleted
    ]


def relabelled(
    diff: Diff, refactored: Refactored, desired: ResourceGraph, found: Mapping[Address, Found | None]
) -> Diff:
    """The changes, with an update of whatever its provider still knows by an old name.

    ``found`` is what providers have, in their own words.  A change of something that has another name
    there says so: what is to have that name now has to wait for it.
    """
    renames = refactored.renames
    misnamed = {a: there.address for a, there in found.items() if there is not None and there.address != a}
    if not renames and not misnamed:
        return diff
    told = {change.address for change in diff.changes}
    new = []
    for address, there in found.items():
        if there is None or address in told or address not in desired.resources:
            continue
        before = refactored.resources[address]
        changed = differing(renames.attributes(address.provider, there.attributes), there.attributes)
        if address in misnamed or changed:
            after = replace(desired.resources[address], outputs=before.outputs)
            new.append(
                Change(
                    address=address,
                    action=Action.UPDATE,
                    before=before,
                    after=after,
                    changed=changed or ("name",),
                    reason=Reason.MOVED,
                )
            )
    return replace(
        diff,
        changes=tuple(
            replace(c, previous_address=misnamed[c.address])
            if c.address in misnamed and c.before is not None
            else c
            for c in sorted((*diff.changes, *new), key=lambda c: by_address(c.address))
        ),
        unchanged=diff.unchanged - len(new),
    )


def noted(plan: Plan, refactored: Refactored, prior: Mapping[Address, Resource]) -> Plan:
    """The plan with the changes of the state alone, read against ``prior``, the state as it is."""
    changes = refactored.changes
    if not changes:
        return plan
    addresses = {a for c in changes for a in (c.address, c.previous_address) if a is not None}
    addresses |= {Address.parse(entry.address) for entry in plan.read_set}
    read_set = tuple(
        ReadEntry(address=str(a), digest=digest_of(prior.get(a)), found=prior.get(a))
        for a in sorted(addresses)
    )
    return replace(plan, state_changes=changes, read_set=read_set)


def settled(plan: Plan, state: Mapping[Address, Resource]) -> Plan:
    """The plan without the changes of the state alone, if an earlier apply of it has made them.

    They are made in one transaction: all of them are done, or none.
    """
    if not plan.state_changes or any(
        digest_of(state.get(c.address)) != digest_of(c.after)
        or (c.previous_address is not None and c.previous_address in state)
        for c in plan.state_changes
    ):
        return plan
    known: dict[str, str | None] = {}
    for change in plan.state_changes:
        known |= {str(change.previous_address): None, str(change.address): digest_of(change.after)}
    return replace(
        plan,
        state_changes=(),
        read_set=tuple(
            replace(e, digest=known[e.address]) if e.address in known else e for e in plan.read_set
        ),
    )
