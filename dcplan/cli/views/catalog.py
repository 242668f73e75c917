"""How the catalogue looks: offerings, one machine type, and what a refresh changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dcplan.catalog.dates import age_days, age_text
from dcplan.catalog.live_changes import How
from dcplan.cli.views.advice import advice_data, advice_text
from dcplan.cli.views.quotas import quota_data, quotas_text
from dcplan.cli.views.width import wrapped
from dcplan.diag import listed, plural
from dcplan.units import format_bytes, format_bytes_per_s, format_usd, format_usd_per_h

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.catalog.live_changes import OfferingChange
    from dcplan.catalog.live_types import Doubt, LiveMachine
    from dcplan.workflow.catalog_rows import CatalogRow, MachineShown
    from dcplan.workflow.cataloguing import Looked

WIDTH = 100
NAMED = 6
"""Names that show of what kind they are."""
_HEADS = ("machine", "accelerators", "zone", "bought", "$/h", "$/h each", "price of")
_SIGNS = {How.PRICE: "~", How.PRICED: "~", How.UNPRICED: "~", How.NEW: "+", How.GONE: "-"}
_COLOURS = {"~": "yellow", "+": "green", "-": "red"}


def rows_text(rows: Sequence[CatalogRow], at_s: float) -> str:
    """A table of offerings; the last column is how old the price is."""
    table = [_HEADS, *(_row(row, at_s) for row in rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(_HEADS))]
    lines = [
        "  ".join(
            text.rjust(width) if 4 <= i <= 5 else text.ljust(width)  # noqa: PLR2004 - the two prices
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]
    return "\n".join([click.style(lines[0], dim=True), *lines[1:]])


def _row(row: CatalogRow, at_s: float) -> tuple[str, ...]:
    one, each = row.offering, row.usd_per_device_h
    sold = one.purchase.value if one.available else f"{one.purchase.value} (not sold)"
    return (
        one.machine,
        f"{row.machine.devices} x {row.machine.accelerator}",
        one.zone,
        sold,
        "unknown" if one.usd_per_h is None else format_usd(one.usd_per_h),
        "unknown" if each is None else format_usd(each),
        "" if one.usd_per_h is None else f"{one.source.date}, {age_text(one.source.date, at_s)}",
    )


def row_data(row: CatalogRow, at_s: float) -> dict[str, object]:
    """One offering for programs; what is not known is null."""
    one = row.offering
    return {
        "provider": one.provider,
        "machine": one.machine,
        "accelerator": row.machine.accelerator,
        "devices": row.machine.devices,
        "region": one.region,
        "zone": one.zone,
        "purchase": one.purchase.value,
        "available": one.available,
        "usd_per_h": one.usd_per_h,
        "usd_per_device_h": row.usd_per_device_h,
        "source": one.source.name,
        "date": one.source.date,
        "age_days": age_days(one.source.date, at_s),
    }


def machine_text(shown: MachineShown, at_s: float) -> str:
    """One machine type: what it is, what its accelerators are, where it is and what it costs."""
    machine, chip = shown.machine, shown.accelerator
    facts = [
        ("provider", machine.provider),
        ("accelerators", f"{machine.devices} x {chip.name} ({chip.vendor})"),
        (
            "memory",
            f"{format_bytes(chip.memory_bytes)} usable each; {format_bytes(machine.memory_bytes)} (host)",
        ),
        ("memory speed", f"{format_bytes_per_s(chip.memory_bytes_per_s)} each"),
        ("vCPUs", f"{machine.vcpus}"),
        (
            "network",
            f"{format_bytes_per_s(machine.network_bytes_per_s)} out of one machine, {machine.transport}",
        ),
        ("scale-up", f"{machine.scale_up_domain} devices over {chip.scale_up}"),
        ("source", f"{machine.source.name}; {machine.source.date}, {age_text(machine.source.date, at_s)}"),
        ("accelerator's", f"{chip.source.name}; {chip.source.date}, {age_text(chip.source.date, at_s)}"),
    ]
    if shown.told is not None:
        facts.append(("the cloud says", _told(shown.told)))
    if shown.listed_in:
        facts.append(("listed in", ", ".join(shown.listed_in)))
    lines = [click.style(machine.name, bold=True)]
    lines += [wrapped(f"  {name:<15}{value}", WIDTH, indent=" " * 17) for name, value in facts]
    parts = ["\n".join(lines), rows_text(shown.rows, at_s)]
    sources = dict.fromkeys(r.offering.source.name for r in shown.rows if r.offering.usd_per_h is not None)
    parts.append("\n".join(wrapped(f"Prices: {name}.", WIDTH) for name in sources))
    parts.append(advice_text(shown.advice, at_s))
    if shown.doubts:
        parts.append(doubts_text(shown.doubts))
    return "\n\n".join(part for part in parts if part)


def _told(told: LiveMachine) -> str:
    memory = told.device_memory_bytes
    each = "" if memory is None else f" with {format_bytes(memory)} each"
    host = f"{told.vcpus} vCPUs, {format_bytes(told.memory_bytes)}"
    return f"{told.devices} x {told.accelerator}{each}, {host} ({told.source.name}, {told.source.date})"


def looked_text(looked: Looked, *, most: int) -> str:
    """What one cloud said and what it changes; ``most`` changes are told one by one, 0 is all."""
    now, changes = looked.now, looked.changes
    zones = sum(len(found) for region in now.regions for found in region.zones.values())
    prices = sum(len(region.prices) for region in now.regions)
    pairs = plural(zones, "machine type in a zone", "machine types in zones")
    head = f"{looked.provider}: {plural(len(now.regions), 'region')}, {pairs}, {plural(prices, 'price')}. "
    head += _counts(changes)
    parts = [wrapped(head, WIDTH)]
    shown = changes if not most else changes[:most]
    if shown:
        lines = [_change(change) for change in shown]
        if len(shown) < len(changes):
            lines.append(f"    ... and {len(changes) - len(shown):,} more: -n 0 shows all")
        parts.append("\n".join(lines))
    if quotas := quotas_text(now.regions, most=most):
        parts.append(quotas)
    if advised := sum(len(region.advice) for region in now.regions):
        pairs = plural(advised, "machine type in a region", "machine types in regions")
        parts.append(f"Odds of spot machines: {pairs}; dcplan catalog show NAME tells them.")
    if now.doubts:
        parts.append(doubts_text(now.doubts, most=most and max(1, most // 4)))
    if now.strangers:
        names = ", ".join(now.strangers[:NAMED]) + (", ..." if len(now.strangers) > NAMED else ".")
        parts.append(wrapped(f"Not in dcplan's catalogue, so never planned on: {names}", WIDTH))
    return "\n\n".join(parts)


def _counts(changes: Sequence[OfferingChange]) -> str:
    """``3 prices up, 12 down; 2 new, 1 gone``."""
    if not changes:
        return "Nothing changed."
    ups = sum(c.share is not None and c.share > 0 for c in changes if c.how is How.PRICE)
    downs = sum(c.how is How.PRICE for c in changes) - ups
    words = [
        (ups, "price up", "prices up"),
        (downs, "price down", "prices down"),
        (_count(changes, How.PRICED), "price now known", "prices now known"),
        (_count(changes, How.UNPRICED), "price now unknown", "prices now unknown"),
        (_count(changes, How.NEW), "offering new", "offerings new"),
        (_count(changes, How.GONE), "offering gone", "offerings gone"),
    ]
    return listed([plural(count, one, many) for count, one, many in words if count]) + "."


def _count(changes: Sequence[OfferingChange], how: How) -> int:
    return sum(c.how is how for c in changes)


def _change(change: OfferingChange) -> str:
    sign = _SIGNS[change.how]
    zones = change.zones[0] if len(change.zones) == 1 else f"{change.region} ({len(change.zones)} zones)"
    was = "unknown" if change.before_usd_per_h is None else format_usd_per_h(change.before_usd_per_h)
    now = "unknown" if change.after_usd_per_h is None else format_usd_per_h(change.after_usd_per_h)
    fresh = "price unknown" if change.after_usd_per_h is None else f"at {now}"
    gone = "not sold any more" if change.before_usd_per_h is None else f"was {was}"
    share = "" if change.share is None else f"  {change.share:+.1%}"
    price = {How.NEW: fresh, How.GONE: gone}.get(change.how, f"{was} -> {now}{share}")
    text = f"  {sign} {change.machine:<22}{change.purchase.value:<11}{zones:<28}{price}"
    return click.style(text, fg=_COLOURS[sign])


def doubts_text(doubts: Sequence[Doubt], *, most: int = 0) -> str:
    """What is not believed: a paragraph for each sentence, ``most`` of them (0 is all)."""
    together: dict[str, list[Doubt]] = {}
    for doubt in doubts:
        together.setdefault(doubt.detail, []).append(doubt)
    lines = [click.style(f"Not taken as told ({plural(len(doubts), 'fact')}):", fg="yellow")]
    shown = [*together.items()][: most or None]
    for detail, about in shown:
        machines = _few(list(dict.fromkeys(doubt.machine for doubt in about)))
        places = _few(list(dict.fromkeys(doubt.place for doubt in about if doubt.place)))
        where = f" in {places}" if places else ""
        lines.append(wrapped(f"  {machines}{where}: {detail}", WIDTH, indent="    "))
    if len(shown) < len(together):
        lines.append(f"  ... and {len(together) - len(shown):,} more: -n 0 shows all")
    return "\n".join(lines)


def _few(names: list[str]) -> str:
    """``a, b and c``, or the first three and that there are others."""
    return listed(names) if len(names) <= NAMED // 2 else f"{', '.join(names[: NAMED // 2])}, ..."


def looked_data(looked: Looked) -> dict[str, object]:
    """The same for programs."""
    return {
        "provider": looked.provider,
        "regions": [
            {"name": r.name, "read_at_s": r.read_at_s, "told": sorted(r.told)} for r in looked.now.regions
        ],
        "changes": [
            {
                "how": c.how.value,
                "machine": c.machine,
                "region": c.region,
                "zones": list(c.zones),
                "purchase": c.purchase.value,
                "before_usd_per_h": c.before_usd_per_h,
                "after_usd_per_h": c.after_usd_per_h,
                "share": c.share,
            }
            for c in looked.changes
        ],
        "quotas": [row for region in looked.now.regions for row in quota_data(region)],
        "advice": [
            row
            for r in looked.now.regions
            for row in advice_data([(r.name, a) for a in r.advice], r.read_at_s)
        ],
        "doubts": [doubt_data(doubt) for doubt in looked.now.doubts],
        "unknown_machines": list(looked.now.strangers),
    }


def doubt_data(doubt: Doubt) -> dict[str, str]:
    """One thing that is not believed."""
    return {
        "code": doubt.code,
        "machine": doubt.machine,
        "region": doubt.region,
        "place": doubt.place,
        "detail": doubt.detail,
    }
