"""An independent check of seats: plain Python, from the fabric and the gangs alone, no code of the search.

It follows each ring, pipeline and expert group node by node and adds up what
crosses each border, and looks every rule up as a person would.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dcplan.placement.gangs.types import Fabric, Gang, Quota, Seat, Seats

NEAR = 1e-6
"""Sums of floats in another order may differ by this share."""

Paths = dict[str, dict[str, str]]
"""Machine to level to domain."""


def violations(
    fabric: Fabric,
    gangs: Sequence[Gang],
    taken: Iterable[str],
    seats: Seats,
    quotas: Sequence[Quota] = (),
) -> tuple[str, ...]:
    """Every way in which ``seats`` fail the gangs, in words."""
    paths = _paths(fabric)
    unknown = [
        f"{s.gang} sits on {n}, which is no machine" for s in seats.seats for n in s.nodes if n not in paths
    ]
    if unknown:
        return tuple(unknown)
    named = {gang.name: gang for gang in gangs}
    found = [*_once(gangs, seats), *_room(fabric, named, set(taken), seats)]
    for seat in seats.seats:
        found += _shape(named[seat.gang], seat)
        if not seat.kept:
            found += _domains(named[seat.gang], seat, paths, fabric)
    found += _ties(gangs, seats, paths)
    for quota in quotas:
        used = sum(
            len(s.nodes) * (named[s.gang].devices or fabric.devices_per_node)
            for s in seats.seats
            if named[s.gang].quota == quota.name
        )
        if used > quota.devices:
            found.append(f"{used} devices count against the quota {quota.name} of {quota.devices}")
    if any(len(seat.nodes) != named[seat.gang].nodes for seat in seats.seats):
        return tuple(found)
    return (*found, *_traffic(fabric, named, seats, paths))


def _paths(fabric: Fabric) -> Paths:
    domains = {domain.name: domain for domain in fabric.domains}
    out: Paths = {}
    for node in fabric.nodes:
        path, at = {}, domains.get(node.domain)
        while at is not None:
            path[at.level] = at.name
            at = domains.get(at.parent) if at.parent is not None else None
        out[node.name] = path
    return out


def _once(gangs: Sequence[Gang], seats: Seats) -> Iterator[str]:
    """Every gang once, seated or refused."""
    told = Counter([seat.gang for seat in seats.seats] + [r.gang for r in seats.refused])
    for gang in gangs:
        if told[gang.name] != 1:
            yield f"{gang.name} is told of {told[gang.name]} times"


def _room(fabric: Fabric, named: dict[str, Gang], taken: set[str], seats: Seats) -> Iterator[str]:
    """No machine gives more devices than it has, and none that is taken gives any."""
    used: Counter[str] = Counter()
    for seat in seats.seats:
        for node in seat.nodes:
            used[node] += named[seat.gang].devices or fabric.devices_per_node
    for node, devices in used.items():
        if devices > fabric.devices_per_node or node in taken:
            yield f"{devices} devices of {node} are given away" + (", which is taken" * (node in taken))


def _shape(gang: Gang, seat: Seat) -> Iterator[str]:
    if len(seat.nodes) != gang.stages * gang.data:
        yield f"{gang.name} has {len(seat.nodes)} nodes"
    if seat.kept and seat.nodes != gang.today:
        yield f"{gang.name} is said to stay but moves"


def _domains(gang: Gang, seat: Seat, paths: Paths, fabric: Fabric) -> Iterator[str]:
    for level in fabric.levels:
        held = Counter(paths[node][level] for node in seat.nodes)
        if gang.required == level and len(held) > 1:
            yield f"{gang.name} is in {len(held)} domains of the level {level}"
        spread = gang.spread
        if spread is not None and spread.level == level:
            fair = len(seat.nodes) // spread.at_least + (len(seat.nodes) % spread.at_least > 0)
            if max(held.values()) > fair:
                yield f"{gang.name} has {max(held.values())} nodes in one {level}"


def _ties(gangs: Sequence[Gang], seats: Seats, paths: Paths) -> Iterator[str]:
    sits = {seat.gang: seat for seat in seats.seats}
    for gang in gangs:
        for tie in gang.ties:
            if gang.name in sits and tie.other not in sits and not tie.apart and not sits[gang.name].kept:
                yield f"{gang.name} sits without {tie.other}"
            if gang.name not in sits or tie.other not in sits:
                continue
            if sits[gang.name].kept and sits[tie.other].kept:
                continue
            own = {paths[node][tie.level] for node in sits[gang.name].nodes}
            there = {paths[node][tie.level] for node in sits[tie.other].nodes}
            if tie.apart and own & there:
                yield f"{gang.name} shares a {tie.level} with {tie.other}"
            if not tie.apart and own - there:
                yield f"{gang.name} is in a {tie.level} without {tie.other}"


def sent(gang: Gang, nodes: Sequence[str], domain_of: dict[str, str]) -> dict[str, float]:
    """Bytes a step that a gang on these nodes, in rank order, sends out of each domain."""
    out: defaultdict[str, float] = defaultdict(float)
    cell = {
        (stage, member): domain_of[nodes[stage * gang.data + member]]
        for stage in range(gang.stages)
        for member in range(gang.data)
    }
    for stage in range(gang.stages):
        parts = {cell[stage, member] for member in range(gang.data)}
        for part in parts if len(parts) > 1 else ():
            out[part] += gang.ring_bytes
    for stage in range(1, gang.stages):
        for member in range(gang.data):
            here, there = cell[stage - 1, member], cell[stage, member]
            if here != there:
                out[here] += gang.boundary_bytes
                out[there] += gang.boundary_bytes
    for stage in range(gang.stages) if gang.expert > 1 else ():
        for member in range(gang.data):
            first = member // gang.expert * gang.expert
            others = [cell[stage, first + i] for i in range(gang.expert) if first + i != member]
            away = sum(other != cell[stage, member] for other in others)
            out[cell[stage, member]] += gang.expert_bytes * away / (gang.expert - 1)
    return out


def _traffic(fabric: Fabric, named: dict[str, Gang], seats: Seats, paths: Paths) -> Iterator[str]:
    uplink = {domain.name: domain.uplink_bytes_per_s for domain in fabric.domains}
    for told in seats.traffic:
        total: defaultdict[str, float] = defaultdict(float)
        at = {node: path[told.level] for node, path in paths.items()}
        for seat in seats.seats:
            for domain, size in sent(named[seat.gang], seat.nodes, at).items():
                total[domain] += size
        bytes_out = sum(total.values())
        slowest = max((size / uplink[domain] for domain, size in total.items()), default=0.0)
        if abs(bytes_out - told.bytes) > NEAR * (1 + bytes_out):
            yield f"{bytes_out} bytes leave domains of the level {told.level}, not {told.bytes}"
        if abs(slowest - told.slowest_s) > NEAR * (1 + slowest):
            yield f"the slowest uplink of the level {told.level} takes {slowest} s, not {told.slowest_s} s"
    if seats.traffic and seats.bound_bytes > seats.traffic[0].bytes * (1 + NEAR):
        yield "the bound lies above the bytes"
