"""Where a plan's new machines may be had instead, and pools that were found sold out a while ago."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.diag import Result, has_errors
from dcplan.plan.alternatives import Ground, fallbacks_of
from dcplan.plan.current import assignment_of
from dcplan.plan.sold_out import remembered, still_sold_out, told
from dcplan.resources import Action
from dcplan.workflow.deciding import decide
from dcplan.workflow.settings import settings_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from dcplan.catalog.types import Offering
    from dcplan.plan.fallbacks import Fallback, SoldOut
    from dcplan.provider.types import Placement
    from dcplan.resources import Change, Resource
    from dcplan.state.types import State
    from dcplan.workflow.types import Checked, Decided, Gathered, Progress, Tuning


def decide_around(
    checked: Checked, gathered: Gathered, state: State, progress: Progress, tuning: Tuning
) -> Result[Decided]:
    """As ``decide``, buying nothing where machines were sold out a while ago.

    Where nothing fits without those pools, they are asked again; but never those of ``tuning.without``.
    """
    least = without(gathered, state, tuning.without)
    seen = remembered(state.deployment)
    limited = without_sold_out(checked, least, state) if seen else least
    if limited is not least:
        decided = decide(checked, limited, state, progress, tuning)
        if decided.value is not None:
            return Result(replace(decided.value, around_sold_out=True), decided.diagnostics)
    decided = decide(checked, least, state, progress, tuning)
    if decided.value is None or least is gathered or limited is not least:
        return decided
    return Result(replace(decided.value, around_sold_out=True), decided.diagnostics)


def without_sold_out(checked: Checked, gathered: Gathered, state: State) -> Gathered:
    """What is on offer, without more machines of pools that were sold out less than a while ago."""
    for_s = settings_of(checked.loaded.document).sold_out_for_s
    offerings = gathered.catalog.offerings
    left = still_sold_out(offerings, remembered(state.deployment), _held(state), gathered.at_s, for_s)
    return _offering(gathered, left)


def without(gathered: Gathered, state: State, pools: Collection[str]) -> Gathered:
    """What is on offer, without more machines of these pools (``provider/pool``)."""
    if not pools:
        return gathered
    now_s = gathered.at_s
    left = still_sold_out(
        gathered.catalog.offerings, dict.fromkeys(pools, now_s), _held(state), now_s, for_s=1.0
    )
    return _offering(gathered, left)


def _held(state: State) -> Counter[str]:
    """Machines that stand, by pool."""
    return Counter(m.pool for m in assignment_of(state.resources.values()).machines)


def _offering(gathered: Gathered, left: tuple[Offering, ...]) -> Gathered:
    if left == tuple(gathered.catalog.offerings):
        return gathered
    return replace(gathered, catalog=replace(gathered.catalog, offerings=left))


def sold_out_of(
    checked: Checked, gathered: Gathered, decided: Decided, state: State, changes: Iterable[Change]
) -> tuple[SoldOut, ...]:
    """What the plan says of pools that were sold out."""
    seen = remembered(state.deployment)
    if not seen:
        return ()
    bought = {
        str(c.after.attributes["pool"])
        for c in changes
        if c.action is Action.CREATE and c.after is not None and "pool" in c.after.attributes
    }
    for_s = settings_of(checked.loaded.document).sold_out_for_s
    return told(
        gathered.catalog.offerings,
        seen,
        bought,
        now_s=gathered.at_s,
        for_s=for_s,
        left_out=decided.around_sold_out,
    )


def fallbacks(
    checked: Checked, gathered: Gathered, decided: Decided, changes: Iterable[Change]
) -> tuple[Fallback, ...]:
    """Where the machines that ``changes`` buy could be had instead, verified; the best first."""
    changes = tuple(changes)
    if decided.placed is None or not any(c.after and "pool" in c.after.attributes for c in changes):
        return ()
    placed = decided.placed
    ground = Ground(
        project=checked.demand.project,
        problem=placed.problem,
        solution=placed.solution,
        assignment=placed.assignment,
        offerings={o.pool: o for o in gathered.catalog.offerings},
        free=gathered.free,
        today=placed.racks,
        hall=placed.hall,
    )

    def resources_for(provider: str, placement: Placement) -> tuple[Resource, ...] | None:
        made = checked.providers[provider].resources_for(placement)
        return None if has_errors(made.diagnostics) else made.value

    return fallbacks_of(ground, changes, decided.graph.resources, resources_for)
