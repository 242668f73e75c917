"""``explain --why-not``: what it would cost to run a workload elsewhere, or which rule forbids it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, Result, did_you_mean, error, listed
from dcplan.placement.marginal import forced
from dcplan.placement.solve import solve
from dcplan.workflow.explaining import reasons_against

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dcplan.demand.types import WorkloadDemand
    from dcplan.placement.types import Pool, Solution
    from dcplan.workflow.types import Checked, Decided, Progress

SHOWN = 6
"""Names in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """The answer to one such question."""

    workload: str
    asked: str
    """As the user wrote it: ``h200@us-east-1``."""
    runs_there: bool = False
    """All of it does already."""
    choice: str | None = None
    """The layout that it would have there; None where it cannot run."""
    pools: tuple[tuple[str, int], ...] = ()
    """Where it would be, with the replicas there."""
    more_usd: float | None = None
    """What all workloads together would cost more over the time that is paid for."""
    more_usd_per_h: float | None = None
    proven: bool = False
    """Both placements are proven to be the cheapest."""
    reasons: tuple[str, ...] = ()
    """Why it cannot, in full sentences."""


def elsewhere(
    workload: str, asked: str, checked: Checked, decided: Decided, progress: Progress
) -> Result[Elsewhere]:
    """What happens when ``workload`` must run on ``asked``: an accelerator or machine type, ``@`` a place.

    The place is a region, zone, provider or pool.  Capital letters make no difference.
    """
    named = _named(asked, decided)
    if named.value is None:
        return Result(None, named.diagnostics)
    there = named.value
    demand = next(w for w in checked.demand.workloads if w.name == workload)
    problem = forced(decided.problem, workload, frozenset(p.id for p in there))
    mine = [c for c in problem.choices if c.workload == workload]
    if not mine:
        return Result(
            Elsewhere(workload=workload, asked=asked, reasons=_no_layout(demand, there, checked, decided))
        )
    progress(f"placing {workload} on {asked}")
    solved = solve(problem)
    if solved.value is None:
        reasons = tuple(d.detail for d in solved.diagnostics)
        return Result(Elsewhere(workload=workload, asked=asked, reasons=reasons))
    return Result(_compared(workload, asked, decided.solution, solved.value))


def _compared(workload: str, asked: str, now: Solution, then: Solution) -> Elsewhere:
    here = sorted((a.choice, a.pool, a.replicas) for a in now.allotments if a.workload == workload)
    moved = sorted((a.choice, a.pool, a.replicas) for a in then.allotments if a.workload == workload)
    per_h = then.usd_per_h + then.egress_usd_per_h - now.usd_per_h - now.egress_usd_per_h
    return Elsewhere(
        workload=workload,
        asked=asked,
        runs_there=here == moved,
        choice=moved[0][0] if moved else None,
        pools=tuple((pool, count) for _, pool, count in moved),
        more_usd=then.report.objective_usd - now.report.objective_usd,
        more_usd_per_h=per_h,
        proven={now.report.status, then.report.status} == {"optimal"},
    )


def _named(asked: str, decided: Decided) -> Result[tuple[Pool, ...]]:
    """The pools that are meant; an error where no pool has such a name."""
    what, _, place = asked.partition("@")
    pools = tuple(decided.pools.values())
    kinds = {name for p in pools for name in (p.accelerator, p.machine)}
    places = {name for p in pools for name in (p.region, p.zone, p.provider, p.id)}
    wrong = [
        *_unknown(what, kinds, "accelerator or machine type"),
        *(_unknown(place, places, "region, zone or pool") if place else ()),
    ]
    if wrong:
        return Result(None, tuple(wrong))
    found = tuple(p for p in pools if _is(what, p.accelerator, p.machine))
    here = tuple(p for p in found if not place or _is(place, p.region, p.zone, p.provider, p.id))
    if here:
        return Result(here)
    offered = listed(sorted({p.zone for p in found})[:SHOWN])
    detail = f"{what} is not on offer in {place}; it is in {offered}. Ask for one of these."
    return Result(None, (error("why-not-nowhere", "It is not on offer there", detail),))


def _unknown(name: str, known: set[str], kind: str) -> list[Diagnostic]:
    if _is(name, *known):
        return []
    shown = sorted(known)
    hint = did_you_mean(name, shown) or f"There are: {listed(shown[:SHOWN])}."
    detail = f'No {kind} on offer is called "{name}". {hint}'
    return [error("why-not-unknown", "The question names what is not on offer", detail)]


def _is(name: str, *names: str) -> bool:
    return name.casefold() in {one.casefold() for one in names}


def _no_layout(
    demand: WorkloadDemand, there: Iterable[Pool], checked: Checked, decided: Decided
) -> tuple[str, ...]:
    """Why no layout may be in these pools: a line that leaves them out, or that none fits."""
    pools = tuple(there)
    classes = {pool for one in decided.classes[demand.name] for pool in one.pools}
    reasons = [text for pool in pools if pool.id not in classes for text in _excluded(demand, pool)]
    if any(pool.id in classes for pool in pools):
        chips = {pool.accelerator for pool in pools}
        against = reasons_against(demand.name, checked, decided)
        reasons += [f"{a.accelerator}, {a.way}: {a.reason}." for a in against if a.accelerator in chips]
    if not reasons:
        reasons.append("None of its layouts fits on a machine there, or every one costs more than another.")
    return tuple(dict.fromkeys(reasons))


def _excluded(demand: WorkloadDemand, pool: Pool) -> list[str]:
    """The lines of the document that leave a pool out."""
    limits = demand.limits
    found = []
    for allowed, name in (
        (limits.providers, pool.provider),
        (limits.regions, pool.region),
        (limits.zones, pool.zone),
        (limits.accelerators, pool.accelerator),
        (limits.purchase, pool.purchase),
    ):
        if allowed is not None and name not in allowed.names:
            names = listed(list(allowed.names[:SHOWN]))
            found.append(f"`{'.'.join(map(str, allowed.origin))}` allows {names} only, not {name}.")
    if not found and pool.spot and not limits.spot_share:
        found.append(f"{pool.id} are spot machines, and `constraints.spot_share` allows none.")
    return found
