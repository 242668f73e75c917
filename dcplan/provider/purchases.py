"""What an account has with a cloud: reservations, capacity blocks, commitments, a queue.

Each becomes offerings beside those of the catalogue.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, TypeAlias

from pydantic import Discriminator, Field, Tag

from dcplan.catalog import Machine, Offering, Purchase, Source
from dcplan.catalog.purchase import Window
from dcplan.config.moments import Moment
from dcplan.config.strict import Name, PositiveDuration, Strict
from dcplan.config.values import Fraction, Many, Usd, UsdPerH
from dcplan.diag import ConfigPath, Diagnostic, error
from dcplan.provider.quotas import QuotaSpec, quota_problems, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

OWN = Source(name="your account, as the document tells", date="undated")
"""Of what only the user can know."""


class ReservationSpec(Strict):
    """Capacity that is kept for you and paid for, used or not."""

    name: Name | None = None
    """Tells several of one machine type in one zone apart."""
    machine: str
    zone: str
    machines: int = Field(gt=0)
    usd_per_h: UsdPerH | None = None
    """Of one machine; default: the list price."""
    until: Moment | None = None
    """When it ends; default: never."""


class CapacityBlockSpec(Strict):
    """Machines that you bought for a time window."""

    name: Name | None = None
    """Tells several of one machine type in one zone apart."""
    machine: str
    zone: str
    machines: int = Field(gt=0)
    start: Moment
    end: Moment
    price: Usd
    """Of the whole block."""


class CommitmentSpec(Strict):
    """Machines of a region that you pay for, running or not, at a lower price.  It keeps no capacity."""

    name: Name | None = None
    """Tells several for one machine type in one region apart."""
    machine: str
    region: str
    machines: int = Field(gt=0)
    usd_per_h: UsdPerH | None = None
    """Of one machine; exactly one of this and ``discount``."""
    discount: Annotated[Fraction, Field(lt=1)] | None = None
    """Off the list price."""
    until: Moment | None = None
    """When it ends; default: never."""


Lot: TypeAlias = ReservationSpec | CapacityBlockSpec | CommitmentSpec


class QueueSpec(Strict):
    """Machines that come when there are some."""

    wait: PositiveDuration | None = None
    """How long you expect to wait; unknown when left out, so that no deadline can be kept with them."""
    at_most: PositiveDuration | None = 7 * 86_400.0
    """How long a machine may be kept; GCP takes flex-start machines back after seven days."""
    discount: Annotated[Fraction, Field(lt=1)] = 0.0
    """Off the list price."""


def _queue_form(value: object) -> str:
    """Which of the two ways a queue is written: yes or no, or a mapping."""
    return "told" if isinstance(value, dict | QueueSpec) else "plain"


Queue = Annotated[
    Annotated[bool, Tag("plain")] | Annotated[QueueSpec, Tag("told")], Discriminator(_queue_form)
]
"""``true``, or what is known of the queue."""


class PurchaseSettings(Strict):
    """What an account has; part of the settings of a cloud."""

    spot: bool = True
    """Whether spot machines may be weighed at all."""
    queued: Queue = False
    reservations: Many[ReservationSpec] = ()
    capacity_blocks: Many[CapacityBlockSpec] = ()
    commitments: Many[CommitmentSpec] = ()
    quotas: Many[QuotaSpec] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What a cloud has for everybody."""

    provider: str
    offerings: Sequence[Offering]
    machines: Mapping[str, Machine]

    @property
    def regions(self) -> frozenset[str]:
        """Where it has machines."""
        return frozenset(o.region for o in self.offerings)


def problems(settings: PurchaseSettings, facts: Facts, path: ConfigPath) -> Iterator[Diagnostic]:
    """Everything in the settings that cannot be."""
    names = facts.machines.keys()
    lots: list[tuple[str, Lot]] = [
        *(("reservations", spec) for spec in settings.reservations),
        *(("capacity_blocks", spec) for spec in settings.capacity_blocks),
        *(("commitments", spec) for spec in settings.commitments),
    ]
    seen: set[tuple[str, str, str, str]] = set()
    index: dict[str, int] = {}
    for key, spec in lots:
        at = (*path, key, index.setdefault(key, 0))
        index[key] += 1
        if spec.machine not in names:
            yield unknown("machine type", spec.machine, names, (*at, "machine"))
            continue
        yield from _place_problems(spec, facts, at)
        # A name stays the same when others are added to the list, so lots are told apart by nothing else.
        lot = (key, spec.machine, _place_of(spec), spec.name or "")
        if lot in seen:
            detail = (
                f"Another one of {spec.machine} in {_place_of(spec)} is called the same. Give each a `name`."
            )
            yield error("capacity-twice", "Bought capacity is told of twice", detail, path=at)
        seen.add(lot)
    for i, block in enumerate(settings.capacity_blocks):
        if block.end <= block.start:
            detail = "A block ends after it starts. Mend start or end."
            yield error(
                "block-window",
                "A capacity block ends before it starts",
                detail,
                path=(*path, "capacity_blocks", i, "end"),
            )
    for i, commitment in enumerate(settings.commitments):
        yield from _commitment_problems(commitment, facts, (*path, "commitments", i))
    yield from quota_problems(settings.quotas, facts.regions, facts.machines, (*path, "quotas"))


