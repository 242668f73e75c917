"""How machines are bought: by workload in words, and what is paid for whether it is used or not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dcplan.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dcplan.placement.purchase_types import PaidAnyway
    from dcplan.placement.types import Allotment, Pool, Solution, Workload
    from dcplan.sharding.types import Candidate

PLAIN = frozenset({"on-demand", "owned"})
"""Ways to buy that need no word when there is no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoughtAhead:
    """A reservation, capacity block or commitment, as the plan uses it."""

    name: str
    purchase: str
    machines: int
    used: int
    usd_per_h: float | None
    """Of all its machines, used or not; None is unknown."""
    starts_at: str | None = None
    """ISO 8601 in UTC; None: it has begun."""
    ends_at: str | None = None
    """ISO 8601 in UTC; None: it has no end."""

    @property
    def paid_now(self) -> bool:
        """Whether it is paid for at the time of the plan."""
        return self.starts_at is None


def bought_ahead(paid: Iterable[PaidAnyway], solution: Solution, at_s: float) -> tuple[BoughtAhead, ...]:
    """What is paid anyway at ``at_s`` (Unix time) or later, and how many of its machines are used."""
    used = {use.pool: use.machines for use in solution.pools}
    return tuple(
        BoughtAhead(
            name=one.name,
            purchase=one.purchase,
            machines=one.machines,
            used=sum(used.get(pool, 0) for pool in one.pools),
            usd_per_h=one.usd_per_h,
            starts_at=None if one.now else _moment(at_s + one.starts_in_s),
            ends_at=None if one.ends_in_s is None else _moment(at_s + one.ends_in_s),
        )
        for one in paid
    )


def _moment(at_s: float) -> str:
    return datetime.fromtimestamp(round(at_s), UTC).isoformat(timespec="minutes")


def paid_now_usd_per_h(ahead: Iterable[BoughtAhead]) -> float:
    """Dollars per hour that are paid now whatever is used, as far as they are known."""
    return sum(one.usd_per_h for one in ahead if one.paid_now and one.usd_per_h is not None)


def ways_in_words(allotments: Iterable[Allotment], pools: Mapping[str, Pool]) -> str:
    """``4 on demand, 2 on spot``, with windows and waits; empty where all is plainly paid by the hour."""
    counts: Counter[str] = Counter()
    there: dict[str, str] = {}
    for a in allotments:
        pool = pools[a.pool]
        counts[pool.purchase] += a.replicas
        if time := _when(pool):
            there[a.pool] = time
    if set(counts) <= PLAIN and not there:
        return ""
    many = sum(counts.values()) > 1
    ways = ", ".join(
        f"{count} {_spoken(way)}" if many else _spoken(way) for way, count in counts.most_common()
    )
    return "; ".join([ways, *(f"{pool} {time}" for pool, time in there.items())])


def _spoken(way: str) -> str:
    return {"spot": "on spot", "reservation": "reserved", "capacity-block": "in a capacity block"}.get(
        way, way.replace("-", " ")
    )


def _when(pool: Pool) -> str:
    """When machines of a pool are there; empty for always."""
    words = []
    if pool.starts_in_s is None:
        words.append("comes when there are some")
    elif pool.starts_in_s > 0:
        words.append(f"comes in {format_duration(pool.starts_in_s)}")
    if pool.ends_in_s is not None:
        words.append(f"ends in {format_duration(pool.ends_in_s)}")
    if pool.longest_s is not None:
        words.append(f"may be kept for {format_duration(pool.longest_s)}")
    return " and ".join(words)


def as_placed(candidate: Candidate, allotments: Iterable[Allotment]) -> Candidate:
    """The candidate with as many replicas, and so spares, as were placed."""
    placed = sum(a.replicas for a in allotments)
    if placed <= candidate.replicas:
        return candidate
    return replace(candidate, replicas=placed, spares=candidate.spares + placed - candidate.replicas)


def survived(workload: Workload | None) -> tuple[str, ...]:
    """What may be lost: ``spot``, ``zone``, ``region``."""
    return workload.survive.units if workload is not None and workload.survive is not None else ()
