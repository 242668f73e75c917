"""From what is on offer to rules: quotas, commitments that zones share, and what is paid anyway."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from dcplan.catalog.dates import age_text
from dcplan.catalog.types import Purchase
from dcplan.diag import Diagnostic, agreeing, plural, warning
from dcplan.placement.purchase_types import PaidAnyway, QuotaRule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dcplan.catalog.purchase import Quota, Window
    from dcplan.catalog.types import Machine, Offering
    from dcplan.placement.types import Assignment

PAID_ANYWAY = frozenset({Purchase.RESERVATION, Purchase.CAPACITY_BLOCK, Purchase.COMMITTED})
"""Ways to buy in which using a machine costs nothing more."""


def starts_in_s(offering: Offering, now_s: float) -> float | None:
    """How long until machines of an offering can be used; None is unknown."""
    window = offering.window
    opens_s = 0.0 if window is None or window.start_s is None else window.start_s - now_s
    return None if offering.wait_s is None else max(opens_s, offering.wait_s, 0.0)


def ends_in_s(window: Window | None, now_s: float) -> float | None:
    """How long until machines must be given back; None is never."""
    return None if window is None or window.end_s is None else window.end_s - now_s


def is_over(offering: Offering, now_s: float) -> bool:
    """Whether the window of an offering has ended."""
    left_s = ends_in_s(offering.window, now_s)
    return left_s is not None and left_s <= 0


def quota_rules(
    quotas: Iterable[Quota], offerings: Sequence[Offering], machines: Mapping[str, Machine], now_s: float
) -> tuple[QuotaRule, ...]:
    """Quotas of accounts, and commitments, over the pools that count; answers are as old as ``now_s``."""
    rules = [_quota_rule(quota, offerings, machines, now_s) for quota in quotas]
    rules += [
        QuotaRule(
            law="commitment",
            name=_lot_name(lot[0]),
            unit="machines",
            at_most=lot[0].machines or 0,
            each=tuple((o.pool, 1) for o in lot),
            origin=lot[0].origin or ("providers", lot[0].provider),
        )
        for lot in _lots(offerings)
        if lot[0].purchase is Purchase.COMMITTED
    ]
    return tuple(rule for rule in rules if rule.each)


def _quota_rule(
    quota: Quota, offerings: Iterable[Offering], machines: Mapping[str, Machine], now_s: float
) -> QuotaRule:
    by_vcpus = quota.vcpus is not None
    unit = "vCPUs" if by_vcpus else "devices"
    spot = "" if Purchase.ON_DEMAND in quota.purchases else "/spot"
    return QuotaRule(
        law="quota",
        name=f"{quota.provider}/{quota.region}/{quota.name}{spot}/{unit}",
        unit=unit,
        at_most=max(0, ((quota.vcpus if by_vcpus else quota.devices) or 0) - quota.kept),
        each=tuple(
            (o.pool, machines[o.machine].vcpus if by_vcpus else machines[o.machine].devices)
            for o in offerings
            if (o.provider, o.region) == (quota.provider, quota.region)
            and o.machine in quota.machines
            and o.purchase in quota.purchases
        ),
        origin=quota.origin,
        told=_told(quota, now_s),
        way_out=_way_out(quota, unit),
        used=quota.used,
    )


def _told(quota: Quota, now_s: float) -> str:
    """Who says how much a quota is, and how old that answer is."""
    kept = f"beside {quota.kept:,} that reservations take" if quota.kept else ""
    source = quota.source
    said = "" if source is None else f"{source.name}, {source.date}, {age_text(source.date, now_s)}"
    return "; ".join(filter(None, (kept, said)))


def _way_out(quota: Quota, unit: str) -> str:
    """What to do about a quota that the cloud tells."""
    if quota.source is None:
        return ""
    spot = "" if Purchase.ON_DEMAND in quota.purchases else ", purchase: spot"
    own = f"of: {quota.named}, region: {quota.region}, {unit.replace('vCPUs', 'vcpus')}: N{spot}"
    told = f", or tell what you will have with `quotas: [{{{own}}}]`" if quota.named else ""
    return f"Ask {quota.provider} for more ({quota.code}) and then `dcplan catalog refresh`{told}."


def paid_anyway(offerings: Iterable[Offering], now_s: float) -> tuple[PaidAnyway, ...]:
    """What is paid for whether it is used or not, without what is over."""
    return tuple(
        PaidAnyway(
            name=_lot_name(first),
            purchase=first.purchase.value,
            pools=tuple(o.pool for o in lot),
            machines=first.machines or 0,
            usd_per_h=None if first.paid_usd_per_h is None else first.paid_usd_per_h * (first.machines or 0),
            starts_in_s=starts_in_s(first, now_s) or 0.0,
            ends_in_s=ends_in_s(first.window, now_s),
        )
        for lot in _lots(offerings)
        for first in lot[:1]
        if not is_over(first, now_s)
    )


def _lots(offerings: Iterable[Offering]) -> list[list[Offering]]:
    """What was bought together: one offering each, or for a commitment one in each zone."""
    lots: defaultdict[tuple[str, ...], list[Offering]] = defaultdict(list)
    for o in offerings:
        if o.purchase in PAID_ANYWAY:
            place = o.region if o.purchase is Purchase.COMMITTED else o.zone
            key = (o.provider, o.purchase.value, place, o.block or "", o.machine, o.lot or "")
            lots[key].append(o)
    return list(lots.values())


def _lot_name(offering: Offering) -> str:
    if offering.purchase is not Purchase.COMMITTED:
        return offering.pool
    way = "-".join(word for word in (offering.purchase.value, offering.lot) if word)
    return f"{offering.region}/{offering.machine}/{way}"


def overdrawn(rules: Iterable[QuotaRule], today: Assignment) -> tuple[Diagnostic, ...]:
    """Say of quotas that are below what runs today: one of both cannot be right."""
    running = Counter(machine.pool for machine in today.machines)
    found = []
    for rule in rules:
        used = sum(each * running[pool] for pool, each in rule.each)
        if used > rule.at_most:
            what = "quota" if rule.law == "quota" else "commitment"
            runs = f"{plural(used, rule.unit.removesuffix('s'))} {agreeing(used, 'run')} today"
            detail = (
                f"{runs}, and {rule.name} is said to allow {rule.at_most:,}. "
                f"The plan keeps to the {what}, so what is above it moves or goes. "
                "If the provider allows more, say so here."
            )
            found.append(
                warning("quota-overdrawn", f"A {what} is below what runs today", detail, path=rule.origin)
            )
    return tuple(found)
