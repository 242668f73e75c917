"""Lifecycle rules: what is protected, what is ignored, what becomes of a workload's things without it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dcplan.config.lifecycle_spec import DECIDED, DECIDED_SETTINGS
from dcplan.diag import Diagnostic, did_you_mean, error, listed, plural
from dcplan.plan.diff import differing
from dcplan.resources import Action, Address, Change, JsonValue, Reason, Resource, ResourceGraph

if TYPE_CHECKING:
    from dcplan.config.lifecycle_spec import LifecycleSpec
    from dcplan.plan.types import Drift
    from dcplan.provider.types import Found

_DESTROYS = frozenset({Action.DELETE, Action.REPLACE})
_SHOWN = 3
"""Resources named in one message."""


@dataclass(frozen=True, slots=True)
class Owners:
    """Which workloads each resource is there for: its own, or those that stand on it."""

    of: Mapping[Address, frozenset[str]]

    @classmethod
    def among(cls, resources: Mapping[Address, Resource]) -> Owners:
        """The owners of all these; a machine that nobody uses has none."""
        owners: dict[Address, set[str]] = {}
        for address, resource in resources.items():
            name = resource.attributes.get("workload")
            if isinstance(name, str):
                owners.setdefault(address, set()).add(name)
                for need in resource.needs:
                    owners.setdefault(need, set()).add(name)
        return cls({a: frozenset(names) for a, names in owners.items()})

    def __getitem__(self, address: Address) -> frozenset[str]:
        """The workloads of one resource."""
        return self.of.get(address, frozenset())


Rules = Mapping[str, "LifecycleSpec"]
"""By workload, of all that stand in the document."""


def ruled(desired: ResourceGraph, prior: Mapping[Address, Resource], rules: Rules) -> ResourceGraph:
    """What is wanted, with the flags that its workloads' rules put into the state.

    Something is protected when any of its workloads is: by the document's word, or, where that is silent,
    by the state's.  It is forgotten with its workloads only when all of them say so.
    """
    asked = any(rule.prevent_destroy or rule.on_remove == "forget" for rule in rules.values())
    if not asked and not any(resource.protect for resource in prior.values()):
        return desired
    owners = Owners.among(desired.resources)
    remembered = (
        {
            name
            for address, names in Owners.among(prior).of.items()
            if address in prior and prior[address].protect
            for name in names
            if name in rules and rules[name].prevent_destroy is None
        }
        if prior
        else set()
    )

    def flagged(resource: Resource) -> Resource:
        names = owners[resource.address]
        protect = any(rules[n].prevent_destroy or n in remembered for n in names if n in rules)
        forget = bool(names) and all(n in rules and rules[n].on_remove == "forget" for n in names)
        if not protect and not forget:
            return resource
        return replace(resource, protect=protect, on_remove="forget" if forget else "destroy")

    return ResourceGraph(resources={a: flagged(r) for a, r in desired.resources.items()})


def notes_of_rules(
    prior: Mapping[Address, Resource], desired: ResourceGraph, touched: Collection[Address]
) -> list[Change]:
    """The flags that change although nothing else does; ``touched``: what the plan changes anyway."""
    return [
        Change(
            address=address,
            action=Action.RECORD,
            before=before,
            after=replace(before, protect=after.protect, on_remove=after.on_remove),
            reason=Reason.RULES,
        )
        for address, after in desired.resources.items()
        if address not in touched
        and (before := prior.get(address)) is not None
        and (before.protect, before.on_remove) != (after.protect, after.on_remove)
    ]


def protected(changes: Iterable[Change], prior: Mapping[Address, Resource], rules: Rules) -> list[Diagnostic]:
    """Errors for whatever must not be destroyed, and would be, one a workload.

    What is gone already is not destroyed.
    """
    destroys = [c for c in changes if c.action in _DESTROYS and c.before is not None]
    owners = Owners.among(prior if destroys else {})
    harmed: dict[str, list[Change]] = {}
    for change in destroys:
        if change.before is None or change.reason is Reason.GONE:
            continue
        names = sorted(owners[change.address])
        asked = [n for n in names if n in rules and rules[n].prevent_destroy]
        lifted = bool(names) and all(n in rules and rules[n].prevent_destroy is False for n in names)
        if asked or (change.before.protect and not lifted):
            declared = [n for n in names if n in rules]
            harmed.setdefault(next(iter(asked or declared or names), ""), []).append(change)
    return [_refused(name, members, in_document=name in rules) for name, members in harmed.items()]


def _refused(name: str, changes: list[Change], *, in_document: bool) -> Diagnostic:
    whose = f' of "{name}"' if name else ""
    way_out = (
        "set lifecycle: {prevent_destroy: false} there"
        if in_document
        else "put the workload back with lifecycle: {prevent_destroy: false}, apply, and take it out again"
    )
    told = [f"{c.address} ({c.action.value}: {c.reason.value})" for c in changes[:_SHOWN]]
    more = len(changes) - _SHOWN
    detail = (
        f"prevent_destroy forbids what the plan would do to {plural(len(changes), 'resource')}{whose}: "
        f"{listed([*told, f'{more:,} more'] if more > 0 else told)}. If that is what you want, {way_out}."
    )
    return error(
        "protected",
        "A protected resource would be destroyed",
        detail,
        path=("workloads", name, "lifecycle", "prevent_destroy") if in_document else None,
        address=str(changes[0].address),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What is compared: the state, what is wanted, and what the providers have."""

    prior: Mapping[Address, Resource]
    desired: ResourceGraph
    found: Mapping[Address, Found | None] | None


