"""Which machines the rules of a gang leave to it, once others sit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dcplan.placement.gangs.tree import Indices, Mask, Tree
    from dcplan.placement.gangs.types import Gang


def share(gang: Gang) -> int:
    """Most nodes of a gang in one domain of the level of its spread: ceil(nodes / at_least)."""
    return gang.nodes if gang.spread is None else -(-gang.nodes // gang.spread.at_least)


def usable(
    tree: Tree, gang: Gang, free: Mask, seated: Mapping[str, Indices], gangs: Mapping[str, Gang]
) -> Mask:
    """The free machines that its ties and its spread leave to a gang."""
    left = free.copy()
    for tie in gang.ties:
        if tie.other in seated:
            there = _domains(tree, tree.level(tie.level), seated[tie.other])
            left &= ~there if tie.apart else there
    for name, nodes in seated.items():
        for tie in gangs[name].ties:
            if tie.other == gang.name and tie.apart:
                left &= ~_domains(tree, tree.level(tie.level), nodes)
    return left if gang.spread is None else _spread(tree, gang, left)


def _domains(tree: Tree, level: int, nodes: Indices) -> Mask:
    """Machines in the domains of a level in which these nodes are."""
    return np.isin(tree.at[level], np.unique(tree.at[level][nodes]))


def _spread(tree: Tree, gang: Gang, free: Mask) -> Mask:
    """At most its share of the free machines of each domain, the first ones."""
    if gang.spread is None:
        return free
    domains = tree.at[tree.level(gang.spread.level)]
    candidates = np.flatnonzero(free)
    candidates = candidates[np.argsort(domains[candidates], kind="stable")]
    held = domains[candidates]
    position = np.arange(len(held)) - np.searchsorted(held, held)
    out = np.zeros_like(free)
    out[candidates[position < share(gang)]] = True
    return out


def broken(
    tree: Tree, gang: Gang, nodes: Indices, seated: Mapping[str, Indices], gangs: Mapping[str, Gang]
) -> str | None:
    """The first rule that a gang on these nodes breaks, in words, or none."""
    if gang.required is not None and len(np.unique(tree.at[tree.level(gang.required)][nodes])) > 1:
        return f"it is not in one {gang.required}"
    if gang.spread is not None:
        held = np.bincount(tree.at[tree.level(gang.spread.level)][nodes])
        if int(held.max()) > share(gang):
            return f"it is not spread over {gang.spread.at_least} domains of the level {gang.spread.level}"
    pairs = [(gang.name, tie, tie.other) for tie in gang.ties]
    pairs += [(n, tie, n) for n in seated for tie in gangs[n].ties if tie.other == gang.name]
    where = {**seated, gang.name: nodes}
    for name, tie, other in pairs:
        if other not in where:
            continue
        at = tree.at[tree.level(tie.level)]
        own, there = set(at[where[name]].tolist()), set(at[where[tie.other]].tolist())
        if tie.apart and own & there:
            return f"it shares a {tie.level} with {other}"
        if not tie.apart and own - there:
            return f"{name} is in a {tie.level} without {tie.other}"
    return None


def deep_gangs(tree: Tree, gangs: Sequence[Gang]) -> set[str]:
    """Gangs with a rule below the widest level, and those that have to be seated with them."""
    deep: set[str] = set()
    for gang in gangs:
        below = [t for t in gang.ties if tree.level(t.level) > 0]
        levels = [gang.required, gang.spread.level if gang.spread else None]
        if below or any(level is not None and tree.level(level) > 0 for level in levels):
            deep |= {gang.name, *(t.other for t in below)}
    # Whom one of them wants to be with must sit before it.
    left = list(deep)
    named = {gang.name: gang for gang in gangs}
    while left:
        more = {tie.other for tie in named[left.pop()].ties if not tie.apart} - deep
        deep |= more
        left += more
    return deep
