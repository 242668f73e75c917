"""What gangs send over the uplinks of racks, and seats that keep every uplink wide enough for all of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.placement.cpsat import Effort, Model, Status, run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UNIT_BYTES_PER_S = 1e6
"""The solver counts whole units; what is sent is rounded up, what fits through down."""

SEVERAL = 2
"""Gangs whose traffic meets.  One alone was priced behind its own cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """A gang of machines that may be in several racks."""

    name: str
    machines: int
    sent_bytes_per_s: float
    """From each of them to the others, on average."""
    group: int = 1
    """So many of them at a time, one after the other, are in one rack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealt:
    """Seats that were found, or the proof that there are none."""

    seats: Mapping[str, Mapping[str, int]] | None
    """Machines of each gang in each rack; None: none were found."""
    proven: bool
    """Where there are none: whether that was proven."""


def crossing(sender: Sender, inside: int) -> float:
    """Bytes/s that leave a rack with so many of a gang's machines.

    What is inside talks to what is outside, so the fewer of both bound it:
    ``sent * min(inside, outside)``.
    """
    return sender.sent_bytes_per_s * min(inside, sender.machines - inside)


def overloaded(
    seats: Mapping[str, Mapping[str, int]],
    senders: Mapping[str, Sender],
    uplinks: Mapping[str, float],
) -> dict[str, tuple[str, ...]]:
    """Racks out of which several gangs together send more than the uplink carries, with those gangs."""
    loads: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for name, racks in seats.items():
        for rack, inside in racks.items():
            sent = crossing(senders[name], inside)
            if sent > 0:
                loads[rack][name] = sent
    return {
        rack: tuple(sorted(sent))
        for rack, sent in loads.items()
        if len(sent) >= SEVERAL and sum(sent.values()) > uplinks.get(rack, float("inf"))
    }


def deal(
    senders: Sequence[Sender],
    room: Mapping[str, int],
    uplinks: Mapping[str, float],
    standing: Mapping[str, float],
) -> Dealt:
    r"""Seats of all these gangs that keep every uplink, in as few racks as can be.

    minimise  sum over g, r of  used[g, r]
    sum over r of  y[g, r] = machines[g]              sum over g of  y[g, r] <= room[r]
    y[g, r] <= machines[g] * used[g, r]
    y[g, r] = group[g] * units[g, r] + rest[g] * last[g, r],    sum over r of  last[g, r] <= 1
    sum over g of  sent[g] * out[g, r] <= uplink[r] - standing[r]       where several gangs send out of r
    out[g, r] >= y[g, r]  or  out[g, r] >= machines[g] - y[g, r]

    ``standing`` is what gangs that stay where they are send out of each rack.  A gang alone may send more
    than the uplink carries: it was priced behind its own cut.
    """
    model = Model()
    racks = [rack for rack in sorted(room) if room[rack] > 0]
    y: dict[tuple[str, str], int] = {}
    used: list[tuple[int, int]] = []
    sent: defaultdict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for g in senders:
        rest = []
        for rack in racks:
            var = y[g.name, rack] = model.integer(0, min(g.machines, room[rack]))
            here, out, fewer = model.boolean(), model.integer(0, g.machines), model.boolean()
            model.add([(1, var), (-g.machines, here)], high=0)
            if g.group > 1:
                units, last = model.integer(0, room[rack] // g.group), model.boolean()
                model.add([(1, var), (-g.group, units), (-(g.machines % g.group), last)], low=0, high=0)
                rest.append((1, last))
            # The fewer of both sides: fewer = 1 counts those inside, 0 those outside.
            model.add([(1, out), (-1, var), (-g.machines, fewer)], low=-g.machines)
            model.add([(1, out), (1, var), (g.machines, fewer)], low=g.machines)
            used.append((1, here))
            if g.sent_bytes_per_s > 0:
                sent[rack].append((int(-(-g.sent_bytes_per_s // UNIT_BYTES_PER_S)), out, g.machines))
        model.add([(1, y[g.name, rack]) for rack in racks], low=g.machines, high=g.machines)
        model.add(rest, high=1)
    for rack in racks:
        model.add([(1, y[g.name, rack]) for g in senders], high=room[rack])
        width = uplinks.get(rack, float("inf")) - standing.get(rack, 0.0)
        if width != float("inf"):
            _kept(model, sent[rack], int(width // UNIT_BYTES_PER_S), alone=standing.get(rack, 0.0) <= 0)
    answer = run(model, Effort(seed=0, limit=2.0), minimise=used, fixed={})
    if not answer.found:
        return Dealt(seats=None, proven=answer.status is Status.INFEASIBLE)
    found: dict[str, Counter[str]] = {g.name: Counter() for g in senders}
    for (name, rack), var in y.items():
        if answer.values[var]:
            found[name][rack] = answer.values[var]
    return Dealt(seats=found, proven=True)


def _kept(model: Model, sent: Sequence[tuple[int, int, int]], width: int, *, alone: bool) -> None:
    """What several gangs send out of one rack fits through its uplink.

    ``sent`` has for each gang what one machine sends, the variable of how many send, and how many may;
    ``alone``: nothing that stands sends out of the rack, so that one gang has it to itself.
    """
    several, sends = model.boolean(), []
    for _, out, most in sent:
        some = model.boolean()
        model.add([(1, out), (-most, some)], high=0)
        sends.append((1, some))
    model.add([*sends, (-len(sent), several)], high=int(alone))
    model.add([(each, out) for each, out, _ in sent], high=width, guard=several)


def by_rack(counts: Mapping[str, int], group: int) -> list[tuple[str, int]]:
    """Racks and machines in them in the order in which a gang fills them: whole groups first, then most."""
    return sorted(counts.items(), key=lambda one: (one[1] % group > 0, -one[1], one[0]))
