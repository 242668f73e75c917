"""Where new machines are had when their pool is sold out: decides, and keeps gangs whole.

A unit (one machine, or those of a gang) is in one pool.  Refused there, all of it goes on to the next
alternative of the plan: what was already made of it is deleted first, and only once all is gone is
the next pool asked.  Nothing here calls or writes; ``execute`` asks what may start and tells what ended.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from dcplan.apply.ledger import Wish
from dcplan.apply.order import Step
from dcplan.apply.types import CapacityAttempt, Status
from dcplan.plan.fallbacks import AT_HOME, Fallback, rewritten
from dcplan.resources import Action

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dcplan.resources import Address, Change, Resource

Ends = list[tuple[Step, Status, "Address | None"]]
"""Steps that have ended so, and whose failure is the reason."""


@dataclass(slots=True, kw_only=True)
class _Unit:
    """Machines that are had together, and where they are."""

    number: int
    """Of its fallback."""
    fallback: Fallback
    members: frozenset[Address]
    wanted: Mapping[Address, Resource]
    """As the plan wants them."""
    mine: frozenset[Address]
    """Those that are still to be made."""
    target: int = AT_HOME
    tried: int = 1
    flying: set[Address] = field(default_factory=set)
    asked: dict[Address, Resource] = field(default_factory=dict)
    """As each was asked for last: it may be made after the unit has turned elsewhere."""
    held: dict[Address, Resource] = field(default_factory=dict)
    """Made, and in the state."""
    going: set[Address] = field(default_factory=set)
    """Being deleted again."""
    waiting: list[Address] = field(default_factory=list)
    """May be made as far as the plan is concerned, and will be once the unit has gone on."""
    refused: Address | None = None
    """Whose refusal made it go on."""
    leaving: bool = False
    lost: bool = False
    """There is no pool left: what was made of it is let go, and nothing more is made."""
    broken: bool = False
    """Something else went wrong: its machines are on their own from now on."""


class Detours:
    """The units of a plan on their way."""

    def __init__(
        self,
        fallbacks: Sequence[Fallback],
        planned: Iterable[Change],
        changes: Iterable[Change],
        rows: Mapping[Address, Resource],
    ) -> None:
        """``changes`` are those of all that were ``planned`` which are still to be made.

        ``rows`` are what is there: of a unit that an earlier run has begun, a part.
        """
        wanted = {c.address: c.after for c in planned if c.after is not None and c.action in _MAKES}
        makes = {c.address: c.action for c in changes if c.after is not None and c.action in _MAKES}
        left = set(makes)
        self._fallbacks = tuple(fallbacks)
        self._unit: dict[Address, _Unit] = {}
        self._due: deque[Wish] = deque()
        self._sold_out: set[tuple[str, str]] = set()
        self._taken: Counter[tuple[int, int]] = Counter()
        """Machines by fallback and alternative."""
        for number, fallback in enumerate(fallbacks):
            for unit in fallback.units:
                members = {a: wanted[a] for a in unit.machines if a in wanted}
                # What is replaced goes once what runs has ground elsewhere: half a gang must count as there.
                mixed = len({makes[a] for a in left & members.keys()}) > 1
                if left & members.keys() and len(members) == len(unit.machines) and not mixed:
                    self._board(number, fallback, members, left, rows)

    def _board(
        self,
        number: int,
        fallback: Fallback,
        wanted: Mapping[Address, Resource],
        left: set[Address],
        rows: Mapping[Address, Resource],
    ) -> None:
        mine = frozenset(left & wanted.keys())
        held = {a: rows[a] for a in wanted if a not in mine and a in rows}
        if len(held) + len(mine) < len(wanted):
            return  # A part of it is neither there nor to be made.
        targets = {fallback.target_of(r.attributes.get("pool")) for r in held.values()}
        if None in targets or len(targets) > 1:
            return
        target = next((t for t in targets if t is not None), AT_HOME)
        unit = _Unit(
            number=number,
            fallback=fallback,
            members=frozenset(wanted),
            wanted=wanted,
            mine=mine,
            target=target,
            held=held,
        )
        self._taken[number, target] += len(wanted)
        self._unit.update(dict.fromkeys(wanted, unit))

    # What may start

    def resource(self, address: Address, planned: Resource) -> Resource:
        """The resource as it is asked for where its unit is now."""
        unit = self._unit.get(address)
        if unit is None:
            return planned
        at_home = unit.target == AT_HOME
        asked = planned if at_home else rewritten(planned, unit.fallback.alternatives[unit.target])
        unit.asked[address] = asked
        return asked

    def held_back(self, step: Step) -> Ends | None:
        """None when a create of the plan may start; else what has ended: nothing when it waits its turn."""
        unit = self._unit.get(step.address) if step.action is Action.CREATE else None
        if unit is None:
            return None
        if unit.broken:
            return [(step, Status.SKIPPED, unit.refused or step.address)] if unit.lost else None
        if unit.leaving:
            unit.waiting.append(step.address)
            return []
        unit.flying.add(step.address)
        return None

    def due(self, room: int) -> list[Wish]:
        """At most ``room`` calls that units need on their way: deletes, and creates elsewhere."""
        return [self._due.popleft() for _ in range(min(room, len(self._due)))]

    # What came of it

    def sold_out(self, address: Address, why: str) -> tuple[bool, CapacityAttempt | None]:
        """A create was refused for want of machines: whether its unit goes on elsewhere, and what to tell."""
        unit = self._unit.get(address)
        if unit is None or unit.broken:
            return False, None
        if unit.leaving:
            return True, None  # Another of its machines was refused before.
        here = unit.fallback.pool_at(unit.target)
        self._sold_out.add((address.provider, here))
        self._call_back(unit)
        found = self._next(unit, address.provider)
        if found is None:
            # What never left its pool stays, as without failover; what moved about is let go.
            unit.leaving = unit.lost = len(unit.members) > 1 and unit.tried > 1
            unit.refused, unit.broken = address, not unit.lost
            return False, None
        self._taken[unit.number, unit.target] -= len(unit.members)
        self._taken[unit.number, found] += len(unit.members)
        unit.leaving, unit.refused, unit.target = True, address, found
        unit.tried += 1
        more_usd_per_h = unit.fallback.alternatives[found].usd_per_h
        return True, CapacityAttempt(
            address=address,
            action=Action.CREATE,
            from_pool=here,
            pool=unit.fallback.pool_at(found),
            machines=len(unit.members),
            usd_per_h=more_usd_per_h * len(unit.members),
            why=why,
            attempt=unit.tried,
        )

    def _call_back(self, unit: _Unit) -> None:
        """Take back the creates of a unit that have not begun."""
        queued = {w.address for w in self._due if w.action is Action.CREATE} & unit.flying
        self._due = deque(w for w in self._due if w.address not in queued)
        unit.flying -= queued
        unit.waiting.extend(sorted(queued))

    def withdrawn(self, address: Address) -> Ends:
        """The refused create is closed, and its unit goes on; the plan's steps that have ended by that."""
        unit = self._unit[address]
        unit.flying.discard(address)
        unit.waiting.append(address)
        return self._settle(unit)

    def ended(self, step: Step, status: Status) -> Ends:
        """A call has ended; the plan's steps that have ended by that."""
        unit = self._unit.get(step.address)
        if unit is None:
            return [(step, status, None)]
        if step.action is Action.DELETE and step.address in unit.going:
            return self._deleted(unit, step.address, status)
        if step.action is not Action.CREATE:
            return [(step, status, None)]
        unit.flying.discard(step.address)
        if status is Status.DONE and not unit.broken:
            unit.held[step.address] = unit.asked.get(step.address, unit.wanted[step.address])
            if unit.leaving:
                return self._settle(unit)
            return self._done(unit) if unit.members <= unit.held.keys() else []
        return self._not_done(unit, step, status)

    def _not_done(self, unit: _Unit, step: Step, status: Status) -> Ends:
        if not unit.broken and unit.lost and step.address == unit.refused:
            return [(step, status, None), *self._settle(unit)]
        if not unit.broken and unit.leaving and status is Status.NOT_STARTED:
            unit.waiting.append(step.address)
            return self._settle(unit)
        unit.held.pop(step.address, None)
        return [(step, status, None), *self._give_up(unit)]

    def left_over(self) -> Ends:
        """What is there of units that were under way when a run ended early."""
        units = {id(unit): unit for unit in self._unit.values() if not unit.broken}
        return [end for unit in units.values() for end in self._done(unit)]

    @staticmethod
    def _done(unit: _Unit) -> Ends:
        there = sorted(unit.held.keys() & unit.mine - unit.going)
        return [(Step(a, Action.CREATE), Status.DONE, None) for a in there]

    def _deleted(self, unit: _Unit, address: Address, status: Status) -> Ends:
        unit.going.discard(address)
        if status is not Status.DONE:
            return self._give_up(unit)  # It is still in the state, and the next plan sees it.
        unit.held.pop(address, None)
        unit.waiting.append(address)
        return [] if unit.broken else self._settle(unit)

    def _settle(self, unit: _Unit) -> Ends:
        """Let go of what is still there; once nothing is, go on in the next pool, or end."""
        for address in sorted(unit.held.keys() - unit.going):
            unit.going.add(address)
            gone = unit.held[address]
            self._due.append(Wish(address=address, action=Action.DELETE, resource=gone, purpose="cleanup"))
        if unit.flying or unit.held:
            return []
        if unit.lost:
            return self._give_up(unit)
        unit.leaving, unit.refused = False, None
        waiting, unit.waiting = sorted(unit.waiting), []
        for address in waiting:
            unit.flying.add(address)
            wanted = self.resource(address, unit.wanted[address])
            self._due.append(Wish(address=address, action=Action.CREATE, resource=wanted))
        return []

    def _give_up(self, unit: _Unit) -> Ends:
        """The unit's machines are on their own: those that are there are done, those that wait are not."""
        unit.broken = True
        queued = {w.address for w in self._due if w.purpose == "cleanup" and w.address in unit.going}
        self._due = deque(w for w in self._due if w.address not in queued)
        unit.going -= queued
        ends = self._done(unit)
        waiting = sorted({*unit.waiting} & unit.mine - {step.address for step, _, _ in ends})
        unit.held, unit.waiting = {}, []
        for address in waiting:
            if address == unit.refused:
                ends.append((Step(address, Action.CREATE), Status.FAILED, None))
            else:
                ends.append((Step(address, Action.CREATE), Status.SKIPPED, unit.refused or address))
        return ends

    # Where to

    def _next(self, unit: _Unit, provider: str) -> int | None:
        """The next alternative with room, that was verified beside what has gone elsewhere already."""
        fallback = unit.fallback
        names = {a.name for a in unit.members}
        for i, other in enumerate(fallback.alternatives):
            if (
                i > unit.target
                and (provider, other.pool) not in self._sold_out
                and self._fits(unit, i)
                and (not other.only or names <= {*other.only})
                and self._verified(unit.number, other.together)
            ):
                return i
        return None

    def _fits(self, unit: _Unit, target: int) -> bool:
        """Whether what is elsewhere then lies between moves that were verified: one pool's room each."""
        count = Counter(
            {t: n for (number, t), n in self._taken.items() if number == unit.number and t != AT_HOME}
        )
        count[unit.target] -= len(unit.members)
        count[target] += len(unit.members)
        parts = (
            Fraction(n, unit.fallback.alternatives[t].room)
            for t, n in count.items()
            if t != AT_HOME and n > 0
        )
        return sum(parts) <= 1

    def _verified(self, number: int, together: Iterable[tuple[int, str]]) -> bool:
        """Whether a move was verified with what other fallbacks have moved, of which there is one at most."""
        elsewhere = {
            (n, self._fallbacks[n].pool_at(target))
            for (n, target), count in self._taken.items()
            if count > 0 and target != AT_HOME and n != number
        }
        return len({n for n, _ in elsewhere}) <= 1 and elsewhere <= set(together)


_MAKES = {Action.CREATE, Action.REPLACE}
