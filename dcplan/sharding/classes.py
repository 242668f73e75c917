"""Which kinds of machines a workload may use: offerings, grouped by what a replica can tell apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.catalog.types import Purchase
from dcplan.demand.types import TrainDemand
from dcplan.diag import Diagnostic, Related, Result, did_you_mean, error, listed
from dcplan.sharding.residency import allowed_there, nowhere_allowed
from dcplan.sharding.types import MachineClass, Within

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dcplan.catalog.types import Accelerator, Machine, Offering
    from dcplan.demand.types import Allowed, WorkloadDemand
    from dcplan.topology.query import Topology
    from dcplan.topology.types import PoolLinks

SHOWN = 4
"""Names in one sentence."""


def classes_for(  # noqa: PLR0913, PLR0917 - what is asked, what there is, and what is known of it
    demand: WorkloadDemand,
    offerings: Iterable[Offering],
    machines: Mapping[str, Machine],
    accelerators: Mapping[str, Accelerator],
    topology: Topology,
    known: dict[str, list[Reach]] | None = None,
) -> Result[tuple[MachineClass, ...]]:
    """The machine classes of the pools that the workload's limits leave.

    Pools of one machine type whose links are equal are one class, whatever
    their zone and price: a layout that holds in one holds in all of them.
    Machines behind one switch are a class of their own where they have better
    links than those of the whole pool.

    ``known`` is what was found of pools for other workloads of the same offerings, and is added to:
    a pool of many machines takes long to look at, and looks the same to all.
    """
    known = {} if known is None else known
    usable = [o for o in offerings if o.available and o.usd_per_h is not None and o.machines != 0]
    left = [o for o in usable if _within(demand, o)]
    if not left:
        busy = [o for o in offerings if o.usd_per_h is not None]
        return Result(None, (_nothing_left(demand, usable) if usable or not busy else _all_busy(busy),))
    home = [o for o in left if allowed_there(demand.limits.residency, o.place)]
    if not home:
        return Result(None, nowhere_allowed(demand, left))
    groups: dict[tuple[str, Within, str], list[Reach]] = {}
    for offering in home:
        for reach in _known(offering, topology, known):
            groups.setdefault(reach.key, []).append(reach)
    elsewhere: dict[tuple[str, Within, str], list[str]] = {}
    for offering in left if len(home) < len(left) else ():
        if not allowed_there(demand.limits.residency, offering.place):
            for reach in _known(offering, topology, known):
                elsewhere.setdefault(reach.key, []).append(offering.pool)
    return Result(
        tuple(
            MachineClass(
                machine=machines[machine],
                accelerator=accelerators[machines[machine].accelerator],
                links=members[0].links,
                pools=tuple(reach.links.pool for reach in members),
                machines=_most(members),
                within=within,
                zones=frozenset((o.provider, o.region, o.zone) for o in (r.offering for r in members)),
                usd_per_h=_cheapest(members),
                elsewhere=tuple(elsewhere.get(key, ())),
            )
            for key, members in sorted(groups.items())
            for machine, within, _ in (key,)
        )
    )


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the machines of a gang may lie apart in a pool, what links they then have, and how many."""

    offering: Offering
    within: Within
    links: PoolLinks
    machines: int | None

    @property
    def key(self) -> tuple[str, Within, str]:
        """Equal for what belongs to one class."""
        return self.offering.machine, self.within, repr(self.links.facts)


def _known(offering: Offering, topology: Topology, known: dict[str, list[Reach]]) -> list[Reach]:
    """The reaches of a pool, looked for once."""
    if offering.pool not in known:
        known[offering.pool] = _reaches(offering, topology)
    return known[offering.pool]


