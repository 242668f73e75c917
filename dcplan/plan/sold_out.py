"""What the state remembers of pools that had no machines left, and what a plan makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dcplan.plan.begun import KEY as BEGUN
from dcplan.plan.fallbacks import SoldOut

if TYPE_CHECKING:
    from dcplan.catalog.types import Offering
    from dcplan.resources import JsonValue
    from dcplan.state.types import State

KEY = "sold_out"
"""In the state's deployment: ``provider/pool`` to the Unix time at which it was seen."""
KEPT_S = 7 * 24 * 3600.0
"""How long that is kept, to tell why a plan goes back to a pool."""


def remembered(deployment: Mapping[str, JsonValue]) -> dict[str, float]:
    """``provider/pool`` to when it was last found sold out, Unix time."""
    kept = deployment.get(KEY)
    if not isinstance(kept, dict):
        return {}
    return {pool: float(at_s) for pool, at_s in kept.items() if isinstance(at_s, int | float)}


def never_applied(state: State) -> bool:
    """Whether a state is as before the first apply, but for what was sold out, begun or taken away again."""
    return not state.resources and set(state.deployment) <= {KEY, BEGUN}


def noted(
    deployment: Mapping[str, JsonValue], found: Mapping[str, float], now_s: float
) -> dict[str, JsonValue]:
    """The deployment with what was found sold out added, and without what is long over."""
    kept = {p: at_s for p, at_s in remembered(deployment).items() if now_s - at_s < KEPT_S}
    rest = {key: value for key, value in deployment.items() if key != KEY}
    every: dict[str, JsonValue] = {**kept, **found}
    return {**rest, KEY: every} if every else rest


def still_sold_out(
    offerings: Iterable[Offering],
    seen: Mapping[str, float],
    held: Mapping[str, int],
    now_s: float,
    for_s: float,
) -> tuple[Offering, ...]:
    """The offerings; pools that were sold out less than ``for_s`` ago offer only what is ``held``."""
    return tuple(
        replace(o, machines=held.get(o.pool, 0), available=held.get(o.pool, 0) > 0)
        if _recent(seen.get(f"{o.provider}/{o.pool}"), now_s, for_s)
        else o
        for o in offerings
    )


def _recent(at_s: float | None, now_s: float, for_s: float) -> bool:
    # A time in the future is a clock that was set back: as good as now.
    return at_s is not None and now_s - at_s < for_s


def told(  # noqa: PLR0913 - what is remembered, what is bought, and three things about time
    offerings: Iterable[Offering],
    seen: Mapping[str, float],
    bought: Iterable[str],
    *,
    now_s: float,
    for_s: float,
    left_out: bool,
) -> tuple[SoldOut, ...]:
    """What a plan says of sold-out pools: those it leaves out, and those it buys in (again)."""
    buys = set(bought)
    known = {f"{o.provider}/{o.pool}": o for o in offerings}
    return tuple(
        SoldOut(
            provider=known[name].provider,
            pool=known[name].pool,
            at=_moment(at_s),
            until=_moment(at_s + for_s),
            left_out=recent and left_out,
        )
        for name, at_s in sorted(seen.items())
        if name in known
        and ((recent := _recent(at_s, now_s, for_s)) or known[name].pool in buys)
        and (left_out or known[name].pool in buys)
    )


def _moment(at_s: float) -> str:
    return datetime.fromtimestamp(round(at_s), UTC).isoformat(timespec="minutes")