def _place_of(spec: Lot) -> str:
    return spec.region if isinstance(spec, CommitmentSpec) else spec.zone


def _place_problems(spec: Lot, facts: Facts, at: ConfigPath) -> Iterator[Diagnostic]:
    """A zone or region that has no such machines."""
    here = [o for o in facts.offerings if o.machine == spec.machine]
    if isinstance(spec, CommitmentSpec):
        regions = {o.region for o in here}
        if spec.region not in regions:
            yield unknown(f"region with {spec.machine}", spec.region, regions, (*at, "region"))
        return
    zones = {o.zone for o in facts.offerings}
    if spec.zone not in zones:
        yield unknown(f"zone with {spec.machine}", spec.zone, {o.zone for o in here} or zones, (*at, "zone"))


def _commitment_problems(spec: CommitmentSpec, facts: Facts, at: ConfigPath) -> Iterator[Diagnostic]:
    """No price, two prices, or a share of a price that nobody knows."""
    if (spec.usd_per_h is None) == (spec.discount is None):
        has = "neither" if spec.usd_per_h is None else "both"
        detail = f"It has {has} of usd_per_h and discount. Keep exactly one of them."
        yield error("commitment-price", "A commitment needs one price", detail, path=at)
    elif spec.region not in facts.regions or spec.discount is None:
        return
    elif _list_price(spec.machine, spec.region, facts.offerings) is None:
        detail = f"The catalogue has no list price of {spec.machine} in {spec.region}. Say usd_per_h instead."
        yield error("commitment-price", "A commitment needs one price", detail, path=(*at, "discount"))


def bought(settings: PurchaseSettings, facts: Facts, path: ConfigPath) -> Iterator[Offering]:
    """What the settings add to the offerings; they must have no ``problems``."""
    regions = {o.zone: o.region for o in facts.offerings}
    for i, reservation in enumerate(settings.reservations):
        region = regions[reservation.zone]
        price = reservation.usd_per_h
        if price is None:
            price = _list_price(reservation.machine, region, facts.offerings)
        yield replace(
            _kept(reservation, Purchase.RESERVATION, facts.provider, region, reservation.zone),
            paid_usd_per_h=price,
            window=_until(reservation.until),
            origin=(*path, "reservations", i),
        )
    for i, block in enumerate(settings.capacity_blocks):
        hours = (block.end - block.start) / 3600
        yield replace(
            _kept(block, Purchase.CAPACITY_BLOCK, facts.provider, regions[block.zone], block.zone),
            paid_usd_per_h=block.price / (block.machines * hours),
            window=Window(start_s=block.start, end_s=block.end),
            origin=(*path, "capacity_blocks", i),
        )
    for i, commitment in enumerate(settings.commitments):
        yield from _committed(commitment, facts, (*path, "commitments", i))
    queue = QueueSpec() if settings.queued is True else settings.queued
    if queue:
        yield from _queued(queue, facts.offerings, (*path, "queued"))


def _kept(
    spec: Lot,
    purchase: Purchase,
    provider: str,
    region: str,
    zone: str,
) -> Offering:
    """Machines that are paid for anyway, so that using one more costs nothing."""
    return Offering(
        provider=provider,
        region=region,
        zone=zone,
        machine=spec.machine,
        purchase=purchase,
        usd_per_h=0.0,
        machines=spec.machines,
        available=True,
        lot=spec.name,
        source=OWN,
    )


def _until(end_s: float | None) -> Window | None:
    return None if end_s is None else Window(end_s=end_s)


def _list_price(machine: str, region: str, offerings: Iterable[Offering]) -> float | None:
    """Of one machine on demand, USD per hour; None where the catalogue has none."""
    prices = [
        o.usd_per_h
        for o in offerings
        if o.machine == machine and o.region == region and o.purchase is Purchase.ON_DEMAND
    ]
    return max((price for price in prices if price is not None), default=None)


def _committed(spec: CommitmentSpec, facts: Facts, origin: ConfigPath) -> Iterator[Offering]:
    """The machines of a commitment, in each zone of its region where they are sold."""
    price = spec.usd_per_h
    if price is None:
        listed_at = _list_price(spec.machine, spec.region, facts.offerings)
        price = None if listed_at is None else listed_at * (1 - (spec.discount or 0.0))
    for o in facts.offerings:
        if (o.machine, o.region, o.purchase) == (spec.machine, spec.region, Purchase.ON_DEMAND):
            kept = _kept(spec, Purchase.COMMITTED, facts.provider, o.region, o.zone)
            yield replace(
                kept,
                available=o.available,
                paid_usd_per_h=price,
                window=_until(spec.until),
                place=o.place,
                origin=origin,
            )


def _queued(queue: QueueSpec, offerings: Iterable[Offering], origin: ConfigPath) -> Iterator[Offering]:
    """A queue for each machine type in each zone."""
    for o in offerings:
        if o.purchase is Purchase.ON_DEMAND:
            yield replace(
                o,
                purchase=Purchase.QUEUED,
                usd_per_h=None if o.usd_per_h is None else o.usd_per_h * (1 - queue.discount),
                wait_s=queue.wait,
                longest_s=queue.at_most,
                origin=origin,
            )
