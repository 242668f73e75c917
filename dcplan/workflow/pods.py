"""From what providers tell of racks to the TPU pods in which slices are laid out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.catalog.slice_hosts import host_grid
from dcplan.placement.slices import Pod

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dcplan.catalog.site import RackSite
    from dcplan.catalog.types import Offering
    from dcplan.workflow.types import Gathered


def pods_of(gathered: Gathered, pools: Iterable[str]) -> dict[str, Pod]:
    """Those of these pools that are pods of which each place is known, by name."""
    wanted = set(pools)
    offerings = [o for o in gathered.catalog.offerings if o.pool in wanted]
    found = {o.pool: _pod(gathered, o) for o in offerings}
    return {pool: pod for pool, pod in found.items() if pod is not None}


def _pod(gathered: Gathered, offering: Offering) -> Pod | None:
    machine = gathered.catalog.machines[offering.machine]
    racks = {
        f"{site.name}/{block.name}/{rack.name}": rack
        for site in gathered.sites
        if (site.provider, site.name) == (offering.provider, offering.zone)
        for block in site.blocks
        if offering.block in {None, block.name}
        for rack in block.racks
        if rack.machine == offering.machine
    }
    sizes = {len(rack.places) for rack in racks.values()}
    if len(sizes) != 1:
        return None
    grid = host_grid(machine.accelerator, sizes.pop(), machine.devices)
    if grid is None:
        return None
    return Pod(
        grid=grid,
        places={name: rack.places for name, rack in racks.items()},
        free={name: _free(rack) for name, rack in racks.items()},
    )


def _free(rack: RackSite) -> frozenset[int]:
    """Numbers of the places that nobody holds."""
    free = rack.free_places
    return frozenset(i for i, name in enumerate(rack.places) if free is None or name in free)
