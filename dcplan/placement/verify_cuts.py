"""Check, apart from how seats are found, that uplinks of racks and scale-up domains are enough for gangs."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from dcplan.placement.types import Assignment, Problem


def check_cuts(
    problem: Problem, assignment: Assignment, uplinks: Mapping[str, Mapping[str, float]]
) -> tuple[str, ...]:
    """Racks from which several gangs send more than fits through, in words; empty when all is well.

    ``assignment`` has racks, ``uplinks`` bytes/s by pool and rack.
    """
    rate = {choice.id: choice.sent_bytes_per_s for choice in problem.choices}
    stands = {machine.name: (machine.pool, machine.rack) for machine in assignment.machines}
    sends: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for replica in assignment.replicas:
        each = rate.get(replica.choice)
        places = [stands[name] for name in replica.machines]
        if each is None or any(rack is None for _, rack in places):
            continue
        for pool, rack in set(places):
            inside = places.count((pool, rack))
            outside = len(places) - inside
            if inside and outside and rack is not None:
                sends[pool, rack].append(each * min(inside, outside))
    return tuple(
        f"{len(rates)} gangs send {sum(rates):.4g} bytes/s out of {rack}, which carries {width:.4g}"
        for (pool, rack), rates in sorted(sends.items())
        if len(rates) > 1 and sum(rates) > 1e-6 + (width := uplinks.get(pool, {}).get(rack, float("inf")))
    )


def check_domains(problem: Problem, assignment: Assignment, joined: Collection[str]) -> tuple[str, ...]:
    """Gangs of which a tensor, context or expert group is torn apart, in words; empty when all is well.

    ``joined``: pools whose racks are cubes that scale-up links join.
    """
    spans = {choice.id: choice.spans for choice in problem.choices}
    reach = {pool.id: pool.domain for pool in problem.pools}
    stands = {machine.name: (machine.pool, machine.rack) for machine in assignment.machines}
    found = []
    for replica in assignment.replicas:
        places = [stands[name] for name in replica.machines]
        pool = places[0][0]
        if pool in joined:
            continue
        for span in spans.get(replica.choice, ()):
            racks: defaultdict[int, set[str]] = defaultdict(set)
            for rank, (_, rack) in enumerate(places):
                if rack is not None:
                    racks[rank // span].add(rack)
            torn = [group for group, held in racks.items() if len(held) > 1]
            if span <= reach[pool] and torn:
                found.append(f"{replica.name} has {len(torn)} groups of {span} machines in several racks")
    return tuple(found)
