"""Which kinds of machines a workload may use: offerings, grouped by what a replica can tell apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.catalog.types import Purchase
from dcplan.diag import Diagnostic, Related, Result, did_you_mean, error, listed
from dcplan.sharding.types import MachineClass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dcplan.catalog.types import Accelerator, Machine, Offering
    from dcplan.demand.types import Allowed, WorkloadDemand
    from dcplan.topology.query import Topology
    from dcplan.topology.types import PoolLinks


def classes_for(
    demand: WorkloadDemand,
    offerings: Iterable[Offering],
    machines: Mapping[str, Machine],
    accelerators: Mapping[str, Accelerator],
    topology: Topology,
) -> Result[tuple[MachineClass, ...]]:
    """The machine classes of the pools that the workload's limits leave.

    Pools of one machine type whose links are equal are one class, whatever
    their zone and price: a layout that holds in one holds in all of them.
    """
    usable = [o for o in offerings if o.available and o.usd_per_h is not None and o.machines != 0]
    left = [o for o in usable if _within(demand, o)]
    if not left:
        return Result(None, (_nothing_left(demand, usable),))
    groups: dict[tuple[str, str], list[Offering]] = {}
    links: dict[str, PoolLinks] = {}
    for offering in left:
        links[offering.pool] = topology.links_of(offering.pool)
        groups.setdefault((offering.machine, _signature(links[offering.pool])), []).append(offering)
    return Result(
        tuple(
            MachineClass(
                machine=machines[machine],
                accelerator=accelerators[machines[machine].accelerator],
                links=links[members[0].pool],
                pools=tuple(o.pool for o in members),
                machines=_most(members),
            )
            for (machine, _), members in sorted(groups.items())
        )
    )


def _most(members: list[Offering]) -> int | None:
    """The most machines that one gang can have: those of the largest pool; None where one is unknown."""
    counts = [o.machines for o in members]
    known = [c for c in counts if c is not None]
    return max(known) if len(known) == len(counts) else None


def _signature(links: PoolLinks) -> str:
    return repr((links.scale_up_domain, links.scale_up, links.scale_out))


def _within(demand: WorkloadDemand, offering: Offering) -> bool:
    limits = demand.limits
    for allowed, name in (
        (limits.providers, offering.provider),
        (limits.regions, offering.region),
        (limits.zones, offering.zone),
    ):
        if allowed is not None and name not in allowed.names:
            return False
    return offering.purchase is not Purchase.SPOT or bool(limits.spot_share)


def _nothing_left(demand: WorkloadDemand, usable: list[Offering]) -> Diagnostic:
    limits = demand.limits
    named: tuple[tuple[str, Allowed | None, set[str]], ...] = (
        ("providers", limits.providers, {o.provider for o in usable}),
        ("regions", limits.regions, {o.region for o in usable}),
        ("zones", limits.zones, {o.zone for o in usable}),
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
                hints.append(f'No machine is offered in "{name}" ({word}). {hint}')
    detail = " ".join(hints) or "Together they leave none of the machines on offer."
    if not said:
        detail = "Only spot machines are on offer, and constraints.spot_share does not allow any."
    return error(
        "no-machines",
        "No machine is left",
        f"The constraints of workload {demand.name} leave no machine. {detail}",
        path=path,
        related=tuple(Related(note=f"{word} allowed here", path=a.origin) for word, a in said[1:]),
    )