def ignoring(compared: Compared, rules: Rules) -> Compared:
    """The three without the differences that rules ignore: all say there what the provider has.

    Without an answer of the provider, what the state has.  What is new is made as it is wanted.
    """
    if not any(rule.ignore_changes for rule in rules.values()):
        return compared
    owners = Owners.among(compared.desired.resources)
    prior, desired = dict(compared.prior), dict(compared.desired.resources)
    for address, wanted in compared.desired.resources.items():
        before = prior.get(address)
        names = owners[address]
        if before is None or not _all_ignore(names, rules):
            continue
        there = compared.found.get(address) if compared.found is not None else None
        live = before.attributes if there is None else there.attributes
        keys, inner = _ignored(names, rules, wanted.attributes.keys() | live.keys())
        desired[address] = replace(wanted, attributes=_with(wanted.attributes, live, keys, inner))
        prior[address] = replace(before, attributes=_with(before.attributes, live, keys, inner))
    return Compared(prior=prior, desired=ResourceGraph(resources=desired), found=compared.found)


def drift_ignored(
    drifts: Collection[Drift], prior: Mapping[Address, Resource], rules: Rules
) -> tuple[tuple[Drift, ...], tuple[Drift, ...]]:
    """Drift that asks for a change, and drift of what rules leave to others, each with its attributes alone.

    What a plan would not change, by ``ignoring``, does not ask for a change.  A resource may be in both.
    """
    if not any(rule.ignore_changes for rule in rules.values()):
        return tuple(drifts), ()
    owners = Owners.among(prior)
    asking, left = [], []
    for drift in drifts:
        names, before, after = owners[drift.address], drift.before, drift.after
        if after is None or not drift.attributes or not _all_ignore(names, rules):
            asking.append(drift)
            continue
        chosen = _ignored(names, rules, before.attributes.keys() | after.attributes.keys())
        others = replace(before, attributes=_with(before.attributes, after.attributes, *chosen))
        if ignored := differing(before.attributes, others.attributes):
            left.append(replace(drift, after=others, attributes=ignored, outputs=(), ready=True))
            own = replace(after, attributes=_with(after.attributes, before.attributes, *chosen))
            attributes = differing(before.attributes, own.attributes)
            drift = replace(drift, after=own, attributes=attributes)  # noqa: PLW2901 - what is left of it
        if drift.attributes or drift.outputs or not drift.ready:
            asking.append(drift)
    return tuple(asking), tuple(left)


def _all_ignore(names: Collection[str], rules: Rules) -> bool:
    """Whether each of the workloads that something is there for ignores changes; some there must be."""
    return bool(names) and all(name in rules and rules[name].ignore_changes for name in names)


def _ignored(names: Collection[str], rules: Rules, keys: Collection[str]) -> tuple[set[str], set[str]]:
    """Of ``keys`` those that all of these workloads ignore, and what they ignore of the settings."""
    inner = {
        key.partition(".")[2]
        for n in names
        for key in rules[n].ignore_changes
        if rules[n].ignore_changes != "all" and key.startswith("settings.")
    }
    return {key for key in set(keys) - DECIDED if all(rules[n].ignores(key) for n in names)}, inner


def _with(
    own: Mapping[str, JsonValue], live: Mapping[str, JsonValue], keys: set[str], inner: set[str]
) -> dict[str, JsonValue]:
    """Attributes, with these of ``live`` in place of their own; of the settings, only what others may set."""
    new = dict(own)
    for key in keys - {"settings"}:
        if key in live:
            new[key] = live[key]
        else:
            new.pop(key, None)
    settings, there = new.get("settings"), live.get("settings")
    if isinstance(settings, dict) and isinstance(there, dict):
        free = {k for k in settings.keys() | there.keys() if k not in DECIDED_SETTINGS}
        chosen = free if "settings" in keys else free & inner
        merged = {k: v for k, v in settings.items() if k not in chosen}
        new["settings"] = {**merged, **{k: there[k] for k in sorted(chosen) if k in there}}
    return new


def unknown_ignored(desired: ResourceGraph, rules: Rules) -> list[Diagnostic]:
    """Errors for ignored attributes that nothing of the workload has."""
    if not any(rule.ignore_changes for rule in rules.values()):
        return []
    known: dict[str, set[str]] = {}
    for resource in desired.resources.values():
        name, settings = resource.attributes.get("workload"), resource.attributes.get("settings")
        keys = known.setdefault(str(name), set())
        keys |= resource.attributes.keys() - DECIDED
        if isinstance(settings, dict):
            keys |= {f"settings.{key}" for key in settings.keys() - DECIDED_SETTINGS}
    said = []
    for name, rule in rules.items():
        for i, attribute in enumerate(rule.ignore_changes if rule.ignore_changes != "all" else ()):
            if name in known and attribute not in known[name] | known.get("None", set()):
                hint = did_you_mean(attribute, known[name]) or f"It has {listed(sorted(known[name]))}."
                said.append(
                    error(
                        "unknown-attribute",
                        "An attribute does not exist",
                        f'Nothing of "{name}" has an attribute "{attribute}". {hint}',
                        path=("workloads", name, "lifecycle", "ignore_changes", i),
                    )
                )
    return said
