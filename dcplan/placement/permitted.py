"""What rules of places leave of the pools, and what they weigh a pool by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.placement.aims import Measure
from dcplan.placement.pairs import Pairs, joined

if TYPE_CHECKING:
    from dcplan.placement.types import Pool, Problem


def permitted(problem: Problem, pairs: Pairs) -> Pairs:
    """The pairs without pools that a rule forbids whatever else is chosen: models need not hold them.

    Outside of the residency, and of unknown carbon or power where these are capped.
    """
    home = {w.name: w.residency.pools for w in problem.workloads if w.residency is not None}
    lost = {pool.id for pool in problem.pools if _unweighed(problem, pool)}
    if not home and not lost:
        return pairs

    def allowed(workload: str, pools: tuple[Pool, ...]) -> tuple[Pool, ...]:
        return tuple(
            p for p in pools if p.id not in lost and (workload not in home or p.id in home[workload])
        )

    return joined(
        (choice, [allowed(choice.workload, pools) for _, pools in pairs.of(choice)])
        for choice in problem.choices
        if choice.id in pairs.own
    )


def _unweighed(problem: Problem, pool: Pool) -> bool:
    """Whether something is capped that nobody knows of the pool."""
    counted = problem.carbon is not None or problem.weighs(Measure.CARBON)
    if counted and pool.kgco2_per_h is None:
        return True
    powered = problem.power is not None or any(pool.id in site.pools for site in problem.sites)
    return powered and pool.power_w is None


def weighed(problem: Problem, pool: Pool) -> tuple[object, ...]:
    """All that rules of places know of a pool: pools that differ in it cannot stand in for each other."""
    sites = tuple(site.site for site in problem.sites if pool.id in site.pools)
    return (
        pool.kgco2_per_h if problem.carbon is not None or problem.weighs(Measure.CARBON) else None,
        pool.power_w if problem.power is not None or sites else None,
        sites,
        tuple(w.egress_usd_per_h.get(pool.id) for w in problem.workloads if w.egress_usd_per_h),
        tuple(u.rtt_s.get(pool.id) for w in problem.workloads if w.network for u in w.users),
    )