def _reaches(offering: Offering, topology: Topology) -> list[Reach]:
    """The whole pool, and one of its racks where its links are better."""
    whole = Reach(offering, Within.POOL, topology.links_of(offering.pool), offering.machines)
    racks = topology.racks_of(offering.pool)
    fullest = max(racks.values(), key=len, default=())
    if len(fullest) < 2 or len(racks) < 2:  # noqa: PLR2004 - a gang, and more than one place for it
        return [whole]
    rack = topology.links_among(offering.pool, fullest)
    if rack.scale_out.bytes_per_s <= whole.links.scale_out.bytes_per_s:
        return [whole]
    return [whole, Reach(offering, Within.RACK, rack, len(fullest))]


def _cheapest(members: list[Reach]) -> float | None:
    """Of one machine per hour, where it is cheapest."""
    prices = [reach.offering.usd_per_h for reach in members]
    return min((price for price in prices if price is not None), default=None)


def _most(members: list[Reach]) -> int | None:
    """The most machines that one gang can have: those of the largest pool; None where one is unknown."""
    known = [reach.machines for reach in members if reach.machines is not None]
    return max(known) if len(known) == len(members) else None


def _within(demand: WorkloadDemand, offering: Offering) -> bool:
    limits = demand.limits
    for allowed, name in (
        (limits.providers, offering.provider),
        (limits.regions, offering.region),
        (limits.zones, offering.zone),
        (limits.purchase, offering.purchase.value),
    ):
        if allowed is not None and name not in allowed.names:
            return False
    if offering.purchase is Purchase.QUEUED:
        # Who answers requests cannot wait, and who did not ask for a queue would not look for one.
        return limits.purchase is not None and isinstance(demand, TrainDemand)
    return offering.purchase is not Purchase.SPOT or bool(limits.spot_share)


def _all_busy(offerings: list[Offering]) -> Diagnostic:
    """There are machines with prices, and none of them can be had."""
    names = sorted({o.pool for o in offerings})
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    detail = (
        f"No machine of {listed(names[:SHOWN])}{more} is free: all of them are taken, or their provider has "
        "none at the moment. Wait, free some, or add another provider, region or machine type."
    )
    return error("machines-busy", "No machine is free", detail, path=("providers",))


def _nothing_left(demand: WorkloadDemand, usable: list[Offering]) -> Diagnostic:
    limits = demand.limits
    named: tuple[tuple[str, Allowed | None, set[str]], ...] = (
        ("providers", limits.providers, {o.provider for o in usable}),
        ("regions", limits.regions, {o.region for o in usable}),
        ("zones", limits.zones, {o.zone for o in usable}),
        ("purchase", limits.purchase, {o.purchase.value for o in usable}),
    )
    if not usable:
        return error(
            "no-machines",
            "No machine is on offer",
            "None of the document's providers offers a machine with a known price. "
            "Add a provider under `providers`, or a price to your inventory.",
            path=("providers",),
        )
    said = [(word, allowed) for word, allowed, _ in named if allowed is not None]
    # The line that nothing on offer fits is the culprit; without one, they clash together.
    fits = {
        word: any(n in there for n in allowed.names) for word, allowed, there in named if allowed is not None
    }
    said.sort(key=lambda pair: fits[pair[0]])
    path = said[0][1].origin if said else demand.origin
    hints = []
    for word, allowed, there in named:
        for name in () if allowed is None else allowed.names:
            if name not in there:
                hint = did_you_mean(name, there) or f"There are: {listed(sorted(there)[:8])}."
                offered = f'bought as "{name}"' if word == "purchase" else f'in "{name}" ({word})'
                hints.append(f"No machine is offered {offered}. {hint}")
    detail = " ".join(hints) or "Together they leave none of the machines on offer."
    if not said:
        detail = "Only spot or queued machines are on offer, and neither constraints.spot_share nor "
        detail += "constraints.purchase allows any."
    return error(
        "no-machines",
        "No machine is left",
        f"The constraints of workload {demand.name} leave no machine. {detail}",
        path=path,
        related=tuple(Related(note=f"{word} allowed here", path=a.origin) for word, a in said[1:]),
    )
