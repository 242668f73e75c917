"""Compare the state with what the providers have: a pure function of values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dcplan.diag import did_you_mean, listed
from dcplan.plan.diff import differing
from dcplan.plan.types import Drift

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from dcplan.provider.types import Found
    from dcplan.resources import Address, JsonValue, Resource

ANY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """A rule: of which resources, which attribute or output is not looked at."""

    text: str
    """``WHERE.WHAT``: an address, a kind (``machine``), a provider's kind (``local.machine``) or ``*``;
    then the name of an attribute or output, a path in it (``settings.max_sequences``), or ``*`` for all."""

    @classmethod
    def parse(cls, text: str) -> Ignore:
        """The rule that is written ``WHERE.WHAT``; ValueError when it is not."""
        where, dot, name = text.strip().rpartition(".")
        if not dot or not where or not name:
            msg = f"{text!r} is not ADDRESS.ATTRIBUTE or KIND.ATTRIBUTE"
            raise ValueError(msg)
        return cls(text=text.strip())

    def within(self, address: Address) -> tuple[str, ...]:
        """What it says of this resource: paths, as of what the resource has; none when it is of others."""
        # Names may hold dots, and so may paths: each reading that fits counts.
        places = (ANY, str(address), address.kind, f"{address.provider}.{address.kind}")
        return tuple(self.text[len(p) + 1 :] for p in places if self.text.startswith(f"{p}."))


def drift_of(
    prior: Mapping[Address, Resource],
    found: Mapping[Address, Found | None],
    ignored: Collection[Ignore] = (),
) -> tuple[Drift, ...]:
    """Where the providers have something else than the state says, in order of address.

    Of an object that is not ready, outputs that are not known yet are no difference.  What a rule ignores
    counts as it is in the state; that an object is gone cannot be ignored.
    """
    drifts = []
    for address in sorted(found.keys() & prior.keys()):
        there = found[address]
        if there is None:
            drifts.append(Drift(address=address, before=prior[address], after=None))
            continue
        drift = _difference(prior[address], there, [w for rule in ignored for w in rule.within(address)])
        if drift.attributes or drift.outputs or not drift.ready:
            drifts.append(drift)
    return tuple(drifts)


def _difference(before: Resource, there: Found, ignored: Collection[str]) -> Drift:
    outputs: dict[str, JsonValue] = {**there.outputs, "id": there.object_id}
    attributes = _without(before.attributes, there.attributes, ignored)
    seen = _without(before.outputs, {**before.outputs, **outputs}, ignored)
    return Drift(
        address=before.address,
        before=before,
        after=replace(before, attributes=attributes, outputs=seen),
        attributes=differing(before.attributes, attributes),
        outputs=differing(before.outputs, seen),
        ready=there.ready,
    )


def _without(
    before: Mapping[str, JsonValue], now: Mapping[str, JsonValue], ignored: Collection[str]
) -> dict[str, JsonValue]:
    """``now``, but what is ignored as ``before``."""
    mixed = dict(now)
    for path in ignored:
        head, _, rest = path.partition(".")
        old, new = before.get(head), mixed.get(head)
        if path == ANY:
            return dict(before)
        if rest and isinstance(old, dict) and isinstance(new, dict):
            mixed[head] = _without(old, new, (rest,))
        elif not rest and head in before:
            mixed[head] = before[head]
        elif not rest:
            mixed.pop(head, None)
    return mixed


def idle(rule: Ignore, prior: Mapping[Address, Resource], kinds: Collection[tuple[str, str]]) -> str | None:
    """Why a rule can hide nothing, in a sentence; None when it may: mistyped, it would be silent.

    ``kinds`` are those of the providers, by (provider, kind).
    """
    places = {ANY, *(kind for _, kind in kinds), *(f"{provider}.{kind}" for provider, kind in kinds)}
    if not any(rule.text.startswith(f"{place}.") for place in places):
        wrong = rule.text.partition(".")[0]
        hint = did_you_mean(wrong, places) or f"There are {listed(sorted(places - {ANY}))}."
        return f'"{rule.text}" begins with neither a kind nor an address. {hint}'
    said = {address: heads for address in prior if (heads := _heads(rule, address))}
    names = {address: {ANY, *prior[address].attributes, *prior[address].outputs} for address in said}
    if not said or any(heads & names[address] for address, heads in said.items()):
        return None
    known = set().union(*names.values()) - {ANY}
    wrong = next(iter(next(iter(said.values()))))
    hint = did_you_mean(wrong, known) or f"There are {listed(sorted(known))}."
    return f'Nothing that "{rule.text}" is about has that attribute or output. {hint}'


def _heads(rule: Ignore, address: Address) -> set[str]:
    """The attributes or outputs of this resource that a rule names, if it is surely about it."""
    kind = f"{address.provider}.{address.kind}"
    # Two parts behind the kind may be the name of a resource that is not there yet, and its attribute.
    unsure = rule.text.removeprefix(f"{kind}.") if rule.text.startswith(f"{kind}.") else ""
    return {path.partition(".")[0] for path in rule.within(address) if path != unsure or "." not in path}
