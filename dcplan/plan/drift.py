"""Compare the state with what the providers have: a pure function of values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

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

    where: str
    """An address, a kind (``machine``), a provider's kind (``local.machine``), or ``*``."""
    name: str
    """Of the attribute or output; ``*`` for all of them."""

    @classmethod
    def parse(cls, text: str) -> Ignore:
        """The rule that is written ``WHERE.NAME``; ValueError when it is not."""
        where, dot, name = text.strip().rpartition(".")
        if not dot or not where or not name:
            msg = f"{text!r} is not ADDRESS.ATTRIBUTE or KIND.ATTRIBUTE"
            raise ValueError(msg)
        return cls(where=where, name=name)

    def covers(self, address: Address) -> bool:
        """Whether it is about this resource."""
        return self.where in {ANY, str(address), address.kind, f"{address.provider}.{address.kind}"}


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
        names = {rule.name for rule in ignored if rule.covers(address)}
        drift = _difference(prior[address], there, names)
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
    if not ignored:
        return dict(now)
    kept = before.keys() if ANY in ignored else ignored & before.keys()
    mixed = {name: value for name, value in now.items() if ANY not in ignored and name not in ignored}
    return {**mixed, **{name: before[name] for name in kept}}
