"""What ``-target``, ``-exclude`` and ``-replace`` name, and the part of the changes that they leave."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, Diagnostics, Result, did_you_mean, error, has_errors, warning
from dcplan.plan.diff import Diff
from dcplan.plan.room import lacking, taking_along
from dcplan.plan.select import after, only, without, workloads_of
from dcplan.plan.types import Partial

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from dcplan.plan.room import Bound
    from dcplan.plan.types import Drift
    from dcplan.resources import Address, Resource
    from dcplan.workflow.types import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Everything that can be named: what is there and what shall be, and for which workloads."""

    prior: Mapping[Address, Resource]
    desired: Mapping[Address, Resource]
    workloads: Mapping[Address, frozenset[str]]
    """Only where something is named; finding them out takes a walk over all resources."""
    names: frozenset[str]
    """Of the workloads, those of the document without any resource among them."""

    @classmethod
    def of(
        cls,
        scope: Scope,
        prior: Mapping[Address, Resource],
        desired: Mapping[Address, Resource],
        document: Collection[str] = (),
    ) -> Named:
        """What a state and a graph hold, as far as ``scope`` needs to know it."""
        workloads = workloads_of(prior, desired) if scope.confined else {}
        return cls(
            prior=prior,
            desired=desired,
            workloads=workloads,
            names=frozenset(document).union(*workloads.values()),
        )


def replaced_by(scope: Scope, named: Named) -> Result[frozenset[Address]]:
    """The addresses of ``-replace``; only what is there can be made anew.

    Diagnostics: ``unknown-address``; the warning ``not-replaced`` for what goes or comes anyway.
    """
    there = {str(address): address for address in named.prior}
    said: list[Diagnostic] = []
    for text in scope.replaces:
        if text not in there:
            hint = did_you_mean(text, there) or "All addresses of the state: dcplan state list"
            detail = f'The state holds nothing at "{text}", so nothing can be made anew there. {hint}'
            said.append(error("unknown-address", "-replace names what is not there", detail, address=text))
        elif there[text] not in named.desired:
            detail = f"{text} is not wanted any more, so it is deleted and not made anew."
            said.append(warning("not-replaced", "-replace names what goes anyway", detail, address=text))
    found = frozenset(there[text] for text in scope.replaces if text in there)
    return Result(None if has_errors(tuple(said)) else found, tuple(said))


def select(
    diff: Diff,
    named: Named,
    scope: Scope,
    price: Callable[[Mapping[Address, Resource]], float | None],
    bounds: Collection[Bound] = (),
) -> Result[tuple[Diff, Partial | None]]:
    """The changes that ``scope`` leaves, and what is left for another time; all of them without a scope.

    ``price`` gives the dollars per hour of resources, None where that is unknown.  Deletes without which
    there are too few machines within ``bounds`` are taken along with targets, and told where they stay.
    Diagnostics: ``unknown-address`` for each name that means nothing.
    """
    if not scope.confined:
        return Result((diff, None))
    said = unknown(scope, named)
    if said:
        return Result(None, said)
    chosen = _chosen(scope, named)
    changes = only(diff.changes, chosen) if scope.targets else without(diff.changes, chosen)
    if scope.targets:
        changes, for_room = taking_along(diff.changes, changes, named.prior, bounds)
    else:
        for_room = lacking(diff.changes, changes, named.prior, bounds)
    taken = {change.address for change in changes}
    left = [change for change in diff.changes if change.address not in taken]
    partial = Partial(
        targets=scope.targets,
        excludes=scope.excludes,
        for_room=for_room,
        left=dict(Counter(change.action.value for change in left)),
        unfinished=tuple(sorted({name for c in left for name in named.workloads.get(c.address, ())})),
        usd_per_h=price(after(named.prior, changes)),
    )
    return Result((replace(diff, changes=changes), partial))


def select_drift(drifts: tuple[Drift, ...], named: Named, scope: Scope) -> Result[tuple[Drift, ...]]:
    """The drifts that ``scope`` leaves: each can go into the state without the others."""
    if not scope.confined:
        return Result(drifts)
    said = unknown(scope, named)
    if said:
        return Result(None, said)
    chosen = _chosen(scope, named)
    return Result(tuple(d for d in drifts if (d.address in chosen) == bool(scope.targets)))


def unknown(scope: Scope, named: Named) -> Diagnostics:
    """An error for each name that is neither an address nor a workload."""
    known = {*map(str, named.prior), *map(str, named.desired), *named.names}
    return tuple(
        error(
            "unknown-address",
            f"{option} names what there is not",
            f'There is neither a resource nor a workload "{text}", today or in the document. '
            f"{did_you_mean(text, known) or 'Addresses: dcplan state list, and dcplan plan for new ones.'}",
            address=text,
        )
        for option, texts in (("-target", scope.targets), ("-exclude", scope.excludes))
        for text in texts
        if text not in known
    )


def _chosen(scope: Scope, named: Named) -> frozenset[Address]:
    """The addresses that are named, by themselves or as all that is only for the workloads named."""
    texts = frozenset(scope.targets or scope.excludes)
    return frozenset(
        address
        for address, workloads in named.workloads.items()
        if str(address) in texts or (workloads and workloads <= texts)
    )
