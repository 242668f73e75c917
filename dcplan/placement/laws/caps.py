"""What all machines together may emit and draw."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.diag import plural
from dcplan.placement.laws.stretch import WHOLE, kg_per_h
from dcplan.placement.model import Rule
from dcplan.placement.scale import micro_down, micro_up
from dcplan.units import format_power

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dcplan.diag import ConfigPath
    from dcplan.placement.model import Builder
    from dcplan.placement.types import Pool


def carbon(b: Builder) -> None:
    r"""All machines together emit no more than the cap.

        sum over p of  kgco2_per_h[p] * machines in use in p   <=   cap
        machines in use in p   =   0                                         where kgco2_per_h[p] is unknown

    Label: ``carbon``.  In milligrams an hour of machines at full load, cooling included.
    """
    cap = b.problem.carbon
    if cap is not None:
        says = f"all machines together emit at most {kg_per_h(cap.at_most)} of CO2e"
        says += _unknown(b.pools, lambda p: p.kgco2_per_h, "`site` of an inventory, or `regions`, tells it")
        rule = _rule("carbon", "carbon", says, (cap.origin,), cap.at_most)
        _at_most(b, rule, cap.at_most, b.pools, lambda p: p.kgco2_per_h)


def power(b: Builder) -> None:
    r"""All machines together draw no more than the cap.

        sum over p of  watts[p] * machines in use in p   <=   cap
        machines in use in p   =   0                                   where watts[p] is unknown

    Label: ``power``.  In microwatts at full load, without cooling.
    """
    cap = b.problem.power
    if cap is not None:
        says = f"all machines together draw at most {format_power(cap.at_most)}"
        says += _unknown(b.pools, lambda p: p.power_w, "`power` of the inventory's machine tells it")
        rule = _rule("power", "power", says, (cap.origin,), cap.at_most)
        _at_most(b, rule, cap.at_most, b.pools, lambda p: p.power_w)


def site_power(b: Builder) -> None:
    r"""The machines of a block, zone or data centre draw no more than it can give.

        sum over p in s of  watts[p] * machines in use in p   <=   watts[s]
        machines in use in p   =   0                                          where watts[p] is unknown

    Label: ``site-power[s]``.  Comes from the inventory (no line of the document).
    """
    for site in b.problem.sites:
        pools = [p for p in b.pools if p.id in site.pools]
        if pools:
            says = f"the machines in {site.site} draw at most {format_power(site.watts)}"
            rule = _rule("site-power", f"site-power[{site.site}]", says, (), site.watts)
            _at_most(b, rule, site.watts, pools, lambda p: p.power_w)


def _unknown(pools: Sequence[Pool], amount: Callable[[Pool], float | None], where: str) -> str:
    """Which pools cannot be used because nobody knows what they take, and where that is told."""
    names = [p.id for p in pools if amount(p) is None]
    if not names:
        return ""
    some = names[0] if len(names) == 1 else plural(len(names), "pool")
    return f" (what machines in {some} take is not known, so they are not used; {where})"


def _rule(law: str, label: str, says: str, origins: tuple[ConfigPath, ...], limit: float) -> Rule:
    """A rule that stretches in steps of a millionth of its limit."""
    whole = max(micro_down(limit), 1)
    return Rule(
        law=law, label=label, says=says, origins=origins, stretch=max(1, WHOLE * _step(limit) // whole)
    )


def _step(limit: float) -> int:
    return max(1, micro_down(limit) // WHOLE)


def _at_most(
    b: Builder, rule: Rule, limit: float, pools: Sequence[Pool], amount: Callable[[Pool], float | None]
) -> None:
    """The machines of these pools together have no more of something than the limit."""
    known = [(p, each) for p in pools if (each := amount(p)) is not None]
    terms = [(count * micro_up(each), var) for p, each in known for count, var in b.machines(p.id)]
    b.require(terms, rule, at_most=micro_down(limit), step=_step(limit))
    counted = {p.id for p, _ in known}
    for p in pools:
        if p.id not in counted:
            # However far the cap is stretched, nobody knows how much of it this pool would take.
            b.require(b.machines(p.id), replace(rule, stretch=0), at_most=0)
