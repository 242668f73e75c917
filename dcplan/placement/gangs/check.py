"""What is wrong with a fabric, gangs or quotas, all of it at once."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, did_you_mean, error, listed, plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dcplan.diag import ConfigPath
    from dcplan.placement.gangs.types import Fabric, Gang, Quota

TWO = 2


def check(
    fabric: Fabric,
    gangs: Sequence[Gang],
    quotas: Sequence[Quota],
    taken: Iterable[str],
    *,
    shared: bool = False,
) -> tuple[Diagnostic, ...]:
    """Every error of the input; seating relies on there being none.  ``shared``: gangs may share machines."""
    found = [
        *_fabric(fabric),
        *_gangs(fabric, gangs, quotas),
        *_devices(fabric, gangs, shared=shared),
        *_quotas(fabric, gangs, quotas),
    ]
    known = {node.name for node in fabric.nodes}
    missing = sorted(set(taken) - known)
    if missing:
        found.append(
            error(
                "gangs-unknown-taken",
                "Machines in use are not in the fabric",
                f"{listed(missing)} should be kept free of gangs, but the fabric has no such machines.",
            )
        )
    return tuple(found)


def _twice(names: Iterable[str]) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)


def _maybe(word: str, choices: Iterable[str]) -> str:
    """A guess at what was meant, as a sentence after another."""
    guess = did_you_mean(word, choices)
    return f" {guess}" if guess else ""


def _fabric(fabric: Fabric) -> Iterator[Diagnostic]:
    if not fabric.levels or not fabric.nodes or _twice(fabric.levels):
        yield error(
            "gangs-empty-fabric",
            "A fabric needs levels and machines",
            "A fabric has at least one level of domains, each level named once, and at least one machine.",
        )
        return
    for kind, names in (("domain", fabric.domains), ("machine", fabric.nodes)):
        again = _twice(one.name for one in names)
        if again:
            yield error(
                "gangs-listed-twice",
                "Listed twice in the fabric",
                f"The fabric lists {listed(again)} more than once. Give every {kind} a name of its own.",
            )
    levels = {d.name: d.level for d in fabric.domains}
    above = dict(zip(fabric.levels[1:], fabric.levels, strict=False))
    for domain in fabric.domains:
        if domain.level not in fabric.levels:
            yield _no_level(fabric, domain.name, domain.level, None)
            continue
        wanted = above.get(domain.level)
        if (wanted is None) != (domain.parent is None) or levels.get(domain.parent or "") != wanted:
            inside = "in nothing" if wanted is None else f"in a {wanted}"
            yield error(
                "gangs-disconnected",
                "A domain is not where its level says",
                f"{domain.name} is a {domain.level} and must lie {inside}, but it lies in {domain.parent}. "
                "Domains of one level lie in domains of the level above.",
            )
        if not (domain.uplink_bytes_per_s > 0 and math.isfinite(domain.uplink_bytes_per_s)):
            yield error(
                "gangs-no-bandwidth",
                "A link without bandwidth",
                f"The uplink of {domain.name} has {domain.uplink_bytes_per_s} bytes/s. Give what it carries "
                "in one direction, more than 0.",
            )
    lost = [n.name for n in fabric.nodes if levels.get(n.domain) != fabric.levels[-1]]
    if lost:
        yield error(
            "gangs-lost-machine",
            "A machine is in no domain of the lowest level",
            f"{listed(lost[:5])} must lie in a {fabric.levels[-1]} of the fabric.",
        )


def _no_level(fabric: Fabric, who: str, level: str, path: ConfigPath | None) -> Diagnostic:
    return error(
        "gangs-unknown-level",
        "Unknown level of the fabric",
        f"{who} names the level {level!r}, but the fabric has {listed(fabric.levels)}."
        f"{_maybe(level, fabric.levels)}",
        path=path,
    )


def _gangs(fabric: Fabric, gangs: Sequence[Gang], quotas: Sequence[Quota]) -> Iterator[Diagnostic]:
    again = _twice(gang.name for gang in gangs)
    if again:
        yield error(
            "gangs-same-name",
            "Two gangs have one name",
            f"{listed(again)} are named more than once. Give every gang a name of its own.",
        )
    names = {gang.name for gang in gangs}
    for gang in gangs:
        yield from _shape(gang)
        yield from _rules(fabric, gang)
        yield from _gang_ties(fabric, gang, names)
        if gang.quota is not None and gang.quota not in {q.name for q in quotas}:
            yield error(
                "gangs-unknown-quota",
                "Unknown quota",
                f"{gang.name} counts against the quota {gang.quota!r}, which is not given."
                f"{_maybe(gang.quota, [q.name for q in quotas])}",
                path=gang.origin,
            )


def _shape(gang: Gang) -> Iterator[Diagnostic]:
    counts = (gang.stages, gang.data, gang.expert)
    if min(counts) < 1 or gang.data % max(gang.expert, 1):
        yield error(
            "gangs-bad-shape",
            "A gang has no such shape",
            f"{gang.name} has {gang.stages} stages of {gang.data} nodes with expert groups of {gang.expert}. "
            "Each is at least 1, and expert groups divide the nodes of a stage.",
            path=gang.origin,
        )
    volumes = (gang.ring_bytes, gang.boundary_bytes, gang.expert_bytes)
    if not all(math.isfinite(v) and v >= 0 for v in volumes):
        yield error(
            "gangs-bad-bytes",
            "A gang sends no such bytes",
            f"{gang.name} sends {volumes} bytes a step over rings, stage boundaries and expert groups. "
            "Give numbers of at least 0.",
            path=gang.origin,
        )


def _devices(fabric: Fabric, gangs: Sequence[Gang], *, shared: bool) -> Iterator[Diagnostic]:
    for gang in gangs:
        devices = gang.devices
        if devices is None or devices == fabric.devices_per_node:
            continue
        if not shared and 0 < devices < fabric.devices_per_node:
            yield error(
                "gangs-shared-nodes",
                "A gang with parts of machines",
                f"{gang.name} takes {plural(devices, 'device')} of each machine. Gangs that exchange bytes "
                "over the fabric are seated on whole machines; leave the devices out, or place it as a "
                "fleet.",
                path=gang.origin,
            )
        elif not 0 < devices < fabric.devices_per_node:
            yield error(
                "gangs-bad-devices",
                "No machine has so many devices",
                f"{gang.name} takes {plural(devices, 'device')} of each machine, and machines have "
                f"{fabric.devices_per_node}.",
                path=gang.origin,
            )


def _rules(fabric: Fabric, gang: Gang) -> Iterator[Diagnostic]:
    named = [gang.required, gang.spread.level if gang.spread else None]
    for level in named:
        if level is not None and level not in fabric.levels:
            yield _no_level(fabric, gang.name, level, gang.origin)
            return
    spread = gang.spread
    if spread is None:
        return
    domains = sum(d.level == spread.level for d in fabric.domains)
    inside = gang.required is not None and fabric.levels.index(gang.required) >= fabric.levels.index(
        spread.level
    )
    if not 1 <= spread.at_least <= min(domains, gang.nodes) or (inside and spread.at_least > 1):
        yield error(
            "gangs-bad-spread",
            "A gang cannot be spread like this",
            f"{gang.name} has {plural(gang.nodes, 'node')} and must lie in at least {spread.at_least} of "
            f"{domains} domains of the level {spread.level}"
            + (f", but all of it in one {gang.required}." if inside else "."),
            path=gang.origin,
        )


def _gang_ties(fabric: Fabric, gang: Gang, names: set[str]) -> Iterator[Diagnostic]:
    for tie in gang.ties:
        if tie.level not in fabric.levels:
            yield _no_level(fabric, gang.name, tie.level, gang.origin)
        if tie.other not in names or tie.other == gang.name:
            yield error(
                "gangs-unknown-other",
                "A gang is tied to no other gang",
                f"{gang.name} is tied to {tie.other!r}, which is no other gang."
                f"{_maybe(tie.other, sorted(names - {gang.name}))}",
                path=gang.origin,
            )
    wishes = Counter((tie.other, tie.level) for tie in set(gang.ties))
    both = sorted(other for (other, _), count in wishes.items() if count == TWO)
    if both:
        yield error(
            "gangs-contradiction",
            "A gang wants to be with and apart from another",
            f"{gang.name} must be in the same domains as {listed(both)} and in others. Drop one of the two.",
            path=gang.origin,
        )


def _quotas(fabric: Fabric, gangs: Sequence[Gang], quotas: Sequence[Quota]) -> Iterator[Diagnostic]:
    again = _twice(quota.name for quota in quotas)
    if again:
        yield error(
            "gangs-quota-twice", "A quota is given twice", f"{listed(again)} are given more than once."
        )
    for quota in quotas:
        runs = sum(
            len(gang.today) * (gang.devices or fabric.devices_per_node)
            for gang in gangs
            if gang.quota == quota.name
        )
        if quota.devices < runs or quota.devices < 0:
            yield error(
                "gangs-quota-below-today",
                "A quota is below what runs today",
                f"The quota {quota.name} allows {plural(quota.devices, 'device')}, but {runs} are in use "
                "by its gangs. Raise it, or take a gang out.",
            )
