"""Which pools each choice may use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.placement.domains import zone_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dcplan.placement.types import Beside, Choice, Pool, Problem


@dataclass(frozen=True, slots=True)
class Pairs:
    """Which pools each choice may use; a choice without pools is not there."""

    own: Mapping[str, tuple[Pool, ...]]
    """By the choice's id."""
    beside: Mapping[str, tuple[Pool, ...]]
    """For the other part of each replica; only of choices that have one."""

    def of(self, choice: Choice) -> list[tuple[Choice | Beside, tuple[Pool, ...]]]:
        """Each part of a choice that is there, with its pools."""
        return [
            (part, self.own[choice.id] if part is choice else self.beside[choice.id]) for part in choice.parts
        ]

    def users(self) -> Iterator[tuple[str, bool, tuple[Pool, ...]]]:
        """(choice, whether it is the part beside, its pools)."""
        for choice, pools in self.own.items():
            yield choice, False, pools
        for choice, pools in self.beside.items():
            yield choice, True, pools


def possible(problem: Problem) -> Pairs:
    """Every choice with the pools whose machines are large enough for a replica."""
    pools = {pool.id: pool for pool in problem.pools}

    found: dict[tuple[tuple[str, ...], int], tuple[Pool, ...]] = {}

    def large_enough(part: Choice | Beside) -> tuple[Pool, ...]:
        # Of thousands of choices most may use the same pools.
        key = (part.pools, 0 if part.machines > 0 else part.devices)
        if key not in found:
            found[key] = tuple(
                pools[p] for p in sorted(set(part.pools)) if p in pools and key[1] <= pools[p].devices
            )
        return found[key]

    wanted = [choice for choice in problem.choices if choice.replicas > 0]
    return joined((choice, [large_enough(part) for part in choice.parts]) for choice in wanted)


def joined(found: Iterable[tuple[Choice, list[tuple[Pool, ...]]]]) -> Pairs:
    """Choices with the pools of their parts, as far as all parts can be in one zone."""
    own: dict[str, tuple[Pool, ...]] = {}
    beside: dict[str, tuple[Pool, ...]] = {}
    for choice, parts in found:
        if len(parts) == 1:
            if parts[0]:
                own[choice.id] = parts[0]
            continue
        zones = set.intersection(*({zone_of(pool) for pool in pools} for pools in parts))
        first, *others = (tuple(pool for pool in pools if zone_of(pool) in zones) for pools in parts)
        if first:
            own[choice.id] = first
            beside.update((choice.id, pools) for pools in others)
    return Pairs(own, beside)
